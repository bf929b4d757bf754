//! The command line of people who sign in to the pages.

use clap::{Args, Subcommand};
use topup_rules::ids::AccountId;

/// Longest address, in characters.
const EMAIL_MAX_CHARS: usize = 254;

/// Of `login add`.
pub(super) const ADD_HELP: &str = r#"Somebody signs in by an address and a password that nobody else ever knows: a link to choose it by is mailed there, good
once and for 30 minutes, by the workers of notifications. An address signs in to one account. One that was disabled may sign
in again.

The link leads to TOPUP__EDGE__PUBLIC_URL, unless --at says otherwise.

Examples:
  fleetctl login add --account 1001 --email someone@example.com
  fleetctl login add --account 1001 --email someone@example.com --at http://127.0.0.1:8080"#;

/// Of `login reset`.
pub(super) const RESET_HELP: &str = r#"Mails a link to choose another password by, as people can have it mailed themselves. The present password goes on until the
link is used, which ends all sessions.

Example:
  fleetctl login reset --email someone@example.com"#;

/// Of `login disable`.
pub(super) const DISABLE_HELP: &str = r#"Ends all sessions at once; links that were mailed are useless. `fleetctl login add` lets the address sign in again.

Example:
  fleetctl login disable --email someone@example.com"#;

/// Of `login totp-remove`.
pub(super) const TOTP_HELP: &str = r#"For somebody who lost the telephone: see that it is really them first. From then on the password alone signs in, until they
set it up anew.

Example:
  fleetctl login totp-remove --email someone@example.com"#;

/// `fleetctl login …`
#[derive(Debug, Subcommand)]
pub(crate) enum LoginCommand {
    /// Let somebody sign in for an account: mails a link to choose a password by
    #[command(after_help = ADD_HELP)]
    Add(LoginAddArgs),
    /// Mail a link to choose another password by
    #[command(after_help = RESET_HELP)]
    Reset(LoginResetArgs),
    /// Let an address sign in no more
    #[command(after_help = DISABLE_HELP)]
    Disable(OfEmail),
    /// List who signs in, newest first
    #[command(after_help = "Example:\n  fleetctl login list --account 1001")]
    List {
        /// For this account alone
        #[arg(long, value_name = "ID")]
        account: Option<AccountId>,
    },
    /// Ask somebody for no code any more
    #[command(after_help = TOTP_HELP)]
    TotpRemove(OfEmail),
}

/// By which address.
#[derive(Debug, Args)]
pub(crate) struct OfEmail {
    /// The address that signs in
    #[arg(long, value_name = "ADDRESS", value_parser = email)]
    pub(crate) email: String,
}

/// Where the pages are.
#[derive(Debug, Args)]
pub(crate) struct Pages {
    /// Where the pages are, from outside; TOPUP__EDGE__PUBLIC_URL unless given
    #[arg(long = "at", value_name = "URL")]
    pub(crate) at: Option<String>,
}

/// `fleetctl login add`
#[derive(Debug, Args)]
pub(crate) struct LoginAddArgs {
    /// For which account
    #[arg(long, value_name = "ID")]
    pub(crate) account: AccountId,
    /// By which address
    #[command(flatten)]
    pub(crate) of: OfEmail,
    /// Where the link leads
    #[command(flatten)]
    pub(crate) pages: Pages,
}

/// `fleetctl login reset`
#[derive(Debug, Args)]
pub(crate) struct LoginResetArgs {
    /// By which address
    #[command(flatten)]
    pub(crate) of: OfEmail,
    /// Where the link leads
    #[command(flatten)]
    pub(crate) pages: Pages,
}

/// `name@domain`: whether anybody reads there, the mail shows.
fn email(text: &str) -> Result<String, String> {
    let text = text.trim();
    let parts = text.rsplit_once('@');
    let fits = parts.is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.'))
        && text.chars().count() <= EMAIL_MAX_CHARS
        && !text.chars().any(|c| c.is_whitespace() || c.is_control());
    if fits {
        Ok(text.to_owned())
    } else {
        Err("is no e-mail address".to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_has_a_name_and_a_domain() {
        assert_eq!(email(" a.b+c@example.com "), Ok("a.b+c@example.com".to_owned()));
        for wrong in [
            "",
            "a",
            "@example.com",
            "a@b",
            "a b@example.com",
            "a@exam ple.com",
        ] {
            assert!(email(wrong).is_err(), "{wrong}");
        }
    }
}
