//! E1–E8: who may set up, change and end auto top-up, on the wallet as it stands at that moment.
//!
//! The interface for account holders comes later; until then the store is asked directly.

use anyhow::{Context as _, Result};
use futures_util::future::join_all;
use topup_rules::account::AutoTopup;
use topup_rules::credits::Credits;
use topup_store::{AutoTopupView, CardConsent, SavedCard, SettingsChange, WalletView};
use topup_tests::{Account, Library, account_id, credits, main_account, sms_wallet, sub_account};

const MAIN: i64 = 1001;
const SUB: i64 = 2001;
const STRANGER: i64 = 3001;

/// A main account and its sub with 150 credits each, nothing set up, and a stranger.
fn family() -> [Account; 3] {
    [
        main_account(MAIN).credits(150),
        sub_account(SUB, MAIN).credits(150),
        main_account(STRANGER).credits(150),
    ]
}

fn consent(signature: &str) -> CardConsent {
    CardConsent {
        terms_version: "2026-11".to_owned(),
        address: "203.0.113.7".to_owned(),
        card: SavedCard {
            authorization_code: format!("AUTH_ok_{signature}"),
            email: "ops@example.com".to_owned(),
            brand: Some("visa".to_owned()),
            last4: Some("4081".to_owned()),
            exp_month: Some(12),
            exp_year: Some(2030),
            signature: Some(signature.to_owned()),
            gateway: "paystack".to_owned(),
        },
    }
}

async fn card(
    library: &Library,
    account: i64,
    who: i64,
    figures: (&str, &str),
    consent: Option<&CardConsent>,
) -> Result<SettingsChange> {
    let (threshold, quantity) = (credits(figures.0)?, credits(figures.1)?);
    let change =
        library
            .store
            .enable_card(sms_wallet(account), account_id(who), threshold, quantity, consent);
    Ok(change.await?)
}

async fn transfer(
    library: &Library,
    account: i64,
    who: i64,
    figures: (&str, &str),
) -> Result<SettingsChange> {
    let (threshold, quantity) = (credits(figures.0)?, credits(figures.1)?);
    let change = library
        .store
        .enable_transfer(sms_wallet(account), account_id(who), threshold, quantity);
    Ok(change.await?)
}

async fn change(library: &Library, account: i64, who: i64, figures: (&str, &str)) -> Result<SettingsChange> {
    let (threshold, quantity) = (credits(figures.0)?, credits(figures.1)?);
    let change = library
        .store
        .change_auto_topup(sms_wallet(account), account_id(who), threshold, quantity);
    Ok(change.await?)
}

async fn disable(library: &Library, account: i64, who: i64) -> Result<SettingsChange> {
    let change =
        library
            .store
            .disable_auto_topup(sms_wallet(account), account_id(who), "not needed any more");
    Ok(change.await?)
}

/// The rule that refused.
fn refused_by(outcome: &SettingsChange) -> Option<String> {
    match outcome {
        SettingsChange::Refused(refusal) => refusal.to_string().split(':').next().map(str::to_owned),
        SettingsChange::Done(_) | SettingsChange::NoWallet => None,
    }
}

#[track_caller]
fn assert_refused(outcome: &SettingsChange, rule: &str) {
    assert_eq!(refused_by(outcome).as_deref(), Some(rule), "{outcome:?}");
}

#[track_caller]
fn assert_enabled(outcome: &SettingsChange) {
    assert!(
        matches!(outcome, SettingsChange::Done(AutoTopup::Enabled(_))),
        "{outcome:?}"
    );
}

async fn wallet(library: &Library, account: i64) -> Result<WalletView> {
    let view = library.store.account_view(account_id(account)).await?;
    view.context("the account")?.wallets.pop().context("its wallet")
}

async fn auto_topup(library: &Library, account: i64) -> Result<AutoTopupView> {
    wallet(library, account).await?.auto_topup.context("auto top-up")
}

async fn count(library: &Library, sql: &str) -> Result<i64> {
    let (client, connection) =
        tokio_postgres::connect(library.space.database_url(), tokio_postgres::NoTls).await?;
    tokio::spawn(connection);
    Ok(client.query_one(sql, &[]).await?.get(0))
}

#[tokio::test]
async fn card_is_enabled_by_the_account_itself_with_agreement_and_card_and_both_are_kept() -> Result<()> {
    let library = Library::with(&family()).await?;
    let agreed = consent("SIG_A");
    assert_refused(
        &card(&library, SUB, MAIN, ("100", "500"), Some(&agreed)).await?,
        "E2",
    );
    assert_refused(
        &card(&library, SUB, STRANGER, ("100", "500"), Some(&agreed)).await?,
        "E2",
    );
    assert_refused(&card(&library, MAIN, MAIN, ("100", "500"), None).await?, "E3");
    assert_eq!(count(&library, "SELECT count(*) FROM cards").await?, 0);
    assert_enabled(&card(&library, MAIN, MAIN, ("100", "500"), Some(&agreed)).await?);
    let set_up = auto_topup(&library, MAIN).await?;
    assert!(set_up.enabled);
    let saved = set_up.card.context("a saved card")?;
    assert_eq!(saved.last4.as_deref(), Some("4081"));
    assert!(!saved.authorization_code.contains("ok"), "the token is shown");
    let kept = "SELECT count(*) FROM consents
                 WHERE terms_version = '2026-11' AND address = '203.0.113.7' AND agreed_at <= clock_timestamp()";
    assert_eq!(count(&library, kept).await?, 1);
    Ok(())
}

#[tokio::test]
async fn transfer_is_for_subs_enabled_by_their_main_and_never_beside_a_card() -> Result<()> {
    let library = Library::with(&family()).await?;
    assert_refused(&transfer(&library, MAIN, MAIN, ("100", "500")).await?, "E1");
    assert_refused(&transfer(&library, SUB, SUB, ("100", "500")).await?, "E2");
    assert_refused(&transfer(&library, SUB, STRANGER, ("100", "500")).await?, "E2");
    assert_enabled(&transfer(&library, SUB, MAIN, ("100", "500")).await?);
    let agreed = consent("SIG_A");
    assert_refused(
        &card(&library, SUB, SUB, ("100", "500"), Some(&agreed)).await?,
        "E1",
    );
    let done = disable(&library, SUB, MAIN).await?;
    assert!(
        matches!(done, SettingsChange::Done(AutoTopup::Disabled { .. })),
        "{done:?}"
    );
    assert_enabled(&card(&library, SUB, SUB, ("100", "500"), Some(&agreed)).await?);
    assert_refused(&transfer(&library, SUB, MAIN, ("100", "500")).await?, "E1");
    let nobody = library
        .store
        .enable_transfer(
            sms_wallet(4711),
            account_id(MAIN),
            credits("100")?,
            credits("500")?,
        )
        .await?;
    assert_eq!(nobody, SettingsChange::NoWallet);
    Ok(())
}

#[tokio::test]
async fn the_figures_must_fit_the_balance_of_that_moment() -> Result<()> {
    let library = Library::with(&family()).await?;
    let agreed = consent("SIG_A");
    for figures in [("150", "500"), ("100", "99.999"), ("0", "0")] {
        assert_refused(&card(&library, MAIN, MAIN, figures, Some(&agreed)).await?, "E4");
    }
    assert!(wallet(&library, MAIN).await?.auto_topup.is_none());
    assert_enabled(&card(&library, MAIN, MAIN, ("149.999", "149.999"), Some(&agreed)).await?);
    assert_refused(&change(&library, MAIN, MAIN, ("150", "500")).await?, "E4");
    assert_eq!(auto_topup(&library, MAIN).await?.threshold, credits("149.999")?);
    // The settings trigger nothing, whatever the figures.
    assert_eq!(count(&library, "SELECT count(*) FROM topups").await?, 0);
    Ok(())
}

#[tokio::test]
async fn figures_are_changed_by_whose_method_it_is_and_the_card_stays() -> Result<()> {
    let library = Library::with(&family()).await?;
    assert_refused(&change(&library, MAIN, MAIN, ("10", "20")).await?, "E5");
    card(&library, SUB, SUB, ("100", "500"), Some(&consent("SIG_A"))).await?;
    assert_refused(&change(&library, SUB, MAIN, ("10", "20")).await?, "E5");
    assert_enabled(&change(&library, SUB, SUB, ("10", "20")).await?);
    let changed = auto_topup(&library, SUB).await?;
    assert_eq!(
        (changed.threshold, changed.quantity),
        (credits("10")?, credits("20")?)
    );
    assert!(changed.card.is_some());

    disable(&library, SUB, SUB).await?;
    transfer(&library, SUB, MAIN, ("100", "500")).await?;
    assert_refused(&change(&library, SUB, SUB, ("10", "20")).await?, "E5");
    assert_enabled(&change(&library, SUB, MAIN, ("10", "20")).await?);
    Ok(())
}

#[tokio::test]
async fn disabling_is_for_both_with_a_card_and_for_the_main_with_a_transfer() -> Result<()> {
    let library = Library::with(&family()).await?;
    assert_refused(&disable(&library, SUB, SUB).await?, "E6");
    let agreed = consent("SIG_A");
    for who in [SUB, MAIN] {
        assert_enabled(&card(&library, SUB, SUB, ("100", "500"), Some(&agreed)).await?);
        assert_refused(&disable(&library, SUB, STRANGER).await?, "E6");
        disable(&library, SUB, who).await?;
        let ended = auto_topup(&library, SUB).await?;
        assert!(!ended.enabled);
        assert_eq!(ended.disabled_reason.as_deref(), Some("not needed any more"));
        // Again takes the whole procedure.
        assert_refused(&card(&library, SUB, SUB, ("100", "500"), None).await?, "E3");
    }
    assert_enabled(&transfer(&library, SUB, MAIN, ("100", "500")).await?);
    assert_refused(&disable(&library, SUB, SUB).await?, "E6");
    disable(&library, SUB, MAIN).await?;
    assert!(!auto_topup(&library, SUB).await?.enabled);
    Ok(())
}

#[tokio::test]
async fn a_new_card_takes_the_place_of_the_old_one_which_is_forgotten() -> Result<()> {
    let library = Library::with(&family()).await?;
    card(&library, MAIN, MAIN, ("100", "500"), Some(&consent("SIG_A"))).await?;
    assert_enabled(&card(&library, MAIN, MAIN, ("100", "500"), Some(&consent("SIG_B"))).await?);
    // What people recognise the old one by stays, for the story of what was charged to it.
    let old =
        "SELECT count(*) FROM cards WHERE signature = 'SIG_A' AND authorization_code = '' AND email = ''";
    assert_eq!(count(&library, old).await?, 1);
    let new = "SELECT count(*) FROM cards WHERE signature = 'SIG_B' AND authorization_code = 'AUTH_ok_SIG_B'";
    assert_eq!(count(&library, new).await?, 1);
    assert_eq!(count(&library, "SELECT count(*) FROM consents").await?, 2);
    Ok(())
}

#[tokio::test]
async fn card_and_transfer_enabled_at_once_leave_one_of_them() -> Result<()> {
    let subs = 2001..=2008;
    let accounts: Vec<Account> = [main_account(MAIN)]
        .into_iter()
        .chain(subs.clone().map(|sub| sub_account(sub, MAIN).credits(150)))
        .collect();
    let library = Library::with(&accounts).await?;
    let agreed = consent("SIG_A");
    for sub in subs {
        let (by_card, by_transfer) = futures_util::join!(
            card(&library, sub, sub, ("100", "500"), Some(&agreed)),
            transfer(&library, sub, MAIN, ("100", "500"))
        );
        let outcomes = [by_card?, by_transfer?];
        let refused = outcomes.iter().filter_map(refused_by).collect::<Vec<_>>();
        assert_eq!(refused, ["E1"], "{outcomes:?}");
    }
    Ok(())
}

#[tokio::test]
async fn changes_that_come_at_once_do_not_undo_each_other() -> Result<()> {
    /// Fewer together than there are connections: nobody waits for one.
    const EACH: u32 = 7;
    let library = Library::with(&family()).await?;
    card(&library, MAIN, MAIN, ("100", "500"), Some(&consent("SIG_A"))).await?;
    let library = &library;
    let figures = (1..=EACH).map(async |n| {
        let threshold = (100 + n).to_string();
        change(library, MAIN, MAIN, (&threshold, "500")).await
    });
    let notices = (1..=EACH).map(async |n| {
        let threshold = credits(&n.to_string())?;
        let set = library
            .store
            .set_low_credit_threshold(sms_wallet(MAIN), threshold);
        Ok(set.await?)
    });
    let (figures, notices) = futures_util::join!(join_all(figures), join_all(notices));
    for outcome in figures.into_iter().chain(notices) {
        assert_enabled(&outcome?);
    }
    let wallet = wallet(library, MAIN).await?;
    assert!(wallet.low_credit_threshold > Credits::ZERO);
    let set_up = wallet.auto_topup.context("auto top-up")?;
    assert!(set_up.enabled && set_up.card.is_some());
    assert!(set_up.threshold > credits("100")?);
    Ok(())
}
