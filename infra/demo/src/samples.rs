//! The sample files, and how their events are moved to the present.
//!
//! An event's time must fall into the ledger's open window (S4), and files grow old. So all sample events are
//! moved by the same span, so that the newest happens now: in `sent_at`, and in the time inside the event's
//! version-7 id. What is the same event in two files stays the same event; everything else of a line, broken
//! lines included, stays as it is.

use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result};
use jiff::{SignedDuration, Timestamp};
use serde::Deserialize;

/// Hexadecimal digits of a UUID that hold a version-7 id's time, with the dash between them.
const ID_TIME_CHARS: usize = 13;

/// Accounts, one a line.
pub(crate) const ACCOUNTS: &str = "accounts.ndjson";
/// The price list, one tier a line.
pub(crate) const PRICES: &str = "prices.ndjson";

/// Every sample file by its path in the samples' folder. They are part of the program, which may be told its story far
/// from any checkout.
const FILES: [(&str, &str); 10] = [
    (ACCOUNTS, include_str!("../samples/accounts.ndjson")),
    (PRICES, include_str!("../samples/prices.ndjson")),
    (
        "events/1-threshold.ndjson",
        include_str!("../samples/events/1-threshold.ndjson"),
    ),
    (
        "events/2-inside-the-spacing.ndjson",
        include_str!("../samples/events/2-inside-the-spacing.ndjson"),
    ),
    (
        "events/3-after-it.ndjson",
        include_str!("../samples/events/3-after-it.ndjson"),
    ),
    (
        "events/3-declined.ndjson",
        include_str!("../samples/events/3-declined.ndjson"),
    ),
    (
        "events/4-sub-account.ndjson",
        include_str!("../samples/events/4-sub-account.ndjson"),
    ),
    (
        "events/5-broken.ndjson",
        include_str!("../samples/events/5-broken.ndjson"),
    ),
    (
        "events/5-last.ndjson",
        include_str!("../samples/events/5-last.ndjson"),
    ),
    (
        "events/6-no-answer.ndjson",
        include_str!("../samples/events/6-no-answer.ndjson"),
    ),
];

/// Sample files of events, by name.
fn events() -> impl Iterator<Item = (&'static str, &'static str)> {
    FILES
        .into_iter()
        .filter_map(|(path, text)| Some((path.strip_prefix("events/")?, text)))
}

/// A line that is an event, as far as its times go.
#[derive(Debug, Deserialize)]
struct Dated {
    event_id: String,
    sent_at: Timestamp,
}

/// Writes accounts and prices into `into`, as they are.
pub(crate) fn write_imports(into: &Path) -> Result<()> {
    for (name, text) in FILES
        .into_iter()
        .filter(|(name, _)| [ACCOUNTS, PRICES].contains(name))
    {
        write(into, name, text)?;
    }
    Ok(())
}

/// Writes every sample event file into `into`, moved to the present; returns the files' names.
pub(crate) fn write_events(into: &Path) -> Result<Vec<&'static str>> {
    let newest = events()
        .flat_map(|(_, text)| text.lines())
        .filter_map(dated)
        .map(|it| it.sent_at)
        .max();
    let shift = Timestamp::now().duration_since(newest.context("the sample files hold no event")?);
    let mut names = Vec::new();
    for (name, text) in events() {
        let moved: String = text.lines().map(|line| moved(line, shift) + "\n").collect();
        write(into, name, &moved)?;
        names.push(name);
    }
    Ok(names)
}

fn write(into: &Path, name: &str, text: &str) -> Result<()> {
    let path = into.join(name);
    fs::create_dir_all(into)
        .and_then(|()| fs::write(&path, text))
        .with_context(|| format!("writing {}", path.display()))
}

fn dated(line: &str) -> Option<Dated> {
    serde_json::from_str(line).ok()
}

fn moved(line: &str, shift: SignedDuration) -> String {
    let Some(Dated { event_id, sent_at }) = dated(line) else {
        return line.to_owned();
    };
    // Whole milliseconds, so that id and `sent_at` keep saying the same.
    let sent_ms = (sent_at + shift).as_millisecond();
    let (Some((_, rest)), Ok(now)) = (
        event_id.split_at_checked(ID_TIME_CHARS),
        Timestamp::from_millisecond(sent_ms),
    ) else {
        return line.to_owned();
    };
    let id = format!("{:08x}-{:04x}{rest}", sent_ms >> 16, sent_ms & 0xffff);
    let (written, _) = line.split_once("\"sent_at\": \"").unwrap_or((line, ""));
    format!("{}\"sent_at\": \"{now:.3}\"}}", written.replace(&event_id, &id))
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: &str = r#"{"event_id": "01a20252-a616-795e-832c-78a7658cda14", "account_id": 1001, "sent_at": "2026-11-22T08:15:00.630Z"}"#;

    #[test]
    fn an_event_moves_in_its_id_and_in_its_time() {
        let moved = moved(LINE, SignedDuration::from_secs(1));
        assert_eq!(
            moved,
            r#"{"event_id": "01a20252-a9fe-795e-832c-78a7658cda14", "account_id": 1001, "sent_at": "2026-11-22T08:15:01.630Z"}"#
        );
    }

    #[test]
    fn what_is_no_event_stays_as_it_is() {
        assert_eq!(
            moved("Hello, is anybody there?", SignedDuration::from_secs(1)),
            "Hello, is anybody there?"
        );
    }

    #[test]
    fn every_sample_event_ends_with_its_time() {
        for (name, text) in events() {
            for line in text.lines().filter(|line| dated(line).is_some()) {
                assert_eq!(moved(line, SignedDuration::ZERO), line, "{name}");
            }
        }
    }

    #[test]
    fn no_sample_file_is_left_out() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("samples");
        let mut there = Vec::new();
        for part in ["", "events/"] {
            for entry in fs::read_dir(folder.join(part)).unwrap() {
                let entry = entry.unwrap();
                if entry.file_type().unwrap().is_file() {
                    there.push(format!("{part}{}", entry.file_name().to_string_lossy()));
                }
            }
        }
        there.sort();
        let mut told = FILES.map(|(path, _)| path.to_owned());
        told.sort();
        assert_eq!(there, told);
    }
}
