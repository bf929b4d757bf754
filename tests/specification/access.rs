//! Who may call by the HTTP interface: tokens are known by their hashes alone, and end when they are to. And what a
//! request that comes twice finds.

use anyhow::{Context as _, Result, ensure};
use jiff::{SignedDuration, Timestamp};
use secrecy::ExposeSecret as _;
use serde_json::{Value, json};
use tokio_postgres::error::SqlState;
use topup_rules::access::{Caller, Scope};
use topup_store::{NewToken, RequestBegun};
use topup_tests::{Library, Rows, account_id, main_account, run};
use uuid::Uuid;

const ACCOUNT: i64 = 1001;

fn token(holder: Caller, expires_at: Option<Timestamp>) -> NewToken {
    NewToken {
        holder,
        scopes: vec![Scope::Read, Scope::Send],
        name: "a test".to_owned(),
        created_by: "a person@here".to_owned(),
        expires_at,
    }
}

async fn rows(library: &Library) -> Result<Rows> {
    Rows::connect(library.space.database_url()).await
}

#[tokio::test]
async fn a_token_is_its_holders_until_it_expires_or_is_revoked_and_the_database_does_not_know_it()
-> Result<()> {
    let library = Library::with(&[main_account(ACCOUNT)]).await?;
    let store = &library.store;
    let holder = Caller::Account(account_id(ACCOUNT));
    let (id, secret) = store.create_token(&token(holder, None)).await?;
    let (_, of_platform) = store.create_token(&token(Caller::Platform, None)).await?;
    let bearer = store.bearer(secret.expose_secret()).await?.context("a bearer")?;
    assert_eq!((bearer.token_id, bearer.leave.caller), (id, holder));
    assert_eq!(bearer.leave.scopes, [Scope::Read, Scope::Send]);
    let platform = store
        .bearer(of_platform.expose_secret())
        .await?
        .context("a bearer")?;
    assert_eq!(platform.leave.caller, Caller::Platform);

    // It is nowhere in what is kept.
    let kept = "SELECT count(*) FROM access_tokens t WHERE position($1 IN t::text) > 0";
    let found: i64 = rows(&library)
        .await?
        .client()
        .query_one(kept, &[&secret.expose_secret()])
        .await?
        .get(0);
    assert_eq!(found, 0);
    // What is nearly it, is nobody's.
    for wrong in ["", "topup_", &secret.expose_secret()[1..], &"x".repeat(100_000)] {
        assert_eq!(store.bearer(wrong).await?, None);
    }

    let over = store.now().await?.checked_sub(SignedDuration::from_secs(1))?;
    let (_, expired) = store.create_token(&token(holder, Some(over))).await?;
    assert_eq!(store.bearer(expired.expose_secret()).await?, None);

    assert!(store.revoke_token(id, "me").await?);
    assert!(!store.revoke_token(id, "me").await?);
    // For good, whoever may write to the table.
    let again = "UPDATE access_tokens SET revoked_at = NULL, revoked_by = NULL WHERE token_id = $1";
    let refused = rows(&library).await?.client().execute(again, &[&id]).await;
    let why = refused.err().context("it was made good again")?;
    assert_eq!(why.code().map(SqlState::code), Some("23001"), "{why}");
    assert_eq!(store.bearer(secret.expose_secret()).await?, None);
    assert!(store.bearer(of_platform.expose_secret()).await?.is_some());

    let listed = store.tokens(Some(account_id(ACCOUNT))).await?;
    assert_eq!(
        listed.iter().map(|it| it.is_valid).collect::<Vec<_>>(),
        [false, false]
    );
    assert!(
        listed
            .iter()
            .any(|it| it.token_id == id && it.last_used_at.is_some())
    );
    assert_eq!(store.tokens(None).await?.len(), 3);
    Ok(())
}

#[tokio::test]
async fn a_token_is_made_and_revoked_by_command_and_shown_once() -> Result<()> {
    let library = Library::with(&[main_account(ACCOUNT)]).await?;
    let settings = [("TOPUP__DATABASE__URL", library.space.database_url())];
    let said = async |words: &str| -> Result<Value> {
        let words: Vec<&str> = words.split(' ').collect();
        let output = run("fleetctl", &words, &settings).await?;
        serde_json::from_slice(&output.stdout).with_context(|| format!("{words:?}: {output:?}"))
    };
    let made =
        said("token create --account 1001 --scope send,read --name pages --expires 90d --by me --json")
            .await?;
    assert_eq!(made["scopes"], json!(["read", "send"]));
    let secret = made["token"].as_str().context("a token")?.to_owned();
    assert!(library.store.bearer(&secret).await?.is_some());
    let listed = said("token list --account 1001 --json").await?;
    assert_eq!(listed["tokens"][0]["name"], "pages");
    assert!(!listed.to_string().contains(&secret));

    let id = made["token_id"].as_str().context("an id")?;
    let revoked = said(&format!("token revoke {id} --by me --json")).await?;
    assert_eq!(
        (&revoked["revoked"], &revoked["already"]),
        (&json!(true), &json!(false))
    );
    let again = said(&format!("token revoke {id} --by me --json")).await?;
    assert_eq!(again["already"], true);
    assert_eq!(library.store.bearer(&secret).await?, None);

    let nobody = Uuid::now_v7();
    for (words, why) in [
        (
            "token create --account 4711 --scope read --name x --json",
            "there is no account 4711",
        ),
        (
            "token create --account 1001 --scope accounts --name x --json",
            "leave it out",
        ),
        (&*format!("token revoke {nobody} --json"), "there is no token"),
    ] {
        let refused = said(words).await?;
        let error = refused["error"].as_str().unwrap_or_default();
        ensure!(error.contains(why), "{words}: {refused}");
    }
    assert_eq!(library.store.tokens(None).await?.len(), 1);
    Ok(())
}

#[tokio::test]
async fn a_request_with_a_key_is_done_once_and_answered_the_same_and_one_that_was_cut_short_may_begin_again()
-> Result<()> {
    let library = Library::with(&[]).await?;
    let store = &library.store;
    let (caller, other) = (Uuid::now_v7(), Uuid::now_v7());
    let begin = async |caller, hash: &[u8]| store.begin_request(caller, "a key", hash).await;
    let is_new = |begun: &RequestBegun| matches!(begun, RequestBegun::New { .. });
    assert!(is_new(&begin(caller, b"one").await?));
    assert_eq!(begin(caller, b"one").await?, RequestBegun::InHand);
    assert_eq!(begin(caller, b"two").await?, RequestBegun::Other);
    let first = begin(other, b"two").await?;
    assert!(is_new(&first));

    let answered = RequestBegun::Same {
        status: 201,
        content_type: Some("application/json".to_owned()),
        body: b"{}".to_vec(),
    };
    store
        .end_request(caller, "a key", 201, Some("application/json"), b"{}")
        .await?;
    // Whoever comes late with another answer changes nothing.
    store.end_request(caller, "a key", 500, None, b"").await?;
    store.release_request(caller, "a key").await?;
    assert_eq!(begin(caller, b"one").await?, answered);
    assert_eq!(begin(caller, b"two").await?, RequestBegun::Other);

    // Given up, and cut short: it begins again as it began first, and as nothing else.
    store.release_request(other, "a key").await?;
    assert_eq!(begin(other, b"three").await?, RequestBegun::Other);
    assert_eq!(begin(other, b"two").await?, first);
    assert_eq!(begin(other, b"two").await?, RequestBegun::InHand);
    let rows = rows(&library).await?;
    let age = "UPDATE idempotent_requests SET held_until = held_until - interval '61 s'";
    rows.client().batch_execute(age).await?;
    assert_eq!(begin(other, b"three").await?, RequestBegun::Other);
    assert_eq!(begin(other, b"two").await?, first);
    assert_eq!(begin(other, b"two").await?, RequestBegun::InHand);
    assert_eq!(begin(caller, b"one").await?, answered);

    // Forgotten, a few at a time.
    let day = SignedDuration::from_hours(24);
    assert_eq!(store.forget_requests(day, 10).await?, 0);
    rows.client()
        .batch_execute("UPDATE idempotent_requests SET begun_at = begun_at - interval '2 days'")
        .await?;
    assert_eq!(store.forget_requests(day, 1).await?, 1);
    assert_eq!(store.forget_requests(day, 10).await?, 1);
    assert!(is_new(&begin(caller, b"one").await?));
    Ok(())
}

#[tokio::test]
async fn of_many_same_requests_at_once_one_is_done() -> Result<()> {
    let library = Library::with(&[]).await?;
    let caller = Uuid::now_v7();
    let all = (0..32).map(|_| library.store.begin_request(caller, "a key", b"one"));
    let begun = futures_util::future::try_join_all(all).await?;
    let new = begun
        .iter()
        .filter(|it| matches!(it, RequestBegun::New { .. }))
        .count();
    assert_eq!(new, 1, "{begun:?}");
    assert!(
        begun
            .iter()
            .all(|it| matches!(it, RequestBegun::New { .. } | RequestBegun::InHand))
    );
    Ok(())
}
