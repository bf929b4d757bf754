//! `fleetctl token`: who may call by the HTTP interface, and with what leave.
//!
//! A token is printed when it is made, and never again. Left out: what a scope covers, which the rules say.

use crate::cli::{TokenCommand, TokenCreateArgs};
use crate::fleet::Fleet;
use crate::output::{Report, Side, Table};
use crate::words::moment;
use anyhow::{Context as _, bail};
use jiff::Timestamp;
use secrecy::ExposeSecret as _;
use serde::Serialize;
use topup_rules::access::{Caller, Scope, may_bear};
use topup_rules::ids::AccountId;
use topup_store::{NewToken, Store, TokenView};
use uuid::Uuid;

#[derive(Serialize)]
struct Made<'a> {
    token_id: Uuid,
    /// The secret itself, this once.
    token: &'a str,
    account_id: Option<AccountId>,
    name: &'a str,
    scopes: &'a [Scope],
    expires_at: Option<Timestamp>,
}

#[derive(Serialize)]
struct List<'a> {
    tokens: &'a [TokenView],
}

#[derive(Serialize)]
struct Revoked {
    token_id: Uuid,
    revoked: bool,
    /// Whether that was so before.
    already: bool,
}

/// Makes, lists or revokes.
///
/// # Errors
/// Settings; no such account or token; the database's.
pub(crate) async fn run(fleet: &Fleet, command: &TokenCommand) -> anyhow::Result<Report> {
    let store = fleet.store()?;
    match command {
        TokenCommand::Create(args) => create(&store, args).await,
        TokenCommand::List { account } => list(&store, *account).await,
        TokenCommand::Revoke { token, by } => revoke(&store, *token, &by.who()).await,
    }
}

async fn create(store: &Store, args: &TokenCreateArgs) -> anyhow::Result<Report> {
    let (holder, scopes) = (args.holder(), args.scopes());
    for &scope in &scopes {
        may_bear(holder, scope).with_context(|| {
            format!("no token was made: an account's token can't have the scope `{scope}`; leave it out")
        })?;
    }
    let account = match holder {
        Caller::Platform => None,
        Caller::Account(account) => Some(account),
    };
    if let Some(account) = account
        && store.account(account).await?.is_none()
    {
        bail!("no token was made: there is no account {account}; `fleetctl import` makes one");
    }
    let expires_at = match args.lifetime {
        Some(lifetime) => Some(store.now().await?.checked_add(lifetime)?),
        None => None,
    };
    let new = NewToken {
        holder,
        scopes,
        name: args.name.clone(),
        created_by: args.by.who(),
        expires_at,
    };
    let (token_id, secret) = store.create_token(&new).await?;
    let made = Made {
        token_id,
        token: secret.expose_secret(),
        account_id: account,
        name: &new.name,
        scopes: &new.scopes,
        expires_at,
    };
    let ends = expires_at.map_or_else(
        || "until it is revoked".to_owned(),
        |at| format!("until {}", moment(at)),
    );
    let text = format!(
        "token {token_id} of {}, for {}, {ends}\n\n  {}\n\nKeep it now: it is shown this once.",
        whose(account),
        listed(&new.scopes),
        made.token
    );
    Report::fine(&made, text)
}

async fn list(store: &Store, account: Option<AccountId>) -> anyhow::Result<Report> {
    let tokens = store.tokens(account).await?;
    let text = if tokens.is_empty() {
        "no tokens".to_owned()
    } else {
        table(&tokens)
    };
    Report::fine(&List { tokens: &tokens }, text)
}

async fn revoke(store: &Store, token_id: Uuid, by: &str) -> anyhow::Result<Report> {
    let revoked = store.revoke_token(token_id, by).await?;
    let already = !revoked
        && store
            .tokens(None)
            .await?
            .iter()
            .any(|token| token.token_id == token_id);
    if !revoked && !already {
        bail!("there is no token {token_id}: `fleetctl token list` names them");
    }
    let text = if revoked {
        format!("token {token_id} is revoked")
    } else {
        format!("token {token_id} was revoked before")
    };
    let outcome = Revoked {
        token_id,
        revoked: true,
        already,
    };
    Report::fine(&outcome, text)
}

fn table(tokens: &[TokenView]) -> String {
    let mut table = Table::new([
        ("TOKEN", Side::Left),
        ("OF", Side::Left),
        ("NAME", Side::Left),
        ("SCOPES", Side::Left),
        ("MADE", Side::Left),
        ("LAST USED", Side::Left),
        ("STATE", Side::Left),
    ]);
    for token in tokens {
        table.row([
            token.token_id.to_string(),
            whose(token.account_id),
            token.name.clone(),
            listed(&token.scopes),
            format!("{} by {}", moment(token.created_at), token.created_by),
            token.last_used_at.map_or_else(|| "never".to_owned(), moment),
            state(token),
        ]);
    }
    table.render()
}

fn whose(account: Option<AccountId>) -> String {
    account.map_or_else(
        || "the platform".to_owned(),
        |account| format!("account {account}"),
    )
}

fn listed(scopes: &[Scope]) -> String {
    scopes
        .iter()
        .map(|scope| scope.as_str())
        .collect::<Vec<_>>()
        .join(",")
}

fn state(token: &TokenView) -> String {
    match (token.revoked_at, token.expires_at) {
        (Some(at), _) => format!("revoked {}", moment(at)),
        (None, Some(at)) if token.is_valid => format!("good until {}", moment(at)),
        (None, Some(at)) => format!("expired {}", moment(at)),
        (None, None) => "good".to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(1_795_335_300 + second).unwrap()
    }

    #[test]
    fn a_list_has_a_line_a_token_and_says_which_are_good() {
        let good = TokenView {
            token_id: Uuid::nil(),
            account_id: AccountId::new(1001),
            name: "pages".into(),
            scopes: vec![Scope::Read, Scope::Buy],
            created_at: at(0),
            created_by: "me@here".into(),
            expires_at: None,
            revoked_at: None,
            revoked_by: None,
            last_used_at: None,
            is_valid: true,
        };
        let expired = TokenView {
            account_id: None,
            expires_at: Some(at(60)),
            last_used_at: Some(at(0)),
            is_valid: false,
            ..good.clone()
        };
        let text = table(&[good, expired]);
        let lines: Vec<&str> = text.lines().collect();
        assert!(
            lines[1].contains("account 1001  pages") && lines[1].contains("read,buy"),
            "{text}"
        );
        assert!(lines[1].ends_with("never                 good"), "{text}");
        assert!(lines[2].contains("the platform"), "{text}");
        assert!(
            lines[2].ends_with("2026-11-22 08:15:00Z  expired 2026-11-22 08:16:00Z"),
            "{text}"
        );
    }
}
