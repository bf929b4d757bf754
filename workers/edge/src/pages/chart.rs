//! A wallet's last days as a picture: what was sent each day, the balance, and the top-ups on it.
//!
//! Only where things stand is worked out here; a template draws them, and colours are the style's. Left out: scripts, and
//! anything that the table beside the picture does not say, too.

use super::catalogue::Key;
use super::voice::Voice;
use jiff::civil::Date;
use serde::Serialize;
use topup_rules::credits::Credits;

/// The picture's size, and what of it is for the figures at its left and below. In tenths of a unit of its own.
const WIDTH: i64 = 4_000;
const HEIGHT: i64 = 2_000;
const LEFT: i64 = 80;
const TOP: i64 = 140;
const BOTTOM: i64 = 260;
/// A label of days stands under every so many.
const LABEL_EVERY: usize = 7;
/// Steps of the scale.
const STEPS: i64 = 2;

/// One day.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Day {
    pub(crate) day: Date,
    pub(crate) sent: Credits,
    pub(crate) balance: Credits,
    /// Credits of each that came.
    pub(crate) topups: Vec<Credits>,
}

impl Day {
    /// Whether there is anything to tell of it.
    fn is_told(&self) -> bool {
        self.sent != Credits::ZERO || self.balance != Credits::ZERO || !self.topups.is_empty()
    }
}

/// The picture, ready to be drawn. Places are decimals as SVG has them.
#[derive(Debug, Clone, Serialize)]
pub(crate) struct Chart {
    id: String,
    title: String,
    desc: String,
    width: String,
    height: String,
    grid: Vec<Line>,
    days: Vec<Label>,
    bars: Vec<Bar>,
    line: String,
    area: String,
    marks: Vec<Mark>,
    low: Option<String>,
    rows: Vec<Row>,
}

#[derive(Debug, Clone, Serialize)]
struct Line {
    y: String,
    label_y: String,
    label: String,
}

#[derive(Debug, Clone, Serialize)]
struct Label {
    x: String,
    y: String,
    text: String,
    anchor: &'static str,
}

#[derive(Debug, Clone, Serialize)]
struct Bar {
    x: String,
    y: String,
    width: String,
    height: String,
    text: String,
}

#[derive(Debug, Clone, Serialize)]
struct Mark {
    x: String,
    y: String,
    text: String,
}

/// The same for those who do not look at pictures.
#[derive(Debug, Clone, Serialize)]
struct Row {
    day: String,
    sent: String,
    topups: String,
    balance: String,
}

/// Where values stand.
struct Scale {
    least: i64,
    most: i64,
    days: i64,
}

impl Scale {
    fn of(days: &[Day], low: Credits) -> Self {
        let values = || {
            days.iter()
                .flat_map(|day| [day.sent.milli(), day.balance.milli()])
        };
        let most = values().max().unwrap_or(0).max(low.milli()).max(1_000);
        let least = values().min().unwrap_or(0).min(0);
        Self {
            least: if least < 0 { -round_up(-least) } else { 0 },
            most: round_up(most),
            days: i64::try_from(days.len()).unwrap_or(1).max(1),
        }
    }

    fn y(&self, milli: i64) -> i64 {
        let high = i128::from(HEIGHT - TOP - BOTTOM);
        let above = i128::from(self.most - milli) * high / i128::from(self.most - self.least).max(1);
        TOP + i64::try_from(above).unwrap_or(0)
    }

    /// The middle of a day.
    fn x(&self, index: usize) -> i64 {
        let index = i64::try_from(index).unwrap_or(0);
        LEFT + (2 * index + 1) * (WIDTH - 2 * LEFT) / (2 * self.days)
    }
}

/// The next of 1, 2, 4, 5, 10, 20, …, so that the middle of a scale is a plain number, too.
fn round_up(milli: i64) -> i64 {
    let mut ten: i64 = 1_000;
    loop {
        for step in [1, 2, 4, 5] {
            if let Some(mark) = ten.checked_mul(step).filter(|mark| *mark >= milli) {
                return mark;
            }
        }
        match ten.checked_mul(10) {
            Some(next) => ten = next,
            None => return i64::MAX,
        }
    }
}

/// `12.5` of 125 tenths.
fn place(tenths: i64) -> String {
    let sign = if tenths < 0 { "-" } else { "" };
    format!("{sign}{}.{}", tenths.abs() / 10, tenths.abs() % 10)
}

/// Draws the days, oldest first. `low`: where the notice of low credit stands; 0: nowhere.
pub(crate) fn chart(voice: &Voice, name: &str, id: &str, days: &[Day], low: Credits) -> Option<Chart> {
    let last = days.last()?;
    let scale = Scale::of(days, low);
    // Before its first day there was no wallet.
    let first = days.iter().position(Day::is_told).unwrap_or(days.len() - 1);
    let known = days.get(first..)?;
    let (from, to) = (voice.short_day(known.first()?.day), voice.short_day(last.day));
    let came: usize = days.iter().map(|day| day.topups.len()).sum();
    let total = days
        .iter()
        .fold(0_i64, |sum, day| sum.saturating_add(day.sent.milli()));
    let desc = voice.with(
        Key("chart-desc"),
        &[
            ("sent", &voice.credits(Credits::from_milli(total))),
            ("topups", &came.to_string()),
            ("balance", &voice.credits(last.balance)),
        ],
    );
    let line = line(&scale, first, known);
    let floor = scale.y(0);
    let area = match known {
        [_] => String::new(),
        [] | [_, _, ..] => format!(
            "{line} L{} {floor} L{} {floor} Z",
            place(scale.x(days.len() - 1)),
            place(scale.x(first)),
            floor = place(floor)
        ),
    };
    Some(Chart {
        id: id.to_owned(),
        title: voice.with(
            Key("chart-title"),
            &[("service", name), ("from", &from), ("to", &to)],
        ),
        desc,
        width: (WIDTH / 10).to_string(),
        height: (HEIGHT / 10).to_string(),
        grid: grid(voice, &scale),
        days: labels(voice, &scale, days),
        bars: days
            .iter()
            .enumerate()
            .filter_map(|(index, day)| bar(voice, &scale, index, day))
            .collect(),
        line,
        area,
        marks: days
            .iter()
            .enumerate()
            .filter_map(|(index, day)| mark(voice, &scale, index, day))
            .collect(),
        low: low.is_positive().then(|| place(scale.y(low.milli()))),
        rows: known.iter().rev().map(|day| row(voice, day)).collect(),
    })
}

/// The balance, from the wallet's first day on; as wide as that day where it is the only one.
fn line(scale: &Scale, first: usize, known: &[Day]) -> String {
    if let [only] = known {
        let (middle, half) = (scale.x(first), (WIDTH - 2 * LEFT) / (2 * scale.days));
        let y = place(scale.y(only.balance.milli()));
        return format!("M{} {y} L{} {y}", place(middle - half), place(middle + half));
    }
    let points = known.iter().enumerate().map(|(index, day)| {
        let letter = if index == 0 { 'M' } else { 'L' };
        format!(
            "{letter}{} {}",
            place(scale.x(first + index)),
            place(scale.y(day.balance.milli()))
        )
    });
    points.collect::<Vec<_>>().join(" ")
}

fn grid(voice: &Voice, scale: &Scale) -> Vec<Line> {
    let mut values: Vec<i64> = (0..=STEPS).map(|step| scale.most / STEPS * step).collect();
    if scale.least < 0 {
        values.push(scale.least);
    }
    let lines = values.into_iter().map(|value| Line {
        y: place(scale.y(value)),
        label_y: place(scale.y(value) - 40),
        label: voice.credits(Credits::from_milli(value)),
    });
    lines.collect()
}

fn labels(voice: &Voice, scale: &Scale, days: &[Day]) -> Vec<Label> {
    let last = days.len().saturating_sub(1);
    let labelled = days
        .iter()
        .enumerate()
        .filter(|(index, _)| (last - index).is_multiple_of(LABEL_EVERY));
    let labels = labelled.map(|(index, day)| Label {
        x: place(if index == last {
            WIDTH - LEFT
        } else {
            scale.x(index)
        }),
        y: place(HEIGHT - 60),
        text: voice.short_day(day.day),
        anchor: if index == last { "end" } else { "middle" },
    });
    labels.collect()
}

fn bar(voice: &Voice, scale: &Scale, index: usize, day: &Day) -> Option<Bar> {
    let (top, floor) = (scale.y(day.sent.milli()), scale.y(0));
    let width = (WIDTH - 2 * LEFT) * 6 / (scale.days * 10);
    day.sent.is_positive().then(|| Bar {
        x: place(scale.x(index) - width / 2),
        // What is too little to be seen is seen all the same.
        y: place(top.min(floor - 10)),
        width: place(width),
        height: place((floor - top).max(10)),
        text: voice.with(
            Key("chart-sent-on"),
            &[
                ("day", &voice.short_day(day.day)),
                ("credits", &voice.credits(day.sent)),
            ],
        ),
    })
}

fn mark(voice: &Voice, scale: &Scale, index: usize, day: &Day) -> Option<Mark> {
    (!day.topups.is_empty()).then(|| Mark {
        x: place(scale.x(index)),
        y: place(scale.y(day.balance.milli())),
        text: voice.with(
            Key("chart-topup-on"),
            &[("day", &voice.short_day(day.day)), ("credits", &came(voice, day))],
        ),
    })
}

fn came(voice: &Voice, day: &Day) -> String {
    let each = day.topups.iter().map(|credits| voice.change(*credits));
    each.collect::<Vec<_>>().join(", ")
}

fn row(voice: &Voice, day: &Day) -> Row {
    Row {
        day: voice.day(day.day),
        sent: voice.credits(day.sent),
        topups: came(voice, day),
        balance: voice.credits(day.balance),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_wallet_s_line_begins_at_its_first_day() {
        let days: Vec<Day> = [0, 0, 150, 0]
            .into_iter()
            .zip(1..)
            .map(|(balance, day)| Day {
                day: jiff::civil::date(2026, 11, day),
                sent: Credits::ZERO,
                balance: Credits::from_milli(balance * 1_000),
                topups: Vec::new(),
            })
            .collect();
        let catalogue = std::sync::Arc::new(super::super::catalogue::Catalogue::new().unwrap());
        let english = super::super::language::Language::English;
        let voice = Voice::new(catalogue, english, jiff::tz::TimeZone::UTC);
        let drawn = chart(&voice, "SMS", "sms", &days, Credits::ZERO).unwrap();
        let scale = Scale::of(&days, Credits::ZERO);
        assert!(
            drawn.line.starts_with(&format!("M{} ", place(scale.x(2)))),
            "{}",
            drawn.line
        );
        assert_eq!(drawn.line.matches('L').count(), 1);
        assert_eq!(drawn.rows.len(), 2);
        assert!(drawn.title.contains("3"), "{}", drawn.title);
        let empty: Vec<Day> = days.into_iter().take(2).collect();
        let drawn = chart(&voice, "SMS", "sms", &empty, Credits::ZERO).unwrap();
        assert_eq!(drawn.rows.len(), 1);
        assert_eq!(drawn.line.matches('L').count(), 1, "one day can be seen, too");
    }

    #[test]
    fn a_scale_ends_at_a_plain_number_above_everything() {
        for (value, end) in [
            (1, 1_000),
            (1_000, 1_000),
            (1_001, 2_000),
            (3_000, 4_000),
            (540_500, 1_000_000),
            (41_000, 50_000),
        ] {
            assert_eq!(round_up(value), end, "{value}");
        }
        assert_eq!(round_up(i64::MAX), i64::MAX);
        assert_eq!(place(125), "12.5");
        assert_eq!(place(-5), "-0.5");
    }
}
