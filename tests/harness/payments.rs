//! One automatic top-up and its payment, settled with the store alone: no queue, no gateway.

use anyhow::{Context as _, Result, ensure};
use topup_rules::credits::Credits;
use topup_rules::ids::Service;
use topup_rules::message::{PaymentResult, PaymentStatus, ResultSource};
use topup_store::{ChargeIntent, Settled, TopupFilter, WalletView};

use super::accounts::{Account, main_account};
use super::charges::{result_of, settlement_policy};
use super::events::event;
use super::library::{Library, account_id, sms_wallet};

/// The payment for a top-up of 500 credits by a card that both wallets of its account are topped up by.
#[derive(Debug)]
pub struct CardPayment {
    /// Where it stands.
    pub library: Library,
    /// What was asked of the gateway.
    pub intent: ChargeIntent,
}

impl CardPayment {
    /// Whose it is.
    pub const ACCOUNT: i64 = 1001;
    /// What 500 credits cost, in cents.
    pub const PRICE_MINOR: i64 = 35_247;

    /// Being charged, beside further accounts. The wallet has 100 credits.
    ///
    /// # Errors
    /// The database's.
    pub async fn charging(further: &[Account]) -> Result<Self> {
        let mut accounts = vec![
            main_account(Self::ACCOUNT)
                .credits(101)
                .card("AUTH_ok")
                .whatsapp()
                .credits(700)
                .card("AUTH_ok"),
        ];
        accounts.extend_from_slice(further);
        let library = Library::with(&accounts).await?;
        library.list_prices().await?;
        let topup = library.send(&event(Self::ACCOUNT)).await?.context("no top-up")?;
        let intent = library.charges(sms_wallet(Self::ACCOUNT), topup).await?;
        Ok(Self { library, intent })
    }

    /// Paid. The wallet has 600 credits.
    ///
    /// # Errors
    /// The database's.
    pub async fn paid() -> Result<Self> {
        let payment = Self::charging(&[]).await?;
        let settled = payment.settle(&payment.told(PaymentStatus::Success)).await?;
        ensure!(matches!(settled, Settled::Credited { .. }), "{settled:?}");
        Ok(payment)
    }

    /// What a webhook says of all of it.
    #[must_use]
    pub fn told(&self, status: PaymentStatus) -> PaymentResult {
        result_of(&self.intent, status, ResultSource::Webhook)
    }

    /// News of a refund.
    #[must_use]
    pub fn refund(&self, reversal_id: &str, amount_minor: i64) -> PaymentResult {
        self.part(PaymentStatus::Reversed, reversal_id, amount_minor)
    }

    /// News of its one dispute.
    #[must_use]
    pub fn dispute(&self, status: PaymentStatus, amount_minor: i64) -> PaymentResult {
        self.part(status, "dispute-1", amount_minor)
    }

    fn part(&self, status: PaymentStatus, reversal_id: &str, amount_minor: i64) -> PaymentResult {
        PaymentResult {
            amount_minor: Some(amount_minor),
            reversal_id: Some(reversal_id.to_owned()),
            ..self.told(status)
        }
    }

    /// Settles a result.
    ///
    /// # Errors
    /// The database's.
    pub async fn settle(&self, result: &PaymentResult) -> Result<Settled> {
        let policy = settlement_policy();
        Ok(self.library.store.settle_payment(result, &policy).await?)
    }

    /// A wallet of the payer's.
    ///
    /// # Errors
    /// There is none.
    pub async fn wallet(&self, service: Service) -> Result<WalletView> {
        self.wallet_of(Self::ACCOUNT, service).await
    }

    /// Anybody's wallet.
    ///
    /// # Errors
    /// There is none.
    pub async fn wallet_of(&self, account: i64, service: Service) -> Result<WalletView> {
        let view = self.library.store.account_view(account_id(account)).await?;
        let wallets = view.context("no account")?.wallets;
        let found = wallets.into_iter().find(|wallet| wallet.service == service);
        found.context("no wallet")
    }

    /// Whether a wallet of the payer's is topped up.
    ///
    /// # Errors
    /// There is none.
    pub async fn is_enabled(&self, service: Service) -> Result<bool> {
        let set_up = self.wallet(service).await?.auto_topup;
        Ok(set_up.is_some_and(|it| it.enabled))
    }

    /// 600 credits less what `reversed_minor` of the price had paid for, rounded down to a thousandth.
    #[must_use]
    pub fn left_of_600(reversed_minor: i64) -> String {
        let taken_milli = 500_000 * reversed_minor / Self::PRICE_MINOR;
        Credits::from_milli(600_000 - taken_milli).to_string()
    }

    /// The SMS wallet's balance, and what of it is not held.
    ///
    /// # Errors
    /// The database's.
    pub async fn credits(&self) -> Result<(String, String)> {
        let wallet = self.wallet(Service::Sms).await?;
        Ok((wallet.credits.to_string(), wallet.available.to_string()))
    }

    /// Where the top-up stands, and its payment as well.
    ///
    /// # Errors
    /// They do not stand at the same place.
    pub async fn state(&self) -> Result<String> {
        let filter = TopupFilter {
            account: Some(account_id(Self::ACCOUNT)),
            state: None,
        };
        let topups = self.library.store.topups(filter, 2).await?;
        let topup = topups.first().context("no top-up")?;
        let payment = topup.payment.as_ref().context("no payment")?;
        ensure!(topup.state.as_str() == payment.state.as_str(), "{topup:?}");
        Ok(topup.state.to_string())
    }

    /// The first column of the first row, a `bigint`.
    ///
    /// # Errors
    /// The database's.
    pub async fn count(&self, sql: &str) -> Result<i64> {
        self.library.rows().await?.count(sql).await
    }

    /// How many notices of a kind there are, by both channels together.
    ///
    /// # Errors
    /// The database's.
    pub async fn notices(&self, template: &str) -> Result<i64> {
        let sql = format!("SELECT count(*) FROM notices WHERE template = '{template}'");
        self.count(&sql).await
    }
}
