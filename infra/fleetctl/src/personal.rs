//! `fleetctl personal`: what is kept of an account's holder, and its removal.

use crate::cli::PersonalCommand;
use crate::fleet::Fleet;
use crate::output::Report;
use anyhow::{Context as _, bail};
use serde::Serialize;
use std::fmt::Write as _;
use topup_rules::ids::AccountId;
use topup_store::{Removed, RemovedPart, Store};

#[derive(Serialize)]
struct Outcome<'a> {
    account_id: AccountId,
    removed: &'a [RemovedPart],
}

/// Exports or removes.
///
/// # Errors
/// Settings; no such account; something under way; the database's.
pub(crate) async fn run(fleet: &Fleet, command: PersonalCommand) -> anyhow::Result<Report> {
    let store = fleet.store()?;
    match command {
        PersonalCommand::Export { account } => export(&store, account).await,
        // It can't be given as no.
        PersonalCommand::Remove { account, yes: _ } => remove(&store, account).await,
    }
}

async fn export(store: &Store, account: AccountId) -> anyhow::Result<Report> {
    let document = store.personal_export(account).await?;
    let document = document.with_context(|| format!("there is no account {account}"))?;
    Report::fine(&document, serde_json::to_string_pretty(&document)?)
}

async fn remove(store: &Store, account: AccountId) -> anyhow::Result<Report> {
    let removed = match store.remove_personal(account).await? {
        Removed::Done(removed) => removed,
        Removed::Refused(refusal) => bail!("nothing was removed: {refusal}"),
        Removed::NoAccount => bail!("there is no account {account}"),
    };
    let mut text = format!("what was personal of account {account} is removed\n");
    for part in removed.iter().filter(|part| part.rows > 0) {
        writeln!(text, "  {:<20} {:>6}", part.part, part.rows)?;
    }
    writeln!(
        text,
        "What was parked may still name the person: `fleetctl dead list --account {account}`, then redrive it or discard it. Of what \
         was thrown away the database keeps the body: `fleetctl dead history`."
    )?;
    let outcome = Outcome {
        account_id: account,
        removed: &removed,
    };
    Report::fine(&outcome, text)
}
