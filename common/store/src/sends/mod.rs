//! The transaction of a batch of sends: debit, hold, trigger, notice, all or nothing.
//!
//! One batch is one transaction, because the commit is what costs. Its steps:
//!
//! 1. admit each send by the database's clock (S4), fold exact repeats inside the batch into one;
//! 2. sum up per wallet and debit all wallets in one statement, in their order; what it returns is the locked rows
//!    that the rules decide on; refuse what has no wallet;
//! 3. COPY the ledger rows, optimistically: a repeat ends the transaction on the ledger's key, and the
//!    batch is run again on the careful path, which finds out which sends were there before (S1, S2);
//! 4. let the rules decide trigger and notice; write the few wallets of which they want more than the debit;
//! 5. write top-ups, notices and outbox rows.
//!
//! What makes it fast, beside the batch:
//!
//! * A wallet is written once. Locking it first and writing it afterwards would be two changes of its row and two
//!   records in the log; over many accounts that is nearly as many as there are sends.
//! * The wallets are found one by one through their key, in the order of the statement's arrays ([`BEGIN`]): that
//!   is the one lock order, and no more rows are looked at however many accounts there are. What many accounts cost
//!   is a page for each wallet: to be tidied, written, and logged whole after a checkpoint.
//! * The ledger's rows go in as one piece of binary COPY, every column given. A default that has to be asked for
//!   row by row, such as the clock, would make the database insert row by row, too.
//! * The ledger has one index, and keys of version 7 come nearly in its order.
//! * All statements are prepared once a connection.
//!
//! The careful path locks, looks and writes one after the other. It is several times slower, and only repeats and
//! what a wallet's row can't hold ever take it.
//!
//! Two sends of one batch with the same identity and different content are not decided here against each
//! other: the later one takes another round, when the earlier one is in the ledger or is not.

mod ledger;
mod wallets;

use crate::outbox::{self, Draft, OutboxMessage};
use crate::transaction::Tx;
use crate::{Store, StoreError, locks, notices, partitions, prices};
use jiff::Timestamp;
use std::collections::{BTreeMap, HashMap};
use topup_rules::account::{AutoTopupSettings, Method, Wallet};
use topup_rules::credits::Credits;
use topup_rules::ids::{TopupId, WalletKey};
use topup_rules::low_credit;
use topup_rules::message::{SmsSent, TopupRequested};
use topup_rules::notices::NoticeDraft;
use topup_rules::sends::{LedgerKey, OpenWindow, RecordedSend, Repeat, SendRefusal, admit, debit, repeat};
use topup_rules::trigger::{Trigger, after_send, triggering_send};
use uuid::Uuid;

/// A send, and the trace that it is part of.
#[derive(Debug, Clone)]
pub struct Send {
    /// What the sender published.
    pub event: SmsSent,
    /// Its trace.
    pub traceparent: Option<String>,
}

/// What became of one send.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SendOutcome {
    /// Debited now.
    Debited,
    /// Debited before: a repeat.
    AlreadyDone,
    /// Nothing changed; to be parked with this reason.
    Refused(SendRefusal),
}

/// What became of a batch.
#[derive(Debug, Default)]
pub struct SendsRecorded {
    /// One for each send, in order.
    pub outcomes: Vec<SendOutcome>,
    /// To be published now.
    pub outbox: Vec<OutboxMessage>,
    /// Top-ups requested.
    pub triggered: usize,
    /// Wallets that went below zero (S3).
    pub below_zero: usize,
    /// Wallets that crossed their notice threshold (L1).
    pub low_credit: usize,
}

/// How wallets and ledger rows are written.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Path {
    /// As if nothing had been there before: a debit at once, and a COPY; a repeat ends the transaction.
    Optimistic,
    /// Finds out what was there before.
    Careful,
}

/// The debit of the wallets is to look each of them up by its key, in the order of the arrays it is given, which is
/// the lock order: by no other way of joining, however many there are.
const BEGIN: &str = "BEGIN; SET LOCAL enable_hashjoin = off; SET LOCAL enable_mergejoin = off; SET LOCAL enable_seqscan = off";

impl Store {
    /// Debits a batch of sends, each exactly once.
    ///
    /// # Errors
    /// The database's; nothing is changed then, and the same batch may be given again.
    pub async fn record_sends(
        &self,
        sends: &[Send],
        window: &OpenWindow,
    ) -> Result<SendsRecorded, StoreError> {
        let mut all = SendsRecorded {
            outcomes: vec![SendOutcome::AlreadyDone; sends.len()],
            ..Default::default()
        };
        let mut left: Vec<usize> = (0..sends.len()).collect();
        while !left.is_empty() {
            let round = Round::of(sends, &left);
            let done = self.record_round(&round, window).await?;
            for (&at, outcome) in round.places.iter().zip(done.outcomes) {
                all.outcomes[at] = outcome;
            }
            for &(at, first) in &round.repeats {
                all.outcomes[at] = match &all.outcomes[first] {
                    SendOutcome::Debited => SendOutcome::AlreadyDone,
                    other @ (SendOutcome::AlreadyDone | SendOutcome::Refused(_)) => other.clone(),
                };
            }
            all.outbox.extend(done.outbox);
            all.triggered += done.triggered;
            all.below_zero += done.below_zero;
            all.low_credit += done.low_credit;
            left = round.next;
        }
        Ok(all)
    }

    async fn record_round(
        &self,
        round: &Round<'_>,
        window: &OpenWindow,
    ) -> Result<SendsRecorded, StoreError> {
        let optimistic = self
            .transact_as(BEGIN, |tx| async move {
                record(&tx, &round.sends, window, Path::Optimistic).await
            })
            .await;
        match optimistic {
            Err(error) if error.violates("ledger_pk") => {
                self.transact(|tx| async move { record(&tx, &round.sends, window, Path::Careful).await })
                    .await
            }
            Ok(done) => Ok(done),
            Err(error) => Err(error),
        }
    }
}

/// The sends of a batch that can be decided at once: each identity at most once.
struct Round<'a> {
    sends: Vec<&'a Send>,
    /// Where each stands in the batch.
    places: Vec<usize>,
    /// Exact repeats: (place, place of the first).
    repeats: Vec<(usize, usize)>,
    /// Same identity, other content: for the next round.
    next: Vec<usize>,
}

impl<'a> Round<'a> {
    fn of(all: &'a [Send], left: &[usize]) -> Self {
        let mut firsts: HashMap<LedgerKey, usize> = HashMap::with_capacity(left.len());
        let mut round = Self {
            sends: Vec::with_capacity(left.len()),
            places: Vec::with_capacity(left.len()),
            repeats: vec![],
            next: vec![],
        };
        for &at in left {
            let event = &all[at].event;
            let key = topup_rules::sends::ledger_key(event.event_id, event.sent_at);
            match firsts.get(&key) {
                None => {
                    firsts.insert(key, at);
                    round.sends.push(&all[at]);
                    round.places.push(at);
                }
                Some(&first) => match repeat(&RecordedSend::from(&all[first].event), event) {
                    Repeat::AlreadyDone => round.repeats.push((at, first)),
                    Repeat::Conflicting(_) => round.next.push(at),
                },
            }
        }
        round
    }
}

/// A send that passed every check so far.
struct Admitted<'a> {
    /// Its place in the round.
    place: usize,
    key: LedgerKey,
    send: &'a Send,
}

impl Admitted<'_> {
    const fn wallet(&self) -> WalletKey {
        self.send.event.wallet()
    }
}

async fn record(
    tx: &Tx,
    sends: &[&Send],
    window: &OpenWindow,
    path: Path,
) -> Result<SendsRecorded, StoreError> {
    let (now, window) = partitions::clock_and_window(tx, window).await?;
    let mut outcomes = vec![SendOutcome::Debited; sends.len()];

    let mut admitted = Vec::with_capacity(sends.len());
    for (place, &send) in sends.iter().enumerate() {
        match admit(&send.event, now, &window) {
            Ok(key) => admitted.push(Admitted { place, key, send }),
            Err(refusal) => outcomes[place] = SendOutcome::Refused(refusal),
        }
    }

    let locked = match path {
        Path::Optimistic => wallets::take(tx, &admitted).await?,
        Path::Careful => locks::wallets(tx, admitted.iter().map(|a| a.send.event.wallet())).await?,
    };
    let missing = wallets::refusals(tx, &admitted, &locked).await?;
    admitted.retain(|a| match missing.get(&a.send.event.wallet()) {
        Some(refusal) => {
            outcomes[a.place] = SendOutcome::Refused(refusal.clone());
            false
        }
        None => true,
    });

    match path {
        Path::Optimistic => ledger::copy(tx, &admitted, now).await?,
        Path::Careful => {
            let repeats = ledger::insert_new(tx, &admitted).await?;
            admitted.retain(|a| match repeats.get(&a.key) {
                Some(recorded) => {
                    outcomes[a.place] = match repeat(recorded, &a.send.event) {
                        Repeat::AlreadyDone => SendOutcome::AlreadyDone,
                        Repeat::Conflicting(refusal) => SendOutcome::Refused(refusal),
                    };
                    false
                }
                None => true,
            });
        }
    }

    let mut done = SendsRecorded {
        outcomes,
        ..Default::default()
    };
    let released = wallets::use_holds(tx, &admitted).await?;
    let debits = debits(&admitted, locked, &released);
    let decided = decide(&debits);
    done.triggered = decided.requests.len();
    done.below_zero = decided.below_zero;
    done.low_credit = decided.low_credit.len();
    wallets::write(tx, &debits, &decided.requests, path).await?;
    done.outbox = request_topups(tx, &decided.requests, now).await?;
    let low_credit: Vec<_> = decided
        .low_credit
        .iter()
        .map(|(draft, cause)| (draft, cause.send.traceparent.as_deref()))
        .collect();
    done.outbox
        .extend(notices::request_traced(tx, &low_credit).await?);
    Ok(done)
}

/// What a batch does to one wallet.
struct Debit<'a> {
    /// As it was before, which is what its row says on the careful path.
    before: Credits,
    /// As it was before, less all its sends, which is what its row says on the optimistic one.
    taken: Credits,
    uses_holds: bool,
    /// As it is after the batch.
    wallet: Wallet,
    /// In the order of the batch.
    sends: Vec<&'a Admitted<'a>>,
}

fn debits<'a>(
    admitted: &'a [Admitted<'a>],
    locked: BTreeMap<WalletKey, Wallet>,
    released: &HashMap<WalletKey, Credits>,
) -> Vec<Debit<'a>> {
    // Both in the order of the wallets; one whose sends were all there before is passed over.
    let mut locked = locked.into_iter();
    by_wallet(admitted)
        .chunk_by(|one, other| one.wallet() == other.wallet())
        .filter_map(|sends| {
            let key = sends.first()?.wallet();
            let (_, mut wallet) = locked.find(|(other, _)| *other == key)?;
            let before = wallet.balance;
            wallet.balance = sends
                .iter()
                .fold(before, |balance, a| debit(balance, a.send.event.credits));
            if let Some(&from_holds) = released.get(&key) {
                wallet.held = debit(wallet.held, from_holds);
            }
            Some(Debit {
                before,
                taken: Credits::from_milli(before.milli() - sum_milli(sends)),
                uses_holds: released.contains_key(&key),
                wallet,
                sends: sends.to_vec(),
            })
        })
        .collect()
}

/// Wallet by wallet, in their order; those of one wallet in the order of the batch.
fn by_wallet<'a>(admitted: &'a [Admitted<'a>]) -> Vec<&'a Admitted<'a>> {
    let mut sends: Vec<_> = admitted.iter().collect();
    sends.sort_by_key(|a| a.wallet());
    sends
}

/// What they cost together; far from overflow, since each is bounded and so is their number.
fn sum_milli(sends: &[&Admitted<'_>]) -> i64 {
    sends.iter().map(|a| a.send.event.credits.milli()).sum()
}

/// A top-up that a wallet asks for.
pub(crate) struct Request {
    topup_id: TopupId,
    wallet: WalletKey,
    settings: AutoTopupSettings,
    event: Uuid,
    balance: Credits,
    traceparent: Option<String>,
}

struct Decided<'a> {
    requests: Vec<Request>,
    /// Each with the send that crossed the threshold.
    low_credit: Vec<(NoticeDraft, &'a Admitted<'a>)>,
    below_zero: usize,
}

/// Asks the rules, wallet by wallet.
fn decide<'a>(debits: &[Debit<'a>]) -> Decided<'a> {
    let mut decided = Decided {
        requests: Vec::new(),
        low_credit: Vec::new(),
        below_zero: 0,
    };
    for Debit {
        before,
        wallet,
        sends,
        ..
    } in debits
    {
        if before.milli() >= 0 && wallet.balance.milli() < 0 {
            decided.below_zero += 1;
        }
        let credits: Vec<Credits> = sends.iter().map(|a| a.send.event.credits).collect();
        let reached_by = |threshold| trigger_of(sends, triggering_send(*before, &credits, threshold));
        match after_send(wallet) {
            Trigger::None(_) => {}
            Trigger::Request(settings) => {
                let cause = reached_by(settings.threshold);
                decided.requests.push(Request {
                    topup_id: Uuid::now_v7(),
                    wallet: wallet.key,
                    settings,
                    event: cause.key.uuid(),
                    balance: wallet.balance,
                    traceparent: cause.send.traceparent.clone(),
                });
            }
        }
        if low_credit::crossed(*before, wallet.balance, wallet.low_credit_threshold) {
            let cause = reached_by(wallet.low_credit_threshold);
            let draft = topup_rules::notices::low_credit(
                wallet.key,
                wallet.balance,
                wallet.low_credit_threshold,
                &cause.key.uuid().to_string(),
            );
            decided.low_credit.push((draft, cause));
        }
    }
    decided
}

/// The send at that place; the last one where the rules name none (they name one for every debit).
fn trigger_of<'a>(sends: &[&'a Admitted<'a>], place: Option<usize>) -> &'a Admitted<'a> {
    sends[place.unwrap_or(sends.len() - 1)]
}

/// C4, T1: the top-ups, priced as of now, with their messages.
async fn request_topups(
    tx: &Tx,
    requests: &[Request],
    now: Timestamp,
) -> Result<Vec<OutboxMessage>, StoreError> {
    if requests.is_empty() {
        return Ok(Vec::new());
    }
    let prices = prices::prices_in(tx).await?;
    let accounts: Vec<i64> = requests.iter().map(|r| r.wallet.account.get()).collect();
    let currencies = wallets::currencies(tx, &accounts).await?;
    let amounts: Vec<Option<i64>> = requests
        .iter()
        .map(|r| match r.settings.method {
            Method::Transfer => None,
            Method::Card => {
                let currency = *currencies.get(&r.wallet.account)?;
                prices
                    .price_of(r.wallet.service, currency, r.settings.quantity)
                    .map(|q| q.price.amount_minor)
            }
        })
        .collect();
    wallets::insert_topups(tx, requests, &amounts, now).await?;
    let drafts = requests
        .iter()
        .map(|r| {
            let message = TopupRequested {
                topup_id: r.topup_id,
                account_id: r.wallet.account,
                service: r.wallet.service,
                requested_at: now,
            };
            Ok(Draft::new(r.wallet.account, &message)?.traced(r.traceparent.as_deref()))
        })
        .collect::<Result<Vec<_>, StoreError>>()?;
    outbox::write(tx, drafts).await
}
