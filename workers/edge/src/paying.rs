//! The conversation with the payment gateway that buying and registering share: leave from the line, the page, and
//! writing down what came of it.

use crate::Edge;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::sleep;
use topup_gateways::payment::{InitializeRequest, Initialized, PayChannel};
use topup_rules::lines::CallClass;
use topup_rules::written::Written;
use topup_runtime::{Line, PublicDatabase};
use topup_store::{GatewayCall, NotOpened, PageIntent, StoreError};

/// How long somebody waits for leave to call the gateway.
const LEAVE_MAX: Duration = Duration::from_secs(5);
/// Between two tries to write down an answer while the database is away.
const DATABASE_PAUSE: Duration = Duration::from_secs(1);
/// Tries to write down an answer. What is not written down by then is asked about by the sweeper.
const WRITE_TRIES_MAX: u32 = 30;
/// What the account holder is told where the gateway takes no calls now.
const NOT_NOW: &str = Written::NotNow.as_str();
/// The same, of a saved card.
const CARD_NOT_NOW: &str = Written::CardNotNow.as_str();
/// The same, for the operators.
const LINE_CLOSED: &str = "the line to the gateway is closed";
/// What the account holder is told where it has no page.
const NO_PAGE: &str = Written::NoPage.as_str();

/// What a conversation needs, for as long as it takes.
pub(crate) struct Paying {
    pub(crate) edge: Arc<Edge>,
    pub(crate) db: PublicDatabase,
    pub(crate) line: Line,
}

impl Paying {
    pub(crate) fn new(edge: &Arc<Edge>, db: &PublicDatabase) -> Self {
        let class = CallClass::Charge;
        Self {
            line: Line {
                store: db.store.clone(),
                gateway: edge.gateway.name(),
                class,
                policy: edge.settings.line_policy(class),
            },
            edge: Arc::clone(edge),
            db: db.clone(),
        }
    }

    /// Whether the gateway may be called now.
    pub(crate) async fn has_leave(&self) -> Result<bool, StoreError> {
        self.line.leave(LEAVE_MAX).await
    }

    /// A call that begins now.
    pub(crate) fn call(&self) -> GatewayCall {
        GatewayCall {
            started_at: self.edge.clock.now(),
        }
    }

    /// The gateway was not asked to charge a saved card: the purchase fails. Returns why, for the account holder.
    pub(crate) async fn card_not_asked(&self, intent: &PageIntent) -> Result<String, StoreError> {
        self.ends(
            intent,
            self.call(),
            NotOpened::CardNotAsked,
            CARD_NOT_NOW,
            LINE_CLOSED,
        )
        .await
    }

    /// Asks for a page, and writes down what came of it: its address, or why there is none, for the account holder.
    pub(crate) async fn open_page(
        &self,
        intent: &PageIntent,
        channels: &[PayChannel],
        return_to: &str,
        paid_for: (&str, String),
    ) -> Result<Result<String, String>, StoreError> {
        if !self.has_leave().await? {
            return self
                .ends(intent, self.call(), NotOpened::PageNotAsked, NOT_NOW, LINE_CLOSED)
                .await
                .map(Err);
        }
        let gateway = &self.edge.gateway;
        let allowed = gateway.channels(intent.amount.currency);
        let wanted: Vec<PayChannel> = allowed
            .iter()
            .copied()
            .filter(|channel| channels.is_empty() || channels.contains(channel))
            .collect();
        let call = self.call();
        let opened = gateway
            .initialize(&InitializeRequest {
                reference: &intent.reference,
                amount: intent.amount,
                email: &intent.email,
                channels: if wanted.is_empty() { allowed } else { &wanted },
                callback_url: Some(return_to),
                metadata: &[("account", intent.account.to_string()), paid_for],
            })
            .await;
        if let Err(failed) = self.line.ended(opened.call_end()).await {
            tracing::warn!(error = %failed, "the line to the gateway did not learn how a call ended");
        }
        let detail = match opened {
            Initialized::Page { url, access_code: _ } => {
                let inquiries = self.edge.settings.inquiry_policy();
                let store = &self.db.store;
                self.written_down(|| store.record_page(intent, call, &url, &inquiries))
                    .await?;
                return Ok(Ok(url));
            }
            Initialized::Refused { reason } | Initialized::Unknown { reason, end: _ } => reason,
            Initialized::OurTrouble(trouble) => trouble.reason,
        };
        tracing::error!(
            payment.reference = intent.reference.as_str(),
            reason = detail,
            "the gateway has no page"
        );
        self.ends(intent, call, NotOpened::NoPage, NO_PAGE, &detail)
            .await
            .map(Err)
    }

    /// Nobody can have paid.
    async fn ends(
        &self,
        intent: &PageIntent,
        call: GatewayCall,
        what: NotOpened,
        reason: &str,
        detail: &str,
    ) -> Result<String, StoreError> {
        let store = &self.db.store;
        let outbox = self
            .written_down(|| store.record_not_opened(intent, call, what, reason, detail))
            .await?;
        self.db.outbox.send(outbox);
        Ok(reason.to_owned())
    }

    /// Writes down what is known here alone, while the database comes and goes.
    pub(crate) async fn written_down<T, F>(&self, write: impl Fn() -> F) -> Result<T, StoreError>
    where
        F: Future<Output = Result<T, StoreError>>,
    {
        let mut tries = 0;
        loop {
            match write().await {
                Err(error) if (error.is_outage() || error.is_too_slow()) && tries < WRITE_TRIES_MAX => {
                    tries += 1;
                    tracing::error!(%error, "the gateway's answer can't be written down yet");
                    sleep(DATABASE_PAUSE).await;
                }
                done => return done,
            }
        }
    }
}

/// Sees through what has begun, also where whoever asked goes meanwhile. What came of it; `None` where it broke off, and
/// the sweeper has to ask what became of it.
pub(crate) async fn see_through<T: Send + 'static>(
    conversation: impl Future<Output = T> + Send + 'static,
) -> Option<T> {
    match tokio::spawn(conversation).await {
        Ok(ended) => Some(ended),
        Err(error) => {
            tracing::error!(%error, "a conversation with the gateway broke off");
            None
        }
    }
}
