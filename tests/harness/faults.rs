//! What goes wrong on purpose, in ways that work wherever broker and database run.

use anyhow::{Context as _, Result};
use serde_json::Value;
use tokio_postgres::NoTls;

use super::app::App;

impl App {
    /// Closes every connection of the fleet to the broker, as an administrator or a failing node does; the test's
    /// own stay. Returns how many.
    ///
    /// # Errors
    /// The management interface refused.
    pub async fn close_connections(&self) -> Result<usize> {
        let management = self.management()?;
        let vhost = self.space().vhost();
        let connections = management
            .get(&format!("/api/vhosts/{vhost}/connections"))
            .await?;
        let mut closed = 0;
        for connection in connections.as_array().into_iter().flatten() {
            // People's names are given by the fleet alone.
            if connection.pointer("/client_properties/connection_name").is_none() {
                continue;
            }
            let name = connection
                .get("name")
                .and_then(Value::as_str)
                .context("a connection without name")?;
            management
                .delete(&format!("/api/connections/{}", percent_encoded(name)))
                .await?;
            closed += 1;
        }
        Ok(closed)
    }

    /// Takes the database away from the fleet: connections break, and no new ones are let in. The test's own stays.
    ///
    /// # Errors
    /// The database refused.
    pub async fn take_database_away(&self) -> Result<()> {
        let own: i32 = self
            .rows
            .client()
            .query_one("SELECT pg_backend_pid()", &[])
            .await?
            .get(0);
        let database = self.space().database();
        let server = self.server().await?;
        server
            .batch_execute(&format!(
                "ALTER DATABASE \"{database}\" WITH ALLOW_CONNECTIONS false"
            ))
            .await?;
        server
            .execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1 AND pid <> $2",
                &[&database, &own],
            )
            .await?;
        Ok(())
    }

    /// Gives it back.
    ///
    /// # Errors
    /// The database refused.
    pub async fn give_database_back(&self) -> Result<()> {
        let database = self.space().database();
        let server = self.server().await?;
        server
            .batch_execute(&format!(
                "ALTER DATABASE \"{database}\" WITH ALLOW_CONNECTIONS true"
            ))
            .await?;
        Ok(())
    }

    /// A connection to the server's own database, beside the space's.
    async fn server(&self) -> Result<tokio_postgres::Client> {
        let url = &self.space().stack().addresses().database_url;
        let (client, connection) = tokio_postgres::connect(url, NoTls)
            .await
            .context("connecting to the database server")?;
        // Ends with the client.
        tokio::spawn(connection);
        Ok(client)
    }
}

fn percent_encoded(name: &str) -> String {
    name.bytes().fold(String::new(), |mut encoded, byte| {
        if byte.is_ascii_alphanumeric() {
            encoded.push(byte.into());
        } else {
            encoded.push_str(&format!("%{byte:02X}"));
        }
        encoded
    })
}
