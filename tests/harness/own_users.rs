//! A user of the broker and a role in the database for each process of one fleet, made as an operator makes them: by
//! what `fleetctl grants` prints.

use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use topup_stack::{Space, Stack};
use topup_store::Role;

use super::programs::run;
use super::rows::Rows;
use super::shared::file_number;

/// Who has a password: every user of the broker, and every role. A process has the same for both.
const NAMES: [&str; 10] = [
    "sms-sent",
    "topup-requested",
    "payment-results",
    "notifications",
    "sweeper",
    "edge",
    "operator",
    "sender",
    "watcher",
    "owner",
];
/// Programs, and whose user and role each has.
const PROGRAMS: [(&str, &str); 7] = [
    ("sms-sent", "sms-sent"),
    ("topup-requested", "topup-requested"),
    ("payment-results", "payment-results"),
    ("notifications", "notifications"),
    ("sweeper", "sweeper"),
    ("edge", "edge"),
    ("fleetctl", "operator"),
];

/// Users and roles of one fleet. They outlast its space: [`Self::remove`].
#[derive(Debug)]
pub struct OwnUsers {
    /// Of all that names it in this run: users and roles belong to whole servers.
    prefix: String,
    passwords: PathBuf,
    amqp_url: String,
    database_url: String,
}

impl OwnUsers {
    /// Makes roles, the schema as its owner, rights, and on the broker users and everything else.
    pub(crate) async fn make(space: &Space, env: &BTreeMap<String, String>) -> Result<Self> {
        let prefix = format!("p{}n{}", std::process::id(), file_number());
        let passwords = space.stack().files().join(format!("{prefix}-passwords"));
        fs::create_dir_all(&passwords)?;
        for name in NAMES {
            // Not to be guessed from each other, and fit for an address.
            fs::write(
                passwords.join(name),
                format!("{}\n", uuid::Uuid::now_v7().simple()),
            )?;
        }
        let own = Self {
            prefix,
            passwords,
            amqp_url: space.amqp_hosts_url(),
            database_url: space.database_url().to_owned(),
        };
        own.set_up_database(env).await?;
        own.set_up_broker(space).await?;
        Ok(own)
    }

    async fn set_up_database(&self, env: &BTreeMap<String, String>) -> Result<()> {
        let administrator = Rows::connect(&self.database_url).await?;
        let play = async |half: &str| {
            let prefix = self.role_prefix();
            let passwords = self.passwords.display().to_string();
            let arguments = ["grants", "database", "--part", half, "--prefix", &prefix];
            let sql = printed(
                &[arguments.as_slice(), &["--passwords", &passwords]].concat(),
                &[],
            )
            .await?;
            let played = administrator.client().batch_execute(&sql).await;
            played.with_context(|| format!("playing the {half}:\n{sql}"))
        };
        play("roles").await?;
        let owner = self.database_url("owner")?;
        let mut settings: Vec<(&str, &str)> = env.iter().map(|(name, value)| (&**name, &**value)).collect();
        settings.push(("TOPUP__DATABASE__URL", &owner));
        printed(&["migrate"], &settings).await?;
        play("rights").await?;
        // It can be repeated, as after an upgrade.
        play("rights").await
    }

    async fn set_up_broker(&self, space: &Space) -> Result<()> {
        let (prefix, passwords) = (self.user_prefix(), self.passwords.display().to_string());
        let arguments = ["grants", "broker", "--vhost", space.vhost(), "--prefix", &prefix];
        let document = printed(
            &[
                arguments.as_slice(),
                &["--passwords", &passwords, "--topology", "--json"],
            ]
            .concat(),
            &[],
        )
        .await?;
        let definitions: Value = serde_json::from_str(&document)?;
        let management = space.stack().management()?;
        management.post("/api/definitions", &definitions).await?;
        Ok(())
    }

    /// The settings of each program.
    pub(crate) fn settings(&self, space: &Space) -> Result<BTreeMap<&'static str, BTreeMap<String, String>>> {
        let mut all = BTreeMap::new();
        for (program, name) in PROGRAMS {
            let watcher = if program == "fleetctl" {
                "operator"
            } else {
                "watcher"
            };
            let mut own = BTreeMap::from([("TOPUP__AMQP__DECLARE".to_owned(), "false".to_owned())]);
            let secrets = [
                ("AMQP__URL", self.amqp_url(name)?),
                (
                    "AMQP__MANAGEMENT_URL",
                    self.with_user(space.management_url(), watcher, &self.user(watcher))?,
                ),
                ("DATABASE__URL", self.database_url(name)?),
            ];
            for (setting, secret) in secrets {
                let file = self.passwords.join(format!("{program}-{setting}"));
                fs::write(&file, secret)?;
                own.insert(format!("TOPUP__{setting}_FILE"), file.display().to_string());
            }
            all.insert(program, own);
        }
        Ok(all)
    }

    /// The broker's address for one of them: `sms-sent`, `operator`, `sender`, …
    ///
    /// # Errors
    /// There is no such user.
    pub fn amqp_url(&self, name: &str) -> Result<String> {
        self.with_user(&self.amqp_url, name, &self.user(name))
    }

    /// The database's address for one of them: `sms-sent`, `operator`, `owner`, …
    ///
    /// # Errors
    /// There is no such role.
    pub fn database_url(&self, name: &str) -> Result<String> {
        let role = format!("{}{}", self.role_prefix(), name.replace('-', "_"));
        self.with_user(&self.database_url, name, &role)
    }

    fn with_user(&self, url: &str, name: &str, user: &str) -> Result<String> {
        let password = fs::read_to_string(self.passwords.join(name)).with_context(|| name.to_owned())?;
        let (scheme, rest) = url.split_once("://").context("an address")?;
        let hosts = rest.split_once('@').map_or(rest, |(_, hosts)| hosts);
        Ok(format!("{scheme}://{user}:{}@{hosts}", password.trim()))
    }

    fn user(&self, name: &str) -> String {
        format!("{}{name}", self.user_prefix())
    }

    fn user_prefix(&self) -> String {
        format!("{}-", self.prefix)
    }

    fn role_prefix(&self) -> String {
        format!("{}_", self.prefix)
    }

    /// Removes users and roles, after the space is gone: what they may do there keeps them.
    pub(crate) async fn remove(self, stack: &Stack) -> Result<()> {
        let management = stack.management()?;
        for name in NAMES {
            management
                .delete(&format!("/api/users/{}", self.user(name)))
                .await?;
        }
        let rows = Rows::connect(&stack.addresses().database_url).await?;
        for role in Role::ALL {
            let name = role.name(&self.role_prefix());
            rows.client()
                .batch_execute(&format!("DROP ROLE \"{name}\""))
                .await?;
        }
        Ok(())
    }
}

async fn printed(arguments: &[&str], settings: &[(&str, &str)]) -> Result<String> {
    let output = run("fleetctl", arguments, settings).await?;
    ensure!(
        output.status.success(),
        "fleetctl {}: {}",
        arguments.join(" "),
        String::from_utf8_lossy(&output.stderr)
    );
    Ok(String::from_utf8(output.stdout)?)
}
