//! The page on which a customer pays, and from which it goes back to the merchant.

use std::sync::Arc;

use axum::Form;
use axum::extract::{Path, State};
use axum::http::StatusCode;
use axum::response::{Html, IntoResponse, Redirect, Response};
use jiff::Timestamp;
use minijinja::{Environment, context};
use reqwest::Url;
use serde::Deserialize;

use crate::books::{Channel, Status, Transaction};
use crate::world::World;

/// The gateway's test cards: number, what the page says of them, and the words of a decline.
const CARDS: [(&str, &str, Option<&str>); 3] = [
    ("4084084084084081", "succeeds", None),
    ("4084080000005408", "is declined", Some("Declined")),
    (
        "4084080000670037",
        "has insufficient funds",
        Some("Insufficient Funds"),
    ),
];

/// What the page's form sends.
#[derive(Debug, Deserialize)]
pub(super) struct Submitted {
    action: Action,
    #[serde(default)]
    channel: Way,
    /// One of the test cards; the first where none is named.
    #[serde(default)]
    card: String,
    /// The authorization code under which the card is to be kept, so that a test can choose what it will do.
    #[serde(default)]
    saves: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Action {
    Pay,
    Decline,
}

#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Way {
    #[default]
    Card,
    MobileMoney,
}

/// The page's address.
pub(super) fn page_url(world: &World, access_code: &str) -> String {
    format!("http://{}/pay/{access_code}", world.http)
}

/// `GET /pay/{access_code}`.
pub(super) async fn show(State(world): State<Arc<World>>, Path(access_code): Path<String>) -> Response {
    match world.books().on_page(&access_code) {
        Some(transaction) => render(transaction),
        None => (StatusCode::NOT_FOUND, Html("<p>There is no such payment.</p>")).into_response(),
    }
}

/// `POST /pay/{access_code}`: pays or declines, once, and sends the customer back.
pub(super) async fn submit(
    State(world): State<Arc<World>>,
    Path(access_code): Path<String>,
    Form(form): Form<Submitted>,
) -> Response {
    settle(&world, &access_code, &form);
    let books = world.books();
    let Some(transaction) = books.on_page(&access_code) else {
        return (StatusCode::NOT_FOUND, Html("<p>There is no such payment.</p>")).into_response();
    };
    match back(transaction) {
        Some(url) => Redirect::to(url.as_str()).into_response(),
        None => render(transaction),
    }
}

/// Does what the form asks for; a page that is done with is left as it is.
fn settle(world: &Arc<World>, access_code: &str, form: &Submitted) {
    let now = Timestamp::now();
    let refused = match form.action {
        Action::Decline => Some("Declined"),
        Action::Pay if form.channel == Way::MobileMoney => None,
        Action::Pay => CARDS
            .iter()
            .find(|(number, _, _)| *number == form.card)
            .and_then(|it| it.2),
    };
    if let Some(words) = refused {
        world.books().decline(access_code, words, now);
        return;
    }
    let channel = match form.channel {
        Way::Card => Channel::Card,
        Way::MobileMoney => Channel::MobileMoney,
    };
    let code = match form.saves.as_str() {
        chosen if chosen.starts_with("AUTH_") => chosen.to_owned(),
        _ => format!("AUTH_{}", world.draw(access_code).code("saved card")),
    };
    let paid = world.books().pay(access_code, channel, code, now, |asked| {
        world.trouble.amounts(asked)
    });
    match paid {
        Some(transaction) if transaction.status == Status::Pending => world.succeed_later(&transaction),
        Some(transaction) => drop(world.captured(&transaction)),
        None => {}
    }
}

/// Where the customer goes back to.
fn back(transaction: &Transaction) -> Option<Url> {
    let mut url: Url = transaction.page.as_ref()?.callback_url.as_ref()?.parse().ok()?;
    let reference = &transaction.asked.reference;
    url.query_pairs_mut()
        .append_pair("trxref", reference)
        .append_pair("reference", reference);
    Some(url)
}

fn render(transaction: &Transaction) -> Response {
    let asked = &transaction.asked;
    let open = match transaction.status {
        Status::Abandoned | Status::Ongoing => true,
        Status::Pending | Status::Success | Status::Failed | Status::Reversed => false,
    };
    let channels = transaction
        .page
        .as_ref()
        .map(|page| page.channels.as_slice())
        .unwrap_or_default();
    let page = Environment::new().render_named_str(
        "page.html",
        include_str!("page.html"),
        context! {
            amount => format!("{}.{:02}", asked.amount_minor / 100, asked.amount_minor % 100),
            currency => asked.currency.code(),
            email => asked.email.as_str(),
            status => transaction.status.word(),
            open,
            by_card => channels.contains(&Channel::Card),
            by_phone => channels.contains(&Channel::MobileMoney),
            cards => CARDS.iter().map(|&(number, does, _)| (number, does)).collect::<Vec<_>>(),
        },
    );
    match page {
        Ok(page) => Html(page).into_response(),
        Err(error) => (StatusCode::INTERNAL_SERVER_ERROR, error.to_string()).into_response(),
    }
}
