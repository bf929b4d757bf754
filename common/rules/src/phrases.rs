//! What a refusal or a reason says, as data: a key and the figures that it names, so that it can be said in another
//! language. In English it is said once, by its own `Display`.
//!
//! A reason that was written down in English is known again by its words ([`understood`]). Left out: the words in other
//! languages, and how figures are written there.

use crate::account::Method;
use crate::cards::CardUnfit;
use crate::credits::Credits;
use crate::ids::{AccountId, Service, WalletKey};
use crate::low_credit::ThresholdRefusal;
use crate::money::{Currency, Money};
use crate::one_click::OneClickRefusal;
use crate::prices::{NoPrice, PriceChanged};
use crate::settings::SettingsRefusal;
use crate::wake::{SkipReason, WakeFailure};
use crate::written::Written;
use std::fmt;
use uuid::Uuid;

/// A figure or a name inside what is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Figure {
    /// Credits.
    Credits(Credits),
    /// Money.
    Money(Money),
    /// A number of something.
    Count(u32),
    /// A service.
    Service(Service),
    /// A currency.
    Currency(Currency),
    /// An account.
    Account(AccountId),
    /// A wallet.
    Wallet(WalletKey),
    /// How a wallet is topped up.
    Method(Method),
    /// A name that is the same in every language.
    Name(String),
}

impl Figure {
    /// One of the same kind, as it is written in English.
    fn alike(&self, text: &str) -> Option<Self> {
        Some(match self {
            Self::Credits(_) => Self::Credits(text.parse().ok()?),
            Self::Money(_) => {
                let (code, amount) = text.split_once(' ')?;
                Self::Money(Money::of_text(amount, code.parse().ok()?).ok()?)
            }
            Self::Count(_) => Self::Count(text.parse().ok()?),
            Self::Service(_) => Self::Service(text.parse().ok()?),
            Self::Currency(_) => Self::Currency(text.parse().ok()?),
            Self::Account(_) => Self::Account(text.parse().ok()?),
            Self::Wallet(_) => {
                let (account, service) = text.split_once('/')?;
                Self::Wallet(WalletKey {
                    account: account.parse().ok()?,
                    service: service.parse().ok()?,
                })
            }
            Self::Method(_) => Self::Method(text.parse().ok()?),
            Self::Name(_) => Self::Name(text.to_owned()),
        })
    }
}

/// As it is written in English.
impl fmt::Display for Figure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Credits(it) => it.fmt(f),
            Self::Money(it) => it.fmt(f),
            Self::Count(it) => it.fmt(f),
            Self::Service(it) => it.fmt(f),
            Self::Currency(it) => it.fmt(f),
            Self::Account(it) => it.fmt(f),
            Self::Wallet(it) => it.fmt(f),
            Self::Method(it) => it.fmt(f),
            Self::Name(it) => it.fmt(f),
        }
    }
}

/// A figure of each kind, from what refusals hold.
macro_rules! figures {
    ($($type:ty => $kind:ident,)+) => {
        $(impl From<&$type> for Figure {
            fn from(value: &$type) -> Self {
                Self::$kind(value.to_owned())
            }
        })+
    };
}

impl From<&Uuid> for Figure {
    fn from(value: &Uuid) -> Self {
        Self::Name(value.to_string())
    }
}

figures! {
    Credits => Credits,
    Money => Money,
    u32 => Count,
    Service => Service,
    Currency => Currency,
    AccountId => Account,
    WalletKey => Wallet,
    Method => Method,
    String => Name,
}

/// What is said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Phrase {
    /// Which of all things that can be said. It never changes: catalogues of other languages are written for it.
    pub key: &'static str,
    /// What it names, by name, in the order of the English words.
    pub figures: Vec<(&'static str, Figure)>,
}

/// Something that says why, in words that there are in more than one language.
pub trait Phrased: fmt::Display + Sized {
    /// It, as data.
    fn phrase(&self) -> Phrase;

    /// One of each kind, whose figures differ from each other.
    fn specimens() -> Vec<Self>;
}

/// Makes an enum [`Phrased`]: every variant has a key, and where it has figures, their names and a specimen. A variant
/// that passes on what something else says comes last.
#[macro_export]
macro_rules! phrases {
    (
        $type:ty;
        words { $($key:literal: $variant:ident,)* }
        figures { $($told:literal: $pattern:pat => [$($name:ident = $figure:expr),+], like $specimen:expr;)* }
        passes { $($passing:ident($inner:ty),)* }
    ) => {
        impl $crate::phrases::Phrased for $type {
            fn phrase(&self) -> $crate::phrases::Phrase {
                match self {
                    $(Self::$variant => $crate::phrases::Phrase { key: $key, figures: Vec::new() },)*
                    $($pattern => $crate::phrases::Phrase {
                        key: $told,
                        figures: vec![$((stringify!($name), $crate::phrases::Figure::from($figure))),+],
                    },)*
                    $(Self::$passing(inner) => $crate::phrases::Phrased::phrase(inner),)*
                }
            }

            fn specimens() -> Vec<Self> {
                let own = vec![$(Self::$variant,)* $($specimen,)*];
                $(let own = {
                    let inner = <$inner as $crate::phrases::Phrased>::specimens();
                    let passed = inner.into_iter().map(Self::$passing);
                    own.into_iter().chain(passed).collect::<Vec<Self>>()
                };)*
                own
            }
        }
    };
}

phrases! {
    SettingsRefusal;
    words {
        "main-by-transfer": MainByTransfer,
        "card-enabled-by-itself": CardEnabledByItself,
        "transfer-enabled-by-main": TransferEnabledByMain,
        "not-agreed": NotAgreed,
        "negative-threshold": NegativeThreshold,
        "no-quantity": NoQuantity,
        "quantity-below-threshold": QuantityBelowThreshold,
        "card-changed-by-itself": CardChangedByItself,
        "transfer-changed-by-main": TransferChangedByMain,
        "nothing-to-change": NothingToChange,
        "card-disabled-by-itself-or-main": CardDisabledByItselfOrMain,
        "transfer-disabled-by-main": TransferDisabledByMain,
        "nothing-to-disable": NothingToDisable,
    }
    figures {
        "other-method-enabled": Self::OtherMethodEnabled { enabled } => [enabled = enabled],
            like Self::OtherMethodEnabled { enabled: Method::Transfer };
        "figures-too-large": Self::TooLarge => [most = &Credits::WALLET_MAX], like Self::TooLarge;
        "credits-not-above-threshold":
            Self::CreditsNotAboveThreshold { credits, threshold } => [credits = credits, threshold = threshold],
            like Self::CreditsNotAboveThreshold { credits: specimen(1), threshold: specimen(2) };
    }
    passes { NoticeThreshold(ThresholdRefusal), }
}

phrases! {
    ThresholdRefusal;
    words {}
    figures {
        "notice-threshold": Self(is) => [most = &Credits::WALLET_MAX, is = is], like Self(specimen(3));
    }
    passes {}
}

phrases! {
    NoPrice;
    words {}
    figures {
        "no-price": Self::OfCredits { quantity, service, currency } =>
            [quantity = quantity, service = service, currency = currency],
            like Self::OfCredits { quantity: specimen(1), service: Service::Sms, currency: Currency::ZAR };
        "buys-nothing": Self::OfAmount { money, service } => [money = money, service = service],
            like Self::OfAmount { money: Money::new(123_456, Currency::ZAR), service: Service::Whatsapp };
    }
    passes {}
}

phrases! {
    PriceChanged;
    words {}
    figures {
        "price-changed": Self { shown, now } => [now = now, shown = shown], like Self {
            shown: Money::new(123_456, Currency::ZAR),
            now: Money::new(234_567, Currency::ZAR),
        };
    }
    passes {}
}

phrases! {
    OneClickRefusal;
    words {
        "one-click-not-agreed": NotAgreed,
        "one-click-no-card": NoCard,
    }
    figures {}
    passes {}
}

phrases! {
    CardUnfit;
    words {
        "no-card-to-save": NoCard,
        "card-not-reusable": NotReusable,
    }
    figures {}
    passes {}
}

phrases! {
    WakeFailure;
    words {
        "no-card-registered": NoCard,
        "no-main": NoMain,
    }
    figures {
        "main-short": Self::MainShort { main, has } => [main = &main.account, has = has],
            like Self::MainShort { main: WalletKey::EXAMPLE, has: specimen(1) };
    }
    passes {}
}

phrases! {
    SkipReason;
    words {
        "skipped-disabled": Disabled,
        "skipped-other-method": OtherMethod,
        "skipped-above-threshold": AboveThreshold,
    }
    figures {
        "day-cap": Self::DayCap { limit } => [limit = limit], like Self::DayCap { limit: 12 };
        "month-cap": Self::MonthCap { limit } => [limit = limit],
            like Self::MonthCap { limit: Money::new(123_456, Currency::ZAR) };
    }
    passes {}
}

/// Credits of a specimen: thousands, and a part of one.
const fn specimen(thousands: i64) -> Credits {
    Credits::from_milli(thousands * 1_234_500)
}

/// What was written down in English, known again: reasons that the rules gave for a failure, a skipped top-up or a
/// registration. `None`: somebody else's words, such as a bank's.
#[must_use]
pub fn understood(words: &str) -> Option<Phrase> {
    among::<WakeFailure>(words)
        .or_else(|| among::<SkipReason>(words))
        .or_else(|| among::<CardUnfit>(words))
        .or_else(|| among::<SettingsRefusal>(words))
        .or_else(|| among::<OneClickRefusal>(words))
        .or_else(|| among::<Written>(words))
}

/// The phrase of the specimen that differs from `words` in nothing but its figures.
fn among<P: Phrased>(words: &str) -> Option<Phrase> {
    P::specimens()
        .iter()
        .find_map(|specimen| alike(&specimen.to_string(), specimen.phrase(), words))
}

/// `words`, if they are what is `said` with other figures of the same kinds.
fn alike(said: &str, like: Phrase, words: &str) -> Option<Phrase> {
    let mut between = Vec::with_capacity(like.figures.len());
    let mut rest = said;
    for (_, figure) in &like.figures {
        let (before, after) = rest.split_once(&figure.to_string())?;
        between.push(before);
        rest = after;
    }
    let mut words = words.strip_suffix(rest)?;
    let mut figures = Vec::with_capacity(like.figures.len());
    for (place, (name, figure)) in like.figures.into_iter().enumerate() {
        words = words.strip_prefix(*between.get(place)?)?;
        // A figure ends where the words after it begin.
        let end = match between.get(place + 1) {
            Some(next) => words.find(next)?,
            None => words.len(),
        };
        let (text, after) = words.split_at_checked(end)?;
        figures.push((name, figure.alike(text)?));
        words = after;
    }
    words.is_empty().then_some(Phrase {
        key: like.key,
        figures,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// Every specimen says its figures in its own words, in the order in which it names them.
    fn checked<P: Phrased + fmt::Debug>(seen: &mut BTreeSet<&'static str>) {
        for specimen in P::specimens() {
            let (words, phrase) = (specimen.to_string(), specimen.phrase());
            assert_eq!(
                alike(&words, phrase.clone(), &words),
                Some(phrase.clone()),
                "{specimen:?}: {words}"
            );
            assert!(seen.insert(phrase.key), "two of them are {}", phrase.key);
        }
    }

    #[test]
    fn every_refusal_names_its_figures_as_it_says_them() {
        let mut seen = BTreeSet::new();
        checked::<SettingsRefusal>(&mut seen);
        checked::<NoPrice>(&mut seen);
        checked::<PriceChanged>(&mut seen);
        checked::<OneClickRefusal>(&mut seen);
        checked::<CardUnfit>(&mut seen);
        checked::<WakeFailure>(&mut seen);
        checked::<SkipReason>(&mut seen);
        checked::<Written>(&mut seen);
    }

    #[test]
    fn a_reason_that_was_written_down_is_known_again_with_its_figures() {
        let credits = |text: &str| text.parse::<Credits>().expect("credits");
        let has = credits("-0.5");
        let short = WakeFailure::MainShort {
            main: WalletKey::EXAMPLE,
            has,
        };
        assert_eq!(understood(&short.to_string()), Some(short.phrase()));
        let refusal = SettingsRefusal::CreditsNotAboveThreshold {
            credits: credits("99.5"),
            threshold: credits("100"),
        };
        assert_eq!(understood(&refusal.to_string()), Some(refusal.phrase()));
        let notice = SettingsRefusal::from(ThresholdRefusal(credits("-1")));
        assert_eq!(understood(&notice.to_string()), Some(notice.phrase()));
        let cap = SkipReason::MonthCap {
            limit: Money::new(50_000, Currency::ZAR),
        };
        assert_eq!(understood(&cap.to_string()), Some(cap.phrase()));
        for other in [
            "",
            "Declined",
            "the main account x has only 5 credits available",
            "auto top-up is disabled.",
        ] {
            assert_eq!(understood(other), None, "{other}");
        }
    }
}
