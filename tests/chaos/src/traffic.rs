//! What senders publish: events, and everything that goes wrong with them on the sender's side.

use std::collections::VecDeque;
use std::ops::Range;

use jiff::{SignedDuration, Timestamp};
use topup_tests::{Event, Raw, event, raw};
use uuid::{Builder, Uuid};

use crate::dice::Dice;
use crate::people;

/// Events that may come again.
const REMEMBERED_MAX: usize = 20_000;
/// Places of the accounts that are debited most: cards of every kind that ends in success, and two wallets.
const HOT: Range<usize> = 10..20;
/// Useless messages at once.
const BURST: usize = 50;
/// The contract's limit of a body, and one byte.
const TOO_LARGE_BYTES: usize = 64 * 1024 + 1;

/// A seeded source of messages.
#[derive(Debug)]
pub(crate) struct Traffic {
    dice: Dice,
    accounts: Vec<i64>,
    count: i64,
    sent: VecDeque<Event>,
}

impl Traffic {
    /// Of so many accounts, and their subs.
    pub(crate) fn new(seed: u64, count: i64) -> Self {
        Self {
            dice: Dice::new(seed, "traffic"),
            accounts: people::debited(count),
            count,
            sent: VecDeque::new(),
        }
    }

    /// So many messages, in no order.
    pub(crate) fn next(&mut self, count: u64) -> Vec<Raw> {
        let mut messages: Vec<Raw> = (0..count).map(|_| self.one()).collect();
        for place in (1..messages.len()).rev() {
            let other = usize::try_from(self.dice.below(place as u64 + 1)).unwrap_or_default();
            messages.swap(place, other);
        }
        messages
    }

    fn one(&mut self) -> Raw {
        match self.dice.below(1_000) {
            0..=59 => self.again().map_or_else(|| self.fresh(), |event| event.message()),
            60..=62 => self
                .again()
                .map_or_else(|| self.fresh(), |event| event.credits("77.125").message()),
            63..=69 => self.bad(),
            _ => self.fresh(),
        }
    }

    /// One that was sent already, of any age.
    fn again(&mut self) -> Option<Event> {
        let place = self.dice.below(self.sent.len() as u64);
        self.sent.get(usize::try_from(place).ok()?).cloned()
    }

    fn fresh(&mut self) -> Raw {
        let event = self.event();
        if self.sent.len() == REMEMBERED_MAX {
            self.sent.pop_front();
        }
        self.sent.push_back(event.clone());
        event.message()
    }

    fn event(&mut self) -> Event {
        // A few run low again before their spacing is over.
        let hot = &self.accounts[HOT.start.min(self.accounts.len())..HOT.end.min(self.accounts.len())];
        let account = match self.dice.one_in(4) {
            true if !hot.is_empty() => self.dice.pick(hot),
            true | false => self.dice.pick(&self.accounts),
        };
        // Some come hours late.
        let late_s = if self.dice.one_in(20) {
            self.dice.below(40 * 3_600)
        } else {
            0
        };
        let late = SignedDuration::from_secs(i64::try_from(late_s).unwrap_or_default());
        let sent_at = Timestamp::now()
            .checked_sub(late)
            .unwrap_or(Timestamp::UNIX_EPOCH);
        let service = if people::has_whatsapp(account, self.count) && self.dice.one_in(2) {
            "whatsapp"
        } else {
            "sms"
        };
        let thousandths = self.dice.between(1, 20_000);
        event(account)
            .id(self.id(sent_at))
            .sent_at(sent_at)
            .service(service)
            .credits(format!("{}.{:03}", thousandths / 1_000, thousandths % 1_000))
            .with("messages", self.dice.between(1, 500))
    }

    fn id(&mut self, at: Timestamp) -> Uuid {
        if self.dice.one_in(10) {
            return Builder::from_random_bytes(self.dice.bytes()).into_uuid();
        }
        let millis = u64::try_from(at.as_millisecond()).unwrap_or_default();
        Builder::from_unix_timestamp_millis(millis, &self.dice.bytes()).into_uuid()
    }

    /// A burst of what is to be parked.
    pub(crate) fn useless(&mut self) -> Vec<Raw> {
        (0..BURST).map(|_| self.bad()).collect()
    }

    /// What is to be parked: each of these has a body of its own, by which it is known again.
    fn bad(&mut self) -> Raw {
        let unique = Uuid::from_bytes(self.dice.bytes());
        let event = self.event();
        match self.dice.below(10) {
            0 => raw(format!("no json {unique}")),
            1 => raw([event.message().body(), b"\xff\xfe"].concat()),
            2 => event.with("account_id", "nobody").message(),
            3 => event.with("credits", -1).message(),
            4 => event.with("account_id", 9_000_000_000_i64).message(),
            5 => event.without("sent_at").message(),
            6 => event.message().kind(Some("sms-sent.v99")),
            7 => event.message().message_id(&unique.to_string()),
            8 => raw(format!("{}{unique}{}", "[".repeat(5_000), "]".repeat(5_000))),
            _ => {
                let mut body = event.message().body().to_vec();
                body.resize(TOO_LARGE_BYTES, b' ');
                raw(body)
            }
        }
    }
}

/// Bytes that no queue of the fleet can use.
pub(crate) fn useless(dice: &mut Dice) -> Raw {
    let unique = Uuid::from_bytes(dice.bytes());
    match dice.below(4) {
        0 => raw(format!("{{\"reference\": \"{unique}\"")),
        1 => raw(format!("[\"{unique}\"]")),
        2 => raw(unique.as_bytes().to_vec()).no_message_id(),
        _ => raw(format!("{{\"topup_id\": \"{unique}\", \"status\": 1e999}}")).kind(Some("nonsense")),
    }
}
