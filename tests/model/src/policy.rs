//! What the platform decided in every history: one place for the model, the store and the driver.

use crate::world::{SECOND_US, Us};
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use topup_rules::credits::Credits;
use topup_rules::ids::Service;
use topup_rules::inquiries::InquiryPolicy;
use topup_rules::lines::LinePolicy;
use topup_rules::message::PaymentMode;
use topup_rules::prices::{PriceList, PriceTier, TaxPercent, UnitPrice};
use topup_rules::retry::RetryPolicy;
use topup_rules::sends::OpenWindow;
use topup_store::{SettlementPolicy, TopupPolicy};

/// C1.
pub(crate) const SPACING_S: i64 = 30 * 60;
/// S4: how far back a send may lie.
pub(crate) const WINDOW_BACK_S: i64 = 48 * 3_600;
/// S4: how far ahead.
pub(crate) const WINDOW_AHEAD_S: i64 = 3_600;
/// C8: from a call to the first question, and the first pause.
pub(crate) const FIRST_QUESTION_S: i64 = 10;
/// C8: the longest pause between two questions.
pub(crate) const QUESTION_PAUSE_MAX_S: i64 = 3_600;
/// C8: so many times in a row the gateway says that it does not know a payment.
pub(crate) const NOT_KNOWN_MAX: i64 = 3;
/// C8: what is undecided for longer is for a person.
pub(crate) const UNKNOWN_MAX_S: i64 = 24 * 3_600;
/// P2: who has not paid on the page by then has not bought anything.
pub(crate) const PAGE_MAX_S: i64 = 20 * 3_600;
/// C9: the first pause after our own trouble, doubled each time.
pub(crate) const TROUBLE_PAUSE_S: i64 = 30;
/// C9: the longest.
pub(crate) const TROUBLE_PAUSE_MAX_S: i64 = 240;
/// So many troubles, and the longest pause is kept.
pub(crate) const TROUBLES_MAX: i64 = 5;
/// How long a payment that is being asked about is nobody else's.
pub(crate) const LEASE_S: i64 = 90;
/// How long a charge may be without an answer before it is asked about, or its answer is published again.
pub(crate) const CHARGE_AGE_S: i64 = 90;
/// How long a row may wait in the outbox before the sweeper publishes it.
pub(crate) const OUTBOX_AGE_S: i64 = 10;
/// How long a top-up may be overdue before the sweeper calls it.
pub(crate) const TOPUP_GRACE_S: i64 = 30;
/// How long a notice may be on its way before the sweeper calls it.
pub(crate) const NOTICE_AGE_S: i64 = 3_600;
/// Seconds from noon UTC to the platform's midnight: days and months begin two hours before UTC's.
pub(crate) const ZONE: &str = "Africa/Johannesburg";
/// The gateway that charges.
pub(crate) const GATEWAY: &str = "paystack";
/// What everything is paid in.
pub(crate) const CURRENCY: &str = "ZAR";
/// Every history's clock begins here or up to a few days later: before the end of a month.
pub(crate) const BEGINS: &str = "2026-11-28T08:00:00Z";

/// From where a tier begins, in thousandths of a credit, and what a credit then costs, in millionths of a minor unit.
const SMS_TIERS: [(i64, i64); 2] = [(0, 70_494_000), (400_000, 61_003_001)];
const WHATSAPP_TIERS: [(i64, i64); 1] = [(0, 20_000_000)];

/// So many seconds in microseconds.
pub(crate) const fn us(seconds: i64) -> Us {
    seconds * SECOND_US
}

/// P1: the tier reached prices the whole quantity, rounded up to a minor unit.
pub(crate) fn price(service: &str, quantity_milli: i64) -> i64 {
    /// Thousandths of a credit times millionths of a minor unit.
    const SCALE: i64 = 1_000_000_000;
    let tiers: &[(i64, i64)] = if service == "sms" {
        &SMS_TIERS
    } else {
        &WHATSAPP_TIERS
    };
    let reached = tiers.iter().rev().find(|(from, _)| *from <= quantity_milli);
    let unit = reached.map_or(0, |(_, unit)| *unit);
    (quantity_milli * unit + SCALE - 1) / SCALE
}

/// The same list, for the store.
///
/// # Errors
/// The currency is none.
pub(crate) fn price_list() -> anyhow::Result<PriceList> {
    let currency = CURRENCY.parse()?;
    let of = |service: Service, tiers: &[(i64, i64)]| -> Vec<PriceTier> {
        tiers
            .iter()
            .map(|(from, unit)| PriceTier {
                service,
                currency,
                from_credits: Credits::from_milli(*from),
                unit_price: UnitPrice::from_micro(*unit),
                tax_percent: TaxPercent::from_ten_thousandths(150_000),
            })
            .collect()
    };
    let mut tiers = of(Service::Sms, &SMS_TIERS);
    tiers.extend(of(Service::Whatsapp, &WHATSAPP_TIERS));
    Ok(PriceList::new(tiers)?)
}

/// The day and the month of a moment, where the platform is: `2026-11-28`, `2026-11`.
pub(crate) fn day_and_month(at: Us) -> (String, String) {
    let local = at + us(2 * 3_600);
    let date = Timestamp::from_microsecond(local).map_or_else(|_| String::new(), |at| at.to_string());
    (date.chars().take(10).collect(), date.chars().take(7).collect())
}

/// What the store is told about top-ups.
///
/// # Errors
/// The time zone is not known.
pub(crate) fn topups(failures_to_disable: u32) -> anyhow::Result<TopupPolicy> {
    Ok(TopupPolicy {
        card_spacing: SignedDuration::from_secs(SPACING_S),
        failures_to_disable,
        time_zone: TimeZone::get(ZONE)?,
        gateway: GATEWAY,
        mode: PaymentMode::Test,
        line: LINE,
    })
}

/// A line to the gateway that is never closed.
pub(crate) const LINE: LinePolicy = LinePolicy {
    per_minute: None,
    troubles_to_close: u32::MAX,
    pause_first_s: 1,
    pause_max_s: 1,
};

/// What the store is told about settling.
pub(crate) const fn settling(failures_to_disable: u32) -> SettlementPolicy {
    SettlementPolicy {
        card_spacing: SignedDuration::from_secs(SPACING_S),
        failures_to_disable,
        inquiries: INQUIRIES,
        refund_registration: true,
    }
}

/// What the store is told about asking.
#[expect(clippy::cast_possible_truncation, reason = "small constants")]
pub(crate) const INQUIRIES: InquiryPolicy = InquiryPolicy {
    first_s: FIRST_QUESTION_S as u32,
    max_s: QUESTION_PAUSE_MAX_S as u32,
    not_known_max: NOT_KNOWN_MAX as u32,
    unknown_max: SignedDuration::from_secs(UNKNOWN_MAX_S),
    page_max: SignedDuration::from_secs(PAGE_MAX_S),
};

/// What the store is told about pauses after our own trouble.
#[expect(clippy::cast_possible_truncation, reason = "small constants")]
pub(crate) const TROUBLE_PAUSES: RetryPolicy = RetryPolicy {
    attempts_max: TROUBLES_MAX as u32,
    first_s: TROUBLE_PAUSE_S as u32,
    max_s: TROUBLE_PAUSE_MAX_S as u32,
};

/// S4.
pub(crate) const WINDOW: OpenWindow = OpenWindow {
    back: SignedDuration::from_secs(WINDOW_BACK_S),
    ahead: SignedDuration::from_secs(WINDOW_AHEAD_S),
};
