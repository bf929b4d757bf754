//! The command line of what is personal.

use clap::Subcommand;
use topup_rules::ids::AccountId;

/// Of `personal export`.
pub(super) const EXPORT_HELP: &str = r#"One JSON document, with or without --json: account, cards (without their tokens), consents, billing details, logins, top-ups,
purchases, payments, notices; of each part the newest 10,000 rows, and `complete` says whether that is all. The ledger's
entries are told by statements.

Example:
  fleetctl personal export 1001 > 1001.json"#;

/// Of `personal remove`.
pub(super) const REMOVE_HELP: &str = r#"Number, addresses, billing details, logins, the marks of cards, what notices said: all of it goes, tokens are revoked, auto
top-up ends, and the gateway is told to forget the cards. The ledger, top-ups and payments stay, without the person. There
is no way back. Refused while something is under way: a top-up, a payment, a dispute, a hold, a notice.

Example:
  fleetctl personal remove 1001 --yes"#;

/// `fleetctl personal …`
#[derive(Debug, Clone, Copy, Subcommand)]
pub(crate) enum PersonalCommand {
    /// Print all that is kept of an account's holder
    #[command(after_help = EXPORT_HELP)]
    Export {
        /// The account
        #[arg(value_name = "ID")]
        account: AccountId,
    },
    /// Remove all that is personal of an account, for good
    #[command(after_help = REMOVE_HELP)]
    Remove {
        /// The account
        #[arg(value_name = "ID")]
        account: AccountId,
        /// Yes, for good
        #[arg(long, required = true)]
        yes: bool,
    },
}
