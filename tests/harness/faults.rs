//! What goes wrong on purpose, in ways that work wherever broker and database run.

use anyhow::{Context as _, Result};
use serde_json::json;
use tokio_postgres::NoTls;
use topup_stack::Management;

use super::app::App;
use super::patience::eventually;

impl App {
    /// Waits until the broker lists connections of the fleet beside these, and closes them, as an administrator or a
    /// failing node does; the test's own stay. Returns their names.
    ///
    /// # Errors
    /// The management interface refused, or there were none in time.
    pub async fn close_connections_beside(&self, before: &[String]) -> Result<Vec<String>> {
        let management = self.management()?;
        let names = eventually("connections to close", async || {
            let names = self.connections(&management).await?;
            let new: Vec<String> = names.into_iter().filter(|name| !before.contains(name)).collect();
            Ok((!new.is_empty()).then_some(new))
        })
        .await?;
        for name in &names {
            let path = format!("/api/connections/{}", percent_encoded(name));
            management.delete(&path).await?;
        }
        Ok(names)
    }

    /// The broker takes no further connection of this fleet.
    ///
    /// # Errors
    /// The management interface refused.
    pub async fn let_no_connection_in(&self) -> Result<()> {
        let path = format!("/api/vhost-limits/{}/max-connections", self.space().vhost());
        self.management()?.put(&path, &json!({"value": 0})).await
    }

    /// It does again.
    ///
    /// # Errors
    /// The management interface refused.
    pub async fn let_connections_in(&self) -> Result<()> {
        let path = format!("/api/vhost-limits/{}/max-connections", self.space().vhost());
        self.management()?.delete(&path).await
    }

    /// Waits until the broker lists the fleet's connections, which takes it a while.
    ///
    /// # Errors
    /// The management interface refused, or there were none in time.
    pub async fn connections_are_listed(&self) -> Result<()> {
        let management = self.management()?;
        eventually("the fleet's connections", async || {
            Ok((!self.connections(&management).await?.is_empty()).then_some(()))
        })
        .await
    }

    async fn connections(&self, management: &Management) -> Result<Vec<String>> {
        let vhost = self.space().vhost();
        let listed = management
            .get(&format!("/api/vhosts/{vhost}/connections"))
            .await?;
        let fleet = listed.as_array().into_iter().flatten().filter(|connection| {
            // The fleet alone gives its connections names for people.
            connection.pointer("/client_properties/connection_name").is_some()
        });
        let names = fleet.filter_map(|connection| connection["name"].as_str().map(str::to_owned));
        Ok(names.collect())
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
