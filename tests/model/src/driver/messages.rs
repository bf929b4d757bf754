//! Messages: sends in batches, everything else one by one; repeated, and lost.

use super::hands::InHand;
use super::start::WALLETS;
use super::{Done, Driver, Item, at, same};
use crate::gateway::Behaviour;
use crate::model::Told;
use crate::policy::{self, us};
use crate::steps::{Cost, Sent};
use crate::world::{NoticeState, account_of, service_of};
use anyhow::{Context as _, Result, bail};
use jiff::Timestamp;
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Service, WalletKey};
use topup_rules::message::{Notification, PaymentMode, PaymentResult, SmsSent, TopupRequested};
use topup_rules::sends::SendRefusal;
use topup_store::{Send, SendOutcome, Settled, Woken};
use uuid::Uuid;

/// What a send costs where there is nothing to pass.
const COST_MILLI: i64 = 500;

impl Driver<'_> {
    /// S1–S5: a batch, as `sms-sent` records it.
    pub(super) async fn sends(&mut self, sends: &[Sent]) -> Result<Done> {
        let mut batch = Vec::new();
        let mut rules = Vec::new();
        for sent in sends {
            let Some(event) = self.event(sent)? else { continue };
            rules.push(self.model.send(&event));
            self.events.push(event.clone());
            batch.push(Send {
                event,
                traceparent: None,
            });
        }
        let recorded = self.db.store.record_sends(&batch, &policy::WINDOW).await?;
        let store: Vec<&str> = recorded.outcomes.iter().map(outcome).collect();
        let costs: Vec<String> = batch
            .iter()
            .map(|it| format!("{} from {}", it.event.credits, it.event.wallet()))
            .collect();
        let outcomes = same(format!("{rules:?}"), format!("{store:?}"))?;
        Ok(Done::told(format!("{costs:?}: {outcomes}")).with(recorded.outbox))
    }

    fn event(&mut self, sent: &Sent) -> Result<Option<SmsSent>> {
        Ok(match sent {
            Sent::Again { pick } => self.earlier(*pick),
            Sent::Other { pick, field } => {
                let id = self.id();
                self.earlier(*pick).map(|event| with_other(event, *field, id))
            }
            Sent::New {
                wallet,
                cost,
                batch,
                age_s,
                with_time,
            } => {
                let name = WALLETS[*wallet];
                let sent_at = self.model.now - us(*age_s);
                let id = self.event_id(sent_at, *with_time);
                Some(SmsSent {
                    event_id: id,
                    account_id: account_id(account_of(name))?,
                    service: service_of(name).parse()?,
                    credits: Credits::from_milli(self.cost(name, *cost)),
                    messages: 1,
                    batch_id: batch.map(batch_id),
                    sent_at: Timestamp::from_microsecond(sent_at)?,
                })
            }
        })
    }

    fn earlier(&self, pick: usize) -> Option<SmsSent> {
        at(pick, self.events.len()).map(|at| self.events[at].clone())
    }

    fn cost(&self, wallet: &str, cost: Cost) -> i64 {
        let row = self.model.world.wallets.get(wallet);
        let balance = row.map_or(0, |row| row.balance);
        let past = |threshold: i64, milli: i64| match balance - threshold + milli {
            cost if cost > 0 => cost,
            _ => COST_MILLI,
        };
        match cost {
            Cost::Milli(milli) => milli,
            Cost::PastThreshold(milli) => past(
                row.and_then(|row| row.auto.as_ref())
                    .map_or(0, |auto| auto.threshold),
                milli,
            ),
            Cost::PastLow(milli) => past(row.map_or(0, |row| row.low), milli),
        }
    }

    /// A version-7 id, or one without a time.
    fn event_id(&mut self, sent_at: i64, with_time: bool) -> Uuid {
        if !with_time {
            return self.id();
        }
        let number = u128::from(self.number());
        let milliseconds = u128::try_from(sent_at.div_euclid(1_000)).unwrap_or_default();
        Uuid::from_u128(milliseconds << 80 | 0x7 << 76 | 0b10 << 62 | number)
    }

    /// One message, as its worker handles it.
    pub(super) async fn deliver(
        &mut self,
        pick: usize,
        twice: bool,
        then: Behaviour,
    ) -> Result<Option<Done>> {
        let Some(at) = at(pick, self.bag.len()) else {
            return Ok(None);
        };
        let item = self.bag.remove(at);
        let named = format!("{} {}", item.queue, item.name);
        let mut done = match item.queue.as_str() {
            "topup-requested" => self.wake(&item).await?,
            "payment-results" => self.settle(item).await?,
            "notifications" => self.notify(item, then).await?,
            other => bail!("a message for {other}"),
        };
        done.told = format!("{named}: {}", done.told);
        if let Some((_, again)) = &mut done.delivery {
            *again |= twice;
        }
        Ok(Some(done))
    }

    /// A delayed message comes when it should, or a little early or late.
    pub(super) async fn deliver_on_time(
        &mut self,
        pick: usize,
        past_us: i64,
        then: Behaviour,
    ) -> Result<Option<Done>> {
        let delayed: Vec<usize> = (0..self.bag.len())
            .filter(|at| self.bag[*at].not_before.is_some())
            .collect();
        let Some(at) = at(pick, delayed.len()).map(|at| delayed[at]) else {
            return Ok(None);
        };
        if let Some(due) = self.bag[at]
            .not_before
            .map(|due| due + past_us)
            .filter(|due| *due > self.model.now)
        {
            self.set_clock(due).await?;
        }
        self.deliver(self.bag.len() - 1 - at, false, then).await
    }

    /// As `topup-requested` does.
    async fn wake(&mut self, item: &Item) -> Result<Done> {
        let message: TopupRequested = serde_json::from_slice(&item.body)?;
        let wallet = WalletKey {
            account: message.account_id,
            service: message.service,
        };
        let rules = self.model.wake(&item.name);
        let woken = self
            .db
            .store
            .wake_topup(wallet, message.topup_id, &self.topups)
            .await?;
        let mut done = Done::default();
        let store = match woken {
            Woken::Charge(intent) => {
                let words = format!(
                    "charge {} to {}",
                    intent.amount.amount_minor, intent.authorization_code
                );
                self.hands.push(InHand::ToCharge {
                    item: Some(item.clone()),
                    intent,
                });
                words
            }
            Woken::Moved { state, outbox, .. } => {
                done.messages = outbox;
                done.delivery = Some((item.clone(), false));
                state.to_string()
            }
            Woken::Stale(_) => {
                done.delivery = Some((item.clone(), false));
                "stale".to_owned()
            }
            Woken::Missing => "missing".to_owned(),
        };
        done.told = same(rules, store)?;
        Ok(done)
    }

    /// As `payment-results` does: what comes too early comes again, what fits nothing is parked.
    async fn settle(&mut self, item: Item) -> Result<Done> {
        let result: PaymentResult = serde_json::from_slice(&item.body)?;
        let told = Told {
            reference: self.names.plain(result.reference.as_str()),
            status: result.status,
            amount: result.amount_minor,
            has_currency: result.currency == Some(policy::CURRENCY.parse()?),
            has_mode: result.mode == PaymentMode::Test,
            reason: result.reason.clone().unwrap_or_default(),
            reversal: result.reversal_id.clone(),
        };
        let rules = self.model.settle(&told);
        let mut done = Done::default();
        let settled = self.db.store.settle_payment(&result, &self.settling).await?;
        let mut comes_again = false;
        let store = match settled {
            Settled::Credited { late, outbox, .. } => {
                done.messages = outbox;
                if late { "credited late" } else { "credited" }
            }
            Settled::Failed { disabled, outbox } => {
                done.messages = outbox;
                if disabled { "failed and disabled" } else { "failed" }
            }
            // No card is registered in these histories.
            Settled::Registered { .. } => "registered",
            Settled::NotGivenBack { .. } => "not given back",
            Settled::StillOpen(_) => "still open",
            Settled::Reversed { whole, outbox, .. } => {
                done.messages = outbox;
                if whole {
                    "reversed whole"
                } else {
                    "reversed in part"
                }
            }
            Settled::Held { outbox } => {
                done.messages = outbox;
                "held"
            }
            Settled::Released => "released",
            Settled::Already(_) => "already",
            Settled::Later(_) => {
                comes_again = true;
                "later"
            }
            Settled::Misfit(_) => "misfit",
            Settled::Missing => "missing",
        };
        done.told = same(rules, store)?;
        done.delivery = Some((item, comes_again));
        Ok(done)
    }

    /// As `notifications` does, with a provider that takes it, refuses it, or is in trouble.
    async fn notify(&mut self, item: Item, then: Behaviour) -> Result<Done> {
        let message: Notification = serde_json::from_slice(&item.body)?;
        let (account, id) = (message.account_id, message.notification_id);
        let store = &self.db.store;
        let row = store
            .notice_to_send(account, id)
            .await?
            .context("a notice that there is not")?;
        if matches!(
            row.state,
            topup_store::NoticeState::Sent | topup_store::NoticeState::Skipped
        ) {
            return Ok(Done {
                delivery: Some((item, false)),
                ..Done::told("done before")
            });
        }
        let (rules, store, told) = match then {
            Behaviour::Approves | Behaviour::CapturesInSilence | Behaviour::Delays => (
                self.model.notice_ends(&item.name, NoticeState::Sent),
                store.notice_sent(account, id, "accepted").await?,
                "sent",
            ),
            Behaviour::Declines | Behaviour::Challenges => (
                self.model.notice_ends(&item.name, NoticeState::Parked),
                store.notice_parked(account, id, "refused").await?,
                "parked",
            ),
            Behaviour::FailsInSilence | Behaviour::TurnsAway => {
                return Ok(Done {
                    delivery: Some((item, true)),
                    ..Done::told("trouble")
                });
            }
        };
        same(rules, store)?;
        Ok(Done {
            delivery: Some((item, false)),
            ..Done::told(told)
        })
    }

    /// The broker loses one message.
    pub(super) fn lose(&mut self, pick: usize) -> Option<Done> {
        let item = self.bag.remove(at(pick, self.bag.len())?);
        Some(Done::outside(format!("{} {}", item.queue, item.name)))
    }

    /// The broker loses everything.
    pub(super) fn wipe(&mut self) -> Option<Done> {
        let lost = std::mem::take(&mut self.bag);
        (!lost.is_empty()).then(|| Done::outside(format!("{} messages", lost.len())))
    }
}

/// An account's number.
pub(super) fn account_id(id: i64) -> Result<AccountId> {
    AccountId::new(id).context("an account's number")
}

/// A wallet of that name.
pub(super) fn wallet_key(name: &str) -> Result<WalletKey> {
    Ok(WalletKey {
        account: account_id(account_of(name))?,
        service: service_of(name).parse()?,
    })
}

/// The batches that senders ask leave for.
pub(super) fn batch_id(number: usize) -> Uuid {
    Uuid::from_u128(0xBA7C_0000_0000_4000_8000_0000_0000_0000 + u128::try_from(number).unwrap_or_default())
}

fn outcome(outcome: &SendOutcome) -> &'static str {
    match outcome {
        SendOutcome::Debited => "debited",
        SendOutcome::AlreadyDone => "already",
        SendOutcome::Refused(refusal) => match refusal {
            SendRefusal::NotPositive { .. } | SendRefusal::TooLarge { .. } => "refused: credits",
            SendRefusal::TooOld { .. } | SendRefusal::TooNew { .. } => "refused: time",
            SendRefusal::UnknownAccount(_) | SendRefusal::NoWallet(_) => "refused: no wallet",
            SendRefusal::Conflicting { .. } => "refused: conflicting",
        },
    }
}

/// S2: the same identity, and another content; another time makes another event of an id without one.
fn with_other(mut event: SmsSent, field: usize, batch: Uuid) -> SmsSent {
    match field {
        0 => event.credits = Credits::from_milli(event.credits.milli() + 1),
        1 => event.messages += 1,
        2 => event.batch_id = Some(batch),
        3 => {
            event.sent_at =
                Timestamp::from_microsecond(event.sent_at.as_microsecond() - 1).unwrap_or(event.sent_at)
        }
        4 => {
            event.service = match event.service {
                Service::Sms => Service::Whatsapp,
                Service::Whatsapp => Service::Sms,
            };
        }
        _ => event.account_id = AccountId::new(event.account_id.get() % 2 + 1).unwrap_or(event.account_id),
    }
    event
}
