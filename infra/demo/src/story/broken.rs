//! Chapter 5: what arrives twice counts once, and what can't be used is parked with its reason.

use std::collections::BTreeMap;
use std::fs;

use anyhow::{Context as _, Result};
use serde::Deserialize;

use super::{MAIN, SUB};
use crate::narrate::Narrator;
use crate::operator;
use crate::stage::{Stage, expect, expect_that};

const DUPLICATES: &str = "1-threshold.ndjson";
const LAST: &str = "5-last.ndjson";
const BROKEN: &str = "5-broken.ndjson";

#[derive(Deserialize)]
struct Named {
    event_id: String,
}

pub(super) async fn tell(narrator: &mut Narrator, stage: &Stage) -> Result<()> {
    duplicates(narrator, stage).await?;
    narrator.gap();
    broken(narrator, stage).await
}

async fn duplicates(narrator: &mut Narrator, stage: &Stage) -> Result<()> {
    let mark = stage.sandbox.mark().await?;
    let before = operator::account(&stage.operator, MAIN).await?;
    let again = operator::publish(&stage.operator, &stage.events(DUPLICATES)).await?;
    // The queue keeps its order: once this last event shows, all before it have been handled.
    let last_before = operator::account(&stage.operator, SUB).await?;
    operator::publish(&stage.operator, &stage.events(LAST)).await?;
    let last_credits = last_before.sms()?.credits;
    let last = operator::account_when(&stage.operator, SUB, |wallet| wallet.credits != last_credits).await?;
    let after = operator::account(&stage.operator, MAIN).await?;

    expect(
        "the balance of account 1003 after one more send",
        "519",
        &last.sms()?.credits.to_string(),
    )?;
    let (before, after) = (before.sms()?.credits, after.sms()?.credits);
    expect("the balance of account 1001 after duplicates", before, after)?;
    expect(
        "charges after duplicates",
        0,
        stage.sandbox.charges(mark, 0).await?.len(),
    )?;
    narrator.outcome(&format!(
        "The {} events of the first chapter, published once more: debited once, so account 1001 still has {after}.",
        again.published
    ));
    Ok(())
}

async fn broken(narrator: &mut Narrator, stage: &Stage) -> Result<()> {
    let path = stage.events(BROKEN);
    let text = fs::read_to_string(&path).with_context(|| format!("reading {path}"))?;
    let refused = operator::publish_refused(&stage.operator, &path).await?;
    let before = operator::account(&stage.operator, MAIN).await?;
    operator::publish_unchecked(&stage.operator, &path).await?;
    let lines: Vec<&str> = text.lines().collect();
    let parked = operator::parked(&stage.operator, "sms-sent", lines.len()).await?;
    let after = operator::account(&stage.operator, MAIN).await?;

    expect("events parked in sms-sent.dead", lines.len(), parked.len())?;
    let (before, after) = (before.sms()?.credits, after.sms()?.credits);
    expect("the balance of account 1001 after broken events", before, after)?;
    let reasons: BTreeMap<Option<String>, String> = parked
        .into_iter()
        .map(|message| (message.message_id, message.reason.unwrap_or_default()))
        .collect();
    expect("a broken event by its id", lines.len(), reasons.len())?;

    let stopped = refused.stopped.unwrap_or_default();
    expect_that(
        stopped.contains(BROKEN),
        "what fleetctl publish stopped at",
        BROKEN,
        &stopped,
    )?;
    narrator.paragraph(
        "A file with broken events: fleetctl publish checks each line first, and would stop at line 1. Published all \
         the same, as a careless sender might, each of them costs itself alone, and is kept in the queue sms-sent.dead:",
    );
    narrator.gap();
    for line in lines {
        let id = serde_json::from_str(line).ok().map(|Named { event_id }| event_id);
        let reason = reasons.get(&id).cloned().unwrap_or_default();
        expect_that(!reason.is_empty(), "why an event was parked", "a reason", "none")?;
        narrator.refusal(&shown(line), &reason);
    }
    narrator.gap();
    narrator.outcome(
        "Four broken events, parked with their reasons. No balance changed, and the worker kept working.",
    );
    Ok(())
}

/// The part of a line that tells one from another.
fn shown(line: &str) -> String {
    let part = line.find("\"account_id\"").zip(line.find(", \"messages\""));
    part.and_then(|(from, to)| line.get(from..to))
        .map_or_else(|| line.to_owned(), |part| format!("{{… {part} …}}"))
}
