//! What a command reaches the fleet by: its settings, its database, its broker. Each is asked for only by the
//! commands that use it, so that a command needs no more settings than that.

use anyhow::Context as _;
use secrecy::ExposeSecret as _;
use topup_rules::sends::OpenWindow;
use topup_runtime::Settings;
use topup_runtime::broker::admin::Admin;
use topup_store::{Store, StoreOptions};

/// The name of connections, for people who look at the database or the broker.
pub(crate) const NAME: &str = "fleetctl";

/// The settings of the fleet.
#[derive(Debug)]
pub(crate) struct Fleet {
    settings: Settings,
}

impl Fleet {
    /// Reads the settings.
    ///
    /// # Errors
    /// One line: what is wrong with them.
    pub(crate) fn load() -> anyhow::Result<Self> {
        Ok(Self {
            settings: Settings::load()?,
        })
    }

    /// All of them.
    pub(crate) fn settings(&self) -> &Settings {
        &self.settings
    }

    /// The open window of sends (S4).
    pub(crate) fn window(&self) -> OpenWindow {
        OpenWindow {
            back: self.settings.rules.window_back,
            ahead: self.settings.rules.window_ahead,
        }
    }

    /// The database; the first connection is made when it is needed. A statement may take as long as it does: who
    /// waits for it can end it.
    ///
    /// # Errors
    /// Settings.
    pub(crate) fn store(&self) -> anyhow::Result<Store> {
        let database = &self.settings.database;
        let options = StoreOptions {
            url: database.url()?.expose_secret().to_owned(),
            connections_max: database.connections_max,
            ca_file: database.ca_file.clone(),
            application_name: NAME.to_owned(),
            statement_timeout_s: 0,
        };
        Store::new(&options).context("TOPUP__DATABASE__… can't be used")
    }

    /// One connection to the broker.
    ///
    /// # Errors
    /// Settings, or no host that answered.
    pub(crate) async fn broker(&self) -> anyhow::Result<Admin> {
        let amqp = &self.settings.amqp;
        let address = amqp.address()?;
        Admin::connect(amqp, address, NAME)
            .await
            .with_context(|| format!("no connection to {address}"))
    }
}
