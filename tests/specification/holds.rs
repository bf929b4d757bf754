//! S5: a sender asks leave before a batch goes out; what is granted is set aside, used up, and given back.
//!
//! The store is asked directly; the interface is asked in `leave_to_send`.

use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use jiff::{SignedDuration, Timestamp};
use tokio_postgres::Client;
use topup_rules::credits::Credits;
use topup_rules::message::{self, SmsSent};
use topup_rules::sends::OpenWindow;
use topup_store::{HoldClose, HoldGrant, Send, SendOutcome};
use topup_tests::{Library, account_id, credits, event, eventually, main_account, session_on, sms_wallet};
use uuid::Uuid;

const HOUR: SignedDuration = SignedDuration::from_hours(1);
/// Fewer than there are connections: those who ask wait for the wallet alone.
const AT_ONCE: usize = 12;

async fn granted(library: &Library, batch: Uuid, cost: &str) -> Result<HoldGrant> {
    Ok(library
        .store
        .grant_hold(sms_wallet(1001), batch, credits(cost)?, HOUR)
        .await?)
}

/// Balance and available credits.
async fn wallet(library: &Library) -> Result<(String, String)> {
    let view = library.store.account_view(account_id(1001)).await?;
    let view = view.context("the account")?;
    let wallet = &view.wallets[0];
    Ok((wallet.credits.to_string(), wallet.available.to_string()))
}

async fn send(library: &Library, batch: Uuid, cost: &str) -> Result<SendOutcome> {
    let body = event(1001)
        .credits(cost)
        .with("batch_id", batch.to_string())
        .body
        .to_string();
    let event: SmsSent = message::parse(body.as_bytes(), None, None, None)?;
    let window = OpenWindow {
        back: HOUR,
        ahead: HOUR,
    };
    let send = Send {
        event,
        traceparent: None,
    };
    let recorded = library.store.record_sends(&[send], &window).await?;
    recorded.outcomes.into_iter().next().context("an outcome")
}

fn pair(balance: &str, available: &str) -> (String, String) {
    (balance.to_owned(), available.to_owned())
}

#[tokio::test]
async fn leave_is_granted_as_far_as_the_available_credits_reach_and_refused_whole_beyond() -> Result<()> {
    // Auto top-up changes nothing about it.
    let library = Library::with(&[main_account(1001).credits(150).card("AUTH_ok")]).await?;
    let first = granted(&library, Uuid::now_v7(), "100.5").await?;
    assert!(matches!(first, HoldGrant::Granted { .. }), "{first:?}");
    assert_eq!(wallet(&library).await?, pair("150", "49.5"));
    let missing = credits("0.5")?;
    assert_eq!(
        granted(&library, Uuid::now_v7(), "50").await?,
        HoldGrant::Refused { missing }
    );
    let rest = granted(&library, Uuid::now_v7(), "49.5").await?;
    assert!(matches!(rest, HoldGrant::Granted { .. }), "{rest:?}");
    assert_eq!(wallet(&library).await?, pair("150", "0"));
    Ok(())
}

#[tokio::test]
async fn leave_asked_for_twice_is_granted_once_and_another_cost_conflicts() -> Result<()> {
    let library = Library::with(&[main_account(1001).credits(150)]).await?;
    let batch = Uuid::now_v7();
    let HoldGrant::Granted { expires_at } = granted(&library, batch, "100").await? else {
        anyhow::bail!("refused");
    };
    assert_eq!(
        granted(&library, batch, "100").await?,
        HoldGrant::AlreadyGranted { expires_at }
    );
    assert_eq!(granted(&library, batch, "99").await?, HoldGrant::Conflicting);
    assert_eq!(wallet(&library).await?, pair("150", "50"));
    let nobody = sms_wallet(4711);
    let outcome = library
        .store
        .grant_hold(nobody, batch, credits("1")?, HOUR)
        .await?;
    assert_eq!(outcome, HoldGrant::NoWallet);
    assert_eq!(
        granted(&library, Uuid::now_v7(), "0").await?,
        HoldGrant::NotPositive
    );
    Ok(())
}

#[tokio::test]
async fn fifty_who_ask_twelve_at_a_time_never_get_more_than_there_is() -> Result<()> {
    let library = Library::with(&[main_account(1001).credits(100)]).await?;
    let asked = (0..50).map(|_| granted(&library, Uuid::now_v7(), "7"));
    let answers: Vec<HoldGrant> = stream::iter(asked)
        .buffer_unordered(AT_ONCE)
        .try_collect()
        .await?;
    let grants = answers
        .iter()
        .filter(|answer| matches!(answer, HoldGrant::Granted { .. }));
    assert_eq!(grants.count(), 14);
    let missing = credits("5")?;
    let refusals = answers
        .iter()
        .filter(|answer| **answer == HoldGrant::Refused { missing });
    assert_eq!(refusals.count(), 36);
    assert_eq!(wallet(&library).await?, pair("100", "2"));
    Ok(())
}

#[tokio::test]
async fn a_batchs_events_use_its_hold_up_and_the_rest_comes_back_when_it_is_closed() -> Result<()> {
    let library = Library::with(&[main_account(1001).credits(150)]).await?;
    let batch = Uuid::now_v7();
    granted(&library, batch, "10").await?;
    assert_eq!(send(&library, batch, "4").await?, SendOutcome::Debited);
    assert_eq!(wallet(&library).await?, pair("146", "140"));
    let released = credits("6")?;
    let close = || library.store.close_hold(account_id(1001), batch);
    assert_eq!(close().await?, HoldClose::Closed { released });
    assert_eq!(close().await?, HoldClose::AlreadyEnded);
    assert_eq!(wallet(&library).await?, pair("146", "146"));
    assert_eq!(granted(&library, batch, "10").await?, HoldGrant::AlreadyEnded);
    // Later than its hold, and debited all the same.
    assert_eq!(send(&library, batch, "1").await?, SendOutcome::Debited);
    assert_eq!(wallet(&library).await?, pair("145", "145"));
    let unknown = library.store.close_hold(account_id(1001), Uuid::now_v7()).await?;
    assert_eq!(unknown, HoldClose::Unknown);
    Ok(())
}

#[tokio::test]
async fn events_beyond_their_hold_are_debited_from_what_is_left() -> Result<()> {
    let library = Library::with(&[main_account(1001).credits(20)]).await?;
    let (batch, other) = (Uuid::now_v7(), Uuid::now_v7());
    granted(&library, batch, "10").await?;
    granted(&library, other, "5").await?;
    assert_eq!(send(&library, batch, "12").await?, SendOutcome::Debited);
    // The hold is used up, two more came from what was free, and the other batch keeps its five.
    assert_eq!(wallet(&library).await?, pair("8", "3"));
    let released = Credits::ZERO;
    assert_eq!(
        library.store.close_hold(account_id(1001), batch).await?,
        HoldClose::Closed { released }
    );
    assert_eq!(wallet(&library).await?, pair("8", "3"));
    Ok(())
}

#[tokio::test]
async fn a_hold_whose_time_is_over_gives_back_what_is_left_of_it() -> Result<()> {
    let library = Library::with(&[main_account(1001).credits(150)]).await?;
    let (short, long) = (Uuid::now_v7(), Uuid::now_v7());
    let ttl = SignedDuration::from_millis(300);
    let outcome = library
        .store
        .grant_hold(sms_wallet(1001), short, credits("100")?, ttl)
        .await?;
    let HoldGrant::Granted { expires_at } = outcome else {
        anyhow::bail!("{outcome:?}");
    };
    granted(&library, long, "10").await?;
    assert_eq!(
        library.store.expire_holds(10).await?,
        0,
        "expired {:#} early",
        expires_at - Timestamp::now()
    );
    let expired = eventually("an expired hold", async || {
        Ok(Some(library.store.expire_holds(10).await?).filter(|expired| *expired > 0))
    })
    .await?;
    assert_eq!(expired, 1);
    assert!(Timestamp::now() >= expires_at);
    assert_eq!(wallet(&library).await?, pair("150", "140"));
    assert_eq!(
        library.store.close_hold(account_id(1001), short).await?,
        HoldClose::AlreadyEnded
    );
    Ok(())
}

#[tokio::test]
async fn holds_that_open_close_and_are_used_at_once_add_up() -> Result<()> {
    let library = Library::with(&[main_account(1001).credits(1_000)]).await?;
    let one = async |number: u32| {
        let batch = Uuid::now_v7();
        granted(&library, batch, "10").await?;
        send(&library, batch, "4").await?;
        if number.is_multiple_of(2) {
            library.store.close_hold(account_id(1001), batch).await?;
        }
        anyhow::Ok(())
    };
    let done = stream::iter((0..40).map(one)).buffer_unordered(AT_ONCE);
    done.try_collect::<Vec<()>>().await?;
    // Forty used 4 each; twenty holds of 10 are open with 6 left in each.
    assert_eq!(wallet(&library).await?, pair("840", "720"));
    library.audit_is_clean().await
}

/// Takes credits from the wallet, and keeps it locked until it is committed.
async fn debiting(library: &Library, milli: i64) -> Result<Client> {
    let session = session_on(&library.space).await?;
    session.batch_execute("BEGIN").await?;
    let debit = "UPDATE wallets SET balance_milli = balance_milli - $1 WHERE account_id = 1001";
    session.execute(debit, &[&milli]).await?;
    Ok(session)
}

#[tokio::test]
async fn who_is_refused_or_was_granted_before_waits_for_nobody_who_has_the_wallet() -> Result<()> {
    let library = Library::with(&[main_account(1001).credits(100)]).await?;
    let batch = Uuid::now_v7();
    granted(&library, batch, "60").await?;
    let debit = debiting(&library, 1_000).await?;
    let again = granted(&library, batch, "60").await?;
    assert!(matches!(again, HoldGrant::AlreadyGranted { .. }), "{again:?}");
    let missing = credits("10")?;
    assert_eq!(
        granted(&library, Uuid::now_v7(), "50").await?,
        HoldGrant::Refused { missing }
    );
    debit.batch_execute("ROLLBACK").await?;
    Ok(())
}

#[tokio::test]
async fn what_is_taken_while_leave_is_being_written_is_gone_and_the_rules_answer_anew() -> Result<()> {
    let missing = credits("10")?;
    for (taken_milli, is_granted, left) in [
        (40_000, true, pair("60", "10")),
        (60_000, false, pair("40", "40")),
    ] {
        let library = Library::with(&[main_account(1001).credits(100)]).await?;
        let debit = debiting(&library, taken_milli).await?;
        let looker = session_on(&library.space).await?;
        let (answer, ()) = tokio::try_join!(granted(&library, Uuid::now_v7(), "50"), async {
            let waits = "SELECT count(*) FROM pg_stat_activity
                          WHERE datname = current_database() AND wait_event_type = 'Lock'";
            eventually("leave that waits for the wallet", async || {
                let waiting: i64 = looker.query_one(waits, &[]).await?.get(0);
                Ok((waiting == 1).then_some(()))
            })
            .await?;
            Ok(debit.batch_execute("COMMIT").await?)
        })?;
        if is_granted {
            assert!(matches!(answer, HoldGrant::Granted { .. }), "{answer:?}");
        } else {
            assert_eq!(answer, HoldGrant::Refused { missing });
        }
        assert_eq!(wallet(&library).await?, left);
    }
    Ok(())
}
