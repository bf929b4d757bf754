//! The statements: for an administrator's `psql`, repeatable.

use super::rights::{FUNCTIONS, tables};
use super::{Right, Role};
use crate::Store;
use postgres_protocol::password::scram_sha_256;
use std::collections::BTreeMap;
use std::fmt::Write as _;

/// Which half of the statements.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GrantsPart {
    /// The roles themselves, and who may connect: an administrator's, before the schema is made.
    Roles,
    /// What each may do with the tables: the owner's or an administrator's, after every `fleetctl migrate`.
    Rights,
}

impl Store {
    /// The statements for the database that they are played to. A password turns into its verifier (SCRAM-SHA-256); a
    /// role without one gets none, and keeps what it has.
    #[must_use]
    pub fn grants(prefix: &str, parts: &[GrantsPart], passwords: &BTreeMap<Role, String>) -> String {
        let mut sql = String::from(
            "-- Who may do what in the database of the top-up fleet. Repeatable; for psql, as a whole.\nBEGIN;\n",
        );
        for part in parts {
            match part {
                GrantsPart::Roles => roles(&mut sql, prefix, passwords),
                GrantsPart::Rights => rights(&mut sql, prefix),
            }
        }
        sql.push_str("COMMIT;\n");
        sql
    }
}

fn roles(sql: &mut String, prefix: &str, passwords: &BTreeMap<Role, String>) {
    let names: Vec<String> = Role::ALL
        .iter()
        .map(|role| identifier(&role.name(prefix)))
        .collect();
    for role in Role::ALL {
        let name = role.name(prefix);
        let _infallible = write!(
            sql,
            "\n-- {role}\nDO $$ BEGIN\n    IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = {literal}) THEN\n        \
             CREATE ROLE {identifier} LOGIN NOSUPERUSER NOCREATEDB NOCREATEROLE NOREPLICATION;\n    END IF;\nEND $$;\n",
            role = role.as_str(),
            literal = literal(&name),
            identifier = identifier(&name),
        );
        if let Some(password) = passwords.get(&role) {
            let verifier = literal(&scram_sha_256(password.as_bytes()));
            let _infallible = writeln!(sql, "ALTER ROLE {} PASSWORD {verifier};", identifier(&name));
        }
    }
    let owner = identifier(&Role::Owner.name(prefix));
    let everybody = names.join(", ");
    let _infallible = write!(
        sql,
        "\n-- Nobody else connects, and nobody but the owner makes tables.\nDO $$ BEGIN\n    \
         EXECUTE format('REVOKE ALL ON DATABASE %I FROM PUBLIC', current_database());\n    \
         EXECUTE format('GRANT CONNECT ON DATABASE %I TO {everybody}', current_database());\n    \
         EXECUTE format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', current_schema());\n    \
         EXECUTE format('GRANT USAGE ON SCHEMA %I TO {everybody}', current_schema());\n    \
         EXECUTE format('GRANT CREATE ON SCHEMA %I TO {owner}', current_schema());\nEND $$;\n",
    );
}

fn rights(sql: &mut String, prefix: &str) {
    for role in Role::ALL {
        let given = tables(role);
        if given.is_empty() {
            continue;
        }
        let name = identifier(&role.name(prefix));
        // What an earlier version gave goes first: the columns' rights go with the table's.
        let _infallible = write!(
            sql,
            "\n-- {role}\nDO $$ BEGIN\n    \
             EXECUTE format('REVOKE ALL ON ALL TABLES IN SCHEMA %I FROM {name}', current_schema());\n    \
             EXECUTE format('REVOKE ALL ON ALL ROUTINES IN SCHEMA %I FROM {name}', current_schema());\nEND $$;\n",
            role = role.as_str(),
        );
        for (table, rights) in given {
            let _infallible = writeln!(sql, "GRANT {} ON {table} TO {name};", listed(rights));
        }
        if role == Role::Sweeper {
            for function in FUNCTIONS {
                let _infallible = writeln!(sql, "GRANT EXECUTE ON FUNCTION {function} TO {name};");
            }
        }
    }
}

fn listed(rights: &[Right]) -> String {
    let one = |right: &Right| match right.columns {
        [] => right.privilege.as_str().to_owned(),
        columns => format!("{} ({})", right.privilege.as_str(), columns.join(", ")),
    };
    rights.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// A name as SQL reads it, whatever is in it.
fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}
