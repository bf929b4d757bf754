//! C10: money that turns out to have been taken after all is credited, whatever happened meanwhile, and changes
//! nothing else.

use anyhow::{Context as _, Result, ensure};
use topup_rules::ids::{Service, WalletKey};
use topup_rules::inquiries::{AfterInquiry, Told};
use topup_rules::message::{PaymentResult, PaymentStatus, ResultSource};
use topup_store::{ChargeIntent, Settled, WalletView, Woken};
use topup_tests::{
    Library, account_id, event, main_account, result_of, said, settlement_policy, sms_wallet, topup_policy,
};

const ACCOUNT: i64 = 1001;

/// An account with two wallets that are topped up by card, each of 150 credits.
async fn library() -> Result<Library> {
    let library = Library::with(&[main_account(ACCOUNT)
        .credits(150)
        .card("AUTH_ok")
        .whatsapp()
        .credits(150)
        .card("AUTH_ok")])
    .await?;
    library.list_prices().await?;
    Ok(library)
}

async fn charging(library: &Library, service: Service) -> Result<ChargeIntent> {
    let send = event(ACCOUNT).service(service.as_str()).credits(50);
    let topup = library.send(&send).await?.context("no top-up")?;
    let wallet = WalletKey {
        service,
        ..sms_wallet(ACCOUNT)
    };
    library.charges(wallet, topup).await
}

async fn wallet(library: &Library, service: Service) -> Result<WalletView> {
    let view = library.store.account_view(account_id(ACCOUNT)).await?;
    let mut wallets = view.context("no account")?.wallets.into_iter();
    wallets.find(|it| it.service == service).context("no wallet")
}

async fn settle(library: &Library, result: &PaymentResult) -> Result<Settled> {
    Ok(library.store.settle_payment(result, &settlement_policy()).await?)
}

fn told(intent: &ChargeIntent, status: PaymentStatus) -> PaymentResult {
    result_of(intent, status, ResultSource::Webhook)
}

#[tokio::test]
async fn a_success_that_turns_up_after_the_next_one_of_the_account_was_charged_is_credited_beside_it()
-> Result<()> {
    let library = library().await?;
    let first = charging(&library, Service::Sms).await?;
    settle(&library, &told(&first, PaymentStatus::Unknown)).await?;
    // The gateway says again and again that it does not know it, and it is not wanted any more.
    let mut after = None;
    while after != Some(AfterInquiry::SubmitAgain) {
        let inquired = library.asked().await?;
        let policy = settlement_policy().inquiries;
        after = library.told(&inquired, &said(Told::NotKnown), &policy).await?.0;
        ensure!(after.is_some(), "nothing came of asking");
    }
    library.disable(ACCOUNT).await?;
    let topup = first.reference.parts().context("a reference of ours")?.2;
    let woken = library
        .store
        .wake_topup(sms_wallet(ACCOUNT), topup, &topup_policy())
        .await?;
    ensure!(matches!(woken, Woken::Moved { .. }), "{woken:?}");
    // It counted nothing, so the other wallet's is charged at once.
    let second = charging(&library, Service::Whatsapp).await?;

    let success = told(&first, PaymentStatus::Success);
    let settled = settle(&library, &success).await?;
    ensure!(
        matches!(settled, Settled::Credited { late: true, .. }),
        "{settled:?}"
    );
    library.audit_is_clean().await?;
    let sms = wallet(&library, Service::Sms).await?;
    assert_eq!(sms.credits.to_string(), "600");
    assert!(
        sms.auto_topup.is_some_and(|it| !it.enabled),
        "it was enabled again"
    );
    // Nor does it end what is under way.
    assert!(wallet(&library, Service::Whatsapp).await?.open_topup.is_some());

    let settled = settle(&library, &told(&second, PaymentStatus::Success)).await?;
    ensure!(
        matches!(settled, Settled::Credited { late: false, .. }),
        "{settled:?}"
    );
    assert_eq!(
        wallet(&library, Service::Whatsapp).await?.credits.to_string(),
        "600"
    );
    let again = settle(&library, &success).await?;
    ensure!(matches!(again, Settled::Already(_)), "{again:?}");
    library.audit_is_clean().await
}

#[tokio::test]
async fn a_success_after_a_failure_leaves_the_next_topup_of_the_wallet_under_way() -> Result<()> {
    let library = library().await?;
    let first = charging(&library, Service::Sms).await?;
    let mut patient = settlement_policy();
    patient.failures_to_disable = 2;
    let failed = told(&first, PaymentStatus::Failed);
    let settled = library.store.settle_payment(&failed, &patient).await?;
    ensure!(
        matches!(settled, Settled::Failed { disabled: false, .. }),
        "{settled:?}"
    );
    // The wallet's next send asks for another one, which waits for its moment.
    let next = library.send(&event(ACCOUNT)).await?.context("no top-up")?;
    settle(&library, &told(&first, PaymentStatus::Success)).await?;
    let sms = wallet(&library, Service::Sms).await?;
    assert_eq!(sms.credits.to_string(), "599");
    assert_eq!(sms.open_topup.map(|it| it.topup_id), Some(next));
    // C10: one failure more is still the second in a row.
    let failures = "SELECT consecutive_failures::bigint FROM wallets WHERE service = 'sms'";
    assert_eq!(library.rows().await?.count(failures).await?, 1);
    Ok(())
}
