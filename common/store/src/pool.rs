//! Connections: pooled, encrypted where the server can, and bounded.

use crate::StoreError;
use crate::client::Client;
use crate::listing::WALKS_AT_ONCE;
use crate::outbox::OutboxMessage;
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Pool, QueueMode, RecyclingMethod, Runtime};
use jiff::{SignedDuration, Timestamp};
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Semaphore;
use tokio_postgres_rustls::MakeRustlsConnect;
use topup_failpoints::{Point, reach};

/// How long reaching a host may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for a connection, made ready for use: for a free one, and for its sign of life.
const CLIENT_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long a connection of the pool may take to give that sign.
const RECYCLE_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a peer that went away unnoticed is believed in: what is sent and never acknowledged, and a silence that
/// is never broken.
const PEER_GONE: Duration = Duration::from_secs(10);
/// Between the kernel's questions to a silent peer.
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(5);
/// Its questions without an answer, at most.
const KEEPALIVE_RETRIES: u32 = 2;
/// How much longer than the server gives a statement its answer may take. No longer than the statement itself, though.
const ANSWER_GRACE: Duration = Duration::from_secs(5);
/// A statement is planned each time it runs, for what it is given and for its tables as they then are. By itself the
/// server keeps a plan for as long as a connection lives, and a table that was empty when it was made would be read from
/// end to end ever after, however many rows it has by then. Planning takes a tenth of a millisecond, and less.
const PLANS: &str = "SET plan_cache_mode = force_custom_plan";
/// A statement that waits longer for a lock is ended by the server. Whoever holds one for so long is stuck, or a
/// person; all others of a batch are to go on without it.
const LOCK_TIMEOUT_S: u32 = 10;

/// How to reach the database.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// `postgres://user:password@host/database?sslmode=verify-full`, several hosts allowed. With `require` and
    /// `verify-ca`, too, the server's certificate and name are checked.
    pub url: String,
    /// Connections at most.
    pub connections_max: usize,
    /// Whom to trust instead of the system's authorities: a PEM file.
    pub ca_file: Option<PathBuf>,
    /// Shown in `pg_stat_activity`.
    pub application_name: String,
    /// A statement that takes longer is ended by the server; 0: never.
    pub statement_timeout_s: u32,
}

/// How a pool of connections stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Connections {
    /// Somebody works on them.
    pub in_use: usize,
    /// Nobody does.
    pub idle: usize,
    /// There may be so many.
    pub max: usize,
    /// Tasks that wait for one.
    pub waiting: usize,
}

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
    /// How long the answer to a statement may take; `None`: for ever.
    patience: Option<Duration>,
    /// Turns of those who read entries without an index.
    pub(crate) walks: Arc<Semaphore>,
    /// Who publishes what a change wants published whose caller does not hear of it.
    publishes: Option<Publishes>,
}

/// Takes the rows of a change that was just committed, and never waits.
type Publishes = Arc<dyn Fn(Vec<OutboxMessage>) + Send + Sync>;

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("pool", &self.pool.status())
            .finish()
    }
}

/// One look at two clocks: the database said `theirs` at some moment between `asked` and `answered` of our own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ClocksCompared {
    /// Before the question, by our own.
    pub asked: Timestamp,
    /// The answer.
    pub theirs: Timestamp,
    /// Behind the answer, by our own.
    pub answered: Timestamp,
}

impl ClocksCompared {
    /// How long the question took: what the comparison may be wrong by, at most, is half of it.
    #[must_use]
    pub fn took(&self) -> SignedDuration {
        self.answered.duration_since(self.asked)
    }

    /// How far the database's clock is ahead of ours.
    #[must_use]
    pub fn ahead(&self) -> SignedDuration {
        let middle = self.asked.checked_add(self.took() / 2).unwrap_or(self.asked);
        self.theirs.duration_since(middle)
    }
}

impl Store {
    /// Makes the pool; the first connection is made when it is needed.
    ///
    /// # Errors
    /// [`StoreError::Settings`] for an unusable URL or CA file.
    pub fn new(options: &StoreOptions) -> Result<Self, StoreError> {
        let mut config: tokio_postgres::Config = with_known_modes(&options.url)
            .parse()
            .map_err(|e: tokio_postgres::Error| StoreError::Settings(describe(&e)))?;
        config.application_name(&options.application_name);
        config.connect_timeout(CONNECT_TIMEOUT);
        config.keepalives_idle(PEER_GONE);
        config.keepalives_interval(KEEPALIVE_INTERVAL);
        config.keepalives_retries(KEEPALIVE_RETRIES);
        config.tcp_user_timeout(PEER_GONE);
        // A standby that was not promoted yet must not be written to.
        config.target_session_attrs(tokio_postgres::config::TargetSessionAttrs::ReadWrite);

        let tls = MakeRustlsConnect::new(
            rustls::ClientConfig::builder_with_provider(rustls::crypto::ring::default_provider().into())
                .with_safe_default_protocol_versions()
                .map_err(|e| StoreError::Settings(e.to_string()))?
                .with_root_certificates(roots(options)?)
                .with_no_client_auth(),
        );
        // The default recycling asks nothing, and hands out dead connections after a failover.
        let manager = Manager::from_config(
            config,
            tls,
            ManagerConfig {
                recycling_method: RecyclingMethod::Verified,
            },
        );
        let session = format!(
            "SET statement_timeout = '{}s'; SET idle_in_transaction_session_timeout = '60s'; SET lock_timeout = '{LOCK_TIMEOUT_S}s'; {PLANS}",
            options.statement_timeout_s
        );
        let pool = Pool::builder(manager)
            .max_size(options.connections_max)
            .recycle_timeout(Some(RECYCLE_TIMEOUT))
            // The connection that was used last is the one whose server process has everything at hand still.
            .queue_mode(QueueMode::Lifo)
            .runtime(Runtime::Tokio1)
            .post_create(Hook::async_fn(move |client, _| {
                let session = session.clone();
                Box::pin(async move { client.batch_execute(&session).await.map_err(HookError::Backend) })
            }))
            .build()
            .map_err(|e| StoreError::Settings(e.to_string()))?;
        Ok(Self {
            pool,
            patience: patience(options.statement_timeout_s),
            walks: Arc::new(Semaphore::new(WALKS_AT_ONCE)),
            publishes: None,
        })
    }

    /// The same, which hands on the events of settings, imports and removals right after their commit: they follow from
    /// the change and are nothing to its caller. Without it the sweeper publishes them.
    #[must_use]
    pub fn publishing(mut self, publishes: impl Fn(Vec<OutboxMessage>) + Send + Sync + 'static) -> Self {
        self.publishes = Some(Arc::new(publishes));
        self
    }

    /// Hands on what a committed change wants published.
    pub(crate) fn publish(&self, rows: Vec<OutboxMessage>) {
        if rows.is_empty() {
            return;
        }
        reach(Point::ResultCommitted);
        if let Some(publishes) = &self.publishes {
            publishes(rows);
        }
    }

    /// A connection of the pool, which has just shown that it lives.
    pub(crate) async fn client(&self) -> Result<Client, StoreError> {
        match tokio::time::timeout(CLIENT_WAIT_MAX, self.pool.get()).await {
            Ok(object) => Ok(Client::new(object?, self.patience)),
            Err(_elapsed) => {
                // Whichever lie idle would each have to be waited for, and a new one costs little.
                self.pool.retain(|_, _| false);
                Err(StoreError::NoClient {
                    after_s: CLIENT_WAIT_MAX.as_secs(),
                })
            }
        }
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// The database's.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.client().await?.batch_execute("SELECT 1").await
    }

    /// The database's clock: the one that rules count by.
    ///
    /// # Errors
    /// The database's.
    pub async fn now(&self) -> Result<Timestamp, StoreError> {
        Ok(self
            .client()
            .await?
            .query_one("SELECT clock_timestamp()", &[])
            .await?
            .get(0))
    }

    /// Compares this machine's clock with the database's. Only the question itself lies between the two looks at our
    /// own: neither connecting nor preparing it, which take long and most of it on one way.
    ///
    /// # Errors
    /// The database's.
    pub async fn compare_clocks(&self) -> Result<ClocksCompared, StoreError> {
        let client = self.client().await?;
        let question = client.prepare_cached("SELECT clock_timestamp()").await?;
        let asked = Timestamp::now();
        let theirs = client.query_one(&question, &[]).await?.try_get(0)?;
        let answered = Timestamp::now();
        Ok(ClocksCompared {
            asked,
            theirs,
            answered,
        })
    }

    /// How the pool stands, for metrics.
    #[must_use]
    pub fn connections(&self) -> Connections {
        let status = self.pool.status();
        Connections {
            in_use: status.size.saturating_sub(status.available),
            idle: status.available,
            max: status.max_size,
            waiting: status.waiting,
        }
    }
}

/// A little longer than the server gives a statement.
fn patience(statement_timeout_s: u32) -> Option<Duration> {
    let at_server = Duration::from_secs(statement_timeout_s.into());
    (statement_timeout_s > 0).then(|| at_server + at_server.min(ANSWER_GRACE))
}

/// With encryption, the server's certificate and name are always checked; the driver knows `require` for that alone.
fn with_known_modes(url: &str) -> String {
    ["verify-full", "verify-ca"]
        .into_iter()
        .fold(url.to_owned(), |url, mode| {
            url.replace(&format!("sslmode={mode}"), "sslmode=require")
        })
}

fn roots(options: &StoreOptions) -> Result<RootCertStore, StoreError> {
    let mut roots = RootCertStore::empty();
    match &options.ca_file {
        Some(path) => {
            let settings = |e: String| StoreError::Settings(format!("CA file {}: {e}", path.display()));
            for certificate in CertificateDer::pem_file_iter(path).map_err(|e| settings(e.to_string()))? {
                let certificate = certificate.map_err(|e| settings(e.to_string()))?;
                roots.add(certificate).map_err(|e| settings(e.to_string()))?;
            }
        }
        None => {
            let _ignored = roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
        }
    }
    Ok(roots)
}

fn describe(error: &tokio_postgres::Error) -> String {
    match std::error::Error::source(error) {
        Some(source) => format!("{error}: {source}"),
        None => error.to_string(),
    }
}
