//! S1–S4: what makes a send one and the same, which sends are let in, and what they debit.
//!
//! Left out: whether account and wallet exist. The store knows, and answers with the refusal named here.

use crate::credits::Credits;
use crate::ids::{AccountId, WalletKey};
use crate::message::SmsSent;
use jiff::{SignedDuration, Timestamp};
use std::fmt;
use uuid::Uuid;

/// The key of one ledger entry, ordered by time: its first 48 bits are milliseconds since 1970.
///
/// Keys of sends and of other entries never meet: see [`ledger_key`] and [`entry_key`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LedgerKey(Uuid);

impl LedgerKey {
    /// As the ledger keeps it.
    #[must_use]
    pub const fn uuid(self) -> Uuid {
        self.0
    }

    /// A key read back from the ledger.
    #[must_use]
    pub const fn from_uuid(uuid: Uuid) -> Self {
        Self(uuid)
    }

    /// The moment inside, which decides the entry's partition. Milliseconds.
    #[must_use]
    pub fn time(self) -> Timestamp {
        time_inside(self.0)
    }
}

impl fmt::Display for LedgerKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// How far `sent_at` and the time inside a version-7 id may lie from now (S4).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenWindow {
    /// Into the past: the ledger's open days.
    pub back: SignedDuration,
    /// Into the future: what clocks may differ by.
    pub ahead: SignedDuration,
}

impl Default for OpenWindow {
    /// 90 days back, one hour ahead.
    fn default() -> Self {
        Self {
            back: SignedDuration::from_hours(90 * 24),
            ahead: SignedDuration::from_hours(1),
        }
    }
}

/// Which of an event's two times is meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum EventTime {
    /// Its `sent_at`.
    SentAt,
    /// The time inside its version-7 `event_id`.
    EventId,
}

impl fmt::Display for EventTime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SentAt => "sent_at",
            Self::EventId => "the time inside event_id",
        })
    }
}

/// Why a send is parked and changes nothing (S2, S4).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SendRefusal {
    /// Nothing to debit.
    #[error("S4: credits must be above 0, and are {credits}")]
    NotPositive {
        /// What the event says.
        credits: Credits,
    },
    /// Absurdly much.
    #[error("S4: credits must be at most {max}, and are {credits}", max = Credits::EVENT_MAX)]
    TooLarge {
        /// What the event says.
        credits: Credits,
    },
    /// Before the open window.
    #[error("S4: {what} ({at}) is outside the open window, which begins at {oldest}")]
    TooOld {
        /// Which time.
        what: EventTime,
        /// What it is.
        at: Timestamp,
        /// The oldest that is let in.
        oldest: Timestamp,
    },
    /// After the open window.
    #[error("S4: {what} ({at}) is outside the open window, which ends at {newest}")]
    TooNew {
        /// Which time.
        what: EventTime,
        /// What it is.
        at: Timestamp,
        /// The newest that is let in.
        newest: Timestamp,
    },
    /// Nobody's.
    #[error("S4: unknown account {0}")]
    UnknownAccount(AccountId),
    /// The account has no credits for this service at all.
    #[error("S4: account {account} has no wallet for the service {service}", account = .0.account, service = .0.service)]
    NoWallet(WalletKey),
    /// The same identity with another content.
    #[error("S2: conflicting duplicate: the same event is recorded with other {}", .fields.join(", "))]
    Conflicting {
        /// The body's fields that differ.
        fields: Vec<&'static str>,
    },
}

/// S2: the identity of a send as a ledger key. A version-7 id is its own key; any other id makes one
/// together with `sent_at`: version 8, the time in front, a hash of both behind.
#[must_use]
pub fn ledger_key(event_id: Uuid, sent_at: Timestamp) -> LedgerKey {
    if is_v7(event_id) {
        return LedgerKey(event_id);
    }
    let hash = Uuid::new_v5(&event_id, &sent_at.as_microsecond().to_be_bytes());
    LedgerKey(timed(sent_at, hash))
}

/// The key of an entry that is no send (a top-up, an end of a transfer, an adjustment, an opening balance):
/// the same `at` and `name` give the same key, so that such an entry is made once, too.
#[must_use]
pub fn entry_key(at: Timestamp, name: &str) -> LedgerKey {
    /// What sets these keys apart from those of sends.
    const NAMESPACE: Uuid = Uuid::from_bytes(*b"topup-entry-name");
    LedgerKey(timed(at, Uuid::new_v5(&NAMESPACE, name.as_bytes())))
}

/// The smallest key of `at`'s millisecond: the bound of a ledger partition.
#[must_use]
pub fn key_bound(at: Timestamp) -> Uuid {
    with_time(at, [0; 16])
}

/// S4: whether an event may be recorded at all, and under which key. Checked in this order: credits above 0,
/// not too large, `sent_at` inside the window, the time inside a version-7 id inside it too.
///
/// # Errors
/// The first check that fails.
pub fn admit(event: &SmsSent, now: Timestamp, window: &OpenWindow) -> Result<LedgerKey, SendRefusal> {
    let credits = event.credits;
    if !credits.is_positive() {
        return Err(SendRefusal::NotPositive { credits });
    }
    if credits > Credits::EVENT_MAX {
        return Err(SendRefusal::TooLarge { credits });
    }
    inside(EventTime::SentAt, event.sent_at, now, window)?;
    let key = ledger_key(event.event_id, event.sent_at);
    if is_v7(event.event_id) {
        inside(EventTime::EventId, key.time(), now, window)?;
    }
    Ok(key)
}

/// A send as the ledger has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordedSend {
    /// The wallet debited.
    pub wallet: WalletKey,
    /// By how much.
    pub credits: Credits,
    /// For how many messages.
    pub messages: u32,
    /// On which hold.
    pub batch_id: Option<Uuid>,
    /// When they went.
    pub sent_at: Timestamp,
}

impl From<&SmsSent> for RecordedSend {
    fn from(event: &SmsSent) -> Self {
        Self {
            wallet: event.wallet(),
            credits: event.credits,
            messages: event.messages,
            batch_id: event.batch_id,
            sent_at: event.sent_at,
        }
    }
}

/// What an event is whose key the ledger has already.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Repeat {
    /// The same again: nothing to do (S1).
    AlreadyDone,
    /// Another content under the same identity: parked (S2).
    Conflicting(SendRefusal),
}

/// S1, S2: compares an event with what is recorded under its key. Times count to the microsecond.
#[must_use]
pub fn repeat(recorded: &RecordedSend, event: &SmsSent) -> Repeat {
    let differing = [
        ("account_id", recorded.wallet.account != event.account_id),
        ("service", recorded.wallet.service != event.service),
        ("credits", recorded.credits != event.credits),
        ("messages", recorded.messages != event.messages),
        ("batch_id", recorded.batch_id != event.batch_id),
        (
            "sent_at",
            recorded.sent_at.as_microsecond() != event.sent_at.as_microsecond(),
        ),
    ];
    let fields: Vec<_> = differing
        .into_iter()
        .filter_map(|(field, differs)| differs.then_some(field))
        .collect();
    if fields.is_empty() {
        Repeat::AlreadyDone
    } else {
        Repeat::Conflicting(SendRefusal::Conflicting { fields })
    }
}

/// S3: the balance after sends that cost `sum`. Below zero is fine; it ends at [`Credits::BALANCE_MIN`],
/// which only a broken sum could reach.
#[must_use]
pub fn debit(balance: Credits, sum: Credits) -> Credits {
    balance
        .checked_sub(sum)
        .unwrap_or(Credits::BALANCE_MIN)
        .max(Credits::BALANCE_MIN)
}

fn inside(what: EventTime, at: Timestamp, now: Timestamp, window: &OpenWindow) -> Result<(), SendRefusal> {
    let oldest = now.checked_sub(window.back).unwrap_or(Timestamp::MIN);
    let newest = now.checked_add(window.ahead).unwrap_or(Timestamp::MAX);
    if at < oldest {
        Err(SendRefusal::TooOld { what, at, oldest })
    } else if at > newest {
        Err(SendRefusal::TooNew { what, at, newest })
    } else {
        Ok(())
    }
}

fn is_v7(id: Uuid) -> bool {
    id.get_version_num() == 7 && id.get_variant() == uuid::Variant::RFC4122
}

/// The 48 bits of milliseconds at the head of a key.
fn time_inside(id: Uuid) -> Timestamp {
    let [a, b, c, d, e, f, ..] = *id.as_bytes();
    let millisecond = i64::from_be_bytes([0, 0, a, b, c, d, e, f]);
    // 48 bits reach past the year 9999, where time stamps end.
    Timestamp::from_millisecond(millisecond).unwrap_or(Timestamp::MAX)
}

/// A UUID of version 8: `at` in front, 74 bits of `hash` behind.
fn timed(at: Timestamp, hash: Uuid) -> Uuid {
    let mut bytes = *hash.as_bytes();
    bytes[6] = 0x80 | (bytes[6] & 0x0f);
    bytes[8] = 0x80 | (bytes[8] & 0x3f);
    with_time(at, bytes)
}

fn with_time(at: Timestamp, mut bytes: [u8; 16]) -> Uuid {
    // Before 1970 counts as 1970: no window reaches there.
    let [_, _, time @ ..] = at.as_millisecond().max(0).to_be_bytes();
    bytes[..6].copy_from_slice(&time);
    Uuid::from_bytes(bytes)
}
