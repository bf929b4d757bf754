//! A list of what was seen: oldest first, bounded, readable in part, and worth waiting on.
//!
//! Entries are kept as the JSON they will be listed as: a list of a hundred thousand is then joined, not
//! rendered, and its size in memory is known. What a list holds is not interpreted here.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use tokio::sync::watch;

/// Entries that a list keeps; past it the oldest are forgotten.
pub const ENTRIES_MAX: usize = 250_000;
/// Bytes of JSON that a list keeps; past it the oldest are forgotten.
pub const ENTRY_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Longest time that a reader may wait for entries.
pub const WAIT_MAX: Duration = Duration::from_secs(60);

/// Which part of a list is wanted, and how long to wait until there is enough of it.
#[derive(Debug, Default, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Wanted {
    /// Leave out the first so many entries ever recorded (the earlier answer's `x-sandbox-next`).
    #[serde(default)]
    pub after: u64,
    /// Leave out what was recorded earlier than this.
    pub since: Option<Timestamp>,
    /// Wait until the answer holds so many entries …
    #[serde(default)]
    pub at_least: usize,
    /// … or so many milliseconds (at most [`WAIT_MAX`]) have passed; then answer with what is there.
    #[serde(default)]
    pub wait_ms: u64,
}

/// Part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// The entries as one JSON array.
    pub json: String,
    /// How many were ever recorded: the `after` that continues from here.
    pub next: u64,
}

/// A list that is written by one side of the sandbox and read through `/sandbox/…`.
#[derive(Debug)]
pub struct Record {
    name: &'static str,
    kept: Mutex<Kept>,
    changed: watch::Sender<()>,
}

#[derive(Debug, Default)]
struct Kept {
    entries: VecDeque<Entry>,
    /// How many of the oldest were dropped.
    forgotten: u64,
    bytes: usize,
}

#[derive(Debug)]
struct Entry {
    at: Timestamp,
    json: Arc<str>,
}

#[derive(Serialize)]
struct Stamped<'a, T> {
    at: String,
    #[serde(flatten)]
    what: &'a T,
}

impl Record {
    /// An empty list; the name is for the log.
    pub fn new(name: &'static str) -> Self {
        Self {
            name,
            kept: Mutex::default(),
            changed: watch::Sender::new(()),
        }
    }

    /// Adds an entry, stamped with the present moment.
    pub fn push(&self, what: &impl Serialize) {
        let mut kept = self.lock();
        // Stamped under the lock, so that the order of the list is the order of the stamps.
        let at = Timestamp::now();
        let json: Arc<str> = match serde_json::to_string(&Stamped {
            at: rfc3339(at),
            what,
        }) {
            Ok(json) => json.into(),
            Err(error) => {
                tracing::error!(list = self.name, %error, "an entry could not be listed");
                return;
            }
        };
        kept.bytes = kept.bytes.saturating_add(json.len());
        kept.entries.push_back(Entry { at, json });
        while kept.entries.len() > ENTRIES_MAX || kept.bytes > ENTRY_BYTES_MAX {
            let Some(oldest) = kept.entries.pop_front() else {
                break;
            };
            kept.bytes = kept.bytes.saturating_sub(oldest.json.len());
            if kept.forgotten == 0 {
                tracing::warn!(
                    list = self.name,
                    "the list is full: the oldest entries are forgotten"
                );
            }
            kept.forgotten = kept.forgotten.saturating_add(1);
        }
        drop(kept);
        self.changed.send_replace(());
    }

    /// The wanted part, as soon as it is large enough or the wait is over.
    pub async fn wait(&self, wanted: &Wanted) -> Part {
        let deadline = tokio::time::Instant::now() + Duration::from_millis(wanted.wait_ms).min(WAIT_MAX);
        let mut changed = self.changed.subscribe();
        loop {
            if self.count(wanted) >= wanted.at_least {
                return self.part(wanted);
            }
            match tokio::time::timeout_at(deadline, changed.changed()).await {
                Ok(Ok(())) => {}
                Ok(Err(_)) | Err(_) => return self.part(wanted),
            }
        }
    }

    /// Forgets everything; the next entry is the first again.
    pub fn clear(&self) {
        *self.lock() = Kept::default();
        self.changed.send_replace(());
    }

    fn count(&self, wanted: &Wanted) -> usize {
        let kept = self.lock();
        kept.entries.len().saturating_sub(kept.first(wanted))
    }

    fn part(&self, wanted: &Wanted) -> Part {
        let (entries, next) = {
            let kept = self.lock();
            let entries: Vec<Arc<str>> = kept
                .entries
                .range(kept.first(wanted)..)
                .map(|entry| Arc::clone(&entry.json))
                .collect();
            (entries, kept.forgotten.saturating_add(kept.entries.len() as u64))
        };
        Part {
            json: format!("[{}]", entries.join(",")),
            next,
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    /// Index of the first wanted entry; the list's length where there is none.
    fn first(&self, wanted: &Wanted) -> usize {
        let by_number = usize::try_from(wanted.after.saturating_sub(self.forgotten)).unwrap_or(usize::MAX);
        let by_time = match wanted.since {
            Some(since) => self.entries.partition_point(|entry| entry.at < since),
            None => 0,
        };
        by_number.max(by_time).min(self.entries.len())
    }
}

/// RFC 3339 in UTC with microseconds, always the same length.
pub fn rfc3339(at: Timestamp) -> String {
    format!("{at:.6}")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn numbers(part: &Part) -> Vec<u64> {
        let entries: Vec<serde_json::Value> = serde_json::from_str(&part.json).unwrap();
        entries.iter().map(|entry| entry["n"].as_u64().unwrap()).collect()
    }

    fn recorded(count: u64) -> Record {
        let record = Record::new("test");
        (0..count).for_each(|n| record.push(&serde_json::json!({"n": n})));
        record
    }

    #[test]
    fn lists_oldest_first_and_continues_where_the_last_answer_ended() {
        let record = recorded(3);
        let whole = record.part(&Wanted::default());
        assert_eq!(numbers(&whole), [0, 1, 2]);
        record.push(&serde_json::json!({"n": 3}));
        assert_eq!(
            numbers(&record.part(&Wanted {
                after: whole.next,
                ..Wanted::default()
            })),
            [3]
        );
        assert_eq!(
            numbers(&record.part(&Wanted {
                after: 99,
                ..Wanted::default()
            })),
            [] as [u64; 0]
        );
    }

    #[test]
    fn since_leaves_out_what_was_recorded_earlier() {
        let record = recorded(2);
        let since = Some(Timestamp::now());
        record.push(&serde_json::json!({"n": 2}));
        assert_eq!(
            numbers(&record.part(&Wanted {
                since,
                ..Wanted::default()
            })),
            [2]
        );
    }

    #[test]
    fn the_oldest_are_forgotten_past_the_bound_and_the_numbers_stay() {
        let record = recorded(ENTRIES_MAX as u64 + 10);
        let last = record.part(&Wanted {
            after: ENTRIES_MAX as u64 + 8,
            ..Wanted::default()
        });
        assert_eq!(numbers(&last), [ENTRIES_MAX as u64 + 8, ENTRIES_MAX as u64 + 9]);
        assert_eq!(record.count(&Wanted::default()), ENTRIES_MAX);
    }

    #[tokio::test]
    async fn a_reader_is_woken_by_the_entry_it_waits_for() {
        let record = Arc::new(recorded(1));
        let wanted = Wanted {
            at_least: 2,
            wait_ms: 30_000,
            ..Wanted::default()
        };
        let reader = tokio::spawn({
            let record = Arc::clone(&record);
            async move { record.wait(&wanted).await }
        });
        tokio::task::yield_now().await;
        record.push(&serde_json::json!({"n": 1}));
        assert_eq!(numbers(&reader.await.unwrap()), [0, 1]);
    }

    #[tokio::test]
    async fn a_wait_that_is_over_answers_with_what_is_there() {
        let part = recorded(1)
            .wait(&Wanted {
                at_least: 2,
                wait_ms: 1,
                ..Wanted::default()
            })
            .await;
        assert_eq!(numbers(&part), [0]);
    }
}
