//! X5: credits moved between a main account and its subs by hand, and adjusted by an operator.

use anyhow::Result;
use futures_util::future::try_join_all;
use jiff::SignedDuration;
use topup_rules::credits::Credits;
use topup_rules::ids::{Service, WalletKey};
use topup_store::{AdjustRefusal, Adjusted, ByHand, HoldGrant, Moved, WalletView};
use topup_tests::{Account, Library, account_id, credits, main_account, sms_wallet, sub_account};
use uuid::Uuid;

const MAIN: i64 = 1001;
const SUB: i64 = 2001;
const OTHER_SUB: i64 = 2002;
const STRANGER: i64 = 1009;

/// A main with a card, two subs, and somebody else. All of them want to know when they run low, and both of the first
/// two are topped up when they reach 100.
fn family() -> [Account; 4] {
    [
        main_account(MAIN)
            .credits(500)
            .low_credit(150)
            .card("AUTH_ok")
            .whatsapp(),
        sub_account(SUB, MAIN).credits(200).low_credit(150).transfer(),
        sub_account(OTHER_SUB, MAIN),
        main_account(STRANGER).credits(500),
    ]
}

async fn act(library: &Library) -> Result<ByHand> {
    Ok(ByHand {
        id: Uuid::now_v7(),
        at: library.store.now().await?,
        reason: "a test".to_owned(),
        by: "a person".to_owned(),
    })
}

async fn moves(library: &Library, from: i64, to: i64, quantity: &str) -> Result<Moved> {
    let act = act(library).await?;
    let (from, to) = (sms_wallet(from), sms_wallet(to));
    Ok(library
        .store
        .move_credits_by_hand(from, to, credits(quantity)?, &act)
        .await?)
}

async fn wallet(library: &Library, account: i64) -> Result<WalletView> {
    let view = library.store.account_view(account_id(account)).await?;
    let wallets = view.map(|view| view.wallets).unwrap_or_default();
    let sms = wallets.into_iter().find(|wallet| wallet.service == Service::Sms);
    sms.ok_or_else(|| anyhow::anyhow!("no wallet of {account}"))
}

async fn balance(library: &Library, account: i64) -> Result<String> {
    Ok(wallet(library, account).await?.credits.to_string())
}

/// What each message of an outcome says, and to whom.
fn told(outcome: &Moved) -> Vec<String> {
    match outcome {
        Moved::Done { outbox, .. } => outbox
            .iter()
            .filter(|message| message.exchange.is_empty())
            .map(|message| String::from_utf8_lossy(&message.body).into_owned())
            .collect(),
        Moved::AlreadyDone | Moved::Refused(_) => Vec::new(),
    }
}

#[tokio::test]
async fn a_main_moves_credits_to_a_sub_and_back_and_whoever_runs_low_is_told_and_nobody_topped_up()
-> Result<()> {
    let library = Library::with(&family()).await?;
    let down = moves(&library, MAIN, SUB, "400.5").await?;
    assert_eq!(balance(&library, MAIN).await?, "99.5");
    assert_eq!(balance(&library, SUB).await?, "600.5");
    let texts = told(&down);
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(
        texts
            .iter()
            .all(|it| it.contains("low-credit") && it.contains("\"account_id\":1001")),
        "{texts:?}"
    );

    let up = moves(&library, SUB, MAIN, "600.5").await?;
    assert_eq!(balance(&library, MAIN).await?, "700");
    assert_eq!(balance(&library, SUB).await?, "0");
    let texts = told(&up);
    assert_eq!(texts.len(), 2, "{texts:?}");
    assert!(
        texts
            .iter()
            .all(|it| it.contains("low-credit") && it.contains("\"account_id\":2001")),
        "{texts:?}"
    );

    // Both were at or below the threshold of their auto top-up, by no send.
    for account in [MAIN, SUB] {
        assert!(wallet(&library, account).await?.open_topup.is_none(), "{account}");
    }
    library.audit_is_clean().await
}

#[tokio::test]
async fn an_operator_s_adjustment_can_go_below_zero_raises_a_low_credit_notice_and_triggers_nothing()
-> Result<()> {
    let library = Library::with(&family()).await?;
    let adjust = async |change: &str| -> Result<Adjusted> {
        let act = act(&library).await?;
        Ok(library
            .store
            .adjust(sms_wallet(MAIN), credits(change)?, &act)
            .await?)
    };
    let Adjusted::Done { balance, outbox } = adjust("-600").await? else {
        anyhow::bail!("not adjusted")
    };
    assert_eq!((balance, outbox.len()), (credits("-100")?, 3));
    let Adjusted::Done { balance, outbox } = adjust("+150.5").await? else {
        anyhow::bail!("not adjusted")
    };
    assert_eq!((balance, outbox.len()), (credits("50.5")?, 0));
    assert!(wallet(&library, MAIN).await?.open_topup.is_none());
    library.audit_is_clean().await
}

#[tokio::test]
async fn what_is_asked_twice_is_done_once_however_many_ask_and_whichever_way() -> Result<()> {
    let library = Library::with(&family()).await?;
    let (main, sub) = (sms_wallet(MAIN), sms_wallet(SUB));
    let act = act(&library).await?;
    let quantity = credits("10")?;
    let asked =
        try_join_all((0..20).map(|_| library.store.move_credits_by_hand(main, sub, quantity, &act))).await?;
    let done = asked.iter().filter(|it| matches!(it, Moved::Done { .. })).count();
    assert_eq!(done, 1, "{asked:?}");
    let back = library
        .store
        .move_credits_by_hand(sub, main, quantity, &act)
        .await?;
    assert_eq!(back, Moved::AlreadyDone);
    let adjusted = try_join_all((0..20).map(|_| library.store.adjust(main, quantity, &act))).await?;
    let done = adjusted
        .iter()
        .filter(|it| matches!(it, Adjusted::Done { .. }))
        .count();
    assert_eq!(done, 1, "{adjusted:?}");
    assert_eq!(balance(&library, MAIN).await?, "500");
    assert_eq!(balance(&library, SUB).await?, "210");
    library.audit_is_clean().await
}

#[tokio::test]
async fn moves_in_both_directions_at_once_wait_for_each_other_and_lose_nothing() -> Result<()> {
    let library = Library::with(&family()).await?;
    let both = (0..10).flat_map(|_| [(MAIN, SUB), (SUB, MAIN), (MAIN, OTHER_SUB)]);
    let library = &library;
    let moved = try_join_all(both.map(|(from, to)| moves(library, from, to, "3"))).await?;
    assert!(
        moved.iter().all(|it| matches!(it, Moved::Done { .. })),
        "{moved:?}"
    );
    assert_eq!(balance(library, MAIN).await?, "470");
    assert_eq!(balance(library, SUB).await?, "200");
    assert_eq!(balance(library, OTHER_SUB).await?, "30");
    library.audit_is_clean().await
}

#[tokio::test]
async fn credits_move_only_within_a_family_for_one_service_and_only_those_that_are_there() -> Result<()> {
    let library = Library::with(&family()).await?;
    let refused = |outcome: Moved| match outcome {
        Moved::Refused(refusal) => Some(refusal),
        Moved::Done { .. } | Moved::AlreadyDone => None,
    };
    for (from, to) in [
        (MAIN, STRANGER),
        (STRANGER, SUB),
        (SUB, OTHER_SUB),
        (MAIN, MAIN),
        (MAIN, 4711),
    ] {
        let refusal = refused(moves(&library, from, to, "1").await?);
        assert!(
            matches!(refusal, Some(AdjustRefusal::NotRelated { .. })),
            "{from} to {to}: {refusal:?}"
        );
    }
    let whatsapp = |account| WalletKey {
        service: Service::Whatsapp,
        ..sms_wallet(account)
    };
    let act = act(&library).await?;
    let by_hand = async |from, to, quantity: Credits, act: &ByHand| {
        library.store.move_credits_by_hand(from, to, quantity, act).await
    };
    let one = credits("1")?;
    let across = refused(by_hand(sms_wallet(MAIN), whatsapp(SUB), one, &act).await?);
    assert!(
        matches!(across, Some(AdjustRefusal::NotRelated { .. })),
        "{across:?}"
    );
    let nowhere = refused(by_hand(whatsapp(MAIN), whatsapp(SUB), one, &act).await?);
    assert_eq!(nowhere, Some(AdjustRefusal::NoWallet(whatsapp(SUB))));
    for nothing in ["0", "-1"] {
        let refusal = refused(moves(&library, MAIN, SUB, nothing).await?);
        assert_eq!(refusal, Some(AdjustRefusal::NotPositive));
    }
    let silent = ByHand {
        reason: "  ".to_owned(),
        ..act
    };
    let refusal = refused(by_hand(sms_wallet(MAIN), sms_wallet(SUB), one, &silent).await?);
    assert_eq!(refusal, Some(AdjustRefusal::NoReason));

    // What is set aside for a batch is not there.
    let hold = library
        .store
        .grant_hold(
            sms_wallet(SUB),
            Uuid::now_v7(),
            credits("150")?,
            SignedDuration::from_hours(1),
        )
        .await?;
    assert!(matches!(hold, HoldGrant::Granted { .. }), "{hold:?}");
    let refusal = refused(moves(&library, SUB, MAIN, "50.001").await?);
    assert_eq!(
        refusal,
        Some(AdjustRefusal::TooLittle {
            from: sms_wallet(SUB),
            missing: credits("0.001")?,
        })
    );
    moves(&library, SUB, MAIN, "50").await?;
    assert_eq!(balance(&library, MAIN).await?, "550");
    library.audit_is_clean().await
}
