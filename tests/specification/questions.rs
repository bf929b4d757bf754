//! C8: what is asked of the gateway again, by whom, and what follows from its answers: as the store decides it, with
//! neither queue nor gateway between.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use futures_util::future::try_join_all;
use jiff::SignedDuration;
use topup_rules::account::Method;
use topup_rules::ids::{Service, WalletKey};
use topup_rules::inquiries::{AfterInquiry, InquiryPolicy, Told};
use topup_rules::message::{PaymentStatus, ResultSource};
use topup_rules::topup::{PaymentState, TopupState};
use topup_store::{Answer, ChargeIntent, InquiryEnd, Settled, TopupView, Woken};
use topup_tests::{
    Library, account_id, event, eventually, main_account, our_trouble, result_of, said, settlement_policy,
    sms_wallet, topup_policy,
};
use uuid::Uuid;

/// Longer than any question of a test takes.
const LEASE: SignedDuration = SignedDuration::from_hours(1);
/// Who asks at once.
const ASKERS: usize = 8;

/// An account that pays with its card, and the card's top-up, whose intent is committed and whose charge is under way.
async fn charging(library: &Library, account: i64) -> Result<ChargeIntent> {
    let topup = library.send(&event(account).credits(50)).await?;
    library
        .charges(sms_wallet(account), topup.context("a top-up")?)
        .await
}

async fn one_charging() -> Result<(Library, ChargeIntent)> {
    let library = Library::with(&[main_account(1001).credits(150).card("AUTH_ok")]).await?;
    library.list_prices().await?;
    let intent = charging(&library, 1001).await?;
    Ok((library, intent))
}

/// A payment of which nobody knows what became.
async fn one_unknown() -> Result<(Library, ChargeIntent)> {
    let (library, intent) = one_charging().await?;
    let unknown = result_of(&intent, PaymentStatus::Unknown, ResultSource::Charge);
    let settled = library
        .store
        .settle_payment(&unknown, &settlement_policy())
        .await?;
    assert!(
        matches!(settled, Settled::StillOpen(PaymentState::Unknown)),
        "{settled:?}"
    );
    Ok((library, intent))
}

/// Asks, and is told that.
async fn ask(library: &Library, told: Told) -> Result<Option<AfterInquiry>> {
    let inquired = library.asked().await?;
    let policy = settlement_policy().inquiries;
    Ok(library.told(&inquired, &said(told), &policy).await?.0)
}

/// The gateway says as often as it takes that it does not know the payment.
async fn not_known(library: &Library) -> Result<()> {
    for _ in 0..2 {
        let after = ask(library, Told::NotKnown).await?;
        assert!(matches!(after, Some(AfterInquiry::AskAgain { .. })), "{after:?}");
    }
    assert_eq!(
        ask(library, Told::NotKnown).await?,
        Some(AfterInquiry::SubmitAgain)
    );
    Ok(())
}

fn topup_of(intent: &ChargeIntent) -> Result<Uuid> {
    Ok(intent.reference.parts().context("a reference of ours")?.2)
}

async fn view(library: &Library, intent: &ChargeIntent) -> Result<TopupView> {
    let topup = library.store.topup(topup_of(intent)?).await?;
    topup.context("the top-up")
}

/// Where the top-up and its payment stand.
async fn states(library: &Library, intent: &ChargeIntent) -> Result<(TopupState, PaymentState)> {
    let topup = view(library, intent).await?;
    Ok((topup.state, topup.payment.context("a payment")?.state))
}

async fn settle(library: &Library, intent: &ChargeIntent, status: PaymentStatus) -> Result<Settled> {
    let result = result_of(intent, status, ResultSource::Webhook);
    Ok(library
        .store
        .settle_payment(&result, &settlement_policy())
        .await?)
}

#[tokio::test]
async fn several_sweepers_at_once_ask_about_each_payment_once_a_pause() -> Result<()> {
    const ACCOUNTS: i64 = 30;
    let accounts: Vec<_> = (1..=ACCOUNTS)
        .map(|id| main_account(id).credits(150).card("AUTH_ok"))
        .collect();
    let library = Library::with(&accounts).await?;
    library.list_prices().await?;
    for account in 1..=ACCOUNTS {
        charging(&library, account).await?;
    }
    let ask_all = async || {
        let mut references = Vec::new();
        loop {
            let some = library
                .store
                .due_inquiries(LEASE, SignedDuration::ZERO, 4)
                .await?;
            if some.is_empty() {
                return anyhow::Ok(references);
            }
            references.extend(some.into_iter().map(|inquired| inquired.reference));
        }
    };
    let sweepers: Vec<_> = (0..ASKERS).map(|_| ask_all()).collect();
    // One may find all rows locked by others and stop before they are done; whatever it found was found by it alone.
    let mut all: Vec<_> = try_join_all(sweepers).await?.concat();
    all.extend(ask_all().await?);
    let distinct: BTreeSet<_> = all.iter().collect();
    assert_eq!((all.len(), distinct.len()), (30, 30));
    library.audit_is_clean().await
}

#[tokio::test]
async fn a_charge_is_asked_about_when_it_had_its_time_and_nobody_wrote_its_answer_down() -> Result<()> {
    let (library, intent) = one_charging().await?;
    let due = |age| library.store.due_inquiries(LEASE, age, 10);
    assert!(due(LEASE).await?.is_empty(), "it is still under way");

    // What the gateway certainly has no charge of is tried again.
    library.answered(&intent, &our_trouble()).await?;
    assert!(due(SignedDuration::ZERO).await?.is_empty());
    let intent = library.charges(sms_wallet(1001), topup_of(&intent)?).await?;

    // An answer that is written down is published again, once; what comes of it is asked about later.
    let result = result_of(&intent, PaymentStatus::Success, ResultSource::Charge);
    let answer = Answer::Result {
        result: Box::new(result),
        challenge_url: None,
    };
    library.answered(&intent, &answer).await?;
    assert!(due(SignedDuration::ZERO).await?.is_empty());
    let overdue = |age| library.store.overdue_charges(age, 10);
    assert!(overdue(LEASE).await?.is_empty());
    let second = SignedDuration::from_secs(1);
    let again = eventually("an overdue answer", async || {
        Ok(Some(overdue(second).await?).filter(|found| !found.is_empty()))
    })
    .await?;
    assert_eq!(again.len(), 1);
    let inquired = library.asked().await?;
    assert_eq!(inquired.reference, intent.reference);
    assert!(overdue(second).await?.is_empty(), "it is asked about now");
    Ok(())
}

#[tokio::test]
async fn what_the_gateway_says_repeatedly_that_it_does_not_know_is_submitted_again_by_one_alone() -> Result<()>
{
    let (library, intent) = one_unknown().await?;
    not_known(&library).await?;
    assert_eq!(
        states(&library, &intent).await?,
        (TopupState::Scheduled, PaymentState::Charging)
    );
    library.audit_is_clean().await?;
    assert!(
        library
            .store
            .due_inquiries(LEASE, SignedDuration::ZERO, 10)
            .await?
            .is_empty()
    );

    let (topup, policy) = (topup_of(&intent)?, topup_policy());
    let wake = || library.store.wake_topup(sms_wallet(1001), topup, &policy);
    let woken = try_join_all((0..ASKERS).map(|_| wake())).await?;
    let charges: Vec<_> = woken
        .into_iter()
        .filter_map(|woken| match woken {
            Woken::Charge(intent) => Some(intent),
            Woken::Moved { .. } | Woken::Stale(_) | Woken::Missing => None,
        })
        .collect();
    assert_eq!(charges.len(), 1);
    assert_eq!(charges[0].reference, intent.reference);
    assert_eq!(charges[0].amount, intent.amount);

    let settled = settle(&library, &intent, PaymentStatus::Success).await?;
    assert!(
        matches!(settled, Settled::Credited { late: false, .. }),
        "{settled:?}"
    );
    library.audit_is_clean().await
}

#[tokio::test]
async fn an_answer_of_any_other_kind_begins_the_row_of_not_known_again() -> Result<()> {
    let (library, intent) = one_unknown().await?;
    let told = [
        Told::NotKnown,
        Told::NotKnown,
        Told::NoVerdict,
        Told::NotKnown,
        // No answer at all, and so nothing that the row would end with.
        Told::OurTrouble { at_least_s: None },
        Told::NotKnown,
    ];
    for told in told {
        let after = ask(&library, told).await?;
        assert!(
            matches!(after, Some(AfterInquiry::AskAgain { .. })),
            "{told:?}: {after:?}"
        );
    }
    let last = library.asked().await?;
    assert_eq!((last.inquiry.asked, last.inquiry.not_known), (5, 2));
    assert_eq!(
        states(&library, &intent).await?,
        (TopupState::Unknown, PaymentState::Unknown)
    );
    library.audit_is_clean().await
}

#[tokio::test]
async fn what_the_gateway_does_not_know_is_not_submitted_again_once_auto_topup_is_disabled() -> Result<()> {
    let (library, intent) = one_unknown().await?;
    not_known(&library).await?;
    library.disable(1001).await?;
    let woken = library
        .store
        .wake_topup(sms_wallet(1001), topup_of(&intent)?, &topup_policy())
        .await?;
    assert!(
        matches!(
            &woken,
            Woken::Moved {
                state: TopupState::Skipped,
                ..
            }
        ),
        "{woken:?}"
    );
    assert_eq!(
        states(&library, &intent).await?,
        (TopupState::Skipped, PaymentState::Failed)
    );
    assert!(
        library.rows().await?.notices().await?.is_empty(),
        "somebody was told"
    );
    library.audit_is_clean().await?;

    // It was taken all the same, as it turns out: that is money, and is credited.
    let settled = settle(&library, &intent, PaymentStatus::Success).await?;
    assert!(
        matches!(settled, Settled::Credited { late: true, .. }),
        "{settled:?}"
    );
    library.audit_is_clean().await
}

#[tokio::test]
async fn a_result_that_settles_while_a_question_is_under_way_wins() -> Result<()> {
    for told in [
        Told::NotKnown,
        Told::NoVerdict,
        Told::Verdict(PaymentStatus::Failed),
        Told::Verdict(PaymentStatus::Success),
    ] {
        let (library, intent) = one_unknown().await?;
        let inquired = library.asked().await?;
        let settled = settle(&library, &intent, PaymentStatus::Success).await?;
        assert!(matches!(settled, Settled::Credited { .. }), "{settled:?}");
        let before = view(&library, &intent).await?;
        let end = InquiryEnd {
            result: Some(result_of(&intent, PaymentStatus::Failed, ResultSource::Verify)),
            ..said(told)
        };
        // Whatever the policy would make of it.
        let policy = InquiryPolicy {
            not_known_max: 1,
            unknown_max: SignedDuration::ZERO,
            ..settlement_policy().inquiries
        };
        let (after, messages) = library.told(&inquired, &end, &policy).await?;
        assert_eq!((after, messages), (None, Vec::new()), "{told:?}");
        let now = view(&library, &intent).await?;
        assert_eq!(
            (now.state, now.settled_at),
            (before.state, before.settled_at),
            "{told:?}"
        );
        assert_eq!(
            now.payment.map(|p| p.state),
            before.payment.map(|p| p.state),
            "{told:?}"
        );
        library.audit_is_clean().await?;
    }
    Ok(())
}

#[tokio::test]
async fn money_that_went_back_is_told_on_even_where_the_payment_was_settled_while_it_was_asked_about()
-> Result<()> {
    let (library, intent) = one_unknown().await?;
    let inquired = library.asked().await?;
    settle(&library, &intent, PaymentStatus::Success).await?;
    let reversed = result_of(&intent, PaymentStatus::Reversed, ResultSource::Verify);
    let end = InquiryEnd {
        result: Some(reversed.clone()),
        ..said(Told::Verdict(PaymentStatus::Reversed))
    };
    let (after, messages) = library
        .told(&inquired, &end, &settlement_policy().inquiries)
        .await?;
    assert_eq!((after, messages.len()), (None, 1));
    let settled = library
        .store
        .settle_payment(&reversed, &settlement_policy())
        .await?;
    assert!(
        matches!(settled, Settled::Reversed { whole: true, .. }),
        "{settled:?}"
    );
    library.audit_is_clean().await
}

#[tokio::test]
async fn an_answer_that_comes_after_its_lease_counts_nothing_but_what_it_says_of_the_money() -> Result<()> {
    let (library, intent) = one_unknown().await?;
    let first = eventually("a payment to ask about", async || {
        let lease = SignedDuration::from_millis(1);
        Ok(library
            .store
            .due_inquiries(lease, SignedDuration::ZERO, 1)
            .await?
            .pop())
    })
    .await?;
    // Its lease is over, and another asks.
    let second = library.asked().await?;
    assert_eq!(second.reference, first.reference);
    let policy = InquiryPolicy {
        not_known_max: 1,
        ..settlement_policy().inquiries
    };
    let late = library.told(&first, &said(Told::NotKnown), &policy).await?;
    assert_eq!(late, (None, Vec::new()));
    let captured = InquiryEnd {
        result: Some(result_of(&intent, PaymentStatus::Success, ResultSource::Verify)),
        ..said(Told::Verdict(PaymentStatus::Success))
    };
    let (after, messages) = library.told(&first, &captured, &policy).await?;
    assert_eq!(after, None);
    assert_eq!(messages.len(), 1, "money was taken, and nobody would know");
    // Of several who were told the same, one alone lets it be submitted again.
    let all = (0..ASKERS)
        .map(|_| async { anyhow::Ok(library.told(&second, &said(Told::NotKnown), &policy).await?.0) });
    let all = try_join_all(all).await?;
    let submitted = all
        .iter()
        .filter(|after| **after == Some(AfterInquiry::SubmitAgain));
    assert_eq!(submitted.count(), 1, "{all:?}");
    Ok(())
}

#[tokio::test]
async fn what_stays_unknown_for_too_long_is_parked_and_the_operators_are_told() -> Result<()> {
    let library = Library::with(&[main_account(1001)
        .credits(150)
        .card("AUTH_ok")
        .whatsapp()
        .credits(150)
        .card("AUTH_ok")])
    .await?;
    library.list_prices().await?;
    let intent = charging(&library, 1001).await?;
    let inquired = library.asked().await?;
    let policy = InquiryPolicy {
        unknown_max: SignedDuration::ZERO,
        ..settlement_policy().inquiries
    };
    let (after, messages) = library.told(&inquired, &said(Told::NoVerdict), &policy).await?;
    assert_eq!(after, Some(AfterInquiry::Park));
    assert_eq!(
        states(&library, &intent).await?,
        (TopupState::Parked, PaymentState::Parked)
    );
    let queues: Vec<&str> = messages.iter().map(|message| message.queue.as_str()).collect();
    assert_eq!(queues, ["notifications"]);
    let notices = library.rows().await?.notices().await?;
    let told: Vec<_> = notices
        .iter()
        .map(|n| (n.template.as_str(), n.channel.as_str(), n.state.as_str()))
        .collect();
    assert_eq!(
        told,
        [
            ("operator-alert", "sms", "skipped"),
            ("operator-alert", "email", "queued")
        ]
    );
    assert!(
        library
            .store
            .due_inquiries(LEASE, SignedDuration::ZERO, 10)
            .await?
            .is_empty(),
        "it is asked about still"
    );

    // Nothing is disabled, and the account's next card top-up waits for it.
    let account = library
        .store
        .account_view(account_id(1001))
        .await?
        .context("the account")?;
    assert!(
        account
            .wallets
            .iter()
            .all(|w| w.auto_topup.as_ref().is_some_and(|a| a.enabled))
    );
    let other = library.send(&event(1001).service("whatsapp").credits(50)).await?;
    let wallet = WalletKey {
        service: Service::Whatsapp,
        ..sms_wallet(1001)
    };
    let other = other.context("a top-up")?;
    let woken = library.store.wake_topup(wallet, other, &topup_policy()).await?;
    let Woken::Moved { state, due_at, .. } = woken else {
        bail!("{woken:?}");
    };
    assert_eq!((state, due_at), (TopupState::Scheduled, None));
    library.audit_is_clean().await?;

    // A person finds out, and it goes on.
    let settled = settle(&library, &intent, PaymentStatus::Success).await?;
    assert!(
        matches!(settled, Settled::Credited { late: true, .. }),
        "{settled:?}"
    );
    assert_eq!(
        states(&library, &intent).await?,
        (TopupState::Succeeded, PaymentState::Succeeded)
    );
    let waiting = library.store.topup(other).await?.context("the other top-up")?;
    assert_eq!(waiting.method, Method::Card);
    assert!(waiting.due_at.is_some(), "nobody called the one that waited");
    library.audit_is_clean().await
}
