//! The command line of who may do what: on the broker, in the database.

use clap::{Args, Subcommand, ValueEnum};
use std::path::PathBuf;
use topup_runtime::broker::grants::USER_PREFIX;
use topup_store::{GrantsPart, ROLE_PREFIX};

/// Of `grants broker`.
const BROKER_HELP: &str = r#"The file has a user for each process (sms-sent, topup-requested, payment-results, notifications, sweeper, edge), and
operator, sender and watcher, each with what it needs and no more. It holds salted hashes of the passwords. Processes with
such users run with TOPUP__AMQP__DECLARE=false: none of them may declare.

Examples:
  fleetctl grants broker --passwords secrets/broker --topology > definitions.json
  rabbitmqctl import_definitions definitions.json
  fleetctl grants broker --password sms-sent=sms-sent.txt --password sender=sender.txt"#;

/// Of `grants database`.
const DATABASE_HELP: &str = r#"The statements make a role for each process that uses the database (sms-sent, topup-requested, payment-results,
notifications, sweeper), one for the operator, and one that owns the schema, for `fleetctl migrate`. They can be
repeated. Of a password there is its verifier in them (SCRAM-SHA-256); a role without one keeps what it has.

Examples:
  fleetctl grants database --part roles --passwords secrets/database | psql topup      first, as an administrator
  TOPUP__DATABASE__URL=postgres://topup_owner:…@db/topup fleetctl migrate
  fleetctl grants database --part rights | psql topup                                  after every migrate"#;

/// `fleetctl grants …`
#[derive(Debug, Subcommand)]
pub(crate) enum GrantsCommand {
    /// Print RabbitMQ's definitions: users with what each needs, and on request exchanges, queues and bindings
    #[command(after_help = BROKER_HELP)]
    Broker(BrokerGrantsArgs),
    /// Print SQL: roles with what each needs
    #[command(after_help = DATABASE_HELP)]
    Database(DatabaseGrantsArgs),
}

/// Where passwords are read from.
#[derive(Debug, Args)]
pub(crate) struct Passwords {
    /// A directory with a file for each: sms-sent, operator, …
    #[arg(long = "passwords", value_name = "DIR")]
    pub(crate) directory: Option<PathBuf>,
    /// A file for one of them; wins over the directory
    #[arg(long = "password", value_name = "NAME=FILE", value_parser = name_and_file)]
    pub(crate) files: Vec<(String, PathBuf)>,
}

/// `fleetctl grants broker`
#[derive(Debug, Args)]
pub(crate) struct BrokerGrantsArgs {
    /// The virtual host
    #[arg(long, value_name = "NAME", default_value = "topup")]
    pub(crate) vhost: String,
    /// What users' names begin with
    #[arg(long, value_name = "TEXT", default_value = USER_PREFIX)]
    pub(crate) prefix: String,
    /// Passwords
    #[command(flatten)]
    pub(crate) passwords: Passwords,
    /// Exchanges, queues and bindings, too
    #[arg(long)]
    pub(crate) topology: bool,
}

/// `fleetctl grants database`
#[derive(Debug, Args)]
pub(crate) struct DatabaseGrantsArgs {
    /// What roles' names begin with
    #[arg(long, value_name = "TEXT", default_value = ROLE_PREFIX)]
    pub(crate) prefix: String,
    /// Passwords
    #[command(flatten)]
    pub(crate) passwords: Passwords,
    /// One half alone
    #[arg(long)]
    pub(crate) part: Option<Half>,
}

/// Which statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Half {
    /// The roles, and who may connect: an administrator's, before the first `fleetctl migrate`
    Roles,
    /// What each may do with the tables: after every `fleetctl migrate`
    Rights,
}

impl Half {
    /// In the store's word.
    pub(crate) const fn part(self) -> GrantsPart {
        match self {
            Self::Roles => GrantsPart::Roles,
            Self::Rights => GrantsPart::Rights,
        }
    }
}

fn name_and_file(text: &str) -> Result<(String, PathBuf), String> {
    match text.split_once('=') {
        Some((name, file)) if !name.is_empty() && !file.is_empty() => Ok((name.to_owned(), file.into())),
        Some(_) | None => Err("is no NAME=FILE, like sms-sent=/run/secrets/sms-sent".to_owned()),
    }
}
