//! Work in hand: what a process does between two transactions. It goes on step by step, or dies with its process.

use super::{Done, Driver, Item, at, same};
use crate::gateway::{Behaviour, Charged};
use crate::model::{Asking, Heard};
use crate::policy;
use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use topup_rules::inquiries::{AfterInquiry, Told};
use topup_rules::lines::CallEnd;
use topup_rules::message::{PaymentResult, PaymentStatus, ResultSource};
use topup_store::{Answer, ChargeIntent, GatewayCall, Inquired, InquiryEnd, LineEnd, NotOpened, PageIntent};

/// How many payments are taken up at once.
const ASKED_MAX: i64 = 100;

/// What somebody has in hand.
pub(super) enum InHand {
    /// An intent is committed; the gateway is to be called.
    ToCharge {
        item: Option<Item>,
        intent: Box<ChargeIntent>,
    },
    /// The gateway was called; what it said is to be written down.
    Charged {
        item: Option<Item>,
        intent: Box<ChargeIntent>,
        call: GatewayCall,
        charged: Charged,
    },
    /// The gateway is to be asked for its page.
    ToPage { intent: Box<PageIntent> },
    /// A payment is to be asked about.
    ToAsk { asking: Asking, inquired: Box<Inquired> },
    /// It was; what was heard is to be written down.
    Heard {
        asking: Asking,
        inquired: Box<Inquired>,
        heard: Heard,
        call: GatewayCall,
        end: Box<InquiryEnd>,
    },
}

impl InHand {
    /// The message that it is done for.
    fn item(self) -> Option<Item> {
        match self {
            Self::ToCharge { item, .. } | Self::Charged { item, .. } => item,
            Self::ToPage { .. } | Self::ToAsk { .. } | Self::Heard { .. } => None,
        }
    }
}

impl Driver<'_> {
    /// One step further.
    pub(super) async fn go(&mut self, pick: usize, then: Behaviour) -> Result<Option<Done>> {
        let Some(at) = at(pick, self.hands.len()) else {
            return Ok(None);
        };
        let done = match self.hands.remove(at) {
            InHand::ToCharge { item, intent } => self.charge(item, intent, then)?,
            InHand::Charged {
                item,
                intent,
                call,
                charged,
            } => self.write_answer(item, &intent, call, charged).await?,
            InHand::ToPage { intent } => self.page(&intent, then).await?,
            InHand::ToAsk { asking, inquired } => self.question(asking, inquired, then)?,
            InHand::Heard {
                asking,
                inquired,
                heard,
                call,
                end,
            } => self.write_heard(&asking, &inquired, heard, call, &end).await?,
        };
        Ok(Some(done))
    }

    /// Its process is gone; an unacknowledged message comes again.
    pub(super) fn die(&mut self, pick: usize) -> Option<Done> {
        let hand = self.hands.remove(at(pick, self.hands.len())?);
        let item = hand.item();
        let told = item
            .as_ref()
            .map_or_else(|| "a question or a page".to_owned(), |item| item.name.clone());
        self.bag.extend(item);
        Some(Done::outside(told))
    }

    fn call(&self) -> Result<GatewayCall> {
        Ok(GatewayCall {
            started_at: self.now()?,
        })
    }

    fn charge(&mut self, item: Option<Item>, intent: Box<ChargeIntent>, then: Behaviour) -> Result<Done> {
        let reference = self.names.plain(intent.reference.as_str());
        let charged = self.books.charge(&reference, intent.amount.amount_minor, then);
        let told = format!("the gateway is called for {reference}: {charged:?}");
        let call = self.call()?;
        self.hands.push(InHand::Charged {
            item,
            intent,
            call,
            charged,
        });
        Ok(Done::outside(told))
    }

    async fn write_answer(
        &mut self,
        item: Option<Item>,
        intent: &ChargeIntent,
        call: GatewayCall,
        charged: Charged,
    ) -> Result<Done> {
        let plain = self.names.plain(intent.reference.as_str());
        let answer = match charged {
            Charged::Said(status) => {
                self.model.answered(&plain, &format!("{plain}:{status}"));
                Answer::Result {
                    result: Box::new(self.result_of_call(&plain, status, ResultSource::Charge)?),
                    challenge_url: None,
                }
            }
            Charged::TurnedAway => {
                self.model.troubled(&plain);
                Answer::Trouble {
                    reason: "too many requests".to_owned(),
                    at_least_s: None,
                }
            }
        };
        let line = LineEnd {
            end: CallEnd::Answered,
            policy: policy::LINE,
        };
        let store = &self.db.store;
        let messages = store
            .record_answer(intent, call, &answer, &policy::TROUBLE_PAUSES, line)
            .await?;
        let mut done = Done::told(format!("the answer for {plain} is written down")).with(messages);
        done.delivery = item.map(|item| (item, false));
        Ok(done)
    }

    /// An answer that was not seen names no money.
    fn result_of_call(
        &self,
        plain: &str,
        status: PaymentStatus,
        source: ResultSource,
    ) -> Result<PaymentResult> {
        let mut result = self.result(plain, status, source)?;
        if status == PaymentStatus::Unknown {
            result.amount_minor = None;
            result.currency = None;
        }
        Ok(result)
    }

    async fn page(&mut self, intent: &PageIntent, then: Behaviour) -> Result<Done> {
        let plain = self.names.plain(intent.reference.as_str());
        let (call, store) = (self.call()?, &self.db.store);
        if matches!(
            then,
            Behaviour::FailsInSilence | Behaviour::TurnsAway | Behaviour::Declines
        ) {
            self.model.answered(&plain, &format!("{plain}:failed"));
            let messages = store
                .record_not_opened(intent, call, NotOpened::NoPage, "no page", "no page")
                .await?;
            return Ok(Done::told(format!("there is no page for {plain}")).with(messages));
        }
        self.model.has_page(&plain);
        store
            .record_page(intent, call, "https://pay.example/1", &policy::INQUIRIES)
            .await?;
        self.books.charge(&plain, intent.amount.amount_minor, then);
        Ok(Done::told(format!("there is a page for {plain}")))
    }

    /// As the sweeper's inquiries do: payments are leased.
    pub(super) async fn ask(&mut self) -> Result<Done> {
        let asking = self.model.due_questions();
        let (lease, age) = (
            SignedDuration::from_secs(policy::LEASE_S),
            SignedDuration::from_secs(policy::CHARGE_AGE_S),
        );
        let mut due = self.db.store.due_inquiries(lease, age, ASKED_MAX).await?;
        due.sort_by_key(|inquired| self.names.plain(inquired.reference.as_str()));
        let named: Vec<String> = due
            .iter()
            .map(|it| self.names.plain(it.reference.as_str()))
            .collect();
        let expected: Vec<String> = asking.iter().map(|it| it.reference.clone()).collect();
        let told = same(format!("{expected:?}"), format!("{named:?}"))?;
        for (asking, inquired) in asking.into_iter().zip(due) {
            let inquired = Box::new(inquired);
            self.hands.push(InHand::ToAsk { asking, inquired });
        }
        let mut done = Done::told(told);
        done.is_outside = expected.is_empty();
        Ok(done)
    }

    fn question(&mut self, asking: Asking, inquired: Box<Inquired>, then: Behaviour) -> Result<Done> {
        let plain = asking.reference.clone();
        let heard = match then {
            Behaviour::TurnsAway => Heard::OurTrouble,
            Behaviour::FailsInSilence => Heard::NoVerdict,
            Behaviour::Approves
            | Behaviour::Declines
            | Behaviour::Challenges
            | Behaviour::Delays
            | Behaviour::CapturesInSilence => {
                self.books.verdict(&plain).map_or(Heard::NotKnown, Heard::Verdict)
            }
        };
        let (told, result) = match heard {
            Heard::Verdict(status) => (
                Told::Verdict(status),
                Some(self.result_of_call(&plain, status, ResultSource::Verify)?),
            ),
            Heard::NotKnown => (Told::NotKnown, None),
            Heard::NoVerdict => (Told::NoVerdict, None),
            Heard::OurTrouble => (Told::OurTrouble { at_least_s: None }, None),
        };
        let end = Box::new(InquiryEnd {
            told,
            detail: None,
            result,
        });
        let call = self.call()?;
        self.hands.push(InHand::Heard {
            asking,
            inquired,
            heard,
            call,
            end,
        });
        Ok(Done::outside(format!(
            "the gateway is asked about {plain}: {heard:?}"
        )))
    }

    async fn write_heard(
        &mut self,
        asking: &Asking,
        inquired: &Inquired,
        heard: Heard,
        call: GatewayCall,
        end: &InquiryEnd,
    ) -> Result<Done> {
        let plain = &asking.reference;
        let message = match heard {
            Heard::Verdict(status) => Some(format!("{plain}:{status}")),
            Heard::NotKnown | Heard::NoVerdict | Heard::OurTrouble => None,
        };
        let rules = self
            .model
            .heard(asking, heard, message.as_deref(), &format!("{plain}:failed"));
        let (after, messages) = self
            .db
            .store
            .record_inquiry(inquired, call, end, &policy::INQUIRIES)
            .await?;
        let store = match after {
            None => "another's",
            Some(AfterInquiry::Settle { .. }) => "settle",
            Some(AfterInquiry::AskAgain { .. }) => "ask again",
            Some(AfterInquiry::SubmitAgain) => "submit again",
            Some(AfterInquiry::NeverCharged | AfterInquiry::NotPaidInTime) => "purchase is over",
            Some(AfterInquiry::Park) => "park",
        };
        let told = same(rules, store)?;
        Ok(Done::told(format!("what was heard of {plain} is written down: {told}")).with(messages))
    }

    /// The payment's own answer as it was kept, for who publishes it again.
    pub(super) async fn kept_answers(&self) -> Result<Vec<(String, String)>> {
        let answers = self.db.answers().await?;
        answers
            .into_iter()
            .map(|(reference, status)| {
                ensure!(!status.is_empty(), "an answer without a status");
                let plain = self.names.plain(&reference);
                Ok((plain.clone(), format!("{plain}:{status}")))
            })
            .collect()
    }

    /// A moment of the model as the store has it.
    pub(super) fn moment(at: i64) -> Result<Timestamp> {
        Timestamp::from_microsecond(at).context("a moment")
    }
}
