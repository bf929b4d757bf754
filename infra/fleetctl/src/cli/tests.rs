use super::dead::{age, dead_queue};
use super::*;
use crate::fields;
use clap::CommandFactory as _;

#[test]
fn the_command_line_is_consistent() {
    Cli::command().debug_assert();
}

/// The JSON of a help text: from its first brace to the next blank line.
fn example(help: &str) -> String {
    let (_, rest) = help.split_once("  {").unwrap();
    let (json, _) = rest.split_once("\n\n").unwrap();
    format!("{{{json}")
}

#[test]
fn the_help_s_examples_are_taken() {
    let account = example(IMPORT_HELP);
    assert!(
        fields::read::<topup_store::AccountImport>(account.as_bytes()).is_ok(),
        "{account}"
    );
    let price = example(PRICES_HELP);
    assert!(
        fields::read::<topup_rules::prices::PriceTier>(price.as_bytes()).is_ok(),
        "{price}"
    );
    let event = example(PUBLISH_HELP);
    let read =
        topup_rules::message::parse::<topup_rules::message::SmsSent>(event.as_bytes(), None, None, None);
    assert!(read.is_ok(), "{event}");
}

#[test]
fn credits_bear_their_sign() {
    let read = |text| signed_credits(text).map(Credits::milli);
    assert_eq!(read("+500"), Ok(500_000));
    assert_eq!(read("-12.5"), Ok(-12_500));
    assert_eq!(read("3"), Ok(3_000));
    for wrong in ["0", "+0", "+-3", "x", "", "1000001", "0.0001"] {
        assert!(read(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn a_worker_s_queue_stands_for_its_dead_letters() {
    assert_eq!(dead_queue("sms-sent").as_deref(), Ok("sms-sent.dead"));
    assert_eq!(dead_queue("sms-sent.dead").as_deref(), Ok("sms-sent.dead"));
    assert_eq!(
        dead_queue("delay.v1.unroutable").as_deref(),
        Ok("delay.v1.unroutable")
    );
    assert!(
        dead_queue("delay.v1.00")
            .unwrap_err()
            .contains("topup.unroutable")
    );
    assert_eq!(dead_queues().len(), 6);
}

#[test]
fn negative_credits_are_a_value_and_no_flag() {
    let line = [
        "fleetctl",
        "adjust",
        "7",
        "--credits",
        "-3",
        "--reason",
        "x",
        "--by",
        "me",
    ];
    let Command::Adjust(args) = Cli::parse_from(line).command else {
        panic!("another command")
    };
    assert_eq!((args.account.get(), args.credits.milli()), (7, -3_000));
    for wrong in [
        &["topup", "list", "--state", "bogus"][..],
        &[
            "topup",
            "settle",
            "0193a5d0-7c1e-7b3a-9d2f-0c4b8e5f1a2b",
            "--reason",
            "x",
        ],
        &[
            "topup",
            "settle",
            "0193a5d0-7c1e-7b3a-9d2f-0c4b8e5f1a2b",
            "--failed",
        ],
        &[
            "topup",
            "settle",
            "0193a5d0-7c1e-7b3a-9d2f-0c4b8e5f1a2b",
            "--failed",
            "--succeeded",
            "--reason",
            "x",
        ],
        // Whose, what it covers and what it is called is to be said.
        &["token", "create", "--scope", "read", "--name", "x"],
        &["token", "create", "--platform", "--name", "x"],
        &["token", "create", "--platform", "--scope", "read"],
        &["token", "create", "--platform", "--scope", "write", "--name", "x"],
        &[
            "token",
            "create",
            "--platform",
            "--account",
            "1",
            "--scope",
            "read",
            "--name",
            "x",
        ],
        &["token", "revoke", "x"],
        &["login", "add", "--account", "1001"],
        &["login", "add", "--account", "1001", "--email", "nobody"],
        &["login", "reset"],
        &["reconcile"],
        &["reconcile", "2026-11-31"],
        &["dead", "show"],
        &["dead", "show", "--position", "1"],
        &["dead", "show", "x", "--queue", "sms-sent", "--position", "1"],
        // Which, is to be said; of discarding, why, too.
        &["dead", "redrive"],
        &["dead", "redrive", "--yes"],
        &["dead", "redrive", "x", "--all"],
        &["dead", "redrive", "x", "--yes", "--dry-run"],
        &["dead", "redrive", "--all", "--to", "sms-sent.dead"],
        &["dead", "redrive", "--all", "--per-second", "0"],
        &["dead", "discard", "--all"],
        &["dead", "discard", "x", "--because", " "],
        &["dead", "list", "--older-than", "yesterday"],
    ] {
        assert!(
            Cli::try_parse_from([&["fleetctl"], wrong].concat()).is_err(),
            "{wrong:?}"
        );
    }
}

#[test]
fn parked_messages_are_named_by_id_or_by_what_they_are() {
    for line in [
        &["dead", "redrive", "a", "b"][..],
        &["dead", "redrive", "--all", "--yes"],
        &[
            "dead",
            "redrive",
            "--queue",
            "sms-sent",
            "--older-than",
            "14d",
            "--limit",
            "3",
        ],
        &[
            "dead",
            "redrive",
            "--queue",
            "topup.unroutable",
            "--to",
            "sms-sent",
        ],
        &["dead", "discard", "--type", "sms-sent.v1", "--because", "a test"],
        &[
            "dead",
            "list",
            "--newer-than",
            "1h 30m",
            "--account",
            "9",
            "--reason",
            "x",
        ],
        &["dead", "history", "--account", "9"],
    ] {
        assert!(
            Cli::try_parse_from([&["fleetctl"], line].concat()).is_ok(),
            "{line:?}"
        );
    }
    let hours = |text| age(text).map(|age| age.as_hours());
    assert_eq!(
        (hours("2h"), hours("14d"), hours("1w1d")),
        (Ok(2), Ok(336), Ok(192))
    );
    for wrong in ["", "2", "-1h", "1mo", "100y", "x"] {
        assert!(age(wrong).is_err(), "{wrong}");
    }
}
