//! Every figure of a run: its name for programs, its words for people, and where it stands in the table.
//!
//! Nothing is claimed here: what the numbers should be is for whoever reads them.

use crate::plan::Sizes;
use crate::samples::Samples;

/// A part of the table.
#[derive(Debug)]
pub(crate) struct Section {
    pub(crate) title: &'static str,
    pub(crate) rows: &'static [Row],
}

/// One figure. `{…}` in its words stands for one of the run's [`Sizes`].
#[derive(Debug)]
pub(crate) struct Row {
    /// Its name in the JSON object, unit last.
    pub(crate) key: &'static str,
    pub(crate) what: &'static str,
    pub(crate) unit: &'static str,
    pub(crate) of: Of,
}

/// Where its number comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Of {
    /// The median of what was measured.
    Median,
    /// One median in parts of another.
    Ratio(&'static str, &'static str),
}

impl Row {
    /// `None` where this run did not measure it.
    pub(crate) fn number(&self, samples: &Samples) -> Option<f64> {
        match self.of {
            Of::Median => samples.median(self.key),
            Of::Ratio(of, to) => samples.ratio(of, to),
        }
    }
}

const fn per_s(key: &'static str, what: &'static str) -> Row {
    median(key, what, "a second")
}

const fn ms(key: &'static str, what: &'static str) -> Row {
    median(key, what, "ms")
}

const fn mb(key: &'static str, what: &'static str) -> Row {
    median(key, what, "MB")
}

const fn cpu(key: &'static str, what: &'static str) -> Row {
    median(key, what, "s")
}

const fn median(key: &'static str, what: &'static str, unit: &'static str) -> Row {
    Row {
        key,
        what,
        unit,
        of: Of::Median,
    }
}

const fn ratio(key: &'static str, what: &'static str, of: &'static str, to: &'static str) -> Row {
    Row {
        key,
        what,
        unit: "",
        of: Of::Ratio(of, to),
    }
}

/// What the chart shows.
pub(crate) const THROUGHPUT: Section = Section {
    title: "Events a second, from {events} in the queue; {few} accounts, an empty ledger, one process",
    rows: &[
        per_s("raw_drain_per_s", "bare drain, no database: the limit"),
        per_s("debits_per_s", "debited"),
        per_s("debits_among_bad_per_s", "debited, one message in 21 bad"),
        per_s("debits_hot_account_per_s", "debited, all on one account"),
        per_s("debits_beside_holds_per_s", "debited, leave to send asked for"),
        per_s("debits_1m_accounts_per_s", "debited, {many} accounts"),
        per_s("debits_20m_ledger_per_s", "debited, {rows} rows in the ledger"),
        per_s("debits_2_processes_per_s", "debited by 2 processes"),
        per_s("debits_4_processes_per_s", "debited by 4 processes"),
        per_s("naive_per_s", "one transaction a message"),
        per_s("peer_faststream_per_s", "FastStream, asyncpg, 16 connections"),
        per_s("peer_celery_per_s", "Celery, psycopg, 8 processes"),
    ],
};

/// The whole table.
pub(crate) const SECTIONS: [Section; 11] = [
    THROUGHPUT,
    Section {
        title: "The same as ratios",
        rows: &[
            ratio(
                "debits_to_raw",
                "debited ÷ bare drain",
                "debits_per_s",
                "raw_drain_per_s",
            ),
            ratio(
                "debits_to_naive",
                "debited ÷ one transaction a message",
                "debits_per_s",
                "naive_per_s",
            ),
            ratio(
                "debits_to_faststream",
                "debited ÷ FastStream",
                "debits_per_s",
                "peer_faststream_per_s",
            ),
            ratio(
                "debits_to_celery",
                "debited ÷ Celery",
                "debits_per_s",
                "peer_celery_per_s",
            ),
            ratio(
                "debits_1m_accounts_ratio",
                "{many} ÷ {few} accounts",
                "debits_1m_accounts_per_s",
                "debits_per_s",
            ),
            ratio(
                "debits_20m_ledger_ratio",
                "{rows} rows ÷ empty ledger",
                "debits_20m_ledger_per_s",
                "debits_per_s",
            ),
            ratio(
                "debits_among_bad_ratio",
                "with bad messages ÷ without",
                "debits_among_bad_per_s",
                "debits_per_s",
            ),
            ratio(
                "debits_hot_account_ratio",
                "one account ÷ {few} accounts",
                "debits_hot_account_per_s",
                "debits_per_s",
            ),
            ratio(
                "debits_2_processes_ratio",
                "2 processes ÷ 1",
                "debits_2_processes_per_s",
                "debits_per_s",
            ),
            ratio(
                "debits_4_processes_ratio",
                "4 processes ÷ 1",
                "debits_4_processes_per_s",
                "debits_per_s",
            ),
        ],
    },
    Section {
        title: "From publishing a triggering event, idle fleet ({triggers} events, one at a time)",
        rows: &[
            ms(
                "charge_latency_p50_ms",
                "to the gateway seeing the charge, median",
            ),
            ms(
                "charge_latency_p99_ms",
                "to the gateway seeing the charge, 99th percentile",
            ),
            ms("charge_latency_max_ms", "to the gateway seeing the charge, worst"),
            ms("credit_latency_p50_ms", "to the credits, median"),
            ms("credit_latency_p99_ms", "to the credits, 99th percentile"),
            ms("credit_latency_max_ms", "to the credits, worst"),
            ms("sms_latency_p50_ms", "to the text message, median"),
            ms("sms_latency_p99_ms", "to the text message, 99th percentile"),
            ms("sms_latency_max_ms", "to the text message, worst"),
        ],
    },
    Section {
        title: "The same while {busy} other events a second are published and debited",
        rows: &[
            ms(
                "charge_latency_busy_p50_ms",
                "to the gateway seeing the charge, median",
            ),
            ms(
                "charge_latency_busy_p99_ms",
                "to the gateway seeing the charge, 99th percentile",
            ),
            ms(
                "charge_latency_busy_max_ms",
                "to the gateway seeing the charge, worst",
            ),
            ms("credit_latency_busy_p50_ms", "to the credits, median"),
            ms("credit_latency_busy_p99_ms", "to the credits, 99th percentile"),
            ms("credit_latency_busy_max_ms", "to the credits, worst"),
            ms("sms_latency_busy_p50_ms", "to the text message, median"),
            ms("sms_latency_busy_p99_ms", "to the text message, 99th percentile"),
            ms("sms_latency_busy_max_ms", "to the text message, worst"),
        ],
    },
    Section {
        title: "Leave to send over HTTP, kept connections: one batch, one answer",
        rows: &[
            ms("commit_p50_ms", "for comparison, a bare commit: median"),
            ms("commit_p99_ms", "for comparison, a bare commit: 99th percentile"),
            ms("hold_latency_p50_ms", "100 a second, nothing else: median"),
            ms(
                "hold_latency_p99_ms",
                "100 a second, nothing else: 99th percentile",
            ),
            ms("hold_latency_max_ms", "100 a second, nothing else: worst"),
            ms("hold_latency_steady_p50_ms", "{holds} a second: median"),
            ms("hold_latency_steady_p99_ms", "{holds} a second: 99th percentile"),
            ms("hold_latency_steady_max_ms", "{holds} a second: worst"),
            per_s("holds_steady_per_s", "{holds} a second: answered"),
            per_s("holds_per_s", "as fast as they are answered, 64 connections"),
        ],
    },
    Section {
        title: "Debits beside leave to send that is asked for as fast as it is answered",
        rows: &[
            per_s("debits_beside_no_holds_per_s", "debited, nobody asks"),
            per_s("holds_beside_debits_per_s", "answered meanwhile"),
            per_s(
                "debits_beside_stranger_per_s",
                "debited, a program as nice as the edge on every processor",
            ),
            ratio(
                "debits_beside_stranger_ratio",
                "beside that program ÷ nobody asks",
                "debits_beside_stranger_per_s",
                "debits_beside_no_holds_per_s",
            ),
            ratio(
                "debits_beside_holds_ratio",
                "beside it ÷ nobody asks",
                "debits_beside_holds_per_s",
                "debits_beside_no_holds_per_s",
            ),
        ],
    },
    Section {
        title: "How late delayed messages come, after 1 to {delay} s",
        rows: &[
            ms("delay_1k_late_p50_ms", "{delayed0} waiting, median"),
            ms("delay_1k_late_p99_ms", "{delayed0} waiting, 99th percentile"),
            ms("delay_1k_late_max_ms", "{delayed0} waiting, worst"),
            ms("delay_late_p50_ms", "{delayed1} waiting, median"),
            ms("delay_late_p99_ms", "{delayed1} waiting, 99th percentile"),
            ms("delay_late_max_ms", "{delayed1} waiting, worst"),
            ms("delay_100k_late_p50_ms", "{delayed2} waiting, median"),
            ms("delay_100k_late_p99_ms", "{delayed2} waiting, 99th percentile"),
            ms("delay_100k_late_max_ms", "{delayed2} waiting, worst"),
            median("delay_early", "came early", "of all"),
        ],
    },
    Section {
        title: "{topups} top-ups at once, for a gateway that takes {gateway} ms for each",
        rows: &[
            per_s("topups_per_s", "top-ups"),
            ms("topups_all_charged_ms", "until the gateway sees the last charge"),
            ms("topups_all_credited_ms", "until the last one is credited"),
        ],
    },
    Section {
        title: "Resident memory, idle since the start",
        rows: &[
            mb("rss_idle_sms_sent_mb", "sms-sent"),
            mb("rss_idle_topup_requested_mb", "topup-requested"),
            mb("rss_idle_payment_results_mb", "payment-results"),
            mb("rss_idle_notifications_mb", "notifications"),
            mb("rss_idle_sweeper_mb", "sweeper"),
            mb("rss_idle_edge_mb", "edge"),
            mb("rss_idle_mb", "the largest of them"),
        ],
    },
    Section {
        title: "Resident memory at its highest: sms-sent while it drains, the others while topping up",
        rows: &[
            mb("rss_load_sms_sent_mb", "sms-sent"),
            mb("rss_among_bad_sms_sent_mb", "sms-sent, bad messages among them"),
            mb("rss_load_topup_requested_mb", "topup-requested"),
            mb("rss_load_payment_results_mb", "payment-results"),
            mb("rss_load_notifications_mb", "notifications"),
            mb("rss_load_sweeper_mb", "sweeper"),
            mb("rss_load_edge_mb", "edge"),
            mb("rss_load_mb", "the largest of them"),
        ],
    },
    Section {
        title: "CPU seconds for a million debits",
        rows: &[
            cpu("cpu_s_per_million_worker", "sms-sent"),
            cpu("cpu_s_per_million_broker", "RabbitMQ"),
            cpu("cpu_s_per_million_postgresql", "PostgreSQL"),
            cpu("cpu_s_per_million", "together"),
        ],
    },
];

/// Every figure, in order.
pub(crate) fn rows() -> impl Iterator<Item = &'static Row> {
    const { &SECTIONS }.iter().flat_map(|section| section.rows)
}

/// Words with the run's sizes in them.
pub(crate) fn words(text: &str, sizes: &Sizes) -> String {
    let Sizes {
        events,
        slow_events: _,
        accounts_few,
        accounts_many,
        ledger_rows,
        triggers,
        busy_events_per_s,
        delayed: [delayed0, delayed1, delayed2],
        delay_max_s,
        topups,
        gateway_ms,
        hold_asks: _,
        holds_per_s,
        hold_s: _,
    } = *sizes;
    let numbers = [
        ("{events}", events),
        ("{few}", accounts_few),
        ("{many}", accounts_many),
        ("{rows}", ledger_rows),
        ("{triggers}", triggers),
        ("{busy}", busy_events_per_s),
        ("{delayed0}", delayed0),
        ("{delayed1}", delayed1),
        ("{delayed2}", delayed2),
        ("{delay}", delay_max_s),
        ("{topups}", topups),
        ("{gateway}", gateway_ms),
        ("{holds}", holds_per_s),
    ];
    numbers.into_iter().fold(text.to_owned(), |text, (name, number)| {
        text.replace(name, &thousands(&number.to_string()))
    })
}

/// `48,210`, `312`, `23.4`, `0.79`.
pub(crate) fn readable(number: f64) -> String {
    if number.abs() < 10.0 && number.fract() != 0.0 {
        return format!("{number:.2}");
    }
    if number.abs() < 100.0 {
        return format!("{number:.1}");
    }
    thousands(&format!("{number:.0}"))
}

fn thousands(digits: &str) -> String {
    let mut text = String::new();
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use clap::Parser as _;

    use super::*;
    use crate::plan::{Cli, Plan};

    /// What others read out of the JSON object.
    const PROMISED: [&str; 16] = [
        "raw_drain_per_s",
        "debits_per_s",
        "naive_per_s",
        "peer_faststream_per_s",
        "peer_celery_per_s",
        "debits_1m_accounts_per_s",
        "debits_hot_account_per_s",
        "charge_latency_p50_ms",
        "charge_latency_p99_ms",
        "delay_late_p50_ms",
        "delay_late_p99_ms",
        "delay_early",
        "topups_per_s",
        "rss_idle_mb",
        "rss_load_mb",
        "cpu_s_per_million",
    ];

    #[test]
    fn every_promised_figure_is_there_and_none_twice() {
        let keys: Vec<&str> = rows().map(|row| row.key).collect();
        let once: BTreeSet<&str> = keys.iter().copied().collect();
        assert_eq!(once.len(), keys.len());
        for key in PROMISED {
            assert!(once.contains(key), "{key}");
        }
    }

    #[test]
    fn ratios_are_of_figures_that_are_there() {
        let keys: BTreeSet<&str> = rows().map(|row| row.key).collect();
        for row in rows() {
            if let Of::Ratio(of, to) = row.of {
                assert!(keys.contains(of) && keys.contains(to), "{}", row.key);
            }
        }
    }

    #[test]
    fn words_are_complete() {
        let plan = Plan::of(Cli::parse_from(["load"])).unwrap();
        for section in &SECTIONS {
            let all = section.rows.iter().map(|row| row.what).chain([section.title]);
            for text in all {
                let text = words(text, &plan.sizes);
                assert!(!text.contains('{'), "{text}");
            }
        }
        assert_eq!(words("{many} ÷ {few}", &plan.sizes), "1,000,000 ÷ 10,000");
    }

    #[test]
    fn numbers_are_readable() {
        for (number, expected) in [
            (48_210.4, "48,210"),
            (312.2, "312"),
            (23.44, "23.4"),
            (0.789, "0.79"),
            (0.0, "0.0"),
            (1_234_567.0, "1,234,567"),
        ] {
            assert_eq!(readable(number), expected);
        }
    }
}
