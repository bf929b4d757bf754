//! How a reader is spoken to: language, time zone, and figures as they are written there.

use super::catalogue::{Catalogue, Key};
use super::language::Language;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use std::sync::Arc;
use topup_gateways::reasons::Figures;
use topup_rules::credits::Credits;
use topup_rules::ids::Service;
use topup_rules::money::{Currency, Money};
use topup_rules::phrases::Phrase;
use topup_rules::prices::UnitPrice;

/// A unit price's own units in a whole one of its currency: millionths of hundredths.
const PER_MAJOR: i64 = 100_000_000;
/// Decimals that money always has.
const MINOR_DIGITS: usize = 2;

/// Texts and figures for one reader.
#[derive(Debug, Clone)]
pub(crate) struct Voice {
    catalogue: Arc<Catalogue>,
    language: Language,
    time_zone: TimeZone,
}

impl Voice {
    pub(crate) fn new(catalogue: Arc<Catalogue>, language: Language, time_zone: TimeZone) -> Self {
        Self {
            catalogue,
            language,
            time_zone,
        }
    }

    pub(crate) const fn language(&self) -> Language {
        self.language
    }

    pub(crate) const fn time_zone(&self) -> &TimeZone {
        &self.time_zone
    }

    /// A text without values.
    pub(crate) fn text(&self, key: Key) -> String {
        self.catalogue.text(self.language, key)
    }

    /// A text with values.
    pub(crate) fn with(&self, key: Key, values: &[(&'static str, &str)]) -> String {
        self.catalogue.with(self.language, key, values)
    }

    /// A text about so many of something, as `count`.
    pub(crate) fn count(&self, key: Key, count: i64) -> String {
        let mut values = fluent_bundle::FluentArgs::new();
        values.set("count", count);
        self.catalogue.filled(self.language, key.0, Some(&values))
    }

    /// What the rules say, without their number, in this language's words. English has no other words for it than the
    /// rules' own.
    pub(crate) fn phrase(&self, phrase: &Phrase) -> Option<String> {
        self.catalogue.reasons.phrase(self.language, phrase, self)
    }

    /// What was written down in English: the rules' words or a bank's, in this language's, or quoted. `None` in English.
    pub(crate) fn reason(&self, words: &str) -> Option<String> {
        self.catalogue.reasons.reason(self.language, words, self)
    }

    /// `12,345.5`; in Afrikaans `12 345,5`.
    pub(crate) fn credits(&self, credits: Credits) -> String {
        self.language.decimal(&credits.to_string())
    }

    /// As it stands in a field that it can be changed in: `12345.5`; in Afrikaans `12345,5`.
    pub(crate) fn field(&self, credits: Credits) -> String {
        self.language.short_decimal(&credits.to_string())
    }

    /// `+500` or `−1.5`.
    pub(crate) fn change(&self, credits: Credits) -> String {
        let written = self.credits(credits);
        match written.strip_prefix('\u{2212}') {
            Some(_) => written,
            None => format!("+{written}"),
        }
    }

    /// `R 352.47`.
    pub(crate) fn money(&self, money: Money) -> String {
        let plain = money.to_string();
        let (_, amount) = plain.split_once(' ').unwrap_or(("", &plain));
        format!(
            "{}\u{a0}{}",
            symbol(money.currency),
            self.language.decimal(amount)
        )
    }

    /// Of one credit, as exactly as it is listed: `R 0.70494`.
    pub(crate) fn unit_price(&self, price: UnitPrice, currency: Currency) -> String {
        let (whole, part) = (price.get() / PER_MAJOR, price.get() % PER_MAJOR);
        let digits = format!("{part:08}");
        let needed = digits.trim_end_matches('0').len().max(MINOR_DIGITS);
        let amount = format!("{whole}.{}", digits.get(..needed).unwrap_or(&digits));
        format!("{}\u{a0}{}", symbol(currency), self.language.decimal(&amount))
    }

    /// What a currency is written as: `R`.
    pub(crate) fn currency(currency: Currency) -> String {
        symbol(currency)
    }

    /// `22 Nov 2026, 14:35`.
    pub(crate) fn moment(&self, moment: Timestamp) -> String {
        let there = moment.to_zoned(self.time_zone.clone());
        format!("{}, {}", self.day(there.date()), self.clock(moment))
    }

    /// `14:35`.
    pub(crate) fn clock(&self, moment: Timestamp) -> String {
        let there = moment.to_zoned(self.time_zone.clone());
        format!("{:02}:{:02}", there.hour(), there.minute())
    }

    /// The time alone where it is today, else with its day.
    pub(crate) fn soon(&self, moment: Timestamp, now: Timestamp) -> String {
        let day = |it: Timestamp| it.to_zoned(self.time_zone.clone()).date();
        match day(moment) == day(now) {
            true => self.clock(moment),
            false => self.moment(moment),
        }
    }

    /// `22 Nov 2026`.
    pub(crate) fn day(&self, day: Date) -> String {
        format!("{} {}", self.short_day(day), day.year())
    }

    /// `22 Nov`.
    pub(crate) fn short_day(&self, day: Date) -> String {
        let month = usize::try_from(day.month()).unwrap_or(1).saturating_sub(1);
        let month = months(self.language).get(month).copied().unwrap_or_default();
        format!("{}\u{a0}{month}", day.day())
    }

    /// `Nov 2026`.
    pub(crate) fn month(&self, day: Date) -> String {
        let month = usize::try_from(day.month()).unwrap_or(1).saturating_sub(1);
        let month = months(self.language).get(month).copied().unwrap_or_default();
        format!("{month} {}", day.year())
    }

    /// `SMS`, `WhatsApp`: names, the same everywhere.
    pub(crate) const fn service(service: Service) -> &'static str {
        match service {
            Service::Sms => "SMS",
            Service::Whatsapp => "WhatsApp",
        }
    }
}

/// As everywhere on a page.
impl Figures for Voice {
    fn credits(&self, credits: Credits) -> String {
        self.credits(credits)
    }

    fn money(&self, money: Money) -> String {
        self.money(money)
    }
}

/// What a currency is written as where it is at home; its code, where that is not known.
fn symbol(currency: Currency) -> String {
    match currency.as_str() {
        "ZAR" => "R".to_owned(),
        "KES" => "KSh".to_owned(),
        "NGN" => "₦".to_owned(),
        "GHS" => "GH₵".to_owned(),
        "USD" => "US$".to_owned(),
        code => code.to_owned(),
    }
}

const fn months(language: Language) -> [&'static str; 12] {
    match language {
        Language::English => [
            "Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec",
        ],
        Language::Afrikaans => [
            "Jan", "Feb", "Mrt", "Apr", "Mei", "Jun", "Jul", "Aug", "Sep", "Okt", "Nov", "Des",
        ],
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn voice(language: Language) -> Voice {
        let catalogue = Arc::new(Catalogue::new().expect("texts"));
        let zone = TimeZone::get("Africa/Johannesburg").expect("a zone");
        Voice::new(catalogue, language, zone)
    }

    #[test]
    fn figures_are_written_as_the_reader_writes_them() {
        let (en, af) = (voice(Language::English), voice(Language::Afrikaans));
        let credits = |text: &str| text.parse::<Credits>().expect("credits");
        assert_eq!(en.credits(credits("1234567.5")), "1,234,567.5");
        assert_eq!(af.credits(credits("1234567.5")), "1\u{a0}234\u{a0}567,5");
        assert_eq!(en.credits(credits("-123")), "\u{2212}123");
        assert_eq!(en.field(credits("12345.5")), "12345.5");
        assert_eq!(af.field(credits("12345.5")), "12345,5");
        assert_eq!(en.change(credits("500")), "+500");
        assert_eq!(af.change(credits("-0.5")), "\u{2212}0,5");
        let money = |code: &str, minor| Money::new(minor, code.parse().expect("a currency"));
        assert_eq!(en.money(money("ZAR", 35_247)), "R\u{a0}352.47");
        assert_eq!(af.money(money("ZAR", 1_035_247)), "R\u{a0}10\u{a0}352,47");
        assert_eq!(en.money(money("XOF", 100)), "XOF\u{a0}1.00");
        let zar = "ZAR".parse().expect("a currency");
        let each = |minor: &str| en.unit_price(minor.parse().expect("a price"), zar);
        assert_eq!(each("70.494"), "R\u{a0}0.70494");
        assert_eq!(each("20"), "R\u{a0}0.20");
        assert_eq!(each("12345"), "R\u{a0}123.45");
    }

    #[test]
    fn moments_are_told_in_the_platforms_time_zone() {
        let (en, af) = (voice(Language::English), voice(Language::Afrikaans));
        let at = |text: &str| text.parse::<Timestamp>().expect("a moment");
        let late = at("2026-12-01T22:35:00Z");
        assert_eq!(en.moment(late), "2\u{a0}Dec 2026, 00:35");
        assert_eq!(af.moment(late), "2\u{a0}Des 2026, 00:35");
        assert_eq!(en.soon(late, at("2026-12-02T09:00:00Z")), "00:35");
        assert_eq!(
            en.soon(late, at("2026-12-01T09:00:00Z")),
            "2\u{a0}Dec 2026, 00:35"
        );
    }
}
