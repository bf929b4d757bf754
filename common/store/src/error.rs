//! What can go wrong with the database, told apart by who has to act.

use std::error::Error as _;
use tokio_postgres::error::SqlState;

/// An error of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// No connection could be had from the pool.
    #[error("{}", pool_text(.0))]
    Pool(#[from] deadpool_postgres::PoolError),
    /// No connection of the pool became free, and gave a sign of life, in time.
    #[error("no database connection: none within {after_s} s")]
    NoClient {
        /// How long was waited.
        after_s: u64,
    },
    /// A statement was sent and nothing came back, not even that it took too long. Its outcome is not known.
    #[error("database: no answer for {after_s} s")]
    Silent {
        /// How long was waited.
        after_s: u64,
    },
    /// PostgreSQL refused a statement, or went away during it.
    #[error("{}", postgres_text(.0))]
    Postgres(#[from] tokio_postgres::Error),
    /// The settings of the connection are wrong.
    #[error("database settings: {0}")]
    Settings(String),
    /// The schema could not be brought up to date.
    #[error("migration: {0}")]
    Migration(#[from] refinery::Error),
    /// A row holds what the rules do not know.
    #[error("a row of {table} can't be read: {what}")]
    Unreadable {
        /// Which table.
        table: &'static str,
        /// What is wrong.
        what: String,
    },
    /// A body that the fleet itself wanted to send could not be written as JSON.
    #[error("a message could not be written: {0}")]
    Message(#[from] serde_json::Error),
    /// So many ask for the same costly thing at once that this one is not even begun.
    #[error("too many ask for {what} at once")]
    Busy {
        /// What.
        what: &'static str,
    },
    /// Something else was changing the same rows, again and again.
    #[error("gave up after {attempts} serialization failures or deadlocks")]
    Contended {
        /// How often it was tried.
        attempts: u32,
    },
}

impl StoreError {
    /// The database's trouble or ours, and no message's fault: wait and try the same again.
    /// A COMMIT whose connection broke is here too: its outcome is asked for by key.
    #[must_use]
    pub fn is_outage(&self) -> bool {
        match self {
            Self::Pool(_)
            | Self::NoClient { .. }
            | Self::Silent { .. }
            | Self::Busy { .. }
            | Self::Contended { .. } => true,
            Self::Postgres(error) => is_outage(error),
            Self::Settings(_) | Self::Migration(_) | Self::Unreadable { .. } | Self::Message(_) => false,
        }
    }

    /// The server ended a statement that took too long, or waited too long for a lock; nothing is changed. Once it is
    /// the database's trouble, and the same may be tried again; time and again it may be what was asked for.
    #[must_use]
    pub fn is_too_slow(&self) -> bool {
        self.sql_state()
            .is_some_and(|state| *state == SqlState::QUERY_CANCELED || *state == SqlState::LOCK_NOT_AVAILABLE)
    }

    /// The database answered, and has no such table, or does not open it to us. An outage, too, that does not end by
    /// itself.
    #[must_use]
    pub fn is_closed_to_us(&self) -> bool {
        self.sql_state().is_some_and(|state| {
            [
                SqlState::UNDEFINED_TABLE,
                SqlState::UNDEFINED_COLUMN,
                SqlState::INSUFFICIENT_PRIVILEGE,
            ]
            .contains(state)
        })
    }

    /// A deadlock or serialization failure: the whole transaction may be tried again at once.
    pub(crate) fn is_contention(&self) -> bool {
        self.sql_state().is_some_and(|state| {
            *state == SqlState::T_R_SERIALIZATION_FAILURE || *state == SqlState::T_R_DEADLOCK_DETECTED
        })
    }

    /// A unique key or index was there before.
    pub(crate) fn violates(&self, constraint: &str) -> bool {
        let Self::Postgres(error) = self else { return false };
        error.as_db_error().is_some_and(|e| {
            *e.code() == SqlState::UNIQUE_VIOLATION
                && e.constraint().is_some_and(|name| {
                    name == constraint || name.starts_with("ledger_") && constraint == "ledger_pk"
                })
        })
    }

    pub(crate) fn sql_state(&self) -> Option<&SqlState> {
        match self {
            Self::Postgres(error) => error.code(),
            Self::Pool(_)
            | Self::NoClient { .. }
            | Self::Silent { .. }
            | Self::Settings(_)
            | Self::Migration(_)
            | Self::Unreadable { .. }
            | Self::Message(_)
            | Self::Busy { .. }
            | Self::Contended { .. } => None,
        }
    }
}

/// Classes of SQL states that say nothing of the statement: connection, resources, operator intervention, system.
const OUTAGE_CLASSES: [&str; 4] = ["08", "53", "57", "58"];
/// Single states that say nothing of it either: the schema is not there yet, or not open to us; a standby; a session
/// that was ended for having slept; others at the same rows.
const OUTAGES: [SqlState; 7] = [
    SqlState::UNDEFINED_TABLE,
    SqlState::UNDEFINED_COLUMN,
    SqlState::INSUFFICIENT_PRIVILEGE,
    SqlState::READ_ONLY_SQL_TRANSACTION,
    SqlState::IDLE_IN_TRANSACTION_SESSION_TIMEOUT,
    SqlState::T_R_SERIALIZATION_FAILURE,
    SqlState::T_R_DEADLOCK_DETECTED,
];

fn is_outage(error: &tokio_postgres::Error) -> bool {
    if error.is_closed() || error.source().is_some_and(|s| s.is::<std::io::Error>()) {
        return true;
    }
    error.code().is_some_and(|state| {
        // In the class of the operator's interventions, and yet no outage: see `StoreError::is_too_slow`.
        *state != SqlState::QUERY_CANCELED
            && (OUTAGES.contains(state)
                || OUTAGE_CLASSES.contains(&state.code().get(..2).unwrap_or_default()))
    }) || lacks_partition(error)
}

/// A day of the ledger that nobody has opened yet: the next sweep does. What is too old or too new never gets here.
fn lacks_partition(error: &tokio_postgres::Error) -> bool {
    error
        .as_db_error()
        .is_some_and(|e| *e.code() == SqlState::CHECK_VIOLATION && e.constraint().is_none())
}

/// tokio-postgres prints `db error` alone; the server's own words help.
fn postgres_text(error: &tokio_postgres::Error) -> String {
    match error.as_db_error() {
        Some(db) => format!("database: {} (SQLSTATE {})", db.message(), db.code().code()),
        None => match error.source() {
            Some(source) => format!("database: {error}: {source}"),
            None => format!("database: {error}"),
        },
    }
}

fn pool_text(error: &deadpool_postgres::PoolError) -> String {
    let advice = certificate_advice(error, "TOPUP__DATABASE__CA_FILE");
    format!("no database connection: {error}{advice}")
}

/// What to do where a server's certificate is not accepted, to stand behind the error; nothing where it is something
/// else. `ca_setting` names the file of authorities to trust.
#[must_use]
pub fn certificate_advice(error: &(dyn std::error::Error + 'static), ca_setting: &str) -> String {
    let mut said = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        said.push_str(&error.to_string());
        cause = error.source();
    }
    // The latter is an authority of the same name with another key.
    if said.contains("UnknownIssuer") || said.contains("BadSignature") {
        format!(
            " (an authority that is not trusted signed the server's certificate: {ca_setting} names the file of the one that did)"
        )
    } else if said.contains("not valid for name") {
        " (the server's certificate is for another name: write one that it has into the address, or give the server a \
         certificate for this one)"
            .to_owned()
    } else {
        String::new()
    }
}
