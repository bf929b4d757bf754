//! The command line of the HTTP interface's tokens.

use super::{By, reason};
use clap::{ArgGroup, Args, Subcommand};
use jiff::{SignedDuration, Span, SpanRelativeTo};
use topup_rules::access::{Caller, Scope};
use topup_rules::ids::AccountId;
use uuid::Uuid;

/// Longest life of a token that ends by itself.
const LIFETIME_MAX: SignedDuration = SignedDuration::from_hours(3_660 * 24);

/// Of `token create`.
pub(super) const CREATE_HELP: &str = r#"The token is printed once and can't be had again: only its hash is kept. Whoever bears it does what its scopes cover:

  read      look at accounts, credits, top-ups, purchases and prices
  buy       buy credits; agree to 1-Click, and withdraw that
  settings  auto top-up, low-credit notice, contact and billing details
  send      ask leave to send, and close it
  transfer  move credits between a main account and its subs
  accounts  create and change accounts; the platform's alone
  personal  export and remove what is personal

An account's token acts for that account, and for its subs what a main may. The platform's knows every account, and
consents to nothing in an account's place.

Examples:
  fleetctl token create --account 1001 --scope read,buy --name 'billing pages' --expires 90d
  fleetctl token create --platform --scope read,send --name 'senders' --json | jq -r .token > secrets/senders"#;

/// Of `token revoke`.
pub(super) const REVOKE_HELP: &str = r#"From then on every request that bears it is answered with 401. There is no way back: make another.

Example:
  fleetctl token revoke 0193a5d0-7c1e-7b3a-9d2f-0c4b8e5f1a2b"#;

/// `fleetctl token …`
#[derive(Debug, Subcommand)]
pub(crate) enum TokenCommand {
    /// Make a token, and print it once
    #[command(after_help = CREATE_HELP)]
    Create(TokenCreateArgs),
    /// List tokens, newest first: whose they are, what they cover, when they were last used
    #[command(after_help = "Example:\n  fleetctl token list --account 1001")]
    List {
        /// Of this account alone
        #[arg(long, value_name = "ID")]
        account: Option<AccountId>,
    },
    /// Make a token good for nothing, for good
    #[command(after_help = REVOKE_HELP)]
    Revoke {
        /// Which, as `token list` names it
        #[arg(value_name = "TOKEN_ID")]
        token: Uuid,
        /// Who does it
        #[command(flatten)]
        by: By,
    },
}

/// `fleetctl token create`
#[derive(Debug, Args)]
#[command(group = ArgGroup::new("holder").required(true))]
pub(crate) struct TokenCreateArgs {
    /// It acts for this account
    #[arg(long, value_name = "ID", group = "holder")]
    account: Option<AccountId>,
    /// It acts for the messaging platform itself
    #[arg(long, group = "holder")]
    platform: bool,
    /// What it covers, one or several: read,buy,…
    #[arg(long = "scope", value_name = "SCOPE", required = true, value_delimiter = ',')]
    scopes: Vec<Scope>,
    /// What people know it by
    #[arg(long, value_name = "TEXT", value_parser = reason)]
    pub(crate) name: String,
    /// How long it is good for: 12h, 90d, 1y; until it is revoked unless given
    #[arg(long = "expires", value_name = "TIME", value_parser = lifetime)]
    pub(crate) lifetime: Option<SignedDuration>,
    /// Who makes it
    #[command(flatten)]
    pub(crate) by: By,
}

impl TokenCreateArgs {
    /// Whose it is.
    pub(crate) fn holder(&self) -> Caller {
        // Exactly one of both is given.
        match self.account {
            Some(account) => Caller::Account(account),
            None => Caller::Platform,
        }
    }

    /// What it covers, each once, in the order of the list.
    pub(crate) fn scopes(&self) -> Vec<Scope> {
        let is_given = |scope: &Scope| self.scopes.contains(scope);
        Scope::ALL.iter().copied().filter(is_given).collect()
    }
}

fn lifetime(text: &str) -> Result<SignedDuration, String> {
    let wrong = || "is no time; write 12h, 90d or 1y".to_owned();
    let span: Span = text.trim().parse().map_err(|_| wrong())?;
    // Calendars differ; a token's life need not.
    let days = i64::from(span.get_years()) * 365 + i64::from(span.get_months()) * 30;
    let rest = span.years(0).months(0);
    let rest = rest
        .to_duration(SpanRelativeTo::days_are_24_hours())
        .map_err(|_| wrong())?;
    let whole = rest
        .checked_add(SignedDuration::from_hours(days * 24))
        .ok_or_else(wrong)?;
    if whole.is_positive() && whole <= LIFETIME_MAX {
        Ok(whole)
    } else {
        Err("must be more than 0, and 10 years at most".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_lives_for_a_time_that_people_write() {
        for (text, hours) in [
            ("12h", 12),
            ("90d", 90 * 24),
            ("1y", 365 * 24),
            ("2w 1d", 15 * 24),
        ] {
            assert_eq!(lifetime(text), Ok(SignedDuration::from_hours(hours)), "{text}");
        }
        for wrong in ["", "soon", "0d", "-1d", "90", "11y"] {
            assert!(lifetime(wrong).is_err(), "{wrong}");
        }
    }
}
