//! The broker: whether it answers, its version, what stands on it, and what its user may do.

use super::{Part, said};
use crate::chain;
use crate::fleet::Fleet;
use topup_runtime::broker::grants::User;
use topup_runtime::broker::management::{About, about};
use topup_runtime::broker::permissions::{Permission, missing};
use topup_runtime::broker::{BrokerError, check};
use topup_runtime::settings::Amqp;

/// The oldest version that keeps what the fleet relies on: time to live and dead-lettering at least once of quorum
/// queues.
const VERSION_MIN: (u32, u32) = (3, 10);

/// Looks at it. Returns what it says of itself, where it says anything.
pub(super) async fn examine(fleet: &Fleet, amqp: &Amqp, part: &mut Part<'_>) -> Option<About> {
    let about = management(amqp, part).await;
    if let Err(error) = permissions(fleet, amqp, part).await {
        part.error(
            format!("it can't be used: {}", chain(&error)),
            "no worker can, either, if it has the same settings: messages wait where they are",
            "see whether it runs, and compare TOPUP__AMQP__URL with its address, user and virtual host",
        );
    }
    about
}

async fn management(amqp: &Amqp, part: &mut Part<'_>) -> Option<About> {
    let about = match about(amqp).await {
        Ok(about) => about,
        Err(error) => {
            part.warning(
                format!(
                    "its version, its clock and its queues' effective settings were not looked at: {}",
                    said(&error)
                ),
                "a policy that makes messages expire, or a queue of the wrong type, would go unseen",
                "give --management-url or TOPUP__AMQP__MANAGEMENT_URL, and a user with the tag 'management'",
            );
            return None;
        }
    };
    part.looked_at(format!("RabbitMQ {}", about.version));
    if version(&about.version).is_some_and(|version| version < VERSION_MIN) {
        part.error(
            format!(
                "RabbitMQ {} is older than {}.{}",
                about.version, VERSION_MIN.0, VERSION_MIN.1
            ),
            "its quorum queues know no time to live and lose dead letters: delayed messages never come",
            "upgrade it",
        );
    }
    match check::check(amqp).await {
        Ok(findings) => {
            part.looked_at("exchanges, queues and bindings, policies included");
            for finding in findings {
                part.error(finding.what, finding.why, finding.mend);
            }
        }
        Err(error) => part.warning(
            format!(
                "its queues' effective settings were not looked at: {}",
                said(&error)
            ),
            "a policy that makes messages expire, or a queue of the wrong type, would go unseen",
            "give its user the tag 'management', and permissions in the virtual host",
        ),
    }
    Some(about)
}

async fn permissions(fleet: &Fleet, amqp: &Amqp, part: &mut Part<'_>) -> anyhow::Result<()> {
    let admin = fleet.broker().await?;
    let user = amqp.address().map(|address| address.user().to_owned())?;
    // A user by one of the fleet's names is for that alone; any other is for the whole fleet.
    let known = User::of_name(&user);
    let declares = amqp.declare || known == Some(User::Operator);
    let missing = match missing(&admin, declares, known).await {
        Ok(missing) => missing,
        Err(error @ (BrokerError::Failed { .. } | BrokerError::TimedOut { .. })) => {
            part.warning(
                format!("what its user may do was not tried to the end: {}", said(&error)),
                "a worker that may not do something stands still there",
                "ask again",
            );
            return Ok(());
        }
        Err(error) => return Err(error.into()),
    };
    admin.close().await;
    part.looked_at(format!("what the user {user} may do, by doing it"));
    for (permission, names) in missing {
        let (why, mend) = match permission {
            Permission::Configure => (
                "workers declare what they need when they connect, and take nothing before",
                "or let an administrator run `fleetctl topology apply`, and set TOPUP__AMQP__DECLARE=false",
            ),
            Permission::Write => (
                "what is to be published there waits in the outbox, or stays in hand",
                "",
            ),
            Permission::Read => ("messages are not taken from there", ""),
        };
        let lets = format!(
            "`rabbitmqctl set_permissions` with a {} pattern that matches them{}",
            permission.as_str(),
            if mend.is_empty() {
                String::new()
            } else {
                format!("; {mend}")
            }
        );
        part.error(
            format!(
                "the user {user} may not {} {}",
                permission.as_str(),
                listed(&names)
            ),
            why,
            lets,
        );
    }
    Ok(())
}

/// The first of them.
fn listed(names: &[String]) -> String {
    const SHOWN: usize = 4;
    let shown = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => shown,
        more => format!("{shown} and {more} more"),
    }
}

/// Its first two numbers.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split('.').map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_as_numbers() {
        assert!(version("3.9.29").unwrap() < VERSION_MIN);
        assert!(version("3.10.8").unwrap() >= VERSION_MIN);
        assert!(version("4.1.0-rc.1").unwrap() >= VERSION_MIN);
        assert_eq!(version("unknown"), None);
    }
}
