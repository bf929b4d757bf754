//! C5, C8, C10: many workers and sweepers at once, a gateway that loses calls and answers, results that come twice and
//! in any order: each reference is captured once, each top-up credited once, and the audit is clean.

use std::collections::BTreeSet;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use jiff::{SignedDuration, Timestamp};
use topup_rules::ids::{Reference, WalletKey};
use topup_rules::inquiries::{InquiryPolicy, Told};
use topup_rules::message::{PaymentResult, PaymentStatus, ResultSource, TopupRequested};
use topup_store::{Answer, ChargeIntent, InquiryEnd, OutboxMessage, SettlementPolicy, Woken};
use topup_tests::{
    Library, event, main_account, our_trouble, result_of, said, settlement_policy, sms_wallet, topup_policy,
};

const ACCOUNTS: i64 = 16;
/// Together fewer than there are connections.
const WORKERS: u64 = 4;
const SWEEPERS: u64 = 3;
/// Longest that all of it may take, on a busy machine.
const LONGEST: SignedDuration = SignedDuration::from_mins(3);
/// What decides when a call is lost; the order of events is the machine's.
const SEED: u64 = 20_261_122;

/// A gateway that captures a reference once, and says what a test's dice say.
struct Gateway {
    captured: Mutex<BTreeSet<Reference>>,
    calls: AtomicU64,
    captures: AtomicU64,
}

impl Gateway {
    /// What a caller gets to see of a charge; `None`: it died before it could write anything down.
    fn charge(&self, intent: &ChargeIntent) -> Option<Answer> {
        let verdict = |status| {
            Some(Answer::Result {
                result: Box::new(result_of(intent, status, ResultSource::Charge)),
                challenge_url: None,
            })
        };
        let dice = dice(self.calls.fetch_add(1, Ordering::Relaxed)) % 8;
        match dice {
            0 => return Some(our_trouble()),
            1 => return verdict(PaymentStatus::Unknown),
            2 => return None,
            _ => {}
        }
        if !self
            .captured
            .lock()
            .expect("no panic")
            .insert(intent.reference.clone())
        {
            // A second use of a reference: whatever became of the first.
            return verdict(PaymentStatus::Unknown);
        }
        self.captures.fetch_add(1, Ordering::Relaxed);
        match dice {
            3 => verdict(PaymentStatus::Unknown),
            4 => None,
            5 => verdict(PaymentStatus::Pending),
            _ => verdict(PaymentStatus::Success),
        }
    }

    fn verify(&self, reference: &Reference, intent: &PaymentResult) -> InquiryEnd {
        match dice(self.calls.fetch_add(1, Ordering::Relaxed)) % 6 {
            0 => return said(Told::NoVerdict),
            1 => return said(Told::OurTrouble { at_least_s: None }),
            _ => {}
        }
        if self.captured.lock().expect("no panic").contains(reference) {
            InquiryEnd {
                result: Some(intent.clone()),
                ..said(Told::Verdict(PaymentStatus::Success))
            }
        } else {
            said(Told::NotKnown)
        }
    }
}

/// A number that looks like none before it.
fn dice(number: u64) -> u64 {
    let mixed = (number ^ SEED).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (mixed ^ (mixed >> 29)).wrapping_mul(0xBF58_476D_1CE4_E5B9) >> 32
}

struct Storm {
    library: Library,
    gateway: Gateway,
    settlement: SettlementPolicy,
}

impl Storm {
    /// Wakes a top-up, and does what it says.
    async fn wake(&self, wallet: WalletKey, topup: uuid::Uuid) -> Result<()> {
        match self
            .library
            .store
            .wake_topup(wallet, topup, &topup_policy())
            .await?
        {
            Woken::Charge(intent) => {
                if let Some(answer) = self.gateway.charge(&intent) {
                    self.library.answered(&intent, &answer).await?;
                }
            }
            Woken::Moved { .. } | Woken::Stale(_) | Woken::Missing => {}
        }
        Ok(())
    }

    /// Does what the receivers of messages would do, some of them twice, and some never.
    async fn deliver(&self, messages: Vec<OutboxMessage>) -> Result<()> {
        for message in messages {
            let number = u64::try_from(message.id)?;
            for _ in 0..dice(number) % 3 {
                match message.queue.as_str() {
                    "payment-results" => {
                        let result: PaymentResult = serde_json::from_slice(&message.body)?;
                        self.library
                            .store
                            .settle_payment(&result, &self.settlement)
                            .await?;
                    }
                    "topup-requested" => {
                        let wanted: TopupRequested = serde_json::from_slice(&message.body)?;
                        let wallet = sms_wallet(wanted.account_id.get());
                        self.wake(wallet, wanted.topup_id).await?;
                    }
                    _ => {}
                }
            }
        }
        Ok(())
    }

    async fn are_open(&self) -> Result<bool> {
        Ok(!self.library.store.open_topups_by_state().await?.is_empty())
    }

    /// What lies in the outbox, and top-ups that are due, until nothing is open.
    async fn work(&self) -> Result<()> {
        let until = Timestamp::now() + LONGEST;
        let soon = SignedDuration::from_millis(200);
        while self.are_open().await? {
            ensure!(Timestamp::now() < until, "top-ups stay open");
            let store = &self.library.store;
            self.deliver(store.outbox_overdue(SignedDuration::ZERO, 20).await?)
                .await?;
            self.deliver(store.overdue_topups(soon, 20).await?).await?;
            self.deliver(store.overdue_charges(soon, 20).await?).await?;
        }
        Ok(())
    }

    /// Asks about what is due, until nothing is open. What is under way is asked about as well: nobody waits for it.
    async fn sweep(&self, policy: &InquiryPolicy) -> Result<()> {
        let lease = SignedDuration::from_millis(500);
        while self.are_open().await? {
            let due = self
                .library
                .store
                .due_inquiries(lease, SignedDuration::ZERO, 3)
                .await?;
            for inquired in due {
                let ours = self
                    .library
                    .store
                    .payments_of(std::slice::from_ref(&inquired.reference))
                    .await?;
                let ours = ours.first().context("a payment")?;
                let captured = PaymentResult {
                    reference: ours.reference.clone(),
                    gateway: inquired.gateway.clone(),
                    status: PaymentStatus::Success,
                    amount_minor: Some(ours.amount.amount_minor),
                    currency: Some(ours.amount.currency),
                    gateway_transaction_id: None,
                    reason: None,
                    decline: None,
                    card: None,
                    source: ResultSource::Verify,
                    mode: ours.mode,
                    reversal_id: None,
                    occurred_at: Timestamp::now(),
                };
                let end = self.gateway.verify(&inquired.reference, &captured);
                let (_, messages) = self.library.told(&inquired, &end, policy).await?;
                self.deliver(messages).await?;
            }
        }
        Ok(())
    }
}

#[tokio::test]
async fn whatever_gets_lost_comes_twice_or_at_once_is_captured_once_and_credited_once() -> Result<()> {
    let accounts: Vec<_> = (1..=ACCOUNTS)
        .map(|id| main_account(id).credits(150).card("AUTH_ok"))
        .collect();
    let library = Library::with(&accounts).await?;
    library.list_prices().await?;
    for account in 1..=ACCOUNTS {
        library
            .send(&event(account).credits(50))
            .await?
            .context("a top-up")?;
    }
    let storm = Storm {
        library,
        gateway: Gateway {
            captured: Mutex::default(),
            calls: AtomicU64::new(0),
            captures: AtomicU64::new(0),
        },
        settlement: settlement_policy(),
    };
    let policy = InquiryPolicy {
        not_known_max: 2,
        ..storm.settlement.inquiries
    };
    let workers = try_join_all((0..WORKERS).map(|_| storm.work()));
    let sweepers = try_join_all((0..SWEEPERS).map(|_| storm.sweep(&policy)));
    futures_util::future::try_join(workers, sweepers).await?;

    let rows = storm.library.rows().await?;
    let wrong = "SELECT count(*) FROM wallets WHERE balance_milli <> 600000 OR NOT auto_enabled";
    assert_eq!(rows.count(wrong).await?, 0);
    let settled = "SELECT count(*) FROM payments WHERE state = 'succeeded'";
    assert_eq!(rows.count(settled).await?, ACCOUNTS);
    assert_eq!(
        storm.gateway.captures.load(Ordering::Relaxed),
        u64::try_from(ACCOUNTS)?
    );
    storm.library.audit_is_clean().await
}
