//! What is personal can be had, and removed: after that the books still add up, and no word of the person is anywhere.

use anyhow::{Context as _, Result};
use jiff::SignedDuration;
use secrecy::ExposeSecret as _;
use topup_rules::access::{Caller, Scope};
use topup_rules::personal::RemovalRefusal;
use topup_store::{HoldGrant, LINK_LIFE, LoginMade, NewToken, Removed, RequestBegun};
use topup_tests::{Account, Library, Rows, account_id, credits, main_account, run, sms_wallet};
use uuid::Uuid;

const ACCOUNT: i64 = 1001;
const MOBILE: &str = "+27829876543";
const WORDS: [&str; 7] = [
    MOBILE,
    "naledi@example.net",
    "Naledi",
    "192.0.2.77",
    "AUTH_of_a_person",
    "Long Street",
    "4990123456",
];

fn person() -> Account {
    main_account(ACCOUNT)
        .credits(150)
        .card("AUTH_of_a_person")
        .mobile(Some(MOBILE))
        .email(Some("naledi@example.net"))
}

/// What others write beside the account itself.
const KEPT: &str = "
    UPDATE cards SET email = 'naledi@example.net' WHERE account_id = 1001;
    INSERT INTO billing_details VALUES (1001, 'Naledi M', '1 Long Street', '4990123456');
    INSERT INTO consents (account_id, consent_id, service, terms_version, address)
        VALUES (1001, gen_random_uuid(), 'sms', '1', '192.0.2.77');
    INSERT INTO one_click_consents (account_id, consent_id, terms_version, address)
        VALUES (1001, gen_random_uuid(), '1', '192.0.2.77');
    INSERT INTO purchases (account_id, purchase_id, service, method, quantity_milli, amount_minor, tax_minor, currency, email,
                           billing, created_at)
        VALUES (1001, gen_random_uuid(), 'sms', 'hosted', 1000, 100, 0, 'ZAR', 'naledi@example.net',
                '{\"name\": \"Naledi M\", \"address\": \"1 Long Street\"}', now());
    INSERT INTO payments (account_id, reference, kind, purchase_id, gateway, mode, amount_minor, currency, state, intent_at,
                          settled_at, answer)
        SELECT 1001, 'purchase-1001-' || purchase_id, 'purchase', purchase_id, 'paystack', 'test', 100, 'ZAR', 'failed', now(),
               now(), '{\"card\": {\"email\": \"naledi@example.net\"}}' FROM purchases;
    INSERT INTO notices (account_id, notification_id, cause, template, channel, params, state, detail, ended_at)
        SELECT 1001, gen_random_uuid(), 'purchase:' || purchase_id || ':failed', 'purchase-failed', channel,
               '{\"billing_name\": \"Naledi M\"}', 'parked', 'no mailbox naledi@example.net', now()
          FROM purchases, (VALUES ('sms'), ('email')) AS by (channel);";

/// Where a word stands: every column of every table, as text.
async fn places(rows: &Rows, word: &str) -> Result<Vec<String>> {
    let tables = "SELECT table_name FROM information_schema.tables
                   WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'";
    let mut found = Vec::new();
    for table in rows.client().query(tables, &[]).await? {
        let table: String = table.get(0);
        let sql = format!(
            "SELECT count(*) FROM \"{table}\" t
              WHERE position(lower($1) IN lower(t::text)) > 0
                 OR position(encode(convert_to($1, 'UTF8'), 'hex') IN t::text) > 0"
        );
        let count: i64 = rows.client().query_one(&sql, &[&word]).await?.get(0);
        if count > 0 {
            found.push(table);
        }
    }
    Ok(found)
}

#[tokio::test]
async fn what_is_removed_is_nowhere_any_more_and_the_books_add_up() -> Result<()> {
    let library = Library::with(&[person(), main_account(1002).credits(1).card("AUTH_ok")]).await?;
    let store = &library.store;
    let rows = Rows::connect(library.space.database_url()).await?;
    rows.client().batch_execute(KEPT).await?;
    let made = store
        .make_login(account_id(ACCOUNT), "naledi@example.net")
        .await?;
    let LoginMade::Made(login) = made else {
        anyhow::bail!("{made:?}")
    };
    store.new_link(login, LINK_LIFE).await?.context("a link")?;
    let session = store.open_session(login, true).await?;
    let (_, token) = store
        .create_token(&NewToken {
            holder: Caller::Account(account_id(ACCOUNT)),
            scopes: vec![Scope::Read],
            name: "pages".to_owned(),
            created_by: "an operator".to_owned(),
            expires_at: None,
        })
        .await?;
    // What the platform was told by a key of its own: of this account, and of another.
    let (platform, _) = store
        .create_token(&NewToken {
            holder: Caller::Platform,
            scopes: vec![Scope::Accounts],
            name: "shop".to_owned(),
            created_by: "an operator".to_owned(),
            expires_at: None,
        })
        .await?;
    let json = Some("application/json");
    let said = [
        ("ours", format!(r#"{{"account_id":1001,"mobile":"{MOBILE}"}}"#)),
        ("another's", r#"{"account_id":1002}"#.to_owned()),
    ];
    for (key, body) in &said {
        store.begin_request(platform, key, b"hash").await?;
        store
            .end_request(platform, key, 201, json, body.as_bytes())
            .await?;
    }
    for word in WORDS {
        assert!(!places(&rows, word).await?.is_empty(), "{word}");
    }

    // All of it is told to whoever asks rightly, but for what opens anything.
    let told = store
        .personal_export(account_id(ACCOUNT))
        .await?
        .context("an account")?;
    assert_eq!(told["complete"], true);
    let text = told.to_string();
    for word in WORDS {
        assert_eq!(text.contains(word), word != "AUTH_of_a_person", "{word}");
    }
    assert_eq!(store.personal_export(account_id(4711)).await?, None);

    // Not while something is open.
    let batch = Uuid::now_v7();
    let hour = SignedDuration::from_hours(1);
    let held = store
        .grant_hold(sms_wallet(ACCOUNT), batch, credits("1")?, hour)
        .await?;
    assert!(matches!(held, HoldGrant::Granted { .. }), "{held:?}");
    let refused = store.remove_personal(account_id(ACCOUNT)).await?;
    assert_eq!(refused, Removed::Refused(RemovalRefusal::Hold));
    assert!(store.bearer(token.expose_secret()).await?.is_some());
    store.close_hold(account_id(ACCOUNT), batch).await?;

    let settings = [("TOPUP__DATABASE__URL", library.space.database_url())];
    let unsure = run("fleetctl", &["personal", "remove", "1001"], &settings).await?;
    assert_eq!(unsure.status.code(), Some(2), "{unsure:?}");
    let removed = run("fleetctl", &["personal", "remove", "1001", "--yes"], &settings).await?;
    assert_eq!(removed.status.code(), Some(0), "{removed:?}");
    for word in WORDS {
        let places = places(&rows, word).await?;
        // The gateway has to forget the card, too; then the sweeper forgets that.
        let expected: &[&str] = if word == "AUTH_of_a_person" {
            &["tokens_to_deactivate"]
        } else {
            &[]
        };
        assert_eq!(places, expected, "{word}");
    }
    assert_eq!(store.bearer(token.expose_secret()).await?, None);
    let idle = std::time::Duration::from_secs(1_800);
    assert_eq!(store.session(session.expose_secret(), idle).await?, None);
    let view = store
        .account_view(account_id(ACCOUNT))
        .await?
        .context("an account")?;
    let wallet = view.wallets.first().context("a wallet")?;
    assert_eq!(wallet.credits.to_string(), "150");
    assert!(wallet.auto_topup.as_ref().is_some_and(|auto| !auto.enabled));
    // Nobody else lost anything.
    let other = store
        .account_view(account_id(1002))
        .await?
        .context("an account")?;
    assert!(
        other.email.is_some()
            && other
                .wallets
                .iter()
                .all(|it| it.auto_topup.as_ref().is_some_and(|it| it.enabled))
    );

    // A repeat of the platform's is still none, though the answer is forgotten.
    let [ours, anothers] = said;
    let again = store.begin_request(platform, ours.0, b"hash").await?;
    assert!(
        matches!(&again, RequestBegun::Same { status: 201, body, .. } if body.is_empty()),
        "{again:?}"
    );
    let again = store.begin_request(platform, anothers.0, b"hash").await?;
    assert!(
        matches!(&again, RequestBegun::Same { body, .. } if *body == anothers.1.as_bytes()),
        "{again:?}"
    );

    let told = "SELECT count(*) FROM outbox WHERE type LIKE 'autotopup.disabled%' AND account_id = 1001";
    assert_eq!(rows.count(told).await?, 1);

    // Again, and once more from the start: nothing is left to do.
    let again = store.remove_personal(account_id(ACCOUNT)).await?;
    assert!(matches!(again, Removed::Done(_)), "{again:?}");
    let login = store
        .make_login(account_id(ACCOUNT), "naledi@example.net")
        .await?;
    assert_eq!(login, LoginMade::NoAccount);
    assert_eq!(store.remove_personal(account_id(4711)).await?, Removed::NoAccount);
    library.audit_is_clean().await
}
