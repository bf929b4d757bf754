//! One trace leads from the send to the notices that follow from it, whatever lies between: a top-up that waits for
//! its moment, a notice that is tried again, a message that somebody had to put right first.

use std::collections::BTreeSet;
use std::fs;

use anyhow::{Context as _, Result};
use serde_json::json;
use topup_tests::{
    App, AppOptions, Collector, Raw, Span, SpanKind, event, eventually, main_account, metric, raw,
    sub_account,
};

/// The sender's own trace and span.
const TRACE: &str = "0af7651916cd43dd8448eb211c80319c";
const SENDERS_SPAN: &str = "b7ad6b7169203331";
/// Another one's.
const PARKED_TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
/// Where no collector is.
const NOBODY: &str = "http://127.0.0.1:9";
/// A collector groups spans by their names: they must not grow with accounts, payments or delays.
const NAMES_MAX: usize = 17;
/// One that its sender does not record.
const QUIET_TRACE: &str = "7c3d5e1f8a9b4c2d9e0f1a2b3c4d5e6f";

fn part_of(message: Raw, trace: &str, flags: &str) -> Raw {
    message.header("traceparent", &format!("00-{trace}-{SENDERS_SPAN}-{flags}"))
}

/// How many spans have this name, and went wrong so.
fn count(spans: &[Span], name: &str, wrong: &str) -> usize {
    let such = |span: &&Span| span.name == name && span.attribute("error.type") == wrong;
    spans.iter().filter(such).count()
}

/// The SMS that the provider took, and the mail.
fn is_told(spans: &[Span]) -> bool {
    count(spans, "POST /sms/outgoing/send", "") == 1 && count(spans, "send mail", "") == 1
}

/// One span has the sender's for a parent, and every other one another of the trace.
fn hangs_together(spans: &[Span]) {
    let firsts = spans.iter().filter(|span| span.parent == SENDERS_SPAN);
    assert_eq!(firsts.count(), 1, "{spans:#?}");
    for span in spans.iter().filter(|span| span.parent != SENDERS_SPAN) {
        let has_parent = spans.iter().any(|other| other.id == span.parent);
        assert!(has_parent, "{span:#?} of {spans:#?}");
    }
}

/// The names from a span back to the first.
fn way_to<'a>(spans: &'a [Span], name: &str) -> Vec<&'a str> {
    let mut way = Vec::new();
    let mut next = spans.iter().find(|span| span.name == name && !span.is_error);
    while let Some(span) = next {
        way.push(span.name.as_str());
        next = spans.iter().find(|other| other.id == span.parent);
    }
    way
}

#[tokio::test]
async fn one_trace_leads_from_a_send_over_delay_retry_and_redrive_to_its_sms_and_its_mail() -> Result<()> {
    let collector = Collector::start().await?;
    let options = AppOptions::whole()
        .spacing("3s")
        .setting("TRACES__URL", collector.url())
        .setting("NOTIFICATIONS__RETRY_FIRST", "1s");
    let mut app = App::start(options).await?;
    app.import(&[1001, 1003].map(|id| main_account(id).credits(150).card("AUTH_ok")))
        .await?;
    // Without a trace of the sender's: one begins here. And one that its sender keeps to itself.
    let quiet = part_of(event(1003).credits(50).message(), QUIET_TRACE, "00");
    app.broker
        .publish([event(1001).credits(50).message(), quiet])
        .await?;
    app.balance_becomes(1001, "sms", "600").await?;
    let holder = app.holder(1001).await?;
    holder.get("/accounts/1001/wallets").await?.ok()?;
    app.outside.sms(2).await?;
    app.outside.webhooks(2).await?;
    // From here on the answer to the charge settles; a webhook, which is of no trace of ours, could be faster.
    app.outside
        .trouble(json!({"webhooks": "never", "calls": 1000}))
        .await?;
    // This one has to wait for its moment, and its notice for the provider.
    app.outside
        .trouble(json!({"sms_status": 503, "calls": 1}))
        .await?;
    let waits = part_of(event(1001).credits(500).message(), TRACE, "01");
    // This one for an account.
    let early = part_of(event(1002).credits(50).message(), PARKED_TRACE, "01");
    app.broker.publish([waits, early]).await?;
    app.broker.dead("sms-sent", 1).await?;
    let spans = collector.trace(TRACE, is_told).await?;
    hangs_together(&spans);
    let way = way_to(&spans, "send mail").join(" < ");
    let settled = "send mail < process notifications < send notifications < process payment-results < \
                   send payment-results < process topup-requested < send delay.v1.{delay} < ";
    // It may wait more than once: it is woken by one clock, and its moment is another's.
    let begun = "send delay.v1.{delay} < process topup-requested < send topup-requested < process sms-sent";
    assert!(way.starts_with(settled) && way.ends_with(begun), "{way}");
    // The SMS took a way round: its first try, and the delay queues once more.
    let sms = way_to(&spans, "POST /sms/outgoing/send");
    assert_eq!(
        sms.get(1..5),
        Some(
            &[
                "process notifications",
                "send delay.v1.{delay}",
                "process notifications",
                "send notifications"
            ][..]
        )
    );
    assert_eq!(count(&spans, "POST /sms/outgoing/send", "503"), 1);
    assert_eq!(count(&spans, "process notifications", "retried"), 1);
    assert_eq!(count(&spans, "POST /transaction/charge_authorization", ""), 1);

    app.import(&[main_account(1002).credits(150).card("AUTH_ok")])
        .await?;
    app.fleetctl(&["dead", "redrive", "--queue", "sms-sent", "--yes"])
        .await?;
    let redriven = collector.trace(PARKED_TRACE, is_told).await?;
    hangs_together(&redriven);
    let way = way_to(&redriven, "POST /sms/outgoing/send");
    assert_eq!(
        way.get(way.len() - 2..),
        Some(&["process sms-sent", "send sms-sent.dead"][..])
    );
    app.finish().await?;
    tells_what_it_should(&collector)
}

/// Few names, OpenTelemetry's attributes, and nothing of whoever keeps to himself.
fn tells_what_it_should(collector: &Collector) -> Result<()> {
    let spans = collector.spans();
    assert_eq!(collector.garbled(), Vec::<String>::new());
    assert!(spans.iter().all(|span| span.trace != QUIET_TRACE));
    let one = |what: &str, such: &dyn Fn(&Span) -> bool| {
        let found = spans.iter().find(|span| such(span));
        found.cloned().with_context(|| format!("no {what} in {spans:#?}"))
    };
    let delayed = one("delayed message", &|span| span.name == "send delay.v1.{delay}")?;
    assert_eq!(delayed.kind, SpanKind::Producer);
    for (name, value) in [
        ("messaging.system", "rabbitmq"),
        ("messaging.operation.name", "send"),
        ("messaging.operation.type", "send"),
        ("messaging.destination.template", "delay.v1.{delay}"),
    ] {
        assert_eq!(delayed.attribute(name), value, "{delayed:#?}");
    }
    assert_ne!(delayed.attribute("messaging.message.id"), "");
    let batch = one("batch", &|span| {
        !span.attribute("messaging.batch.message_count").is_empty()
    })?;
    assert_eq!(
        (batch.name.as_str(), batch.kind),
        ("process sms-sent", SpanKind::Consumer)
    );
    one("batch with a link", &|span| {
        span.links.iter().any(|link| link == TRACE)
    })?;
    let begun = one("trace of the fleet's own", &|span| {
        span.attribute("account.id") == "1001" && span.parent.is_empty()
    })?;
    assert_eq!(begun.name, "process sms-sent");
    let charge = one("charge", &|span| {
        span.name == "POST /transaction/charge_authorization"
    })?;
    assert_eq!(
        (charge.process.as_str(), charge.kind),
        ("topup-requested", SpanKind::Client)
    );
    assert_eq!(charge.attribute("http.response.status_code"), "200");
    let webhook = one("webhook", &|span| span.name == "POST /webhooks/paystack")?;
    assert_eq!(
        (webhook.process.as_str(), webhook.kind),
        ("edge", SpanKind::Server)
    );
    let looked = one("look at a wallet", &|span| {
        span.name == "GET /v1/accounts/{account}/wallets"
    })?;
    assert_eq!((looked.process.as_str(), looked.kind), ("edge", SpanKind::Server));
    assert_eq!(looked.attribute("http.response.status_code"), "200");
    let few: BTreeSet<&str> = spans.iter().map(|span| span.name.as_str()).collect();
    assert!(few.len() <= NAMES_MAX, "{few:?}");
    Ok(())
}

#[tokio::test]
async fn without_a_collector_a_trace_is_carried_as_it_came_and_nothing_is_made_of_it() -> Result<()> {
    // Nobody takes the notices, so that they can be looked at.
    let mut app = App::start(AppOptions::whole().count("notifications", 0)).await?;
    app.import(&[
        main_account(1001).credits(150).card("AUTH_ok"),
        main_account(1002).credits(600),
        sub_account(2002, 1002).credits(150).transfer(),
        main_account(1003).credits(150).low_credit(120),
    ])
    .await?;
    let sends = [1001, 2002, 1003].map(|account| part_of(event(account).credits(50).message(), TRACE, "01"));
    app.broker.publish(sends).await?;
    eventually("six notices", async || {
        Ok(app
            .broker
            .ready("notifications")
            .await?
            .filter(|ready| *ready == 6))
    })
    .await?;
    app.wait_until_idle().await?;
    let carried = format!("00-{TRACE}-{SENDERS_SPAN}-01");
    for notice in app.broker.look("notifications").await? {
        assert_eq!(
            notice.headers.get("traceparent"),
            Some(&carried),
            "{:?}",
            notice.headers
        );
    }
    let url = app.fleet.worker("topup-requested")?.http_url();
    assert_eq!(metric(&url, "topup_trace_spans_total").await?, 0.0);
    app.finish().await
}

#[tokio::test]
async fn a_collector_that_is_away_costs_spans_and_one_warning_and_nothing_else() -> Result<()> {
    let options = AppOptions::whole().setting("TRACES__URL", NOBODY);
    let mut app = App::start(options).await?;
    app.import(&[main_account(1001).credits(150).card("AUTH_ok")])
        .await?;
    app.send(&[event(1001).credits(50)]).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.outside.sms(1).await?;
    app.outside.mail(1).await?;
    let url = app.fleet.worker("notifications")?.http_url();
    let counted = eventually("spans that nobody took", async || {
        let refused = metric(&url, "topup_trace_spans_total{fate=\"refused\"}").await?;
        Ok((refused > 0.0).then_some(refused))
    })
    .await?;
    // Another try, of which nothing is said.
    app.broker.publish_to("notifications", [raw("no JSON")]).await?;
    eventually("more of them", async || {
        let refused = metric(&url, "topup_trace_spans_total{fate=\"refused\"}").await?;
        Ok((refused > counted).then_some(()))
    })
    .await?;
    let log = fs::read_to_string(app.fleet.worker("notifications")?.log())?;
    assert_eq!(log.matches("the collector takes no traces").count(), 1, "{log}");
    app.finish().await
}
