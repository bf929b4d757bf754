//! What the interface's document says is so: a tester makes requests out of it, good ones, broken ones and such as nobody
//! would think of, and holds every answer to what is described.
//!
//! Which requests it makes follows from the document and a seed; `described.toml` says how it goes about it. What it found
//! is told with a line for `curl`. To let it look longer, and for something new:
//! `DESCRIBED_SEED=7 DESCRIBED_EXAMPLES=500 cargo test --test specification described`.

use std::collections::BTreeMap;
use std::env;
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;
use tokio::process::Command;
use tokio::time::timeout;
use topup_stack::{python_tools, workspace};
use topup_tests::{App, AppOptions, main_account, sub_account};

/// What is looked at. Whether a well-formed request is taken is not among it: that is for the rules to say.
const CHECKS: &str = "not_a_server_error,status_code_conformance,content_type_conformance,\
    response_headers_conformance,response_schema_conformance,negative_data_rejection,ignored_auth,\
    unsupported_method,missing_required_header";
/// The description's own examples, then every bound of every field, then at random, then what one answer leads to.
const PHASES: &str = "examples,coverage,fuzzing,stateful";
/// Requests at random, for each operation.
const EXAMPLES: &str = "20";
/// Where chance begins.
const SEED: &str = "20261122";
/// Longest run of the tester; one that was asked to look longer may take longer.
const RUN_MAX: Duration = Duration::from_secs(300);
/// As often as the tester likes.
const ENDLESS: &str = "1000000";

/// Everything that a token can cover.
const OF_ACCOUNT: &str = "read,buy,settings,send,transfer,personal";
const OF_PLATFORM: &str = "read,buy,settings,send,transfer,personal,accounts";

#[tokio::test]
async fn whatever_is_asked_is_answered_as_the_document_says_and_never_by_a_mistake_of_ours() -> Result<()> {
    let mut app = App::start(
        AppOptions::only(&["edge"])
            .setting("EDGE__REQUESTS_PER_SECOND", ENDLESS)
            .setting("EDGE__UNKNOWN_PER_MINUTE", ENDLESS)
            .setting("EDGE__HOLDS_PER_SECOND", ENDLESS),
    )
    .await?;
    app.import(&[
        main_account(1001).credits(100_000).card("AUTH_ok").whatsapp(),
        main_account(1002).credits(1_000),
        sub_account(2001, 1001).credits(1_000).transfer(),
    ])
    .await?;
    // An account that buys with one click, so that there is an agreement to look at and to withdraw.
    let agreed = "INSERT INTO one_click_consents (account_id, consent_id, terms_version, address, card_id)
                  SELECT account_id, card_id, '1', '192.0.2.1', card_id FROM cards WHERE account_id = 1001";
    app.rows.client().batch_execute(agreed).await?;
    let holder: &[&str] = &["--account", "1001", "--scope", OF_ACCOUNT];
    let platform: &[&str] = &["--platform", "--scope", OF_PLATFORM];
    // What each of them was let do, by operation.
    let mut done: BTreeMap<String, u64> = BTreeMap::new();
    for (who, token) in [("holder", holder), ("platform", platform)] {
        let create = [&["token", "create", "--name", who], token].concat();
        let made = app.fleetctl(&create).await?;
        let token = made["token"].as_str().context("a token")?;
        let report = tried(&mut app, who, token).await?;
        for (operation, phases) in report["valid_rates"].as_object().context("rates")? {
            let accepted = phases.as_object().into_iter().flatten();
            let accepted = accepted.filter_map(|(_, of_phase)| of_phase["accepted"].as_u64());
            *done.entry(operation.clone()).or_default() += accepted.sum::<u64>();
        }
    }
    // Whatever can be looked at without knowing an id was looked at; the rest is found by chance.
    let needs_id = |operation: &str| {
        operation
            .replace("{account}", "")
            .replace("{service}", "")
            .contains('{')
    };
    let never: Vec<&String> = done
        .iter()
        .filter(|(operation, done)| operation.starts_with("GET ") && !needs_id(operation) && **done == 0)
        .map(|(operation, _)| operation)
        .collect();
    ensure!(!done.is_empty(), "nothing was tried");
    ensure!(never.is_empty(), "never got past a refusal: {never:?}");
    app.stop().await
}

/// Lets the tester try everything as the bearer of a token, and returns its report.
async fn tried(app: &mut App, who: &str, token: &str) -> Result<Value> {
    let or = |name: &str, value: &str| env::var(name).unwrap_or_else(|_| value.to_owned());
    let (seed, examples) = (or("DESCRIBED_SEED", SEED), or("DESCRIBED_EXAMPLES", EXAMPLES));
    let document = format!("{}/v1/openapi.json", app.edge_url()?);
    let files = app.space().stack().files();
    let report = files.join(format!("described-{who}.json"));
    let mut tester = Command::new(python_tools().await?.schemathesis);
    tester
        .arg("--config-file")
        .arg(workspace().join("tests/specification/described.toml"))
        .args(["run", &document, "--checks", CHECKS, "--phases", PHASES])
        .args(["--seed", &seed, "--max-examples", &examples])
        .args(["--report", "json", "--report-json-path"])
        .arg(&report)
        .env("INTERFACE_TOKEN", token)
        // It keeps things of its own where it is at work.
        .current_dir(&files)
        .stdin(Stdio::null())
        .kill_on_drop(true);
    let longer = RUN_MAX.max(Duration::from_secs(examples.parse().unwrap_or_default()));
    let output = timeout(longer, tester.output())
        .await
        .with_context(|| format!("the tester did not end within {longer:?}"))?
        .context("running the tester")?;
    ensure!(
        output.status.success(),
        "as {who}, seed {seed}: {}\n{}{}",
        output.status,
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    let report = std::fs::read(&report).with_context(|| report.display().to_string())?;
    serde_json::from_slice(&report).context("the tester's report")
}
