//! Accounts in the words of a test, as lines of an import file.

use serde_json::{Value, json};

/// An account to import. Settings of wallets go to the wallet named last, the SMS wallet at first.
#[derive(Debug, Clone)]
pub struct Account {
    id: i64,
    parent: Option<i64>,
    currency: &'static str,
    language: &'static str,
    mobile: Option<String>,
    email: Option<String>,
    wallets: Vec<Value>,
}

/// A main account with an empty SMS wallet, a mobile number and an e-mail address, paying in ZAR.
#[must_use]
pub fn main_account(id: i64) -> Account {
    Account {
        id,
        parent: None,
        currency: "ZAR",
        language: "en",
        mobile: Some(format!("+2782{id:07}")),
        email: Some(format!("account-{id}@example.com")),
        wallets: vec![wallet("sms")],
    }
}

/// The same, as a sub account of `parent`.
#[must_use]
pub fn sub_account(id: i64, parent: i64) -> Account {
    Account {
        parent: Some(parent),
        ..main_account(id)
    }
}

fn wallet(service: &str) -> Value {
    json!({"service": service, "credits": 0})
}

impl Account {
    /// A further wallet, for WhatsApp; what follows is about it.
    #[must_use]
    pub fn whatsapp(mut self) -> Self {
        self.wallets.push(wallet("whatsapp"));
        self
    }

    /// The wallet's opening balance.
    #[must_use]
    pub fn credits(self, credits: impl Into<Value>) -> Self {
        self.set("credits", credits.into())
    }

    /// The wallet's low-credit notice threshold.
    #[must_use]
    pub fn low_credit(self, threshold: impl Into<Value>) -> Self {
        self.set("low_credit_threshold", threshold.into())
    }

    /// The wallet is topped up by this card: threshold 100, quantity 500 unless said otherwise.
    #[must_use]
    pub fn card(self, authorization_code: &str) -> Self {
        let card = json!({
            "authorization_code": authorization_code, "email": self.email, "brand": "visa", "last4": "4081",
            "exp_month": 12, "exp_year": 2030,
            // One code, one card: a signature stays the same for a card, whatever its code.
            "signature": format!("SIG_{}_{authorization_code}", self.id),
        });
        self.topped_up("card").set_topup("card", card)
    }

    /// The wallet is topped up from the main account: threshold 100, quantity 500 unless said otherwise.
    #[must_use]
    pub fn transfer(self) -> Self {
        self.topped_up("transfer")
    }

    /// Reaching this balance triggers.
    #[must_use]
    pub fn threshold(self, threshold: impl Into<Value>) -> Self {
        self.set_topup("threshold", threshold.into())
    }

    /// How many credits one top-up brings.
    #[must_use]
    pub fn quantity(self, quantity: impl Into<Value>) -> Self {
        self.set_topup("quantity", quantity.into())
    }

    /// Auto top-up is set up and not enabled.
    #[must_use]
    pub fn disabled(self) -> Self {
        self.set_topup("enabled", Value::Bool(false))
    }

    /// At most so many card top-ups a day.
    #[must_use]
    pub fn topups_per_day(self, cap: u32) -> Self {
        self.set_topup("caps", json!({"topups_per_day": cap}))
    }

    /// Paying in another currency.
    #[must_use]
    pub fn currency(mut self, currency: &'static str) -> Self {
        self.currency = currency;
        self
    }

    /// Spoken to in another language.
    #[must_use]
    pub const fn language(mut self, language: &'static str) -> Self {
        self.language = language;
        self
    }

    /// Another mobile number, or none.
    #[must_use]
    pub fn mobile(mut self, mobile: Option<&str>) -> Self {
        self.mobile = mobile.map(str::to_owned);
        self
    }

    /// Another e-mail address, or none.
    #[must_use]
    pub fn email(mut self, email: Option<&str>) -> Self {
        self.email = email.map(str::to_owned);
        self
    }

    /// The account as a line of an import file.
    #[must_use]
    pub fn line(&self) -> Value {
        json!({
            "account_id": self.id,
            "kind": if self.parent.is_some() { "sub" } else { "main" },
            "parent_id": self.parent,
            "currency": self.currency,
            "language": self.language,
            "mobile": self.mobile,
            "email": self.email,
            "wallets": self.wallets,
        })
    }

    fn topped_up(self, method: &str) -> Self {
        self.set(
            "auto_topup",
            json!({"method": method, "threshold": 100, "quantity": 500, "enabled": true}),
        )
    }

    fn set(mut self, field: &str, value: Value) -> Self {
        if let Some(wallet) = self.wallets.last_mut() {
            wallet[field] = value;
        }
        self
    }

    fn set_topup(mut self, field: &str, value: Value) -> Self {
        if let Some(wallet) = self.wallets.last_mut() {
            wallet["auto_topup"][field] = value;
        }
        self
    }
}
