//! A shop where an account holder buys credits by hand, as a page for account holders would run it: with the store, the
//! gateway, and a fleet that settles.

use std::time::Duration;

use anyhow::{Context as _, Result, bail, ensure};
use jiff::Timestamp;
use reqwest::redirect::Policy;
use secrecy::SecretString;
use topup_gateways::payment::{ChargeRequest, InitializeRequest, Initialized, PaymentGateway};
use topup_rules::credits::Credits;
use topup_rules::ids::{Reference, Service};
use topup_rules::message::PaymentMode;
use topup_rules::prices::Wanted;
use topup_rules::retry::RetryPolicy;
use topup_rules::settle::PurchaseMethod;
use topup_rules::topup::PaymentState;
use topup_stack::plain_client;
use topup_store::{
    Begun, Billing, ChargeIntent, GatewayCall, LineEnd, NewPurchase, OutboxMessage, PageIntent, Store,
};
use uuid::Uuid;

use super::accounts::main_account;
use super::app::App;
use super::charges::{free_line, settlement_policy};
use super::events::raw;
use super::library::{account_id, store_on};
use super::options::AppOptions;
use super::outside::Mail;
use super::patience::eventually;

/// Of one call to the gateway.
const TIMEOUT: Duration = Duration::from_secs(2);
/// The pause after our own trouble.
const PAUSES: RetryPolicy = RetryPolicy {
    attempts_max: 5,
    first_s: 1,
    max_s: 1,
};

/// A fleet, and what a page for account holders does with its store and its gateway.
#[derive(Debug)]
pub struct Shop {
    /// The fleet.
    pub app: App,
    /// The store that the page has.
    pub store: Store,
    gateway: PaymentGateway,
}

impl Shop {
    /// Who buys.
    pub const ACCOUNT: i64 = 1001;
    /// What 500 credits cost, in cents, 15 per cent of tax inside.
    pub const PRICE_MINOR: i64 = 35_247;

    /// A wallet of 150 credits with a card that is topped up at 100.
    ///
    /// # Errors
    /// The database, the broker or a process did not start.
    pub async fn open(card: &str) -> Result<Self> {
        Self::open_with(card, &[]).await
    }

    /// The same with settings of its own.
    ///
    /// # Errors
    /// As of [`Self::open`].
    pub async fn open_with(card: &str, settings: &[(&str, &str)]) -> Result<Self> {
        let options = AppOptions::whole()
            .sandbox("--pending", "2s")
            .setting("INQUIRIES__FIRST", "1s")
            .setting("INQUIRIES__MAX", "1s");
        let options = settings
            .iter()
            .fold(options, |options, (name, value)| options.setting(name, value));
        let app = App::start(options).await?;
        app.import(&[main_account(Self::ACCOUNT).credits(150).card(card)])
            .await?;
        let setting = |name: &str| app.env().get(name).with_context(|| name.to_owned()).cloned();
        let key = SecretString::from(setting("TOPUP__PAYSTACK__SECRET_KEY")?);
        let gateway = PaymentGateway::paystack(&setting("TOPUP__PAYSTACK__URL")?, key, TIMEOUT)?;
        let store = store_on(app.space())?;
        Ok(Self { app, store, gateway })
    }

    /// Buys 500 credits with the saved card. The payment's reference.
    ///
    /// # Errors
    /// It was refused, or could not be written down.
    pub async fn one_click(&self) -> Result<Reference> {
        self.app.rows.agree_to_one_click(Self::ACCOUNT).await?;
        let new = Self::new_purchase(PurchaseMethod::OneClick);
        let Begun::Charge(intent) = self.store.begin_purchase(&new).await? else {
            bail!("nothing to charge")
        };
        self.charge(&intent).await?;
        Ok(intent.reference)
    }

    /// Charges what was begun, and writes down the answer.
    ///
    /// # Errors
    /// It could not be written down.
    pub async fn charge(&self, intent: &ChargeIntent) -> Result<()> {
        let call = GatewayCall {
            started_at: Timestamp::now(),
        };
        let charged = self
            .gateway
            .charge_authorization(&ChargeRequest {
                reference: &intent.reference,
                amount: intent.amount,
                authorization_code: &SecretString::from(intent.authorization_code.clone()),
                email: &intent.email,
                metadata: &[],
            })
            .await;
        let line = LineEnd {
            end: charged.call_end(),
            policy: free_line(),
        };
        let answer = charged.into_answer(&self.gateway, &intent.reference, Timestamp::now());
        let messages = self
            .store
            .record_answer(intent, call, &answer, &PAUSES, line)
            .await?;
        self.publish(messages).await
    }

    /// Begins to buy 500 credits on the gateway's page. Its address.
    ///
    /// # Errors
    /// There is no page.
    pub async fn hosted(&self) -> Result<(PageIntent, String)> {
        let new = Self::new_purchase(PurchaseMethod::Hosted);
        let Begun::Page(intent) = self.store.begin_purchase(&new).await? else {
            bail!("no page to ask for")
        };
        let url = self.page_of(&intent).await?;
        Ok((intent, url))
    }

    /// Asks the gateway for a page that was begun. Its address.
    ///
    /// # Errors
    /// There is none.
    pub async fn page_of(&self, intent: &PageIntent) -> Result<String> {
        let call = GatewayCall {
            started_at: Timestamp::now(),
        };
        let opened = self
            .gateway
            .initialize(&InitializeRequest {
                reference: &intent.reference,
                amount: intent.amount,
                email: &intent.email,
                channels: &[],
                callback_url: None,
                metadata: &[],
            })
            .await;
        let Initialized::Page { url, .. } = opened else {
            bail!("no page: {opened:?}")
        };
        let inquiries = settlement_policy().inquiries;
        self.store.record_page(intent, call, &url, &inquiries).await?;
        Ok(url)
    }

    /// What a customer does on the page.
    ///
    /// # Errors
    /// There is no such page.
    pub async fn on_page(&self, url: &str, action: &str) -> Result<()> {
        Self::submit(url, action).await
    }

    /// The same, of whoever pays there.
    ///
    /// # Errors
    /// There is no such page.
    pub async fn submit(url: &str, action: &str) -> Result<()> {
        let browser = plain_client().redirect(Policy::none()).build()?;
        let answer = browser
            .post(url)
            .header("content-type", "application/x-www-form-urlencoded")
            .body(format!("action={action}"))
            .send()
            .await?;
        ensure!(
            answer.status().is_success() || answer.status().is_redirection(),
            "{}",
            answer.status()
        );
        Ok(())
    }

    /// What the process would do that holds the rows.
    ///
    /// # Errors
    /// The broker did not take them.
    pub async fn publish(&self, messages: Vec<OutboxMessage>) -> Result<()> {
        for message in messages {
            // Of events nobody hears here.
            if message.exchange.is_empty() {
                let body = raw(message.body).kind(Some(&message.kind));
                self.app.broker.publish_to(&message.queue, [body]).await?;
            }
            self.store.outbox_remove(&[message.id]).await?;
        }
        Ok(())
    }

    /// Waits until a payment is in a state.
    ///
    /// # Errors
    /// It did not in time.
    pub async fn payment_becomes(&self, reference: &Reference, state: &str) -> Result<()> {
        let sql = "SELECT state FROM payments WHERE reference = $1";
        eventually(&format!("a {state} payment"), async || {
            let row = self
                .app
                .rows
                .client()
                .query_one(sql, &[&reference.as_str()])
                .await?;
            let is: String = row.try_get(0)?;
            Ok((is == state).then_some(()))
        })
        .await
    }

    /// The state, and the page where the customer has to go.
    ///
    /// # Errors
    /// It was not.
    pub async fn begun_before(&self, new: &NewPurchase) -> Result<(PaymentState, Option<String>)> {
        match self.store.begin_purchase(new).await? {
            Begun::AlreadyBegun { state, checkout_url } => Ok((state, checkout_url)),
            other @ (Begun::Charge(_) | Begun::Page(_) | Begun::Refused(_)) => bail!("{other:?}"),
        }
    }

    /// The one mail that there is, and no SMS.
    ///
    /// # Errors
    /// There is none in time.
    pub async fn one_mail(&self) -> Result<Mail> {
        let mut mail = self.app.outside.mail(1).await?;
        self.app.wait_until_idle().await?;
        let (mails, sms) = (
            self.app.outside.mail(1).await?.len(),
            self.app.outside.sms(0).await?.len(),
        );
        ensure!((mails, sms) == (1, 0), "{mails} mails and {sms} SMS");
        Ok(mail.remove(0))
    }

    /// Auto top-up is enabled as before, and no failure was counted.
    ///
    /// # Errors
    /// It was touched.
    pub async fn is_untouched(&self) -> Result<()> {
        let account = self.app.account(Self::ACCOUNT).await?;
        let wallet = account.wallet("sms")?;
        ensure!(wallet.is_enabled(), "auto top-up was disabled");
        let failures = "SELECT consecutive_failures::bigint FROM wallets";
        ensure!(
            self.app.rows.count(failures).await? == 0,
            "it was counted as a failure"
        );
        Ok(())
    }

    /// 500 credits for the SMS wallet, with what an invoice needs.
    #[must_use]
    pub fn new_purchase(method: PurchaseMethod) -> NewPurchase {
        NewPurchase {
            id: Uuid::now_v7(),
            account: account_id(Self::ACCOUNT),
            service: Service::Sms,
            wanted: Wanted::Credits(Credits::from_milli(500_000)),
            shown: None,
            method,
            agreement: None,
            email: None,
            billing: Some(Billing {
                name: "Protea Books".to_owned(),
                address: "1 Long Street\nCape Town".to_owned(),
                tax_number: Some("4001234567".to_owned()),
            }),
            gateway: "paystack",
            mode: PaymentMode::Test,
            traceparent: None,
        }
    }
}
