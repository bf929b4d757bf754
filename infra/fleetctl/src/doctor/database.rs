//! The database: its version, the settings that promises rest on, the schema, what the role may do.

use super::{Part, said};
use topup_store::{Role, Server, Store};

/// The oldest version that the schema's statements are written for.
const VERSION_NUM_MIN: i32 = 150_000;

/// Looks at it. Returns what it is, where it answers.
pub(super) async fn examine(store: &Store, part: &mut Part<'_>) -> Option<Server> {
    let server = match store.server().await {
        Ok(server) => server,
        Err(error) => {
            part.error(
                format!("it can't be asked: {}", said(&error)),
                "workers keep what they have in hand, and wait for it",
                "see whether it runs, and compare TOPUP__DATABASE__URL with its address, role and name",
            );
            return None;
        }
    };
    part.looked_at(format!("PostgreSQL {}, as {}", server.version, server.role));
    judge(&server, part);
    match Role::of_name(&server.role) {
        Some(role) => rights(store, role, &server.role, part).await,
        None => whole(&server, part),
    }
    match store.unapplied_migrations().await {
        Ok(missing) if missing.is_empty() => {}
        Ok(missing) => part.error(
            format!("migrations are missing: {}", missing.join(", ")),
            "this version's processes wait for tables and columns that are not there",
            "`fleetctl migrate`",
        ),
        Err(error) => part.warning(
            format!("its migrations were not looked at: {}", said(&error)),
            "a missing one holds up processes of this version",
            "`fleetctl migrate` with a role that owns the schema",
        ),
    }
    Some(server)
}

fn judge(server: &Server, part: &mut Part<'_>) {
    if server.version_num < VERSION_NUM_MIN {
        part.error(
            format!("PostgreSQL {} is older than 15", server.version),
            "it does not know all that the fleet's statements say",
            "upgrade it",
        );
    }
    for (name, value, harm) in [
        (
            "fsync",
            &server.fsync,
            "a crash of the machine can ruin the whole database",
        ),
        (
            "full_page_writes",
            &server.full_page_writes,
            "a crash of the machine can tear pages, unnoticed",
        ),
        (
            "synchronous_commit",
            &server.synchronous_commit,
            "a commit that a worker has acknowledged can be gone after a crash: a send is lost, or a card charged twice",
        ),
    ] {
        if value == "off" {
            part.error(
                format!("{name} is off"),
                harm,
                format!(
                    "set {name} to on, in postgresql.conf and wherever ALTER ROLE or ALTER DATABASE set it"
                ),
            );
        }
    }
    if server.isolation != "read committed" {
        part.error(
            format!("transactions are {} unless they say otherwise", server.isolation),
            "locked rows are to be read as they are after the wait: workers would fail and try again without end",
            "set default_transaction_isolation to 'read committed', for this role and this database",
        );
    }
}

/// A role that is for the whole fleet.
fn whole(server: &Server, part: &mut Part<'_>) {
    if !server.closed_tables.is_empty() {
        part.error(
            format!(
                "the role {} may not read and write {}",
                server.role,
                server.closed_tables.join(", ")
            ),
            "whatever needs them waits",
            format!("GRANT SELECT, INSERT, UPDATE, DELETE ON them TO {}", server.role),
        );
    }
}

/// A role by one of the fleet's names is for that alone.
async fn rights(store: &Store, role: Role, name: &str, part: &mut Part<'_>) {
    let mend = "`fleetctl grants database --part rights`, played as the schema's owner, after every `fleetctl migrate`";
    match store.missing_rights(role).await {
        Ok(missing) if missing.is_empty() => {}
        Ok(missing) => part.error(
            format!("the role {name} lacks {}", missing.join(", ")),
            "whatever needs them waits",
            mend,
        ),
        Err(error) => part.error(
            format!("what the role {name} may do can't be asked: {}", said(&error)),
            "a table or function of this version is missing",
            mend,
        ),
    }
}
