//! What the books answer, one card and one story each.

use super::*;

const NOW: Timestamp = Timestamp::UNIX_EPOCH;

fn asked(reference: &str) -> Asked {
    Asked {
        reference: reference.to_owned(),
        email: "ops@example.com".to_owned(),
        amount_minor: 35_247,
        currency: Currency::Zar,
        metadata: None,
    }
}

fn plain(asked_minor: u64) -> (u64, u64) {
    (asked_minor, asked_minor)
}

fn charge(books: &mut Books, reference: &str, code: &str) -> Result<Charged, Refused> {
    books.charge(asked(reference), code.to_owned(), NOW, plain)
}

fn status(books: &Books, reference: &str) -> Option<Status> {
    books.find(reference).map(|transaction| transaction.status)
}

#[test]
fn a_reference_is_used_once_whatever_came_of_it() {
    for code in [
        "AUTH_ok",
        "AUTH_declined",
        "AUTH_pending",
        "AUTH_paused",
        "AUTH_timeout",
        "AUTH_lost",
    ] {
        let mut books = Books::new(1);
        charge(&mut books, "a", code).unwrap();
        assert!(
            matches!(charge(&mut books, "a", code), Err(Refused::Duplicate)),
            "{code}"
        );
    }
}

#[test]
fn a_server_error_leaves_no_trace_and_the_next_call_succeeds() {
    let mut books = Books::new(1);
    assert!(matches!(
        charge(&mut books, "a", "AUTH_5xx"),
        Ok(Charged::ServerError(_))
    ));
    assert_eq!(status(&books, "a"), None);
    assert!(matches!(
        charge(&mut books, "a", "AUTH_5xx"),
        Ok(Charged::Settled(_))
    ));
    assert_eq!(status(&books, "a"), Some(Status::Success));
}

#[test]
fn a_pending_payment_succeeds_once_and_not_after_everything_was_forgotten() {
    let mut books = Books::new(1);
    let Ok(Charged::Pending(first)) = charge(&mut books, "a", "AUTH_pending") else {
        panic!("pending")
    };
    books.clear();
    let Ok(Charged::Pending(second)) = charge(&mut books, "a", "AUTH_pending") else {
        panic!("pending")
    };
    assert!(books.succeed("a", first.id, NOW, plain).is_none());
    assert!(books.succeed("a", second.id, NOW, plain).is_some());
    assert!(books.succeed("a", second.id, NOW, plain).is_none());
}

#[test]
fn a_challenged_payment_is_abandoned_and_one_that_was_decided_is_not() {
    let mut books = Books::new(1);
    let Ok(Charged::Paused(challenged)) = charge(&mut books, "a", "AUTH_paused") else {
        panic!("challenged")
    };
    let Ok(Charged::Pending(pending)) = charge(&mut books, "b", "AUTH_pending") else {
        panic!("pending")
    };
    books.abandon("a", challenged.id + 1);
    assert_eq!(status(&books, "a"), Some(Status::Ongoing));
    books.abandon("a", challenged.id);
    books.abandon("b", pending.id);
    assert_eq!(status(&books, "a"), Some(Status::Abandoned));
    assert_eq!(status(&books, "b"), Some(Status::Pending));
}

#[test]
fn a_card_saved_on_the_page_is_charged_for_its_own_address_alone() {
    let mut books = Books::new(1);
    let page = books
        .initialize(asked("a"), None, vec![Channel::Card], NOW)
        .unwrap()
        .page
        .unwrap();
    books
        .pay(
            &page.access_code,
            PaidWith::Card { last4: "0409" },
            "AUTH_saved".to_owned(),
            NOW,
            plain,
        )
        .unwrap();
    assert!(
        books
            .pay(
                &page.access_code,
                PaidWith::USUAL_CARD,
                "AUTH_x".to_owned(),
                NOW,
                plain
            )
            .is_none()
    );
    let Ok(Charged::Settled(charged)) = charge(&mut books, "b", "AUTH_saved") else {
        panic!("settled")
    };
    assert_eq!(charged.paid_with, PaidWith::Card { last4: "0409" });
    let other = Asked {
        email: "other@example.com".to_owned(),
        ..asked("c")
    };
    assert!(matches!(
        books.charge(other, "AUTH_saved".to_owned(), NOW, plain),
        Err(Refused::NotThisCustomers)
    ));
}

#[test]
fn a_withdrawn_card_is_charged_no_more() {
    let mut books = Books::new(1);
    assert!(books.deactivate("AUTH_ok".to_owned()));
    assert!(matches!(
        charge(&mut books, "a", "AUTH_ok"),
        Err(Refused::NotThisCustomers)
    ));
}

#[test]
fn no_more_is_given_back_than_was_paid() {
    let mut books = Books::new(1);
    charge(&mut books, "a", "AUTH_ok").unwrap();
    charge(&mut books, "b", "AUTH_declined").unwrap();
    assert_eq!(books.refund("a", Some(35_000), NOW).unwrap().amount_minor, 35_000);
    assert_eq!(status(&books, "a"), Some(Status::Success));
    assert_eq!(
        books.refund("a", Some(248), NOW).unwrap_err(),
        RefundRefused::Amount
    );
    assert_eq!(books.refund("a", None, NOW).unwrap().amount_minor, 247);
    assert_eq!(status(&books, "a"), Some(Status::Reversed));
    assert_eq!(books.refund("a", None, NOW).unwrap_err(), RefundRefused::NotPaid);
    assert_eq!(books.refund("b", None, NOW).unwrap_err(), RefundRefused::NotPaid);
    assert_eq!(books.refund("c", None, NOW).unwrap_err(), RefundRefused::Unknown);
}

#[test]
fn a_dispute_takes_nothing_until_it_is_lost() {
    let mut books = Books::new(1);
    charge(&mut books, "a", "AUTH_ok").unwrap();
    let (opened, new) = books.dispute("a", None, NOW).unwrap();
    assert!(new && !books.dispute("a", None, NOW).unwrap().1);
    assert_eq!(status(&books, "a"), Some(Status::Success));
    books.resolve("a", DisputeOutcome::Won, NOW).unwrap();
    assert_eq!(status(&books, "a"), Some(Status::Success));
    let (again, new) = books.dispute("a", None, NOW).unwrap();
    assert!(new && again.id != opened.id);
    books.resolve("a", DisputeOutcome::Lost, NOW).unwrap();
    assert_eq!(status(&books, "a"), Some(Status::Reversed));
}

#[test]
fn the_list_is_newest_first_and_both_ends_count() {
    let mut books = Books::new(1);
    let at = |second| Timestamp::from_second(second).unwrap();
    for second in 0..5 {
        let reference = second.to_string();
        books
            .charge(asked(&reference), "AUTH_ok".to_owned(), at(second), plain)
            .unwrap();
    }
    let listed: Vec<&str> = books
        .between(at(1), at(3))
        .map(|it| it.asked.reference.as_str())
        .collect();
    assert_eq!(listed, ["3", "2", "1"]);
}
