//! Card top-ups taken as far as a test wants them, with the store alone: no queue, no gateway.

use anyhow::{Context as _, Result, bail, ensure};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use topup_rules::ids::WalletKey;
use topup_rules::inquiries::{AfterInquiry, InquiryPolicy, Told};
use topup_rules::lines::{CallEnd, LinePolicy};
use topup_rules::message::{self, PaymentMode, PaymentResult, PaymentStatus, ResultSource, SmsSent};
use topup_rules::prices::{PriceList, PriceTier};
use topup_rules::retry::RetryPolicy;
use topup_rules::sends::OpenWindow;
use topup_store::{
    Answer, ChargeIntent, GatewayCall, Inquired, InquiryEnd, LineEnd, OutboxMessage, Send, SettingsChange,
    SettlementPolicy, TopupPolicy, Woken,
};
use uuid::Uuid;

use super::events::Event;
use super::library::{Library, account_id, sms_wallet};
use super::patience::eventually;
use super::prices::{Price, sample_prices};
use super::rows::Rows;

/// The pause after our own trouble.
const PAUSES: RetryPolicy = RetryPolicy {
    attempts_max: 5,
    first_s: 1,
    max_s: 1,
};

/// What the platform decides about top-ups, unless a test says otherwise.
#[must_use]
pub fn topup_policy() -> TopupPolicy {
    TopupPolicy {
        card_spacing: SignedDuration::from_mins(30),
        failures_to_disable: 1,
        time_zone: TimeZone::UTC,
        gateway: "paystack",
        mode: PaymentMode::Test,
        line: free_line(),
    }
}

/// A line to the gateway without a limit, which closes for an hour at the second trouble.
#[must_use]
pub const fn free_line() -> LinePolicy {
    LinePolicy {
        per_minute: None,
        troubles_to_close: 2,
        pause_first_s: 3_600,
        pause_max_s: 3_600,
    }
}

/// What the platform decides about settling, unless a test says otherwise: asked again after a second.
#[must_use]
pub const fn settlement_policy() -> SettlementPolicy {
    SettlementPolicy {
        card_spacing: SignedDuration::from_mins(30),
        failures_to_disable: 1,
        inquiries: InquiryPolicy {
            first_s: 1,
            max_s: 1,
            not_known_max: 3,
            unknown_max: SignedDuration::from_hours(24),
            page_max: SignedDuration::from_hours(24),
        },
        refund_registration: true,
    }
}

impl Library {
    /// Lists the sample prices.
    ///
    /// # Errors
    /// The database's.
    pub async fn list_prices(&self) -> Result<()> {
        self.list_prices_of(&sample_prices()).await
    }

    /// Lists these prices, and no others.
    ///
    /// # Errors
    /// The database's.
    pub async fn list_prices_of(&self, prices: &[Price]) -> Result<()> {
        let tiers = prices
            .iter()
            .map(|price| serde_json::from_value(price.line()))
            .collect::<Result<Vec<PriceTier>, _>>()?;
        self.store.replace_prices(&PriceList::new(tiers)?).await?;
        Ok(())
    }

    /// A connection of the test's own.
    ///
    /// # Errors
    /// The database's.
    pub async fn rows(&self) -> Result<Rows> {
        Rows::connect(self.space.database_url()).await
    }

    /// The account holder disables auto top-up of the SMS wallet.
    ///
    /// # Errors
    /// It was refused.
    pub async fn disable(&self, account: i64) -> Result<()> {
        let who = account_id(account);
        let change = self
            .store
            .disable_auto_topup(sms_wallet(account), who, "disabled by the account holder")
            .await?;
        ensure!(matches!(change, SettingsChange::Done(_)), "{change:?}");
        Ok(())
    }

    /// Records a send. The top-up that it asks for, if it does.
    ///
    /// # Errors
    /// The send was not debited.
    pub async fn send(&self, event: &Event) -> Result<Option<Uuid>> {
        let event: SmsSent = message::parse(event.body.to_string().as_bytes(), None, None, None)?;
        let window = OpenWindow {
            back: SignedDuration::from_hours(1),
            ahead: SignedDuration::from_hours(1),
        };
        let wallet = event.wallet();
        let send = Send {
            event,
            traceparent: None,
        };
        let recorded = self.store.record_sends(&[send], &window).await?;
        if recorded.triggered == 0 {
            return Ok(None);
        }
        let view = self.store.account_view(wallet.account).await?;
        let view = view.context("the account")?;
        let of_service = view.wallets.iter().find(|w| w.service == wallet.service);
        let open = of_service.and_then(|w| w.open_topup.as_ref());
        Ok(open.map(|open| open.topup_id))
    }

    /// Wakes a top-up that is to charge its card now.
    ///
    /// # Errors
    /// It does something else.
    pub async fn charges(&self, wallet: WalletKey, topup: Uuid) -> Result<ChargeIntent> {
        match self.store.wake_topup(wallet, topup, &topup_policy()).await? {
            Woken::Charge(intent) => Ok(*intent),
            other @ (Woken::Moved { .. } | Woken::Stale(_) | Woken::Missing) => bail!("{other:?}"),
        }
    }

    /// Writes down the gateway's answer to a charge.
    ///
    /// # Errors
    /// The database's.
    pub async fn answered(&self, intent: &ChargeIntent, answer: &Answer) -> Result<()> {
        let call = GatewayCall {
            started_at: Timestamp::now(),
        };
        let line = LineEnd {
            end: CallEnd::Answered,
            policy: free_line(),
        };
        self.store
            .record_answer(intent, call, answer, &PAUSES, line)
            .await?;
        Ok(())
    }
}

impl Library {
    /// The payment that is to be asked about next, once its moment has come; nobody else asks for an hour.
    ///
    /// # Errors
    /// There was none in time.
    pub async fn asked(&self) -> Result<Inquired> {
        let lease = SignedDuration::from_hours(1);
        eventually("a payment to ask about", async || {
            Ok(self
                .store
                .due_inquiries(lease, SignedDuration::ZERO, 1)
                .await?
                .pop())
        })
        .await
    }

    /// Writes down what came of asking.
    ///
    /// # Errors
    /// The database's.
    pub async fn told(
        &self,
        inquired: &Inquired,
        end: &InquiryEnd,
        policy: &InquiryPolicy,
    ) -> Result<(Option<AfterInquiry>, Vec<OutboxMessage>)> {
        let call = GatewayCall {
            started_at: Timestamp::now(),
        };
        Ok(self.store.record_inquiry(inquired, call, end, policy).await?)
    }
}

/// The gateway's answer to a question, without anything about the money.
#[must_use]
pub fn said(told: Told) -> InquiryEnd {
    InquiryEnd {
        told,
        detail: Some("as the test says".to_owned()),
        result: None,
    }
}

/// Our own trouble: the gateway has no charge of it.
#[must_use]
pub fn our_trouble() -> Answer {
    Answer::Trouble {
        reason: "the gateway refuses our key".to_owned(),
        at_least_s: None,
    }
}

/// A result of a charge.
#[must_use]
pub fn result_of(intent: &ChargeIntent, status: PaymentStatus, source: ResultSource) -> PaymentResult {
    PaymentResult {
        reference: intent.reference.clone(),
        gateway: "paystack".to_owned(),
        status,
        amount_minor: Some(intent.amount.amount_minor),
        currency: Some(intent.amount.currency),
        gateway_transaction_id: Some("4099490251".to_owned()),
        reason: Some("as the test says".to_owned()),
        decline: None,
        card: None,
        source,
        mode: PaymentMode::Test,
        reversal_id: None,
        occurred_at: Timestamp::now(),
    }
}
