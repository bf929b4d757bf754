//! The few statements that make and remove whole databases; what stands in them is the store's business.

use std::time::Duration;

use anyhow::{Context as _, Result};
use tokio::time::timeout;
use tokio_postgres::{Client, Config, NoTls};

/// Longest wait for a connection.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
/// Longest wait for one statement; a template of many partitions takes a moment to copy.
const STATEMENT_TIMEOUT: Duration = Duration::from_secs(120);

/// The server's version, for example `15.18`.
pub(crate) async fn version(url: &str) -> Result<String> {
    let client = connect(url).await?;
    let row = client
        .query_one("SHOW server_version", &[])
        .await
        .context("asking for the version")?;
    let version: String = row.get(0);
    Ok(version.split(' ').next().unwrap_or(&version).to_owned())
}

/// Makes `database`, as a copy of `template` where one is given (nobody may be connected to it).
pub(crate) async fn create(url: &str, database: &str, template: Option<&str>) -> Result<()> {
    let template = template
        .map(|name| format!(" TEMPLATE \"{name}\""))
        .unwrap_or_default();
    execute(url, &format!("CREATE DATABASE \"{database}\"{template}")).await
}

/// Removes `database`, whoever is connected to it; one that is not there counts as removed.
pub(crate) async fn remove(url: &str, database: &str) -> Result<()> {
    execute(
        url,
        &format!("DROP DATABASE IF EXISTS \"{database}\" WITH (FORCE)"),
    )
    .await
}

async fn execute(url: &str, statement: &str) -> Result<()> {
    let client = connect(url).await?;
    timeout(STATEMENT_TIMEOUT, client.batch_execute(statement))
        .await
        .with_context(|| format!("no end after {} s of: {statement}", STATEMENT_TIMEOUT.as_secs()))?
        .with_context(|| format!("executing: {statement}"))
}

/// Without TLS: the servers of native and container stacks are on loopback, and those from outside are
/// for development.
async fn connect(url: &str) -> Result<Client> {
    let config: Config = url.parse().context("reading the database's address")?;
    let (client, connection) = timeout(CONNECT_TIMEOUT, config.connect(NoTls))
        .await
        .context("no answer from the database")?
        .context("connecting to the database")?;
    // Ends with the client; its errors reach the client's statements.
    tokio::spawn(connection);
    Ok(client)
}
