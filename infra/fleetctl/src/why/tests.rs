use super::*;
use jiff::Timestamp;
use topup_rules::account::Method;
use topup_rules::credits::Credits;
use topup_rules::ids::{Reference, Service};
use topup_rules::message::Template;
use topup_rules::message::{Channel, ResultSource};
use topup_rules::money::Money;
use topup_rules::topup::TopupState;
use topup_store::NoticeState;
use uuid::Uuid;

fn line(second: i64, topup: Option<u128>, fact: Fact) -> StoryLine {
    let at = Timestamp::from_second(1_795_335_300 + second).unwrap();
    StoryLine {
        at,
        service: Some(Service::Sms),
        topup_id: topup.map(Uuid::from_u128),
        fact,
    }
}

fn zar(amount_minor: i64) -> Money {
    Money::new(amount_minor, "ZAR".parse().unwrap())
}

fn requested(topup: u128, balance_milli: i64) -> StoryLine {
    let credits = |milli| Some(Credits::from_milli(milli));
    let fact = Fact::Requested {
        event_id: Uuid::from_u128(9),
        cost: credits(1_000),
        balance: Credits::from_milli(balance_milli),
        threshold: credits(100_000),
        method: Method::Card,
        quantity: Credits::from_milli(500_000),
        price: Some(zar(12_750)),
    };
    line(0, Some(topup), fact)
}

fn stands(auto_topup: &'static str, balance_milli: i64, open: Option<u128>) -> StoryLine {
    let fact = Fact::Stands {
        balance: Credits::from_milli(balance_milli),
        available: Credits::from_milli(balance_milli),
        auto_topup,
        threshold: Some(Credits::from_milli(100_000)),
        open_topup: open.map(Uuid::from_u128),
    };
    line(9, None, fact)
}

fn told_of(story: &[StoryLine]) -> String {
    told(AccountId::new(1001).unwrap(), story).unwrap()
}

#[test]
fn a_story_is_told_by_time_with_what_stands_now_at_its_end() {
    let reference: Reference = "topup-1001-1".parse().unwrap();
    let card_last4 = Some("4081".to_owned());
    let charging = Fact::Charging {
        reference: Some(reference.clone()),
        amount: Some(zar(12_750)),
        card_last4,
    };
    let answer = Fact::Called {
        reference,
        call: "charge".to_owned(),
        outcome: "success".to_owned(),
        detail: Some("Approved".to_owned()),
        took_ms: 41,
    };
    let ended = Fact::Ended {
        state: TopupState::Succeeded,
        credits: Some(Credits::from_milli(500_000)),
        reason: None,
        settled_by: Some(ResultSource::Charge),
    };
    let sms = Fact::Notice {
        notification_id: Uuid::nil(),
        template: Template::TopupSucceeded,
        channel: Channel::Sms,
        to: Some("+27820000001".to_owned()),
        state: NoticeState::Sent,
        detail: None,
        ended_at: Timestamp::from_second(1_795_335_304).ok(),
    };
    let story = [
        requested(1, 100_000),
        line(1, Some(1), charging),
        line(2, Some(1), answer),
        line(2, Some(1), ended),
        line(3, Some(1), sms),
        stands("enabled", 600_000, None),
    ];
    assert_eq!(
        told_of(&story),
        "account 1001\n\
         \n\
         top-up 1 of the sms wallet (00000000-0000-0000-0000-000000000001)\n\
        \x20 2026-11-22 08:15:00.000Z  A send of 1 credit left 100 credits, which reaches the threshold of 100: \
         500 credits were asked for by card for ZAR 127.50. The send is event \
         00000000-0000-0000-0000-000000000009.\n\
        \x20 2026-11-22 08:15:01.000Z  Nothing made it wait: we set out to charge the card ending in 4081 ZAR 127.50. \
         Payment reference topup-1001-1.\n\
        \x20 2026-11-22 08:15:02.000Z  The payment gateway was asked for the money and approved it: \
         \"Approved\" (41 ms).\n\
        \x20 2026-11-22 08:15:02.000Z  Succeeded: 500 credits came. We know from the payment gateway's answer to \
         the charge.\n\
        \x20 2026-11-22 08:15:03.000Z  The SMS \"topup-succeeded\" to +27…001 was sent at \
         2026-11-22 08:15:04Z.\n\
         \n\
         the sms wallet now\n\
        \x20 2026-11-22 08:15:09.000Z  600 credits. A send that leaves 100 credits or fewer asks for a top-up.\n"
    );
}

#[test]
fn a_waiting_top_up_says_until_when_and_for_which() {
    let waits = |due_at, waits_for: Option<u128>, reason: &str| {
        let waits_for = waits_for.map(Uuid::from_u128);
        line(
            1,
            Some(2),
            Fact::Scheduled {
                due_at,
                waits_for,
                reason: Some(reason.to_owned()),
            },
        )
    };
    let due_at = Timestamp::from_second(1_795_337_100).ok();
    let text = told_of(&[
        requested(1, 99_000),
        waits(due_at, None, "the account's last card top-up is too recent"),
        waits(
            None,
            Some(1),
            &format!(
                "the account's earlier card top-up {} is not settled yet",
                Uuid::from_u128(1)
            ),
        ),
    ]);
    for sentence in [
        "left 99 credits, below the threshold of 100: 500 credits",
        "It waits until 2026-11-22 08:45:00Z: the account's last card top-up is too recent.\n",
        "It waits until top-up 1 is settled: the account's earlier card top-up 1 is not settled yet.\n",
    ] {
        assert!(text.contains(sentence), "{sentence}\n{text}");
    }
}

#[test]
fn what_concerns_the_wallet_stands_with_the_top_up_that_it_happened_with() {
    let disabled = |second| {
        line(
            second,
            None,
            Fact::Disabled {
                reason: "Declined".to_owned(),
            },
        )
    };
    let failed = Fact::Ended {
        state: TopupState::Failed,
        credits: None,
        reason: None,
        settled_by: None,
    };
    let text = told_of(&[
        disabled(0),
        requested(1, 5),
        disabled(1),
        line(1, Some(1), failed),
    ]);
    let headings: Vec<&str> = text
        .lines()
        .filter(|line| !line.starts_with(' ') && !line.is_empty())
        .collect();
    let top_up = "top-up 1 of the sms wallet (00000000-0000-0000-0000-000000000001)";
    assert_eq!(headings, ["account 1001", "the sms wallet", top_up]);
}

#[test]
fn a_story_without_top_ups_says_what_would_make_one() {
    let ends_with = |story: StoryLine, sentence: &str| {
        let text = told_of(&[story]);
        assert!(text.contains("\nNo top-up was ever asked for.\n"), "{text}");
        assert!(text.ends_with(&format!("{sentence}\n")), "{text}");
    };
    ends_with(
        stands("enabled", 99_000, None),
        "99 credits. The next send asks for a top-up.",
    );
    ends_with(
        stands("disabled", 5_000, None),
        "Automatic top-up is disabled: nothing is charged.",
    );
    ends_with(
        stands("off", 1_000, None),
        "1 credit. Automatic top-up was never set up: nothing is charged.",
    );
}

fn called(second: i64, call: &str, outcome: &str) -> StoryLine {
    let fact = Fact::Called {
        reference: Reference::of_topup(AccountId::new(1001).unwrap(), Uuid::from_u128(1)),
        call: call.to_owned(),
        outcome: outcome.to_owned(),
        detail: None,
        took_ms: 12,
    };
    line(second, Some(1), fact)
}

fn charging(second: i64) -> StoryLine {
    let fact = Fact::Charging {
        reference: Some("topup-1001-1".parse().unwrap()),
        amount: Some(zar(12_750)),
        card_last4: Some("4081".to_owned()),
    };
    line(second, Some(1), fact)
}

fn ended(second: i64, state: TopupState, settled_by: ResultSource) -> StoryLine {
    let fact = Fact::Ended {
        state,
        credits: (state == TopupState::Succeeded).then(|| Credits::from_milli(500_000)),
        reason: None,
        settled_by: Some(settled_by),
    };
    line(second, Some(1), fact)
}

#[test]
fn a_charge_that_nobody_knew_about_is_told_question_by_question() {
    let unknown = Fact::StillOpen {
        state: TopupState::Unknown,
        reason: Some("no answer in time".to_owned()),
    };
    let text = told_of(&[
        requested(1, 99_000),
        charging(1),
        called(2, "charge", "unknown"),
        line(3, Some(1), unknown),
        called(13, "verify", "not-known"),
        charging(14),
        called(15, "charge", "failed"),
        ended(16, TopupState::Failed, ResultSource::Charge),
        ended(17, TopupState::Succeeded, ResultSource::Webhook),
    ]);
    for sentence in [
        "Nothing made it wait: we set out to charge the card ending in 4081 ZAR 127.50. Payment reference topup-1001-1.\n",
        "The payment gateway was asked for the money and gave no answer that decides it (12 ms).\n",
        "Nobody knows yet whether the money was taken; the payment gateway is asked again: no answer in time.\n",
        "asked what became of it and said that the payment is not known there, so nothing was taken so far (12 ms).\n",
        "We set out again to charge the card ending in 4081 ZAR 127.50, under the same payment reference",
        "Failed: no credits came. We know from the payment gateway's answer to the charge.\n",
        "Succeeded after all, late: 500 credits came. We know from a message of the payment gateway.\n",
    ] {
        assert!(text.contains(sentence), "{sentence}\n{text}");
    }
    // All of it is about one top-up.
    assert_eq!(text.matches("top-up 1 of the sms wallet").count(), 1, "{text}");
}

#[test]
fn a_purchase_and_what_is_given_back_of_it_stand_under_a_heading_of_their_own() {
    let (account, id) = (AccountId::new(1001).unwrap(), Uuid::from_u128(7));
    let reference = Reference::of_purchase(account, id);
    let bought = Fact::Bought {
        purchase_id: id,
        method: topup_rules::settle::PurchaseMethod::OneClick,
        quantity: Credits::from_milli(500_000),
        price: zar(12_750),
        reference: reference.clone(),
        card_last4: Some("4081".to_owned()),
    };
    let paid = Fact::Paid {
        purchase_id: id,
        state: topup_rules::topup::PaymentState::Succeeded,
        credits: Some(Credits::from_milli(500_000)),
        reason: Some("Approved".to_owned()),
        settled_by: Some(ResultSource::Verify),
    };
    let reversed = Fact::Reversed {
        reference: reference.clone(),
        reversal_id: "refund-1".to_owned(),
        amount: zar(1_275),
        taken_back: Credits::from_milli(50_000),
        source: ResultSource::Webhook,
        reason: None,
    };
    let disputed = |held: Option<i64>| Fact::Disputed {
        reference: reference.clone(),
        reversal_id: "dispute-2".to_owned(),
        amount: zar(2_550),
        held: held.map(Credits::from_milli),
        source: ResultSource::Webhook,
        reason: None,
    };
    let text = told_of(&[
        requested(1, 99_000),
        line(1, None, bought),
        line(2, None, paid),
        line(3, None, reversed),
        line(4, None, disputed(Some(100_000))),
        line(5, None, disputed(None)),
    ]);
    for sentence in [
        "\npurchase 1 of the sms wallet (00000000-0000-0000-0000-000000000007)\n",
        "500 credits were to be bought by hand for ZAR 127.50, with the saved card ending in 4081. Payment reference purchase-1001-",
        "Paid: 500 credits came. We know from asking the payment gateway again.\n",
        "ZAR 12.75 were given back to the customer, and 50 credits were taken back. We know from a message of the",
        "The card holder disputes ZAR 25.50; 100 credits are held until that is decided. We know from",
        "its credits were held until that was decided.",
    ] {
        assert!(text.contains(sentence), "{sentence}\n{text}");
    }
    assert_eq!(text.matches("purchase 1 of").count(), 1, "{text}");
}

#[test]
fn an_alert_stands_with_what_it_is_about_and_names_nobody() {
    let alert = StoryLine {
        service: None,
        ..line(
            2,
            None,
            Fact::Notice {
                notification_id: Uuid::nil(),
                template: Template::OperatorAlert,
                channel: Channel::Email,
                to: None,
                state: NoticeState::Skipped,
                detail: Some("TOPUP__OPERATORS__EMAIL is not set".to_owned()),
                ended_at: None,
            },
        )
    };
    let text = told_of(&[requested(1, 99_000), alert]);
    let sentence =
        "The e-mail \"operator-alert\" to the operators was not sent: TOPUP__OPERATORS__EMAIL is not set.\n";
    assert!(text.contains(sentence), "{text}");
    assert!(!text.contains("the account\n"), "{text}");
}
