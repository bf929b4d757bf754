//! What all parts of the sandbox share: the books, the lists of what was seen, the trouble to come.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::Serialize;

use crate::behaviour::Draw;
use crate::books::{Books, Status, Transaction};
use crate::gateway::shape;
use crate::record::Record;
use crate::trouble::Trouble;
use crate::webhooks::{Announcer, Event, FirstTry};

/// Longest latency that can be set.
pub const LATENCY_MAX: Duration = Duration::from_secs(60);

/// The sandbox's state; one for all connections.
#[derive(Debug)]
pub struct World {
    /// The gateway's secret key: what callers must bear, and what webhooks are signed with.
    pub secret_key: String,
    /// The key that SMS senders must bear; `None`: anyone may send.
    pub sms_api_key: Option<String>,
    /// How long a pending payment or refund takes.
    pub pending: Duration,
    /// How long a challenged payment waits for its customer.
    abandoned: Duration,
    /// Decides what is left to chance.
    pub seed: u64,
    /// How the HTTP side is called: host and port.
    pub http: String,
    /// Money taken.
    pub captures: Record,
    /// Charges asked for, with what was answered.
    pub charges: Record,
    /// Payments asked about, with where they stood; null where they are not known.
    pub verifications: Record,
    /// Messages the SMS provider took or refused.
    pub sms: Record,
    /// Mails the relay took.
    pub mail: Record,
    /// Tries to send a webhook.
    pub webhooks: Arc<Record>,
    /// Cards withdrawn.
    pub deactivated: Record,
    /// What is to be spoiled.
    pub trouble: Trouble,
    /// Sends webhooks.
    pub announcer: Arc<Announcer>,
    books: Mutex<Books>,
    usual_latency: Duration,
    latency_ms: AtomicU64,
}

#[derive(Serialize)]
struct Capture<'a> {
    reference: &'a str,
    amount: u64,
    currency: &'a str,
    authorization_code: Option<&'a str>,
    channel: &'a str,
}

impl World {
    /// A world in which nothing has happened yet.
    ///
    /// # Errors
    /// The webhooks' HTTP client could not be made, or their URL is out of reach.
    pub fn new(options: &crate::Options, http: SocketAddr) -> anyhow::Result<Self> {
        let webhooks = Arc::new(Record::new("webhooks"));
        let announcer = Announcer::new(
            options.secret_key.clone(),
            options.reach.clone(),
            Arc::clone(&webhooks),
        )?;
        announcer.send_to(options.webhook_url.as_deref())?;
        let world = Self {
            secret_key: options.secret_key.clone(),
            sms_api_key: options.sms_api_key.clone(),
            pending: options.pending,
            abandoned: options.abandoned,
            seed: options.seed,
            http: options.reach.authority(http),
            captures: Record::new("captures"),
            charges: Record::new("charges"),
            verifications: Record::new("verifications"),
            sms: Record::new("sms"),
            mail: Record::new("mail"),
            webhooks,
            deactivated: Record::new("deactivated"),
            trouble: Trouble::default(),
            announcer: Arc::new(announcer),
            books: Mutex::new(Books::new(options.seed)),
            usual_latency: options.latency,
            latency_ms: AtomicU64::new(0),
        };
        world.set_latency(options.latency);
        Ok(world)
    }

    /// The books, for as long as the guard lives. Never held across an await.
    pub fn books(&self) -> MutexGuard<'_, Books> {
        self.books.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Choices about one subject that only look random.
    pub fn draw<'a>(&self, subject: &'a str) -> Draw<'a> {
        Draw::new(self.seed, subject)
    }

    /// `live` or `test`: the key alone says which.
    pub fn domain(&self) -> &'static str {
        if self.secret_key.starts_with("sk_live_") {
            "live"
        } else {
            "test"
        }
    }

    /// How long every gateway call takes at least.
    pub fn latency(&self) -> Duration {
        Duration::from_millis(self.latency_ms.load(Ordering::Relaxed))
    }

    /// Sets how long every gateway call takes at least, up to [`LATENCY_MAX`].
    pub fn set_latency(&self, latency: Duration) {
        let ms = u64::try_from(latency.min(LATENCY_MAX).as_millis()).unwrap_or(u64::MAX);
        self.latency_ms.store(ms, Ordering::Relaxed);
    }

    /// Money was taken: lists and announces it. What is given back is to be waited for before the answer.
    pub fn captured(&self, transaction: &Transaction) -> Option<FirstTry> {
        self.captures.push(&Capture {
            reference: &transaction.asked.reference,
            amount: transaction.amount_minor,
            currency: transaction.asked.currency.code(),
            authorization_code: transaction.authorization_code.as_deref(),
            channel: transaction.channel().word(),
        });
        self.announce(vec![self.success_event(transaction)])
    }

    /// The webhook of a payment that succeeded: the same whatever became of the payment since.
    pub fn success_event(&self, transaction: &Transaction) -> Event {
        let mut data = shape::transaction(self, transaction, shape::Occasion::Webhook);
        data["status"] = Status::Success.word().into();
        Event {
            name: "charge.success",
            reference: transaction.asked.reference.clone(),
            data,
        }
    }

    /// Sends webhooks, or does with them what trouble says. See [`Announcer::announce`].
    pub fn announce(&self, events: Vec<Event>) -> Option<FirstTry> {
        self.announcer.announce(events, self.trouble.webhook())
    }

    /// Lets a pending payment succeed after the usual time, unless it was forgotten until then.
    pub fn succeed_later(self: &Arc<Self>, transaction: &Transaction) {
        let world = Arc::clone(self);
        let (reference, id) = (transaction.asked.reference.clone(), transaction.id);
        tokio::spawn(async move {
            tokio::time::sleep(world.pending).await;
            let succeeded = world.books().succeed(&reference, id, Timestamp::now(), |asked| {
                world.trouble.amounts(asked)
            });
            if let Some(transaction) = succeeded {
                world.captured(&transaction);
            }
        });
    }

    /// Gives a challenged payment up after the usual time, unless somebody saw to it until then.
    pub fn abandon_later(self: &Arc<Self>, transaction: &Transaction) {
        let world = Arc::clone(self);
        let (reference, id) = (transaction.asked.reference.clone(), transaction.id);
        tokio::spawn(async move {
            tokio::time::sleep(world.abandoned).await;
            world.books().abandon(&reference, id);
        });
    }

    /// Forgets everything seen, calls off all trouble and goes back to the usual latency. Addresses, keys and
    /// the webhooks' URL stay.
    pub fn forget(&self) {
        self.announcer.forget();
        self.trouble.clear();
        self.set_latency(self.usual_latency);
        let mut books = self.books();
        books.clear();
        for list in [
            &self.captures,
            &self.charges,
            &self.verifications,
            &self.sms,
            &self.mail,
            &self.webhooks,
            &self.deactivated,
        ] {
            list.clear();
        }
        drop(books);
    }
}
