//! What a process tells of itself: every stage of an event's way is counted, by its documented name.

use anyhow::{Context as _, Result, ensure};
use std::collections::BTreeSet;
use topup_runtime::metrics::LIST;
use topup_runtime::telemetry::{Kind, Metric};
use topup_stack::WORKERS;
use topup_tests::{App, AppOptions, ask, event, eventually, main_account, metric, raw};

async fn value(app: &mut App, process: &str, sample: &str) -> Result<f64> {
    metric(&app.fleet.worker(process)?.http_url(), sample).await
}

/// What stands in the way of `told` being what the list says of a process.
fn against_the_list(process: &str, told: &str) -> Result<()> {
    let mut had = BTreeSet::new();
    for line in told
        .lines()
        .filter(|line| !line.starts_with('#') && !line.is_empty())
    {
        let (series, labels) = line.split_once('{').with_context(|| line.to_owned())?;
        let (labels, _value) = labels.rsplit_once('}').with_context(|| line.to_owned())?;
        let metric = of_list(series).with_context(|| format!("{series} is not in the list"))?;
        ensure!(metric.processes.contains(&process), "{process} has {series}");
        let labels: Vec<&str> = labels
            .split(',')
            .filter_map(|label| Some(label.split_once('=')?.0))
            .collect();
        let mut expected: Vec<&str> = metric.labels.iter().map(|label| label.name).collect();
        expected.extend(["process", "version"]);
        if series.ends_with("_bucket") {
            expected.push("le");
        }
        let (told, wanted): (BTreeSet<_>, BTreeSet<_>) =
            (labels.into_iter().collect(), expected.into_iter().collect());
        ensure!(told == wanted, "{series} has {told:?}, not {wanted:?}");
        had.insert(metric.name);
    }
    // What has not happened yet is told all the same, where its labels are closed.
    for metric in LIST.iter().filter(|metric| metric.processes.contains(&process)) {
        let is_there_from_the_start =
            metric.kind == Kind::Counter && metric.labels.iter().all(|label| label.closed().is_some());
        ensure!(
            had.contains(metric.name) || !is_there_from_the_start,
            "{process} has no {}",
            metric.name
        );
        ensure!(
            !had.contains(metric.name)
                || told.contains(&format!("# HELP {} {}", metric.name, metric.help.trim())),
            "{process} does not say what {} is",
            metric.name
        );
    }
    Ok(())
}

fn of_list(series: &str) -> Option<&'static Metric> {
    let whole = ["_bucket", "_sum", "_count"].iter().find_map(|suffix| {
        let name = series.strip_suffix(suffix)?;
        LIST.iter()
            .find(|metric| metric.name == name && metric.kind == Kind::Histogram)
    });
    whole
        .or_else(|| LIST.iter().find(|metric| metric.name == series))
        .copied()
}

#[tokio::test]
async fn every_stage_from_a_send_to_its_notice_is_counted_by_its_documented_name() -> Result<()> {
    let mut app = App::start(AppOptions::whole().spacing("3s")).await?;
    app.import(&[main_account(1001).credits(101).card("AUTH_ok")])
        .await?;
    app.broker.publish([raw("no JSON")]).await?;
    app.send(&[event(1001), event(4_004)]).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    // The second top-up has to wait for its moment.
    app.send(&[event(1001).credits(500)]).await?;
    app.balance_becomes(1001, "sms", "600").await?;
    app.outside.sms(2).await?;
    app.outside.mail(2).await?;
    app.wait_until_idle().await?;
    eventually("a sweep", async || {
        let swept = value(&mut app, "sweeper", "topup_sweep_seconds_count").await?;
        Ok((swept > 0.0).then_some(()))
    })
    .await?;
    for (process, sample, wanted) in [
        ("sms-sent", "topup_messages_total{outcome=\"done\"}", 2.0),
        ("sms-sent", "topup_messages_total{outcome=\"retried\"}", 0.0),
        ("sms-sent", "topup_sends_debited_total", 2.0),
        ("sms-sent", "topup_topups_requested_total", 2.0),
        ("sms-sent", "topup_parked_total{class=\"unreadable\"}", 1.0),
        ("sms-sent", "topup_parked_total{class=\"no-wallet\"}", 1.0),
        ("sms-sent", "topup_parked_total", 2.0),
        ("sms-sent", "topup_queue_paused", 0.0),
        ("sms-sent", "topup_part_ready{part=\"consumer\"}", 1.0),
        ("topup-requested", "topup_charges_total{outcome=\"success\"}", 2.0),
        ("topup-requested", "topup_charges_total", 2.0),
        ("topup-requested", "topup_charge_seconds_count", 2.0),
        (
            "topup-requested",
            "topup_event_to_charge_seconds_count{waited=\"no\"}",
            1.0,
        ),
        (
            "topup-requested",
            "topup_event_to_charge_seconds_count{waited=\"yes\"}",
            1.0,
        ),
        (
            "payment-results",
            "topup_payments_settled_total{outcome=\"credited\"}",
            2.0,
        ),
        (
            "payment-results",
            "topup_captured_minor_total{currency=\"ZAR\"}",
            70_494.0,
        ),
        (
            "notifications",
            "topup_notices_total{channel=\"sms\",outcome=\"accepted\"}",
            2.0,
        ),
        (
            "notifications",
            "topup_notices_total{channel=\"email\",outcome=\"accepted\"}",
            2.0,
        ),
        ("sweeper", "topup_sweep_failures_total", 0.0),
        ("sweeper", "topup_build_info", 1.0),
    ] {
        let counted = value(&mut app, process, sample).await?;
        ensure!(
            counted == wanted,
            "{process}: {sample} is {counted}, not {wanted}"
        );
    }
    for (process, sample) in [
        ("sms-sent", "topup_batch_messages_count"),
        // One, unless the one before is long in settling: it is waited for anew then.
        ("topup-requested", "topup_topups_woken_total{state=\"scheduled\"}"),
        ("topup-requested", "topup_delay_late_seconds_count"),
        ("topup-requested", "topup_message_age_seconds_count"),
        ("sms-sent", "topup_outbox_rows_total{fate=\"published\"}"),
        ("topup-requested", "topup_publishes_total{result=\"confirmed\"}"),
        ("topup-requested", "topup_publish_seconds_count"),
        ("payment-results", "topup_database_connections"),
        ("payment-results", "topup_database_connections_max"),
        ("notifications", "topup_handle_seconds_count"),
    ] {
        let counted = value(&mut app, process, sample).await?;
        ensure!(counted > 0.0, "{process}: {sample} is {counted}");
    }
    for process in WORKERS {
        let url = app.fleet.worker(process)?.http_url();
        let (_, told) = ask(&url, "/metrics").await?;
        against_the_list(process, &told).with_context(|| told.clone())?;
    }
    app.finish().await
}
