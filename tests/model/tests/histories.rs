//! A thousand random histories, and a single one by its seed.

use anyhow::{Context as _, Result, bail};
use std::env;
use topup_model::{Report, Stop, run, run_one};
use topup_stack::{Options, Stack, build_workspace};

/// The same histories in every run.
const SEED: u64 = 20_261_122;
/// How many.
const HISTORIES: u64 = 1_000;
/// Names one history to play instead.
const ONE: &str = "TOPUP_MODEL_SEED";
/// Plays so many instead.
const MANY: &str = "TOPUP_MODEL_HISTORIES";

#[tokio::test(flavor = "multi_thread")]
async fn whatever_happens_the_store_does_what_the_rules_say() -> Result<()> {
    tokio::task::spawn_blocking(build_workspace).await??;
    let stack = Stack::start(Options {
        name: "model".into(),
        ..Options::default()
    })
    .await?;
    let Report {
        histories,
        steps,
        failure,
    } = match env::var(ONE) {
        Ok(seed) => run_one(&stack, seed.parse().with_context(|| format!("{ONE}={seed}"))?).await?,
        Err(_) => run(&stack, SEED, Stop::Histories(how_many()?), |_| {}).await?,
    };
    stack.stop().await;
    match failure {
        Some(failure) => bail!("{failure}"),
        None => println!("{histories} histories of {steps} steps"),
    }
    Ok(())
}

fn how_many() -> Result<u64> {
    match env::var(MANY) {
        Ok(many) => many.parse().with_context(|| format!("{MANY}={many}")),
        Err(_) => Ok(HISTORIES),
    }
}
