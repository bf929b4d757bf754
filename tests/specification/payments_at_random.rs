//! C6–C11, P4, V1: whatever is told of many payments, in whatever order and however often, all at once: each is
//! credited at most once, what was given back is taken in proportion, and the audit is clean.

use anyhow::{Context as _, Result, bail, ensure};
use futures_util::future::try_join_all;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use topup_rules::credits::Credits;
use topup_rules::ids::Service;
use topup_rules::message::{PaymentMode, PaymentResult, PaymentStatus, ResultSource};
use topup_rules::prices::Wanted;
use topup_rules::settle::PurchaseMethod;
use topup_store::{Begun, ChargeIntent, NewPurchase, Settled};
use topup_tests::{
    CardPayment, Draw, Library, account_id, event, main_account, result_of, settlement_policy, sms_wallet,
};
use uuid::Uuid;

/// Every run is one of these again.
const SEEDS: [u64; 4] = [1, 20_261_122, 0xC0FF_EE00, 0xDEAD_BEEF];
/// One account that is topped up, and as many purchases by it.
const PURCHASES: usize = 5;
const ACCOUNT: i64 = 1001;
/// Settled at once: more than there are connections, and not so many that the last waits for one in vain.
const AT_ONCE: usize = 24;
/// How often each result is told.
const REPEATS: usize = 3;

/// A wallet of 1,000 credits less one top-up's threshold, with a top-up and purchases that are all being charged.
async fn charging(library: &Library) -> Result<Vec<ChargeIntent>> {
    let topup = library
        .send(&event(ACCOUNT).credits(900))
        .await?
        .context("no top-up")?;
    let mut intents = vec![library.charges(sms_wallet(ACCOUNT), topup).await?];
    let rows = library.rows().await?;
    rows.agree_to_one_click(ACCOUNT).await?;
    for number in 0..PURCHASES {
        let new = NewPurchase {
            id: Uuid::now_v7(),
            account: account_id(ACCOUNT),
            service: Service::Sms,
            wanted: Wanted::Credits(Credits::from_milli(123_457 + 1_000 * i64::try_from(number)?)),
            shown: None,
            method: PurchaseMethod::OneClick,
            agreement: None,
            email: None,
            billing: None,
            gateway: "paystack",
            mode: PaymentMode::Test,
            traceparent: None,
        };
        match library.store.begin_purchase(&new).await? {
            Begun::Charge(intent) => intents.push(*intent),
            other @ (Begun::Page(_) | Begun::AlreadyBegun { .. } | Begun::Refused(_)) => bail!("{other:?}"),
        }
    }
    Ok(intents)
}

/// What is told of one payment: verdicts of every kind, and perhaps refunds and a dispute of parts of it.
fn told(intent: &ChargeIntent, draw: &mut Draw) -> Vec<PaymentResult> {
    let source = |draw: &mut Draw| ResultSource::ALL[draw.below(ResultSource::ALL.len())];
    let mut results = Vec::new();
    for status in [
        PaymentStatus::Failed,
        PaymentStatus::Pending,
        PaymentStatus::Unknown,
        PaymentStatus::ActionRequired,
        PaymentStatus::Success,
    ] {
        if status == PaymentStatus::Success || draw.below(2) == 0 {
            results.push(result_of(intent, status, source(draw)));
        }
    }
    let part = |status, reversal_id: String, amount_minor, draw: &mut Draw| PaymentResult {
        amount_minor: Some(amount_minor),
        reversal_id: Some(reversal_id),
        ..result_of(intent, status, source(draw))
    };
    let third = intent.amount.amount_minor / 3;
    for number in 0..draw.below(3) {
        let amount_minor = 1 + i64::try_from(draw.below(5_000)).unwrap_or_default();
        let amount_minor = amount_minor.min(third);
        results.push(part(
            PaymentStatus::Reversed,
            format!("refund-{number}"),
            amount_minor,
            draw,
        ));
    }
    let dispute = |status, draw: &mut Draw| part(status, "dispute-1".to_owned(), third, draw);
    match draw.below(3) {
        0 => {}
        1 => {
            results.push(dispute(PaymentStatus::DisputeOpened, draw));
            results.push(dispute(PaymentStatus::DisputeWon, draw));
        }
        _ => {
            results.push(dispute(PaymentStatus::DisputeOpened, draw));
            results.push(dispute(PaymentStatus::Reversed, draw));
        }
    }
    results
}

/// The credits that one payment leaves behind.
fn left_of(quantity: Credits, intent: &ChargeIntent, results: &[PaymentResult]) -> i64 {
    let reversed_minor: i64 = results
        .iter()
        .filter(|it| it.status == PaymentStatus::Reversed)
        .filter_map(|it| it.amount_minor)
        .sum();
    quantity.milli() - quantity.milli() * reversed_minor / intent.amount.amount_minor
}

#[tokio::test]
async fn whatever_is_told_of_payments_at_random_all_at_once_they_end_where_their_results_say() -> Result<()> {
    for seed in SEEDS {
        run(seed).await.with_context(|| format!("seed {seed}"))?;
    }
    Ok(())
}

async fn run(seed: u64) -> Result<()> {
    let library = Library::with(&[main_account(ACCOUNT).credits(1_000).card("AUTH_ok")]).await?;
    library.list_prices().await?;
    let intents = charging(&library).await?;
    let mut draw = Draw(seed);
    let mut waiting = Vec::new();
    let mut expected_milli = 100_000;
    for (number, intent) in intents.iter().enumerate() {
        let results = told(intent, &mut draw);
        let quantity = match number.checked_sub(1) {
            None => Credits::from_milli(500_000),
            Some(purchase) => Credits::from_milli(123_457 + 1_000 * i64::try_from(purchase)?),
        };
        expected_milli += left_of(quantity, intent, &results);
        waiting.extend((0..REPEATS).flat_map(|_| results.clone()));
    }
    let everything = waiting.clone();
    let policy = settlement_policy();
    // What comes too early comes again, as the queue would bring it.
    for _ in 0..10 {
        draw.shuffle(&mut waiting);
        let settle = |result| library.store.settle_payment(result, &policy);
        let settled: Vec<_> = stream::iter(&waiting)
            .map(settle)
            .buffered(AT_ONCE)
            .try_collect()
            .await?;
        let mut later = Vec::new();
        for (result, settled) in waiting.into_iter().zip(settled) {
            match settled {
                Settled::Later(_) => later.push(result),
                Settled::Misfit(misfit) => bail!("{result:?}: {misfit}"),
                Settled::Missing => bail!("{result:?} is of no payment"),
                Settled::Credited { .. }
                | Settled::Registered { .. }
                | Settled::Failed { .. }
                | Settled::StillOpen(_)
                | Settled::Reversed { .. }
                | Settled::Held { .. }
                | Settled::Released
                | Settled::NotGivenBack { .. }
                | Settled::Already(_) => {}
            }
        }
        waiting = later;
        library.audit_is_clean().await?;
        if waiting.is_empty() {
            break;
        }
    }
    ensure!(waiting.is_empty(), "never settled: {waiting:?}");
    // All of it once more changes nothing.
    try_join_all(
        everything
            .iter()
            .map(|result| library.store.settle_payment(result, &policy)),
    )
    .await?;
    let view = library.store.account_view(account_id(ACCOUNT)).await?;
    let wallet = view.and_then(|view| view.wallets.into_iter().next());
    let wallet = wallet.context("no wallet")?;
    // The top-up and each purchase, less what was given back of it.
    assert_eq!(wallet.credits.milli(), expected_milli);
    assert_eq!(wallet.available, wallet.credits, "something is still held");
    library.audit_is_clean().await
}

#[tokio::test]
async fn fifty_results_of_every_kind_at_once_credit_once_and_a_failure_never_takes_it_back() -> Result<()> {
    for _ in 0..3 {
        let payment = CardPayment::charging(&[]).await?;
        let kinds = [
            PaymentStatus::Success,
            PaymentStatus::Failed,
            PaymentStatus::Unknown,
            PaymentStatus::Success,
            PaymentStatus::ActionRequired,
            PaymentStatus::Pending,
        ];
        let sources = ResultSource::ALL;
        let results: Vec<_> = (0..50)
            .map(|n| {
                result_of(
                    &payment.intent,
                    kinds[n % kinds.len()],
                    sources[n % sources.len()],
                )
            })
            .collect();
        let settled = try_join_all(results.iter().map(|result| payment.settle(result))).await?;
        let credited = settled
            .iter()
            .filter(|it| matches!(it, Settled::Credited { .. }))
            .count();
        assert_eq!(credited, 1, "{settled:?}");
        assert_eq!(payment.credits().await?.0, "600");
        assert_eq!(payment.state().await?, "succeeded");
        assert_eq!(payment.notices("topup-succeeded").await?, 2);
        payment.library.audit_is_clean().await?;
    }
    Ok(())
}
