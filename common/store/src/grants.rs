//! Who may do what with which table: one role a process, and the statements that make them.
//!
//! The table is what the statements of this crate need, and no more; a test runs the whole fleet with these roles, and
//! tries what they must not. Left out: who is let in from where (`pg_hba.conf`), and the passwords, which only their
//! verifiers leave this crate of.

mod rights;
mod sql;

use crate::{Store, StoreError};
use rights::{FUNCTIONS, tables};
pub use sql::GrantsPart;

/// What a role's name begins with unless told otherwise.
pub const ROLE_PREFIX: &str = "topup_";

/// A role in the database.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// Owns the schema: `fleetctl migrate`, and nothing that runs for long.
    Owner,
    /// The worker of the queue `sms-sent`.
    SmsSent,
    /// The worker of the queue `topup-requested`.
    TopupRequested,
    /// The worker of the queue `payment-results`.
    PaymentResults,
    /// The worker of the queue `notifications`.
    Notifications,
    /// What time alone brings about.
    Sweeper,
    /// What the world outside calls: account holders, their platforms.
    Edge,
    /// A person with `fleetctl`.
    Operator,
}

impl Role {
    /// All of them.
    pub const ALL: [Self; 8] = [
        Self::Owner,
        Self::SmsSent,
        Self::TopupRequested,
        Self::PaymentResults,
        Self::Notifications,
        Self::Sweeper,
        Self::Edge,
        Self::Operator,
    ];

    /// The process that it is for, or `owner` and `operator`: `sms-sent`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Owner => "owner",
            Self::SmsSent => "sms-sent",
            Self::TopupRequested => "topup-requested",
            Self::PaymentResults => "payment-results",
            Self::Notifications => "notifications",
            Self::Sweeper => "sweeper",
            Self::Edge => "edge",
            Self::Operator => "operator",
        }
    }

    /// Its name in the database: `topup_sms_sent`.
    #[must_use]
    pub fn name(self, prefix: &str) -> String {
        format!("{prefix}{}", self.as_str().replace('-', "_"))
    }

    /// Which one is meant by a name with any prefix; `None`: none of the fleet's.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        let ends = |role: &Self| name.ends_with(&role.name("_"));
        Self::ALL.into_iter().find(ends)
    }
}

/// What may be done with rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Privilege {
    Select,
    Insert,
    Update,
    Delete,
}

impl Privilege {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Select => "SELECT",
            Self::Insert => "INSERT",
            Self::Update => "UPDATE",
            Self::Delete => "DELETE",
        }
    }
}

/// One thing that may be done with a table, or with some of its columns alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Right {
    privilege: Privilege,
    /// None: the whole table.
    columns: &'static [&'static str],
}

/// A table, and what a role may do with it.
type Rights = (&'static str, &'static [Right]);

impl Store {
    /// What this session's role lacks of what `role` needs, as a person reads it: `UPDATE (state) on notices`. Of an
    /// owner nothing: it may do everything with what it owns.
    ///
    /// # Errors
    /// The database's; a table that is missing, too.
    pub async fn missing_rights(&self, role: Role) -> Result<Vec<String>, StoreError> {
        let client = self.client().await?;
        let mut missing = Vec::new();
        let mut lacks = async |what: String, on: &str, sql: &str, parameters: [&str; 3]| {
            let [name, privilege, column] = parameters;
            let row = client.query_one(sql, &[&name, &privilege, &column]).await?;
            if !row.get::<_, bool>(0) {
                missing.push(format!("{what} on {on}"));
            }
            Ok::<(), StoreError>(())
        };
        for (table, rights) in tables(role) {
            for right in *rights {
                let privilege = right.privilege.as_str();
                if right.columns.is_empty() {
                    let sql = "SELECT has_table_privilege($1::text, $2::text) AND $3 = ''";
                    lacks(privilege.to_owned(), table, sql, [table, privilege, ""]).await?;
                }
                for column in right.columns {
                    let what = format!("{privilege} ({column})");
                    let sql = "SELECT has_column_privilege($1::text, $3::text, $2::text)";
                    lacks(what, table, sql, [table, privilege, column]).await?;
                }
            }
        }
        if role == Role::Sweeper {
            for function in FUNCTIONS {
                let sql = "SELECT has_function_privilege($1::text, $2::text) AND $3 = ''";
                lacks("EXECUTE".to_owned(), function, sql, [function, "EXECUTE", ""]).await?;
            }
        }
        Ok(missing)
    }
}

#[cfg(test)]
mod tests;
