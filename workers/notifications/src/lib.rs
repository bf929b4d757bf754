//! The worker of the queue `notifications`: sends each notice by its one channel.
//!
//! The notice was recorded with the change that caused it (N1); its row says whether it still has to go, and its
//! id is the message's at the carrier, so that a repeat can be recognised. A channel that fails is tried again by
//! delayed messages, and parked after the last try, while the other channel goes on (N2). Deliberately absent:
//! deciding who is told what (the rules), and the words (templates of `topup-gateways`).

mod carriers;
mod links;

use carriers::Carriers;
use links::Link;
use topup_failpoints::{Point, reach};
use topup_gateways::sent::Sent;
use topup_gateways::texts::{Rendered, TextError, Texts};
use topup_rules::message::{Channel, Notification, Template};
use topup_rules::retry::{NextTry, RetryPolicy};
use topup_runtime::{Failure, Handler, Meta, Outcome, ParkClass, Process, metrics, traces};
use topup_store::{NoticeRow, NoticeState, Store};

/// Why the worker can't start: a setting, or a template that can't be compiled.
pub type SetupFailure = Box<dyn std::error::Error + Send + Sync>;

/// The worker's name, and its queue's.
pub const NAME: &str = "notifications";

/// Why an alert went nowhere.
const NO_OPERATORS: &str = "TOPUP__OPERATORS__EMAIL is not set";

/// Why a link went nowhere.
const NO_LOGIN: &str = "there is no such login any more";

/// Sends notices.
#[derive(Debug)]
pub struct NotificationsHandler {
    store: Store,
    texts: Texts,
    carriers: Carriers,
    operators: Option<String>,
    retry: RetryPolicy,
}

impl NotificationsHandler {
    /// With what the process has.
    ///
    /// # Errors
    /// Names the setting that is missing or unusable.
    pub fn new(process: &Process) -> Result<Self, SetupFailure> {
        let settings = &process.settings;
        Ok(Self {
            store: process.store.clone(),
            texts: Texts::new(
                Some(&settings.platform.name),
                settings.platform.account_url.as_ref().map(|url| url.as_str()),
            )?,
            carriers: Carriers::new(settings)?,
            operators: settings.operators.email.clone(),
            retry: settings.notifications.retry,
        })
    }

    /// Where the notice goes: the account's number or address, or the operators'.
    fn recipient<'a>(&'a self, notice: &'a NoticeRow, link: Option<&'a Link>) -> Option<&'a str> {
        match (notice.template, notice.channel) {
            (Template::OperatorAlert, _) => self.operators.as_deref(),
            (Template::SignInLink, _) => link.map(|link| link.to.as_str()),
            (_, Channel::Sms) => notice.contact.mobile.as_deref(),
            (_, Channel::Email) => notice.contact.email.as_deref(),
        }
    }

    async fn send(
        &self,
        to: &str,
        message: &Notification,
        notice: &NoticeRow,
        link: Option<&Link>,
    ) -> Result<Sent, TextError> {
        let mut params = notice.params.clone();
        if let Some(link) = link {
            link.fill(&mut params);
        }
        params.insert("account_id".to_owned(), message.account_id.get().into());
        let text = self
            .texts
            .render(notice.template, notice.channel, &notice.contact.language, &params)?;
        let id = &message.notification_id.to_string();
        Ok(match text {
            Rendered::Sms { text } => self.carriers.sms(to, &text, id).await,
            Rendered::Email { subject, text, html } => {
                self.carriers.mail(to, &subject, &text, &html, id).await
            }
        })
    }

    /// After a try that went wrong: another one, or none.
    async fn again(&self, message: &Notification, meta: &Meta, reason: String) -> Result<Outcome, Failure> {
        match self.retry.after(meta.attempts.saturating_add(1)) {
            NextTry::After { .. } => Ok(Outcome::Retry { reason }),
            NextTry::GiveUp => self.park(message, ParkClass::Exhausted, reason).await,
        }
    }

    /// N3: nobody can be told. Of the operators' alerts that is a setting; of an account holder's notice it is news,
    /// since one without number or address is not sent on its way.
    async fn nowhere(&self, message: &Notification, notice: &NoticeRow) -> Result<Outcome, Failure> {
        if notice.template != Template::OperatorAlert {
            let reason = format!("there is nowhere to send this {} to", notice.channel);
            return self.park(message, ParkClass::Undeliverable, reason).await;
        }
        tracing::warn!(
            account.id = message.account_id.get(),
            "an alert has no operators' address to go to"
        );
        self.store
            .notice_skipped(message.account_id, message.notification_id, NO_OPERATORS)
            .await?;
        metrics::NOTICES.add([notice.channel.as_str(), "skipped"], 1);
        Ok(Outcome::Done)
    }

    /// Whoever was to get a link signs in no more. No error, and nobody's business.
    async fn nobody(&self, message: &Notification, notice: &NoticeRow) -> Result<Outcome, Failure> {
        self.store
            .notice_skipped(message.account_id, message.notification_id, NO_LOGIN)
            .await?;
        metrics::NOTICES.add([notice.channel.as_str(), "skipped"], 1);
        Ok(Outcome::Done)
    }

    async fn park(
        &self,
        message: &Notification,
        class: ParkClass,
        reason: String,
    ) -> Result<Outcome, Failure> {
        self.store
            .notice_parked(message.account_id, message.notification_id, &reason)
            .await?;
        Ok(Outcome::Park { class, reason })
    }
}

impl Handler for NotificationsHandler {
    type Message = Notification;

    async fn handle(&self, message: &Notification, meta: &Meta) -> Result<Outcome, Failure> {
        traces::about_account(message.account_id);
        let Some(notice) = self
            .store
            .notice_to_send(message.account_id, message.notification_id)
            .await?
        else {
            return Ok(Outcome::park(
                ParkClass::Missing,
                format!(
                    "there is no notice {} of account {}",
                    message.notification_id, message.account_id
                ),
            ));
        };
        match notice.state {
            NoticeState::Sent | NoticeState::Skipped => return Ok(Outcome::Done),
            // A parked notice comes again when a person sends it on its way again.
            NoticeState::Queued | NoticeState::Parked => {}
        }
        let link = match notice.template {
            Template::SignInLink => match links::make(&self.store, &notice).await? {
                Some(link) => Some(link),
                None => return self.nobody(message, &notice).await,
            },
            Template::TopupSucceeded
            | Template::TopupFailed
            | Template::LowCredit
            | Template::PurchaseSucceeded
            | Template::PurchaseFailed
            | Template::RegistrationEnabled
            | Template::RegistrationNotEnabled
            | Template::RegistrationFailed
            | Template::PaymentReversed
            | Template::CapReached
            | Template::CardExpiring
            | Template::OperatorAlert => None,
        };
        let Some(to) = self.recipient(&notice, link.as_ref()) else {
            return self.nowhere(message, &notice).await;
        };
        let sent = match self.send(to, message, &notice, link.as_ref()).await {
            Ok(sent) => sent,
            Err(error) => {
                return self
                    .park(message, ParkClass::Undeliverable, error.to_string())
                    .await;
            }
        };
        count(&notice, &sent);
        match sent {
            Sent::Accepted { provider_id } => {
                reach(Point::NoticeTaken);
                self.store
                    .notice_sent(
                        message.account_id,
                        message.notification_id,
                        provider_id.as_deref().unwrap_or("accepted"),
                    )
                    .await?;
                reach(Point::ResultCommitted);
                Ok(Outcome::Done)
            }
            Sent::Refused { reason } => self.park(message, ParkClass::Undeliverable, reason).await,
            Sent::Trouble {
                reason,
                retry_after_s: _,
            } => self.again(message, meta, reason).await,
        }
    }
}

fn count(notice: &NoticeRow, sent: &Sent) {
    let outcome = match sent {
        Sent::Accepted { .. } => "accepted",
        Sent::Refused { .. } => "refused",
        Sent::Trouble { .. } => "trouble",
    };
    metrics::NOTICES.add([notice.channel.as_str(), outcome], 1);
}
