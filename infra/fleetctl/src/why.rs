//! `fleetctl why`: an account's story in the order of time, in words that can be read to a customer.

mod sentences;

use crate::cli::WhyArgs;
use crate::fleet::Fleet;
use crate::output::Report;
use crate::words;
use sentences::sentence;
use serde::Serialize;
use std::fmt::Write as _;
use topup_rules::ids::{AccountId, TopupId};
use topup_store::{Fact, StoryLine};

#[derive(Serialize)]
struct Story<'a> {
    account_id: AccountId,
    story: &'a [StoryLine],
}

/// Tells the story.
///
/// # Errors
/// Settings; no such account; the database's.
pub(crate) async fn run(fleet: &Fleet, args: &WhyArgs) -> anyhow::Result<Report> {
    let store = fleet.store()?;
    let story = store.story(args.account, args.limit).await?;
    if story.is_empty() && store.account_view(args.account).await?.is_none() {
        anyhow::bail!("there is no account {}", args.account);
    }
    let text = told(args.account, &story)?;
    Report::fine(
        &Story {
            account_id: args.account,
            story: &story,
        },
        text,
    )
}

/// The top-ups of a story by number: ids are nothing to read out.
struct Numbered(Vec<TopupId>);

impl Numbered {
    fn of(story: &[StoryLine]) -> Self {
        let mut ids = Vec::new();
        for id in story.iter().filter_map(|line| line.topup_id) {
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        Self(ids)
    }

    fn name(&self, id: TopupId) -> String {
        match self.0.iter().position(|known| *known == id) {
            Some(index) => format!("top-up {}", index + 1),
            None => format!("top-up {id}"),
        }
    }

    /// A reason that names top-ups by their ids.
    fn in_words(&self, reason: &str) -> String {
        self.0
            .iter()
            .enumerate()
            .fold(reason.to_owned(), |text, (index, id)| {
                text.replace(&id.to_string(), &(index + 1).to_string())
            })
    }
}

fn told(account: AccountId, story: &[StoryLine]) -> anyhow::Result<String> {
    let numbered = Numbered::of(story);
    let mut text = format!("account {account}\n");
    let (standing, past): (Vec<_>, Vec<_>) = story
        .iter()
        .partition(|line| matches!(line.fact, Fact::Stands { .. }));
    if past.is_empty() {
        text.push_str("\nNo top-up was ever asked for.\n");
    }
    let mut about = None;
    for line in past {
        // A heading wherever another top-up or wallet is spoken of. What concerns the whole wallet (a notice, a
        // disablement) stands with the top-up that it happened with.
        let goes_on = about.is_some_and(|(service, topup)| {
            line.service == service && (line.topup_id.is_none() || line.topup_id == topup)
        });
        if !goes_on {
            about = Some((line.service, line.topup_id));
            writeln!(text, "\n{}", heading(line, &numbered))?;
        }
        writeln!(
            text,
            "  {}  {}",
            words::exact(line.at),
            sentence(&line.fact, &numbered)
        )?;
    }
    for line in standing {
        let wallet = line
            .service
            .map_or_else(String::new, |service| format!("{service} "));
        write!(text, "\nthe {wallet}wallet now\n  {}  ", words::exact(line.at))?;
        writeln!(text, "{}", sentence(&line.fact, &numbered))?;
    }
    Ok(text)
}

fn heading(line: &StoryLine, numbered: &Numbered) -> String {
    match (line.service, line.topup_id) {
        (Some(service), Some(id)) => format!("{} of the {service} wallet ({id})", numbered.name(id)),
        (None, Some(id)) => format!("{} ({id})", numbered.name(id)),
        (Some(service), None) => format!("the {service} wallet"),
        (None, None) => "the account".to_owned(),
    }
}

#[cfg(test)]
mod tests;
