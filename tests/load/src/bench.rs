//! What every measurement works with: the fleet, idle, with the accounts that the measurements send for.

use std::fmt::Write as _;
use std::fs;

use anyhow::{Context as _, Result};
use serde_json::json;
use topup_stack::{Durability, Fleet, FleetOptions, Options, Stack};

use crate::sender::Sender;
use crate::watch::Watch;

/// Triggering events before those that are measured: the first ones find cold caches and connections.
pub(crate) const WARM_UP: u32 = 5;
/// The first account whose first send triggers a top-up; each has one of its own.
const TRIGGERING_FROM: u32 = 1_000_001;
/// The first account that only spends.
const SPENDING_FROM: u32 = 5_000_001;
/// Accounts that only spend.
const SPENDING: u32 = 1_000;

/// The fleet and who watches it.
#[derive(Debug)]
pub(crate) struct Bench {
    stack: Stack,
    pub(crate) fleet: Fleet,
    pub(crate) sender: Sender,
    pub(crate) watch: Watch,
}

impl Bench {
    /// Starts everything; there will be accounts for so many triggering events.
    pub(crate) async fn set_up(triggers: u32) -> Result<Self> {
        let stack = Stack::start(Options {
            name: "load".to_owned(),
            durability: Durability::Full,
        })
        .await?;
        let space = stack.space("load").await?;
        eprintln!("load: starting the fleet");
        let fleet = Fleet::start(&space, FleetOptions::default()).await?;
        eprintln!("load: importing accounts");
        import(&stack, &fleet, triggers + WARM_UP).await?;
        let sender = Sender::connect(space.amqp_url()).await?;
        let watch = Watch::at(fleet.sandbox_url())?;
        Ok(Self {
            stack,
            fleet,
            sender,
            watch,
        })
    }

    pub(crate) fn stack(&self) -> &Stack {
        &self.stack
    }

    /// Checks that nothing was lost or doubled on the way, then stops everything.
    pub(crate) async fn tear_down(self) -> Result<()> {
        eprintln!("load: auditing");
        self.fleet.fleetctl(&["audit"]).await?;
        let Self {
            stack,
            fleet,
            sender,
            watch: _,
        } = self;
        drop(sender);
        let stopped = fleet.stop().await;
        stack.stop().await;
        stopped
    }
}

/// The account of the triggering event with this number, counted from 0, those to warm up included.
pub(crate) fn triggering(number: u32) -> u32 {
    TRIGGERING_FROM + number
}

/// The account that the spending event with this number is for: each in its turn.
pub(crate) fn spending(number: u32) -> u32 {
    SPENDING_FROM + number % SPENDING
}

async fn import(stack: &Stack, fleet: &Fleet, triggering_count: u32) -> Result<()> {
    let mut accounts = String::new();
    for number in 0..triggering_count {
        let id = triggering(number);
        let email = format!("account{id}@example.com");
        let card = json!({"authorization_code": format!("AUTH_ok_{id}"), "email": email, "brand": "visa",
            "last4": "4081", "exp_month": 12, "exp_year": 2035, "signature": format!("SIG_{id}")});
        let auto_topup =
            json!({"method": "card", "threshold": 100, "quantity": 500, "enabled": true, "card": card});
        let line = json!({"account_id": id, "kind": "main", "currency": "ZAR", "language": "en",
            "mobile": format!("+2782{id}"), "email": email,
            "wallets": [{"service": "sms", "credits": 101, "low_credit_threshold": 0, "auto_topup": auto_topup}]});
        writeln!(accounts, "{line}")?;
    }
    for id in (0..SPENDING).map(spending) {
        let line = json!({"account_id": id, "kind": "main", "currency": "ZAR", "language": "en",
            "wallets": [{"service": "sms", "credits": 1_000_000, "low_credit_threshold": 0}]});
        writeln!(accounts, "{line}")?;
    }
    let price = json!({"service": "sms", "currency": "ZAR", "from_credits": 0, "unit_price_minor": "25.5",
        "tax_percent": "15"});
    let dir = stack.files();
    for (command, text) in [("prices", format!("{price}\n")), ("import", accounts)] {
        let path = dir.join(format!("{command}.ndjson"));
        fs::write(&path, text).with_context(|| format!("writing {}", path.display()))?;
        fleet.fleetctl(&[command, &path.display().to_string()]).await?;
    }
    Ok(())
}
