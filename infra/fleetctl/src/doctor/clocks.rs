//! Clocks: this machine's, the database's, the broker's. The database's decides.

use super::{Part, said};
use jiff::{SignedDuration, Timestamp};
use topup_runtime::broker::management::About;
use topup_store::{Store, StoreError};

/// Clocks that lie further apart are wrong.
const APART_MAX: SignedDuration = SignedDuration::from_secs(5);
/// Clocks that lie further apart are not kept by anybody.
const APART_WARNED: SignedDuration = SignedDuration::from_secs(2);
/// How often the database is asked: the quickest answer tells best.
const QUESTIONS: u32 = 3;

/// Looks at them.
pub(super) async fn examine(store: &Store, about: Option<&About>, part: &mut Part<'_>) {
    match ahead(store).await {
        Ok(database) => {
            part.looked_at(format!(
                "this machine's and the database's: {} apart",
                words(database)
            ));
            tell(database, "database", part);
        }
        Err(error) => part.warning(
            format!(
                "this machine's and the database's were not compared: {}",
                said(&error)
            ),
            "a wrong clock delays messages by as much, and refuses events as too old or too new",
            "see to the database first",
        ),
    }
    if let Some(broker) = about.and_then(|about| about.clock) {
        // It was told in whole seconds, a moment ago.
        let apart = broker.duration_since(Timestamp::now());
        let apart = if apart.abs() < APART_WARNED {
            SignedDuration::ZERO
        } else {
            apart
        };
        part.looked_at("this machine's and the broker's");
        tell(apart, "broker", part);
    }
}

fn tell(ahead: SignedDuration, whose: &str, part: &mut Part<'_>) {
    let apart = ahead.abs();
    if apart <= APART_WARNED {
        return;
    }
    let direction = if ahead.is_negative() { "behind" } else { "ahead of" };
    let what = format!(
        "the {whose}'s clock is {} {direction} this machine's",
        words(apart)
    );
    let why = "whoever sends and who records must mean the same moment: events can be refused as too old or too new, \
               and people read wrong times";
    let mend = "let the machines keep time (chrony, systemd-timesyncd), this one and theirs";
    if apart > APART_MAX {
        part.error(what, why, mend);
    } else {
        part.warning(what, why, mend);
    }
}

/// How far the database's clock is ahead of ours.
async fn ahead(store: &Store) -> Result<SignedDuration, StoreError> {
    let mut best: Option<(SignedDuration, SignedDuration)> = None;
    for _ in 0..QUESTIONS {
        let asked = Timestamp::now();
        let theirs = store.now().await?;
        let took = Timestamp::now().duration_since(asked);
        let middle = asked.checked_add(took / 2).unwrap_or(asked);
        if best.is_none_or(|(quickest, _)| took < quickest) {
            best = Some((took, theirs.duration_since(middle)));
        }
    }
    Ok(best.map_or(SignedDuration::ZERO, |(_, ahead)| ahead))
}

/// `10.0 s`.
fn words(apart: SignedDuration) -> String {
    format!("{:.1} s", apart.abs().as_secs_f64())
}
