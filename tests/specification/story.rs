//! An account's story, as it is kept: every step of a charge, who said what, and what was given back.

use anyhow::{Context as _, Result};
use jiff::Timestamp;
use serde_json::Value;
use topup_rules::inquiries::Told;
use topup_rules::message::{PaymentResult, PaymentStatus, ResultSource};
use topup_tests::{Library, account_id, event, main_account, result_of, said, settlement_policy, sms_wallet};

/// The story as `fleetctl why --json` tells it.
async fn story(library: &Library) -> Result<Vec<Value>> {
    let lines = library.store.story(account_id(1001), 10).await?;
    lines.iter().map(|line| Ok(serde_json::to_value(line)?)).collect()
}

/// Each line's fact, with the value of its most telling field.
fn outline(lines: &[Value]) -> Vec<String> {
    lines
        .iter()
        .map(|line| {
            let text = |field: &str| line[field].as_str().unwrap_or_default();
            match text("what") {
                "called" => format!("{} {}", text("call"), text("outcome")),
                what @ ("still-open" | "ended") => format!("{what} {} {}", text("state"), text("settled_by")),
                "notice" => format!("told {} {}", text("template"), text("channel")),
                what => what.to_owned(),
            }
        })
        .collect()
}

#[tokio::test]
async fn every_question_submission_settlement_and_reversal_of_a_charge_is_in_it_in_order() -> Result<()> {
    let library = Library::with(&[main_account(1001).credits(150).card("AUTH_ok")]).await?;
    library.list_prices().await?;
    let topup = library
        .send(&event(1001).credits(50))
        .await?
        .context("a top-up")?;
    let intent = library.charges(sms_wallet(1001), topup).await?;
    let settle =
        async |result: PaymentResult| library.store.settle_payment(&result, &settlement_policy()).await;
    settle(result_of(&intent, PaymentStatus::Unknown, ResultSource::Charge)).await?;
    for _ in 0..3 {
        let inquired = library.asked().await?;
        let policy = settlement_policy().inquiries;
        library.told(&inquired, &said(Told::NotKnown), &policy).await?;
    }
    let again = library.charges(sms_wallet(1001), topup).await?;
    settle(result_of(&again, PaymentStatus::Failed, ResultSource::Charge)).await?;
    settle(result_of(&again, PaymentStatus::Success, ResultSource::Webhook)).await?;
    let disputed = |status| PaymentResult {
        reversal_id: Some("dispute-1".to_owned()),
        ..result_of(&again, status, ResultSource::Webhook)
    };
    settle(disputed(PaymentStatus::DisputeOpened)).await?;
    let open = story(&library).await?;
    let dispute = open
        .iter()
        .find(|line| line["what"] == "disputed")
        .context("a dispute")?;
    assert_eq!(dispute["held"], 500);
    settle(disputed(PaymentStatus::Reversed)).await?;

    let lines = story(&library).await?;
    let told: Vec<String> = outline(&lines);
    let told: Vec<&str> = told.iter().map(String::as_str).collect();
    assert_eq!(
        told,
        [
            "requested",
            "charging",
            "still-open unknown ",
            "verify not-known",
            "verify not-known",
            "verify not-known",
            "scheduled",
            "charging",
            "disabled",
            "ended failed ",
            "told topup-failed sms",
            "told topup-failed email",
            "ended succeeded webhook",
            "told topup-succeeded sms",
            "told topup-succeeded email",
            "disputed",
            "told operator-alert sms",
            "told operator-alert email",
            "reversed",
            "ended reversed ",
            "told payment-reversed sms",
            "told payment-reversed email",
            "stands",
        ],
        "{lines:#?}"
    );
    let moments: Vec<Timestamp> = lines
        .iter()
        .map(|line| Ok(line["at"].as_str().context("a moment")?.parse()?))
        .collect::<Result<_>>()?;
    assert!(moments.is_sorted());
    let of = |what: &str| lines.iter().find(|line| line["what"] == what).context("a line");
    assert_eq!(of("reversed")?["taken_back"], 500);
    assert_eq!(of("reversed")?["amount"], "ZAR 352.47");
    assert_eq!(of("disputed")?["held"], Value::Null);
    // An alert is for the operators, wherever the account holder is reached.
    let alert = lines
        .iter()
        .find(|line| line["template"] == "operator-alert")
        .context("an alert")?;
    assert_eq!(alert["to"], Value::Null);
    Ok(())
}
