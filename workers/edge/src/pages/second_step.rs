//! `/settings/second-step`: a code from a telephone, beside the password.

use super::catalogue::Key;
use super::form::Form;
use super::sign_in::too_often;
use super::trouble::Trouble;
use super::visitor::{SignedIn, SignedPost, on_to};
use super::zone::Zone;
use crate::signing_in::{CodeSetup, SecondStep};
use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use axum::routing::{get, post};
use qrcode::{Color, EcLevel, QrCode};
use secrecy::ExposeSecret as _;
use serde::Serialize;
use std::fmt::Write as _;
use std::sync::Arc;

/// White squares around a picture, so that it is found.
const MARGIN: usize = 4;
/// Characters of a secret that stand together.
const GROUP_CHARS: usize = 4;
const HERE: &str = "/settings/second-step";

pub(super) fn routes() -> Router<Arc<Zone>> {
    Router::new()
        .route(HERE, get(shown).post(confirm))
        .route("/settings/second-step/off", post(off))
}

#[derive(Debug, Default, Serialize)]
pub(super) struct SecondStepView {
    pub(super) form: Form,
    /// None: codes are asked for already.
    pub(super) secret: Option<String>,
    /// The picture's squares, and how many stand in a row.
    pub(super) picture: String,
    pub(super) size: usize,
}

async fn shown(State(zone): State<Arc<Zone>>, who: SignedIn) -> Result<Response, Trouble> {
    page(&zone, &who, Form::new("")).await
}

async fn page(zone: &Zone, who: &SignedIn, form: Form) -> Result<Response, Trouble> {
    let store = &zone.database()?.store;
    let is_fine = form.is_fine();
    let view = match zone.signing_in.begin_codes(store, &who.secret).await? {
        Some(setup) => drawn(form, &setup)?,
        None => SecondStepView {
            form,
            ..SecondStepView::default()
        },
    };
    let mut response = zone.page("second-step.html", &zone.inside(who, HERE), &view)?;
    if !is_fine {
        *response.status_mut() = StatusCode::UNPROCESSABLE_ENTITY;
    }
    Ok(response)
}

fn drawn(form: Form, setup: &CodeSetup) -> Result<SecondStepView, Trouble> {
    let (size, picture) = picture(setup.url.expose_secret()).ok_or(Trouble::Broken)?;
    let letters: Vec<char> = setup.secret.expose_secret().chars().collect();
    let groups = letters
        .chunks(GROUP_CHARS)
        .map(|group| group.iter().collect::<String>());
    Ok(SecondStepView {
        form,
        secret: Some(groups.collect::<Vec<_>>().join(" ")),
        picture,
        size,
    })
}

/// How many squares stand in a row, and the black ones as a path.
pub(super) fn picture(content: &str) -> Option<(usize, String)> {
    let code = QrCode::with_error_correction_level(content, EcLevel::M).ok()?;
    let width = code.width();
    let mut path = String::new();
    for (index, color) in code.to_colors().into_iter().enumerate() {
        if color == Color::Dark {
            let (x, y) = (index % width + MARGIN, index / width + MARGIN);
            // Writing to a string does not fail.
            let _ = write!(path, "M{x} {y}h1v1h-1z");
        }
    }
    Some((width + 2 * MARGIN, path))
}

async fn confirm(
    State(zone): State<Arc<Zone>>,
    SignedPost { who, fields }: SignedPost,
) -> Result<Response, Trouble> {
    let store = &zone.database()?.store;
    let code = fields.get("code").replace(' ', "");
    if zone.signing_in.confirm_codes(store, &who.secret, &code).await? {
        return Ok(on_to("/settings?done=second-step"));
    }
    let mut form = Form::new("");
    form.wrong("code", who.voice.text(Key("code-wrong")));
    page(&zone, &who, form).await
}

async fn off(
    State(zone): State<Arc<Zone>>,
    SignedPost { who, fields }: SignedPost,
) -> Result<Response, Trouble> {
    let store = &zone.database()?.store;
    let code = fields.get("code").replace(' ', "");
    let mut form = Form::new("");
    match zone.signing_in.remove_codes(store, &who.secret, &code).await? {
        SecondStep::Done(_) => return Ok(on_to("/settings?done=second-step-off")),
        SecondStep::Over => return Ok(on_to("/sign-in")),
        SecondStep::Wrong => form.wrong("code", who.voice.text(Key("code-wrong"))),
        SecondStep::TooOften { retry_after } => form.refuse(too_often(&who.voice, retry_after)),
    }
    page(&zone, &who, form).await
}
