//! What a caller is told who does not get what was asked for (RFC 9457): one shape, with the rule's number where a rule
//! said no, in the rule's own words.
//!
//! Trouble of ours is logged here, once, and told without its cause.

use axum::http::{HeaderValue, StatusCode, header};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use std::fmt::Display;
use topup_rules::access::AccessRefusal;
use topup_rules::credits::Credits;
use topup_rules::settings::SettingsRefusal;
use topup_store::{AdjustRefusal, ImportRefusal, StoreError};

/// The media type of it.
pub(crate) const MEDIA_TYPE: &str = "application/problem+json";
/// When to come again, in seconds, where nothing better is known.
const RETRY_AFTER_S: u64 = 5;
/// What a caller without a good token is asked for.
const CHALLENGE: &str = "Bearer realm=\"topup\"";

/// The kinds of problems: each has a path of its own, a title and a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// 400: head or body can't be read.
    Malformed,
    /// 401: no token, or none that is known.
    Unauthorized,
    /// 402: S5: too few available credits.
    NotEnoughCredits,
    /// 403: the token is not for this, or it is not this caller's to do.
    Forbidden,
    /// 404: there is none, as far as this caller may know.
    NotFound,
    /// 405: not by this method.
    MethodNotAllowed,
    /// 408: the body did not come in time.
    Slow,
    /// 409: the same is in hand, or something stands against it that may pass.
    Conflict,
    /// 413: the body is too large.
    TooLarge,
    /// 415: the body is no JSON by its own account.
    NotJson,
    /// 422: a rule says no.
    Refused,
    /// 422: the idempotency key was used for something else.
    KeyReused,
    /// 429: too often.
    TooOften,
    /// 500: a mistake of ours.
    Internal,
    /// 503: to be tried again later.
    Unavailable,
}

impl Kind {
    /// All of them.
    pub const ALL: [Self; 15] = [
        Self::Malformed,
        Self::Unauthorized,
        Self::NotEnoughCredits,
        Self::Forbidden,
        Self::NotFound,
        Self::MethodNotAllowed,
        Self::Slow,
        Self::Conflict,
        Self::TooLarge,
        Self::NotJson,
        Self::Refused,
        Self::KeyReused,
        Self::TooOften,
        Self::Internal,
        Self::Unavailable,
    ];

    /// The last part of its path.
    #[must_use]
    pub const fn slug(self) -> &'static str {
        match self {
            Self::Malformed => "malformed",
            Self::Unauthorized => "unauthorized",
            Self::NotEnoughCredits => "not-enough-credits",
            Self::Forbidden => "forbidden",
            Self::NotFound => "not-found",
            Self::MethodNotAllowed => "method-not-allowed",
            Self::Slow => "slow",
            Self::Conflict => "conflict",
            Self::TooLarge => "too-large",
            Self::NotJson => "not-json",
            Self::Refused => "refused",
            Self::KeyReused => "key-reused",
            Self::TooOften => "too-often",
            Self::Internal => "internal",
            Self::Unavailable => "unavailable",
        }
    }

    pub(crate) const fn title(self) -> &'static str {
        match self {
            Self::Malformed => "The request can't be read",
            Self::Unauthorized => "A token is needed that is known and not revoked",
            Self::NotEnoughCredits => "Too few credits are available",
            Self::Forbidden => "This is not the caller's to do",
            Self::NotFound => "There is no such thing",
            Self::MethodNotAllowed => "There is no such method here",
            Self::Slow => "The body did not come in time",
            Self::Conflict => "Something else stands against it now",
            Self::TooLarge => "The body is too large",
            Self::NotJson => "The body is not JSON",
            Self::Refused => "A rule says no",
            Self::KeyReused => "The idempotency key was used for another request",
            Self::TooOften => "Too many requests",
            Self::Internal => "A mistake of ours",
            Self::Unavailable => "To be tried again later",
        }
    }

    /// The status that it is answered with.
    #[must_use]
    pub const fn status(self) -> StatusCode {
        match self {
            Self::Malformed => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::NotEnoughCredits => StatusCode::PAYMENT_REQUIRED,
            Self::Forbidden => StatusCode::FORBIDDEN,
            Self::NotFound => StatusCode::NOT_FOUND,
            Self::MethodNotAllowed => StatusCode::METHOD_NOT_ALLOWED,
            Self::Slow => StatusCode::REQUEST_TIMEOUT,
            Self::Conflict => StatusCode::CONFLICT,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::NotJson => StatusCode::UNSUPPORTED_MEDIA_TYPE,
            Self::Refused | Self::KeyReused => StatusCode::UNPROCESSABLE_ENTITY,
            Self::TooOften => StatusCode::TOO_MANY_REQUESTS,
            Self::Internal => StatusCode::INTERNAL_SERVER_ERROR,
            Self::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
        }
    }
}

/// A field of the body, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, utoipa::ToSchema)]
#[schema(example = json!({"pointer": "/wallets/0/auto_topup/quantity", "detail": "E4: quantity must be at least the threshold"}))]
pub struct FieldError {
    /// Where it stands in the body (RFC 6901).
    pub pointer: String,
    /// What is wrong with it.
    pub detail: String,
}

/// Why something was not done.
#[derive(Debug, Clone)]
pub struct Problem {
    kind: Kind,
    detail: String,
    rule: Option<String>,
    errors: Vec<FieldError>,
    missing: Option<Credits>,
    retry_after_s: Option<u64>,
}

/// A problem as JSON.
#[derive(Debug, Serialize, utoipa::ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "/problems/refused", "title": "A rule says no", "status": 422,
    "detail": "E4: quantity must be at least the threshold", "rule": "E4"
}))]
pub(crate) struct ProblemBody {
    /// What kind of problem it is: always the same text for the same kind.
    #[serde(rename = "type")]
    kind: String,
    /// The kind, for people.
    title: &'static str,
    /// The answer's status.
    #[schema(minimum = 400, maximum = 599)]
    status: u16,
    /// This problem, for people.
    detail: String,
    /// The number of the business rule that says no.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    rule: Option<String>,
    /// The fields that it is about.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[schema(required = false)]
    errors: Vec<FieldError>,
    /// How many credits are too few.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    missing: Option<String>,
}

impl Problem {
    /// Of this kind, and what it is, for people.
    pub fn new(kind: Kind, detail: impl Into<String>) -> Self {
        let detail = detail.into();
        Self {
            rule: rule_of(&detail).map(ToOwned::to_owned),
            kind,
            detail,
            errors: Vec::new(),
            missing: None,
            retry_after_s: None,
        }
    }

    /// A rule says no, in its own words: `E4: quantity must be at least the threshold`.
    pub fn refused(refusal: impl Display) -> Self {
        Self::new(Kind::Refused, refusal.to_string())
    }

    /// There is none.
    pub fn not_found(what: impl Display) -> Self {
        Self::new(Kind::NotFound, what.to_string())
    }

    /// To be tried again, in so many seconds.
    pub fn unavailable(why: impl Into<String>) -> Self {
        Self::new(Kind::Unavailable, why).after(RETRY_AFTER_S)
    }

    /// About this field of the body; `path` is as serde writes it: `wallets[0].credits`.
    #[must_use]
    pub fn field(mut self, path: &str, detail: impl Into<String>) -> Self {
        self.errors.push(FieldError {
            pointer: pointer(path),
            detail: detail.into(),
        });
        self
    }

    /// So many credits are missing.
    #[must_use]
    pub fn missing(mut self, credits: Credits) -> Self {
        self.missing = Some(credits);
        self
    }

    /// To be tried again then.
    #[must_use]
    pub fn after(mut self, seconds: u64) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// What kind it is.
    #[must_use]
    pub const fn kind(&self) -> Kind {
        self.kind
    }

    /// What it is, for people.
    #[must_use]
    pub fn detail(&self) -> &str {
        &self.detail
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let status = self.kind.status();
        let body = ProblemBody {
            kind: format!("/problems/{}", self.kind.slug()),
            title: self.kind.title(),
            status: status.as_u16(),
            detail: self.detail,
            rule: self.rule,
            errors: self.errors,
            missing: self.missing.map(|credits| credits.to_string()),
        };
        // Texts and numbers alone: there is nothing that could not be written.
        let text = serde_json::to_vec(&body).unwrap_or_default();
        let mut answer = (status, [(header::CONTENT_TYPE, MEDIA_TYPE)], text).into_response();
        let headers = answer.headers_mut();
        if self.kind == Kind::Unauthorized {
            headers.insert(header::WWW_AUTHENTICATE, HeaderValue::from_static(CHALLENGE));
        }
        if let Some(seconds) = self.retry_after_s {
            headers.insert(header::RETRY_AFTER, HeaderValue::from(seconds));
        }
        answer
    }
}

impl From<StoreError> for Problem {
    fn from(error: StoreError) -> Self {
        if error.is_outage() || error.is_too_slow() {
            tracing::warn!(%error, "a request could not be answered");
            return Self::unavailable("the database does not answer now");
        }
        tracing::error!(%error, "a request could not be answered");
        Self::new(Kind::Internal, "something went wrong here, and was written down")
    }
}

impl From<AccessRefusal> for Problem {
    fn from(refusal: AccessRefusal) -> Self {
        let kind = match refusal {
            AccessRefusal::NoAccount(_) => Kind::NotFound,
            AccessRefusal::NoScope(_)
            | AccessRefusal::ItselfAlone
            | AccessRefusal::ItsMainAlone
            | AccessRefusal::PlatformAlone
            | AccessRefusal::ItselfOrPlatform
            | AccessRefusal::ItselfOrMain
            | AccessRefusal::NotByPlatform => Kind::Forbidden,
        };
        Self::new(kind, refusal.to_string())
    }
}

impl From<SettingsRefusal> for Problem {
    fn from(refusal: SettingsRefusal) -> Self {
        Self::refused(refusal)
    }
}

impl From<AdjustRefusal> for Problem {
    fn from(refusal: AdjustRefusal) -> Self {
        match refusal {
            AdjustRefusal::NoWallet(_) => Self::not_found(refusal),
            AdjustRefusal::TooLittle { missing, .. } => Self::refused(refusal).missing(missing),
            AdjustRefusal::Zero
            | AdjustRefusal::NotPositive
            | AdjustRefusal::OutOfBounds(_)
            | AdjustRefusal::NotRelated { .. }
            | AdjustRefusal::NoReason => Self::refused(refusal),
        }
    }
}

impl From<ImportRefusal> for Problem {
    fn from(refusal: ImportRefusal) -> Self {
        let problem = refusal.problem.to_string();
        let mut told = Self::refused(&refusal).field(&refusal.field, problem.as_str());
        told.rule = rule_of(&problem).map(ToOwned::to_owned);
        told
    }
}

/// The number of the rule that a refusal begins with: `E4`.
fn rule_of(refusal: &str) -> Option<&str> {
    let (rule, _) = refusal.split_once(": ")?;
    let digits = rule.strip_prefix(|first: char| first.is_ascii_uppercase())?;
    (!digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit())).then_some(rule)
}

/// `wallets[0].credits` as a pointer: `/wallets/0/credits`; nothing where it is about the whole.
fn pointer(path: &str) -> String {
    if matches!(path, "" | "." | "?") {
        return String::new();
    }
    let parts = path.split(['.', '[']).map(|part| part.trim_end_matches(']'));
    parts
        .filter(|part| !part.is_empty())
        .map(|part| format!("/{}", part.replace('~', "~0").replace('/', "~1")))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_refusal_names_its_rule_and_a_text_without_one_none() {
        assert_eq!(rule_of("E4: quantity must be at least the threshold"), Some("E4"));
        assert_eq!(rule_of("X5: credits must not be 0"), Some("X5"));
        assert_eq!(rule_of("field `kind`: E1: no"), None);
        assert_eq!(rule_of("there is no account 7"), None);
        assert_eq!(rule_of("E: nothing"), None);
    }

    #[test]
    fn a_field_is_pointed_at() {
        assert_eq!(
            pointer("wallets[0].auto_topup.quantity"),
            "/wallets/0/auto_topup/quantity"
        );
        assert_eq!(pointer("credits"), "/credits");
        assert_eq!(pointer("."), "");
    }

    #[test]
    fn every_kind_has_a_name_of_its_own_and_an_error_s_status() {
        let mut slugs: Vec<_> = Kind::ALL.iter().map(|kind| kind.slug()).collect();
        slugs.sort_unstable();
        slugs.dedup();
        assert_eq!(slugs.len(), Kind::ALL.len());
        for kind in Kind::ALL {
            assert!(kind.status().is_client_error() || kind.status().is_server_error());
        }
    }
}
