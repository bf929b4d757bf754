//! The interface's document: what its routes say of themselves, and what is true of all of them.
//!
//! A resource describes what it does and what it answers with; how callers are known, keys of repeats and problems are
//! added here to all alike, so that none can be left out.

use super::problem::{Kind, MEDIA_TYPE, ProblemBody};
use utoipa::openapi::path::{Operation, ParameterBuilder, ParameterIn};
use utoipa::openapi::schema::{SchemaType, Type};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{
    Components, ContentBuilder, Header, ObjectBuilder, OpenApi, Ref, RefOr, Required, Response,
    ResponseBuilder,
};
use utoipa::{OpenApi as _, PartialSchema as _, ToSchema as _};

/// The name of the scheme by which callers are known.
const BEARER: &str = "bearer";
/// What any operation may be answered with.
const ALWAYS: [Kind; 7] = [
    Kind::Malformed,
    Kind::Unauthorized,
    Kind::Forbidden,
    Kind::NotFound,
    Kind::TooOften,
    Kind::Internal,
    Kind::Unavailable,
];
/// And one that has a body.
const WITH_BODY: [Kind; 4] = [Kind::Slow, Kind::TooLarge, Kind::NotJson, Kind::Refused];

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Topup Fleet",
        description = "Prepaid messaging credits: wallets and their ledger, leave to send, purchases, automatic top-up.\n\n\
            Credits are decimal strings with at most 3 places, money is an integer of its currency's minor unit, times are \
            RFC 3339 in UTC. Every POST bears an `Idempotency-Key`. A problem (RFC 9457) that comes from a rule of the \
            business names it in `rule`. Lists come in pages: `next` of one is `after` of the next.\n\n\
            Growth is by addition: readers ignore fields that they do not know.",
        version = "1"
    ),
    security(("bearer" = []))
)]
struct Document;

/// What the routes' own descriptions are added to.
pub(crate) fn begun() -> OpenApi {
    let mut document = Document::openapi();
    document.info.license = None;
    document
}

/// Adds what is true of all operations.
pub(crate) fn completed(mut document: OpenApi) -> OpenApi {
    let components = document.components.get_or_insert_with(Components::new);
    let scheme = HttpBuilder::new()
        .scheme(HttpAuthScheme::Bearer)
        .description(Some("A token that `fleetctl token` made"))
        .build();
    components.add_security_scheme(BEARER, SecurityScheme::Http(scheme));
    let mut schemas = Vec::new();
    ProblemBody::schemas(&mut schemas);
    components.schemas.extend(schemas);
    components
        .schemas
        .insert(ProblemBody::name().into_owned(), ProblemBody::schema());
    for kind in Kind::ALL {
        components
            .responses
            .insert(kind.slug().to_owned(), RefOr::T(described(kind)));
    }
    for (path, item) in &mut document.paths.paths {
        // Leave to send has a key of its own: the batch.
        let has_own_key = path.ends_with("/holds");
        if let Some(post) = &mut item.post {
            if !has_own_key {
                bear_key(post);
            }
            problem(post, Kind::Conflict);
        }
        let operations = [&mut item.get, &mut item.put, &mut item.post, &mut item.delete];
        for operation in operations.into_iter().flatten() {
            if operation.security.is_none() {
                answer_problems(operation);
            }
        }
    }
    document
}

fn bear_key(operation: &mut Operation) {
    let text = ObjectBuilder::new()
        .schema_type(SchemaType::Type(Type::String))
        .min_length(Some(1))
        .max_length(Some(255))
        .pattern(Some("^[!-~]+$"))
        .examples([serde_json::json!("order-2026-11-22-0007")]);
    let key = ParameterBuilder::new()
        .name("Idempotency-Key")
        .parameter_in(ParameterIn::Header)
        .required(Required::True)
        .description(Some(
            "The caller's own name for what is to be done. A repeat with the same key and body is answered the same, for 48 \
             hours; with another body it is refused (422)",
        ))
        .schema(Some(text))
        .build();
    operation.parameters.get_or_insert_with(Vec::new).push(key);
}

fn answer_problems(operation: &mut Operation) {
    for kind in ALWAYS {
        problem(operation, kind);
    }
    if operation.request_body.is_some() {
        for kind in WITH_BODY {
            problem(operation, kind);
        }
    }
}

/// What an operation says itself of a status stands.
fn problem(operation: &mut Operation, kind: Kind) {
    let status = kind.status().as_u16().to_string();
    let reference = || RefOr::Ref(Ref::from_response_name(kind.slug()));
    operation
        .responses
        .responses
        .entry(status)
        .or_insert_with(reference);
}

fn described(kind: Kind) -> Response {
    let example = serde_json::json!({
        "type": format!("/problems/{}", kind.slug()),
        "title": kind.title(),
        "status": kind.status().as_u16(),
        "detail": example(kind),
    });
    let content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name(ProblemBody::name())))
        .example(Some(example))
        .build();
    let response = ResponseBuilder::new()
        .description(kind.title())
        .content(MEDIA_TYPE, content);
    let number = || ObjectBuilder::new().schema_type(SchemaType::Type(Type::Integer));
    match kind {
        Kind::TooOften | Kind::Unavailable => response.header("Retry-After", Header::new(number())).build(),
        Kind::Malformed
        | Kind::Unauthorized
        | Kind::NotEnoughCredits
        | Kind::Forbidden
        | Kind::NotFound
        | Kind::MethodNotAllowed
        | Kind::Slow
        | Kind::Conflict
        | Kind::TooLarge
        | Kind::NotJson
        | Kind::Refused
        | Kind::KeyReused
        | Kind::Internal => response.build(),
    }
}

const fn example(kind: Kind) -> &'static str {
    match kind {
        Kind::Malformed => "field `credits`: is neither a number nor a string",
        Kind::Unauthorized => "the token is unknown, revoked, or its time is over",
        Kind::NotEnoughCredits => "S5: 12.5 credits are missing",
        Kind::Forbidden => "this needs a token with the scope `buy`",
        Kind::NotFound => "there is no account 7",
        Kind::MethodNotAllowed => "there is no such method here",
        Kind::Slow => "the body must be there within 10 seconds",
        Kind::Conflict => "the first request with this key is in hand",
        Kind::TooLarge => "the body must be at most 65536 bytes",
        Kind::NotJson => "the body must be `application/json`",
        Kind::Refused => "E4: quantity must be at least the threshold",
        Kind::KeyReused => "the key was used for a request with another path or body",
        Kind::TooOften => "at most 50 requests a second",
        Kind::Internal => "something went wrong here, and was written down",
        Kind::Unavailable => "the database does not answer now",
    }
}
