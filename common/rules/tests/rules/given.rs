//! What the tables start from: one account, one wallet, one top-up.

use jiff::Timestamp;
use topup_rules::account::{Account, AccountKind, AutoTopup, AutoTopupSettings, Caps, Method, Wallet};
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Service, TopupId, WalletKey};
use topup_rules::money::{Currency, Money};
use topup_rules::topup::{Topup, TopupState};
use uuid::Uuid;

pub(crate) const TOPUP: TopupId = Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0001);
pub(crate) const OTHER_TOPUP: TopupId = Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0002);

pub(crate) const PURCHASE: Uuid = Uuid::from_u128(0x0193_0000_0000_7000_8000_0000_0000_0003);

pub(crate) fn credits(text: &str) -> Credits {
    text.parse().unwrap()
}

pub(crate) fn whole(credits: i64) -> Credits {
    Credits::from_whole(credits).unwrap()
}

pub(crate) fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

pub(crate) fn account_id(id: i64) -> AccountId {
    AccountId::new(id).unwrap()
}

pub(crate) fn key(account: i64) -> WalletKey {
    WalletKey {
        account: account_id(account),
        service: Service::Sms,
    }
}

pub(crate) fn currency(code: &str) -> Currency {
    code.parse().unwrap()
}

pub(crate) fn zar(amount_minor: i64) -> Money {
    Money::new(amount_minor, currency("ZAR"))
}

/// Account 1001, paying for itself.
pub(crate) fn main_account() -> Account {
    Account {
        id: account_id(1001),
        kind: AccountKind::Main,
        currency: currency("ZAR"),
        caps: Caps::default(),
    }
}

/// Account 1001 as a sub of 2002.
pub(crate) fn sub_account() -> Account {
    Account {
        kind: AccountKind::Sub {
            parent: account_id(2002),
        },
        ..main_account()
    }
}

/// 500 credits at or below 100.
pub(crate) fn by(method: Method) -> AutoTopupSettings {
    AutoTopupSettings {
        method,
        threshold: whole(100),
        quantity: whole(500),
    }
}

pub(crate) fn disabled(method: Method) -> AutoTopup {
    AutoTopup::Disabled {
        settings: by(method),
        reason: "card declined".to_owned(),
    }
}

/// Account 1001's wallet with so many credits, and auto top-up by card enabled.
pub(crate) fn wallet(balance: i64) -> Wallet {
    Wallet {
        key: key(1001),
        balance: whole(balance),
        held: Credits::ZERO,
        low_credit_threshold: Credits::ZERO,
        auto_topup: AutoTopup::Enabled(by(Method::Card)),
        consecutive_failures: 0,
        open_topup: None,
    }
}

/// A top-up of 500 credits by card for 352.47, just requested.
pub(crate) fn topup() -> Topup {
    Topup {
        id: TOPUP,
        wallet: key(1001),
        method: Method::Card,
        quantity: whole(500),
        price: Some(zar(35_247)),
        state: TopupState::Requested,
        requested_at: at("2026-11-22T08:00:00Z"),
        due_at: None,
    }
}

/// The same by transfer.
pub(crate) fn transfer() -> Topup {
    Topup {
        method: Method::Transfer,
        price: None,
        ..topup()
    }
}
