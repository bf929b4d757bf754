//! Connections: pooled, encrypted where the server can, and bounded.

use crate::StoreError;
use deadpool_postgres::{Hook, HookError, Manager, ManagerConfig, Object, Pool, RecyclingMethod, Runtime};
use jiff::Timestamp;
use rustls::RootCertStore;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use std::path::PathBuf;
use std::time::Duration;
use tokio_postgres_rustls::MakeRustlsConnect;

/// How long a connection attempt may take.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(5);
/// How long a caller waits for a free connection.
const POOL_WAIT_MAX: Duration = Duration::from_secs(10);
/// How long a peer that went away unnoticed is believed in, before the kernel asks.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(15);

/// How to reach the database.
#[derive(Debug, Clone)]
pub struct StoreOptions {
    /// `postgres://user:password@host/database?sslmode=…`, several hosts allowed.
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

/// The database. Cheap to clone.
#[derive(Clone)]
pub struct Store {
    pool: Pool,
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Store")
            .field("pool", &self.pool.status())
            .finish()
    }
}

impl Store {
    /// Makes the pool; the first connection is made when it is needed.
    ///
    /// # Errors
    /// [`StoreError::Settings`] for an unusable URL or CA file.
    pub fn new(options: &StoreOptions) -> Result<Self, StoreError> {
        let mut config: tokio_postgres::Config = options
            .url
            .parse()
            .map_err(|e: tokio_postgres::Error| StoreError::Settings(describe(&e)))?;
        config.application_name(&options.application_name);
        config.connect_timeout(CONNECT_TIMEOUT);
        config.keepalives_idle(KEEPALIVE_IDLE);
        config.tcp_user_timeout(KEEPALIVE_IDLE);
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
            "SET statement_timeout = '{}s'; SET idle_in_transaction_session_timeout = '60s'; SET lock_timeout = '30s'",
            options.statement_timeout_s
        );
        let pool = Pool::builder(manager)
            .max_size(options.connections_max)
            .wait_timeout(Some(POOL_WAIT_MAX))
            .create_timeout(Some(CONNECT_TIMEOUT * 2))
            .recycle_timeout(Some(CONNECT_TIMEOUT))
            .runtime(Runtime::Tokio1)
            .post_create(Hook::async_fn(move |client, _| {
                let session = session.clone();
                Box::pin(async move { client.batch_execute(&session).await.map_err(HookError::Backend) })
            }))
            .build()
            .map_err(|e| StoreError::Settings(e.to_string()))?;
        Ok(Self { pool })
    }

    /// A connection of the pool.
    pub(crate) async fn client(&self) -> Result<Object, StoreError> {
        Ok(self.pool.get().await?)
    }

    /// Asks the database for a sign of life.
    ///
    /// # Errors
    /// The database's.
    pub async fn ping(&self) -> Result<(), StoreError> {
        self.client().await?.simple_query("SELECT 1").await?;
        Ok(())
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

    /// Connections in use and in all, for metrics.
    #[must_use]
    pub fn connections(&self) -> (usize, usize) {
        let status = self.pool.status();
        (status.size.saturating_sub(status.available), status.size)
    }
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
