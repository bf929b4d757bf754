//! Who calls: the bearer of a token, which is looked up by its hash and believed for a second. Who bears none that is known
//! is counted (`strangers`), and after too many nobody is looked up for it.
//!
//! Left out: what a caller may do, which the rules say (`topup_rules::access`).

use super::problem::{Kind, Problem};
use crate::Edge;
use crate::senders::network;
use crate::serve::Peer;
use axum::extract::{FromRequestParts, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use secrecy::{ExposeSecret as _, SecretString};
use sha2::{Digest as _, Sha256};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};
use topup_rules::access::{AccessRefusal, Act, Leave, may, may_at_once};
use topup_rules::account::Account;
use topup_rules::ids::AccountId;
use topup_rules::settings::Actor;
use uuid::Uuid;

/// How long a token is believed without asking again: so long may one be used that has been revoked.
const BELIEVED: Duration = Duration::from_secs(1);
/// From this age on, one that is good is asked for again while it is still believed: nobody has to wait for that.
const ASKED_AGAIN_AFTER: Duration = Duration::from_millis(500);
/// Tokens that are remembered, at most; past it they are all asked for again.
const REMEMBERED_MAX: usize = 10_000;
/// Longest token that is looked at, in bytes. Ours are far shorter.
const TOKEN_MAX_BYTES: usize = 256;

/// Who calls.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Bearer {
    /// The token.
    pub token_id: Uuid,
    /// Who it is, and what it may do at all.
    pub leave: Leave,
}

/// There behind [`requests`] and [`holds`] alone, one of which every route but the document's stands behind.
impl<S: Send + Sync> FromRequestParts<S> for Bearer {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        parts.extensions.get().cloned().ok_or_else(|| {
            tracing::error!("a route asks who calls, and nothing before it does");
            Problem::new(Kind::Internal, "something went wrong here, and was written down")
        })
    }
}

/// Lets callers through who bear a token, as often as they may call.
pub(crate) async fn requests(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    let network = network_of(&edge, &request);
    let bearer = match known(&edge, network, request.headers()).await {
        Ok(bearer) => edge.limits.request(bearer),
        Err(problem) => Err(problem),
    };
    go_on(bearer, request, next).await
}

/// The same for senders who ask leave, which they do far more often.
pub(crate) async fn holds(State(edge): State<Arc<Edge>>, request: Request, next: Next) -> Response {
    let network = network_of(&edge, &request);
    let bearer = match known(&edge, network, request.headers()).await {
        Ok(bearer) => edge.limits.hold(bearer),
        Err(problem) => Err(problem),
    };
    go_on(bearer, request, next).await
}

async fn go_on(bearer: Result<Bearer, Problem>, mut request: Request, next: Next) -> Response {
    match bearer {
        Ok(bearer) => {
            request.extensions_mut().insert(bearer);
            next.run(request).await
        }
        Err(problem) => problem.into_response(),
    }
}

async fn known(edge: &Arc<Edge>, network: IpAddr, headers: &HeaderMap) -> Result<Bearer, Problem> {
    let refused = |why| edge.strangers.refused(network, why);
    let token = token(headers).map_err(refused)?;
    let hash: Hash = Sha256::digest(token.as_bytes()).into();
    let found = match edge.callers.get(&hash) {
        Known::Now(found) => found,
        Known::Ageing(bearer) => {
            let (edge, token) = (Arc::clone(edge), SecretString::from(token));
            tokio::spawn(async move {
                // Where that fails, whoever calls later asks again, and hears why.
                let _later = ask(&edge, token.expose_secret(), hash).await;
            });
            Some(bearer)
        }
        before @ (Known::Before | Known::Never) => {
            if before == Known::Never {
                edge.strangers.may_ask(network)?;
            }
            ask(edge, token, hash).await?
        }
    };
    found.ok_or_else(|| refused(unknown()))
}

async fn ask(edge: &Edge, token: &str, hash: Hash) -> Result<Option<Bearer>, Problem> {
    let found = edge.database()?.store.bearer(token).await?;
    let found = found.map(|bearer| Bearer {
        token_id: bearer.token_id,
        leave: bearer.leave,
    });
    edge.callers.put(hash, found.clone());
    Ok(found)
}

/// Where a request comes from, as far as callers can be told apart.
fn network_of(edge: &Edge, request: &Request) -> IpAddr {
    let peer = request.extensions().get::<Peer>();
    let peer = peer.map_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED), |peer| peer.0);
    network(edge.senders.caller(peer, request.headers()).unwrap_or(peer))
}

fn token(headers: &HeaderMap) -> Result<&str, Problem> {
    let missing = || {
        Problem::new(
            Kind::Unauthorized,
            "the header `Authorization: Bearer …` is missing",
        )
    };
    let said = headers.get(header::AUTHORIZATION).ok_or_else(missing)?;
    let (scheme, token) = said
        .to_str()
        .ok()
        .and_then(|said| said.split_once(' '))
        .ok_or_else(missing)?;
    let token = token.trim();
    if !scheme.eq_ignore_ascii_case("bearer") || token.is_empty() {
        return Err(missing());
    }
    if token.len() > TOKEN_MAX_BYTES {
        return Err(unknown());
    }
    Ok(token)
}

fn unknown() -> Problem {
    Problem::new(
        Kind::Unauthorized,
        "the token is unknown, revoked, or its time is over",
    )
}

type Hash = [u8; 32];

/// What is known of a token without asking.
#[derive(Debug, PartialEq, Eq)]
enum Known {
    /// It was looked up a moment ago, and this is whose it is, if anybody's.
    Now(Option<Bearer>),
    /// The same of one that is good, and it is time to ask again. Said to one caller alone.
    Ageing(Bearer),
    /// It was good when it was last looked up, and is to be looked up again.
    Before,
    /// Nothing, or nothing good.
    Never,
}

/// Tokens that were looked up a moment ago, those that there are none of included; and those that were good before.
#[derive(Debug, Default)]
pub(crate) struct Callers(Mutex<HashMap<Hash, Remembered>>);

#[derive(Debug)]
struct Remembered {
    since: Instant,
    bearer: Option<Bearer>,
    is_asked_again: bool,
}

impl Callers {
    fn get(&self, hash: &Hash) -> Known {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(known) = all.get_mut(hash) else {
            return Known::Never;
        };
        let age = known.since.elapsed();
        match &known.bearer {
            Some(_) if age >= BELIEVED => Known::Before,
            None if age >= BELIEVED => Known::Never,
            Some(bearer) if age >= ASKED_AGAIN_AFTER && !known.is_asked_again => {
                known.is_asked_again = true;
                Known::Ageing(bearer.clone())
            }
            Some(_) | None => Known::Now(known.bearer.clone()),
        }
    }

    fn put(&self, hash: Hash, bearer: Option<Bearer>) {
        let mut all = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= REMEMBERED_MAX {
            // Whoever guesses makes nobody forgotten who is known.
            all.retain(|_, known| known.bearer.is_some());
        }
        if all.len() >= REMEMBERED_MAX {
            all.clear();
        }
        let remembered = Remembered {
            since: Instant::now(),
            bearer,
            is_asked_again: false,
        };
        all.insert(hash, remembered);
    }
}

/// The account, if this caller may do this to it; and as whom the rules see the caller.
///
/// # Errors
/// 404 where the caller may not even know of it, 403 where it may not do this; the database's.
pub async fn account_for(
    edge: &Edge,
    leave: &Leave,
    act: Act,
    id: AccountId,
) -> Result<(Account, Actor), Problem> {
    let account = edge.database()?.store.account(id).await?;
    // Whether there is none or it is none of the caller's, sounds the same.
    let account = account.ok_or(AccessRefusal::NoAccount(id))?;
    let actor = may(leave, act, &account)?;
    Ok((account, actor))
}

/// Whether this caller may do this to the account, where the account itself is not needed: of the platform and of the
/// account's own holder, nothing is asked of the database. That there is such an account is not said then.
///
/// # Errors
/// As [`account_for`].
pub(crate) async fn allowed(edge: &Edge, leave: &Leave, act: Act, id: AccountId) -> Result<(), Problem> {
    match may_at_once(leave, act, id) {
        Some(decided) => Ok(decided.map(drop)?),
        None => account_for(edge, leave, act, id).await.map(drop),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::HeaderValue;
    use topup_rules::access::Caller;

    #[test]
    fn a_token_that_was_good_is_told_from_one_that_never_was() {
        let callers = Callers::default();
        let (good, none) = ([1; 32], [2; 32]);
        let bearer = Bearer {
            token_id: Uuid::from_u128(1),
            leave: Leave {
                caller: Caller::Platform,
                scopes: Vec::new(),
            },
        };
        callers.put(good, Some(bearer.clone()));
        callers.put(none, None);
        assert_eq!(callers.get(&good), Known::Now(Some(bearer.clone())));
        assert_eq!(callers.get(&none), Known::Now(None));
        let age = |by: Duration| {
            for known in callers.0.lock().unwrap().values_mut() {
                known.since = known.since.checked_sub(by).unwrap();
            }
        };
        // One caller asks again, while all go on.
        age(ASKED_AGAIN_AFTER);
        assert_eq!(callers.get(&good), Known::Ageing(bearer.clone()));
        assert_eq!(callers.get(&good), Known::Now(Some(bearer)));
        assert_eq!(callers.get(&none), Known::Now(None));
        age(BELIEVED);
        assert_eq!(callers.get(&good), Known::Before);
        assert_eq!(callers.get(&none), Known::Never);
        assert_eq!(callers.get(&[3; 32]), Known::Never);
    }

    fn read(said: &'static str) -> Option<String> {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_static(said));
        token(&headers).ok().map(ToOwned::to_owned)
    }

    #[test]
    fn a_token_stands_behind_the_word_bearer() {
        assert_eq!(read("Bearer abc").as_deref(), Some("abc"));
        assert_eq!(read("bearer  abc").as_deref(), Some("abc"));
        assert_eq!(read("Basic abc"), None);
        assert_eq!(read("Bearer "), None);
        assert_eq!(read("abc"), None);
        assert!(token(&HeaderMap::new()).is_err());
    }
}
