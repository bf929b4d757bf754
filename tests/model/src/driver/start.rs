//! How a history begins: two accounts, imported.

use super::Driver;
use crate::database::Database;
use crate::gateway::Books;
use crate::model::{Account, Model};
use crate::names::Names;
use crate::policy::{self, us};
use crate::steps::{History, Setup, THRESHOLD};
use crate::world::{Auto, Wallet};
use anyhow::{Result, ensure};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use topup_rules::account::Method;
use topup_rules::credits::Credits;
use topup_store::AccountImport;

/// The main account, its sub, and the wallets that there are; the last two names are of none.
pub(super) const MAIN: i64 = 1;
pub(super) const SUB: i64 = 2;
pub(super) const WALLETS: [&str; 5] = ["1/sms", "1/whatsapp", "2/sms", "2/whatsapp", "3/sms"];
/// The token of a card.
const CODE: &str = "AUTH_ok";

impl<'a> Driver<'a> {
    /// Empties the database, sets its clock, and imports the accounts.
    pub(super) async fn begin(db: &'a Database, history: &History) -> Result<Self> {
        let setup = &history.setup;
        db.empty().await?;
        let begins: jiff::Timestamp = policy::BEGINS.parse()?;
        let now = begins.as_microsecond() + us(setup.begins_s);
        db.set_clock(now).await?;
        let model = model(setup, now);
        for line in lines(setup) {
            let line: AccountImport = serde_json::from_value(line)?;
            let imported = db.store.import_account(&line).await?;
            ensure!(imported.is_ok(), "the import was refused: {imported:?}");
        }
        let mut driver = Self {
            db,
            model,
            names: Names::default(),
            books: Books::default(),
            bag: Vec::new(),
            hands: Vec::new(),
            rows: BTreeMap::new(),
            events: Vec::new(),
            act: None,
            bought: None,
            made: 0,
            topups: policy::topups(setup.failures_to_disable)?,
            settling: policy::settling(setup.failures_to_disable),
            story: Vec::new(),
        };
        driver.agree().await?;
        Ok(driver)
    }
}

/// The card that a wallet of the first accounts charges.
fn signature(wallet: &str) -> String {
    format!("SIG {wallet}").replace('/', " ")
}

const fn is_by_card(setup: &Setup, index: usize) -> bool {
    index < 2 || setup.sub_by_card
}

fn model(setup: &Setup, now: i64) -> Model {
    let mut model = Model::default();
    model.now = now;
    model.failures_to_disable = i64::from(setup.failures_to_disable);
    let main = Account {
        main: None,
        has_mobile: true,
        has_email: true,
        day_cap: setup.day_cap.map(i64::from),
        month_cap: setup.month_cap,
    };
    let sub = Account {
        main: Some(MAIN),
        has_mobile: false,
        has_email: true,
        ..Account::default()
    };
    model.accounts = BTreeMap::from([(MAIN, main), (SUB, sub)]);
    for (index, name) in WALLETS.iter().take(3).enumerate() {
        let by_card = is_by_card(setup, index);
        let auto = Auto {
            method: if by_card { Method::Card } else { Method::Transfer },
            threshold: THRESHOLD,
            quantity: setup.quantities[index],
            enabled: true,
            reason: None,
            card: by_card.then(|| signature(name)),
        };
        let wallet = Wallet {
            balance: setup.balances[index],
            low: setup.lows[index],
            auto: Some(auto),
            ..Wallet::default()
        };
        model
            .world
            .ledger
            .insert(format!("{name} opening"), (1, wallet.balance));
        model.world.wallets.insert((*name).to_owned(), wallet);
        if by_card {
            let account = name.split('/').next().unwrap_or_default();
            model
                .world
                .cards
                .insert(format!("{account}/{}", signature(name)), CODE.to_owned());
        }
    }
    model
}

fn lines(setup: &Setup) -> [Value; 2] {
    let wallet = |index: usize| {
        let name = WALLETS[index];
        let card = json!({"authorization_code": CODE, "email": "ops@example.com", "last4": "4081",
                          "exp_month": 12, "exp_year": 2030, "signature": signature(name)});
        let by_card = is_by_card(setup, index);
        let credits = |milli: i64| json!(Credits::from_milli(milli).to_string());
        json!({
            "service": name.split('/').nth(1), "credits": credits(setup.balances[index]),
            "low_credit_threshold": credits(setup.lows[index]),
            "auto_topup": {
                "method": if by_card { "card" } else { "transfer" }, "threshold": credits(THRESHOLD),
                "quantity": credits(setup.quantities[index]), "enabled": true,
                "card": by_card.then_some(card),
                "caps": (index < 2).then(|| json!({
                    "topups_per_day": setup.day_cap, "amount_minor_per_month": setup.month_cap})),
            },
        })
    };
    [
        json!({"account_id": MAIN, "kind": "main", "currency": policy::CURRENCY, "language": "en",
               "mobile": "+27820000001", "email": "main@example.com", "wallets": [wallet(0), wallet(1)]}),
        json!({"account_id": SUB, "kind": "sub", "parent_id": MAIN, "currency": policy::CURRENCY, "language": "en",
               "email": "sub@example.com", "wallets": [wallet(2)]}),
    ]
}
