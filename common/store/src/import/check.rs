//! What is wrong with a line, by itself: the first mistake, with its field.

use super::line::{AccountImport, AutoTopupImport, KindImport, WalletImport};
use crate::cards::SavedCard;
use topup_rules::account::{AccountKind, Caps, Method};
use topup_rules::credits::Credits;
use topup_rules::ids::{AccountId, Service};
use topup_rules::low_credit::check_threshold;
use topup_rules::settings::{SettingsRefusal, check_import};

/// Longest text of any field, in bytes: the longest address that e-mail knows.
const TEXT_MAX_BYTES: usize = 254;
/// Fewest and most digits of a mobile number.
const MOBILE_DIGITS: std::ops::RangeInclusive<usize> = 6..=15;
/// Longest name of a language, in bytes.
const LANGUAGE_MAX_BYTES: usize = 35;

/// Why a line is not imported. One line that names the field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("field `{field}`: {problem}")]
pub struct ImportRefusal {
    /// The field's path: `wallets[0].auto_topup.card`.
    pub field: String,
    /// What is wrong with it.
    pub problem: ImportProblem,
}

/// What is wrong with a field.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ImportProblem {
    /// A sub belongs to somebody.
    #[error("a sub account needs its main account")]
    ParentMissing,
    /// A main does not.
    #[error("a main account has no parent")]
    ParentOfMain,
    /// Nobody is his own parent.
    #[error("an account is not its own main account")]
    OwnParent,
    /// Main accounts are imported before their subs.
    #[error("there is no account {parent} (main accounts come before their subs)")]
    NoParent {
        /// Who is missing.
        parent: AccountId,
    },
    /// A sub has no subs.
    #[error("account {parent} is a sub account itself")]
    ParentIsSub {
        /// Who is no main.
        parent: AccountId,
    },
    /// The account exists as the other kind.
    #[error("the account exists as a {before} account, and stays one")]
    KindChanged {
        /// What it is.
        before: KindImport,
    },
    /// One wallet a service.
    #[error("the account has two wallets for the service {0}")]
    TwoWallets(Service),
    /// How its holder is reached, or a card's address.
    #[error(transparent)]
    Contact(#[from] ContactProblem),
    /// Empty, too long, or more than a line.
    #[error("must be 1 to 254 bytes on one line")]
    Text,
    /// Beyond what a wallet can hold.
    #[error("must be between {least} and {most}, and is {is}")]
    Credits {
        /// The least.
        least: Credits,
        /// The most.
        most: Credits,
        /// What it is.
        is: Credits,
    },
    /// E1, E4.
    #[error("{0}")]
    Settings(#[from] SettingsRefusal),
    /// An enabled card top-up charges something.
    #[error("an enabled auto top-up by card needs its card")]
    CardMissing,
    /// A transfer charges nothing.
    #[error("a transfer has no card")]
    CardOfTransfer,
    /// Not digits.
    #[error("must be four digits")]
    Last4,
    /// Not a month or year.
    #[error("must be {0}")]
    Expiry(&'static str),
    /// Caps are the account's.
    #[error("caps differ from those of another wallet, and they are the account's")]
    CapsDiffer,
    /// A cap below zero, or too large.
    #[error("must be between 0 and {0}")]
    Cap(i64),
}

/// What is wrong with how an account's holder is reached.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum ContactProblem {
    /// Not a language.
    #[error("not the name of a language, such as en or en-ZA")]
    Language,
    /// Not a number.
    #[error("not a mobile number: 6 to 15 digits, `+` may come first")]
    Mobile,
    /// Not an address.
    #[error("not an e-mail address")]
    Email,
}

impl ContactProblem {
    /// The field that it is wrong with.
    #[must_use]
    pub const fn field(self) -> &'static str {
        match self {
            Self::Language => "language",
            Self::Mobile => "mobile",
            Self::Email => "email",
        }
    }
}

topup_rules::phrases! {
    ContactProblem;
    words {
        "not-a-language": Language,
        "not-a-mobile-number": Mobile,
        "not-an-email-address": Email,
    }
    figures {}
    passes {}
}

impl From<ContactProblem> for ImportRefusal {
    fn from(problem: ContactProblem) -> Self {
        Self {
            field: problem.field().to_owned(),
            problem: problem.into(),
        }
    }
}

fn refuse<T>(field: impl Into<String>, problem: ImportProblem) -> Result<T, ImportRefusal> {
    Err(ImportRefusal {
        field: field.into(),
        problem,
    })
}

fn require(holds: bool, field: impl Into<String>, problem: ImportProblem) -> Result<(), ImportRefusal> {
    if holds { Ok(()) } else { refuse(field, problem) }
}

/// The first mistake of a line, in the order of its fields; otherwise the account's kind.
pub(super) fn line(line: &AccountImport) -> Result<AccountKind, ImportRefusal> {
    let kind = kind(line)?;
    reached(&line.language, line.mobile(), line.email())?;
    for (index, wallet) in line.wallets.iter().enumerate() {
        let earlier = line.wallets.get(..index).unwrap_or_default();
        let path = format!("wallets[{index}]");
        let twice = earlier.iter().any(|other| other.service == wallet.service);
        require(
            !twice,
            format!("{path}.service"),
            ImportProblem::TwoWallets(wallet.service),
        )?;
        check_wallet(wallet, kind, &path)?;
        let same_caps = |caps: &Caps| *caps == line.caps();
        let caps = wallet.auto_topup.as_ref().and_then(|auto| auto.caps);
        require(
            caps.as_ref().is_none_or(same_caps),
            format!("{path}.auto_topup.caps"),
            ImportProblem::CapsDiffer,
        )?;
    }
    Ok(kind)
}

/// How an account's holder is reached, and in what language.
pub(crate) fn reached(
    language: &str,
    mobile: Option<&str>,
    email: Option<&str>,
) -> Result<(), ContactProblem> {
    if !is_language(language) {
        Err(ContactProblem::Language)
    } else if !mobile.is_none_or(is_mobile) {
        Err(ContactProblem::Mobile)
    } else if !email.is_none_or(is_email) {
        Err(ContactProblem::Email)
    } else {
        Ok(())
    }
}

fn kind(line: &AccountImport) -> Result<AccountKind, ImportRefusal> {
    match (line.kind, line.parent_id) {
        (KindImport::Main, None) => Ok(AccountKind::Main),
        (KindImport::Main, Some(_)) => refuse("parent_id", ImportProblem::ParentOfMain),
        (KindImport::Sub, None) => refuse("parent_id", ImportProblem::ParentMissing),
        (KindImport::Sub, Some(parent)) if parent == line.account_id => {
            refuse("parent_id", ImportProblem::OwnParent)
        }
        (KindImport::Sub, Some(parent)) => Ok(AccountKind::Sub { parent }),
    }
}

fn check_wallet(wallet: &WalletImport, kind: AccountKind, path: &str) -> Result<(), ImportRefusal> {
    let most = Credits::WALLET_MAX;
    let owed_most = most.checked_neg().unwrap_or(Credits::BALANCE_MIN);
    between(wallet.credits, owed_most, most, || format!("{path}.credits"))?;
    if let Err(refusal) = check_threshold(wallet.low_credit_threshold) {
        return refuse(
            format!("{path}.low_credit_threshold"),
            ImportProblem::Settings(refusal.into()),
        );
    }
    match &wallet.auto_topup {
        Some(auto) => check_auto_topup(auto, kind, &format!("{path}.auto_topup")),
        None => Ok(()),
    }
}

fn between(
    is: Credits,
    least: Credits,
    most: Credits,
    field: impl Fn() -> String,
) -> Result<(), ImportRefusal> {
    require(
        is >= least && is <= most,
        field(),
        ImportProblem::Credits { least, most, is },
    )
}

fn check_auto_topup(auto: &AutoTopupImport, kind: AccountKind, path: &str) -> Result<(), ImportRefusal> {
    if let Err(refusal) = check_import(kind, auto.method, auto.threshold, auto.quantity) {
        return refuse(
            format!("{path}{}", blamed(refusal)),
            ImportProblem::Settings(refusal),
        );
    }
    if let Some(caps) = &auto.caps {
        let (day_most, month_most) = (i64::from(i32::MAX), i64::MAX);
        let day_fits = caps.topups_per_day.is_none_or(|n| i64::from(n) <= day_most);
        require(
            day_fits,
            format!("{path}.caps.topups_per_day"),
            ImportProblem::Cap(day_most),
        )?;
        let month_fits = caps.amount_minor_per_month.is_none_or(|n| n >= 0);
        require(
            month_fits,
            format!("{path}.caps.amount_minor_per_month"),
            ImportProblem::Cap(month_most),
        )?;
    }
    let field = format!("{path}.card");
    match (auto.method, &auto.card) {
        (Method::Card, Some(card)) => check_card(card, &field),
        (Method::Card, None) => require(!auto.enabled, field, ImportProblem::CardMissing),
        (Method::Transfer, Some(_)) => refuse(field, ImportProblem::CardOfTransfer),
        (Method::Transfer, None) => Ok(()),
    }
}

/// Which of the settings a refusal is about.
const fn blamed(refusal: SettingsRefusal) -> &'static str {
    match refusal {
        SettingsRefusal::MainByTransfer | SettingsRefusal::OtherMethodEnabled { .. } => ".method",
        SettingsRefusal::NegativeThreshold | SettingsRefusal::CreditsNotAboveThreshold { .. } => ".threshold",
        SettingsRefusal::NoQuantity | SettingsRefusal::QuantityBelowThreshold | SettingsRefusal::TooLarge => {
            ".quantity"
        }
        SettingsRefusal::NotAgreed => ".card",
        // Who asks: an import is nobody's wish.
        SettingsRefusal::CardEnabledByItself
        | SettingsRefusal::TransferEnabledByMain
        | SettingsRefusal::CardChangedByItself
        | SettingsRefusal::TransferChangedByMain
        | SettingsRefusal::NothingToChange
        | SettingsRefusal::CardDisabledByItselfOrMain
        | SettingsRefusal::TransferDisabledByMain
        | SettingsRefusal::NothingToDisable => "",
        // Of no auto top-up.
        SettingsRefusal::NoticeThreshold(_) => "",
    }
}

fn check_card(card: &SavedCard, path: &str) -> Result<(), ImportRefusal> {
    let texts = [
        ("authorization_code", Some(&card.authorization_code)),
        ("brand", card.brand.as_ref()),
        ("signature", card.signature.as_ref()),
        ("gateway", Some(&card.gateway)),
    ];
    for (name, text) in texts {
        require(
            text.is_none_or(|t| is_text(t)),
            format!("{path}.{name}"),
            ImportProblem::Text,
        )?;
    }
    require(
        is_email(&card.email),
        format!("{path}.email"),
        ContactProblem::Email.into(),
    )?;
    let four_digits = |t: &String| t.len() == 4 && t.bytes().all(|b| b.is_ascii_digit());
    require(
        card.last4.as_ref().is_none_or(four_digits),
        format!("{path}.last4"),
        ImportProblem::Last4,
    )?;
    let month = card.exp_month.is_none_or(|m| (1..=12).contains(&m));
    require(
        month,
        format!("{path}.exp_month"),
        ImportProblem::Expiry("1 to 12"),
    )?;
    let year = card.exp_year.is_none_or(|y| (2000..=2200).contains(&y));
    require(
        year,
        format!("{path}.exp_year"),
        ImportProblem::Expiry("2000 to 2200"),
    )
}

fn is_text(text: &str) -> bool {
    !text.is_empty() && text.len() <= TEXT_MAX_BYTES && !text.chars().any(char::is_control)
}

fn is_language(text: &str) -> bool {
    text.len() <= LANGUAGE_MAX_BYTES
        && text
            .split('-')
            .all(|part| !part.is_empty() && part.bytes().all(|b| b.is_ascii_alphanumeric()))
}

fn is_mobile(text: &str) -> bool {
    let digits = text.strip_prefix('+').unwrap_or(text);
    MOBILE_DIGITS.contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
}

/// As much as can be said without asking the mail system: one `@` with something on both sides, and no blanks.
fn is_email(text: &str) -> bool {
    let sides = text.split_once('@');
    is_text(text)
        && !text.contains(char::is_whitespace)
        && sides
            .is_some_and(|(local, domain)| !local.is_empty() && !domain.is_empty() && !domain.contains('@'))
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    fn example() -> Value {
        json!({"account_id": 1001, "kind": "main", "parent_id": null, "currency": "ZAR", "language": "en",
            "mobile": "+27820000001", "email": "ops@example.com",
            "wallets": [{"service": "sms", "credits": 150, "low_credit_threshold": 50,
                "auto_topup": {"method": "card", "threshold": 100, "quantity": 500, "enabled": true,
                    "caps": {"topups_per_day": 5, "amount_minor_per_month": 5_000_000},
                    "card": {"authorization_code": "AUTH_ok", "email": "ops@example.com", "brand": "visa",
                        "last4": "4081", "exp_month": 12, "exp_year": 2030, "signature": "SIG_1001"}}}]})
    }

    fn checked(change: impl Fn(&mut Value)) -> Result<AccountKind, String> {
        let mut value = example();
        change(&mut value);
        let account: AccountImport = serde_json::from_value(value).unwrap();
        line(&account).map_err(|refusal| refusal.to_string())
    }

    #[test]
    fn a_line_as_documented_is_taken() {
        assert_eq!(checked(|_| {}), Ok(AccountKind::Main));
        assert_eq!(checked(|v| v["mobile"] = json!("")), Ok(AccountKind::Main));
        assert_eq!(checked(|v| v["email"] = Value::Null), Ok(AccountKind::Main));
        assert_eq!(checked(|v| v["wallets"] = json!([])), Ok(AccountKind::Main));
    }

    #[test]
    fn a_mistake_is_told_on_one_line_with_its_field() {
        let auto = |field: &'static str, value: Value| {
            move |v: &mut Value| v["wallets"][0]["auto_topup"][field] = value.clone()
        };
        let refused = |change: &dyn Fn(&mut Value), text: &str| {
            assert_eq!(checked(change), Err(text.to_owned()));
        };
        refused(
            &|v| v["kind"] = json!("sub"),
            "field `parent_id`: a sub account needs its main account",
        );
        refused(
            &|v| v["parent_id"] = json!(7),
            "field `parent_id`: a main account has no parent",
        );
        refused(
            &|v| v["language"] = json!(""),
            "field `language`: not the name of a language, such as en or en-ZA",
        );
        refused(
            &|v| v["mobile"] = json!("call me"),
            "field `mobile`: not a mobile number: 6 to 15 digits, `+` may come first",
        );
        refused(
            &|v| v["email"] = json!("nobody"),
            "field `email`: not an e-mail address",
        );
        refused(
            &auto("quantity", json!(99)),
            "field `wallets[0].auto_topup.quantity`: E4: quantity must be at least the threshold",
        );
        refused(
            &auto("method", json!("transfer")),
            "field `wallets[0].auto_topup.method`: E1: a main account is topped up by card only",
        );
        refused(
            &auto("card", Value::Null),
            "field `wallets[0].auto_topup.card`: an enabled auto top-up by card needs its card",
        );
        refused(
            &|v| v["wallets"][0]["auto_topup"]["card"]["last4"] = json!("40811"),
            "field `wallets[0].auto_topup.card.last4`: must be four digits",
        );
        refused(
            &|v| {
                let wallet = v["wallets"][0].clone();
                v["wallets"] = json!([wallet.clone(), wallet]);
            },
            "field `wallets[1].service`: the account has two wallets for the service sms",
        );
        refused(
            &|v| {
                let mut wallet = v["wallets"][0].clone();
                wallet["service"] = json!("whatsapp");
                wallet["auto_topup"]["caps"] = json!({"topups_per_day": 1});
                v["wallets"] = json!([v["wallets"][0], wallet]);
            },
            "field `wallets[1].auto_topup.caps`: caps differ from those of another wallet, and they are the account's",
        );
    }
}
