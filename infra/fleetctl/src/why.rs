//! `fleetctl why`: an account's story in the order of time, in words that can be read to a customer; and at its end, for
//! each wallet, why it was not topped up, and what to do about it.

mod look;
mod payments;
mod sentences;
mod verdict;

use crate::cli::WhyArgs;
use crate::dead::{self, OfAccount};
use crate::fleet::Fleet;
use crate::output::{Report, Verdict};
use crate::words;
use look::Look;
use sentences::sentence;
use serde::Serialize;
use std::collections::HashMap;
use std::fmt::Write as _;
use topup_rules::ids::{AccountId, Reference, ReferenceKind, Service, TopupId};
use topup_rules::message::Template;
use topup_store::{Fact, MovedOf, MovedRow, StoryLine};
use uuid::Uuid;

#[derive(Serialize)]
struct Story<'a> {
    account_id: AccountId,
    story: &'a [StoryLine],
    /// Its dead letters that people put back to work or threw away, the newest first.
    moved_by_hand: &'a [MovedRow],
    /// Its messages that lie parked.
    parked: &'a OfAccount,
    /// Each wallet's, the last word.
    verdicts: Vec<verdict::Told>,
    /// What could not be looked at.
    problems: &'a [String],
}

/// Tells the story.
///
/// # Errors
/// Settings; no such account; the database's.
pub(crate) async fn run(fleet: &Fleet, args: &WhyArgs) -> anyhow::Result<Report> {
    let store = fleet.store()?;
    let account = args.account;
    let story = store.story(account, args.limit).await?;
    let look = Look::at(fleet, &store, account).await?;
    if look.account.is_none() && look.parked.messages.is_empty() {
        anyhow::bail!("there is no account {account}");
    }
    let moved = store
        .moved_messages(&MovedOf::Account(account), args.limit)
        .await?;
    let verdicts = verdict::verdicts(&look, account);
    let mut text = match look.account {
        Some(_) => told(account, &story)?,
        None => format!("account {account}\n"),
    };
    text.push_str(&told_by_hand(&moved)?);
    text.push_str(&verdict::parked_told(&look)?);
    text.push_str(&verdict::verdicts_told(&verdicts)?);
    if look.account.is_none() {
        let words = verdict::of_nobody(&look, account);
        write!(
            text,
            "\nNothing was topped up because {}.\nDo this: {}.",
            words.because, words.do_this
        )?;
    }
    let story: Vec<StoryLine> = story.into_iter().map(masked).collect();
    let document = Story {
        account_id: account,
        story: &story,
        moved_by_hand: &moved,
        parked: &look.parked,
        verdicts,
        problems: &look.problems,
    };
    Report::new(&document, text, Verdict::fine_if(look.account.is_some()))
}

/// A line as a program gets it: whom a notice went to is masked, as it is in the text.
fn masked(mut line: StoryLine) -> StoryLine {
    if let Fact::Notice {
        channel,
        to: Some(to),
        ..
    } = &mut line.fact
    {
        *to = words::masked_contact(*channel, to);
    }
    line
}

/// What people did with the account's dead letters; nothing where they did nothing.
fn told_by_hand(moved: &[MovedRow]) -> anyhow::Result<String> {
    let mut text = String::new();
    if !moved.is_empty() {
        text.push_str("\nmessages that had been parked, by hand\n");
    }
    for message in moved {
        let end = match &message.moved_to {
            Some(queue) => format!("put back to {queue}"),
            None => "thrown away".to_owned(),
        };
        writeln!(
            text,
            "  {}  {end}: {} (parked: {})",
            words::moment(message.at),
            dead::or_dash(message.message_id.as_deref()),
            dead::or_dash(message.parked_why.as_deref()),
        )?;
    }
    Ok(text)
}

/// What a line is about, where it is about one thing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Subject {
    Topup(TopupId),
    Purchase(Uuid),
    Registration(Uuid),
}

impl Subject {
    fn of(line: &StoryLine) -> Option<Self> {
        let of_payment = |reference: &Reference| {
            reference.parts().map(|(kind, _, id)| match kind {
                ReferenceKind::Topup => Self::Topup(id),
                ReferenceKind::Purchase => Self::Purchase(id),
                ReferenceKind::Registration => Self::Registration(id),
            })
        };
        let by_fact = || match &line.fact {
            Fact::Bought { purchase_id, .. } | Fact::Paid { purchase_id, .. } => {
                Some(Self::Purchase(*purchase_id))
            }
            Fact::Registering { registration_id, .. } | Fact::Registered { registration_id, .. } => {
                Some(Self::Registration(*registration_id))
            }
            Fact::Called { reference, .. }
            | Fact::Disputed { reference, .. }
            | Fact::DisputeWon { reference, .. }
            | Fact::NotGivenBack { reference, .. }
            | Fact::Reversed { reference, .. } => of_payment(reference),
            Fact::Requested { .. }
            | Fact::Scheduled { .. }
            | Fact::Charging { .. }
            | Fact::StillOpen { .. }
            | Fact::Ended { .. }
            | Fact::Disabled { .. }
            | Fact::Notice { .. }
            | Fact::Stands { .. } => None,
        };
        line.topup_id.map(Self::Topup).or_else(by_fact)
    }
}

/// The top-ups and the purchases of a story by number: ids are nothing to read out.
#[derive(Default)]
struct Numbered {
    topups: Vec<TopupId>,
    purchases: Vec<Uuid>,
    registrations: Vec<Uuid>,
}

impl Numbered {
    fn of(story: &[StoryLine]) -> Self {
        let mut numbered = Self::default();
        for subject in story.iter().filter_map(Subject::of) {
            let (ids, id) = match subject {
                Subject::Topup(id) => (&mut numbered.topups, id),
                Subject::Purchase(id) => (&mut numbered.purchases, id),
                Subject::Registration(id) => (&mut numbered.registrations, id),
            };
            if !ids.contains(&id) {
                ids.push(id);
            }
        }
        numbered
    }

    fn name(&self, id: TopupId) -> String {
        named("top-up", &self.topups, id)
    }

    fn heading(&self, subject: Subject) -> String {
        match subject {
            Subject::Topup(id) => self.name(id),
            Subject::Purchase(id) => named("purchase", &self.purchases, id),
            Subject::Registration(id) => named("registration of a card", &self.registrations, id),
        }
    }

    /// A reason that names top-ups by their ids.
    fn in_words(&self, reason: &str) -> String {
        self.topups
            .iter()
            .enumerate()
            .fold(reason.to_owned(), |text, (index, id)| {
                text.replace(&id.to_string(), &(index + 1).to_string())
            })
    }
}

fn named(what: &str, ids: &[Uuid], id: Uuid) -> String {
    match ids.iter().position(|known| *known == id) {
        Some(index) => format!("{what} {}", index + 1),
        None => format!("{what} {id}"),
    }
}

/// What happened to a top-up before a fact.
#[derive(Debug, Clone, Copy, Default)]
struct Before {
    has_waited: bool,
    was_charging: bool,
    had_ended: bool,
}

impl Before {
    fn learn(&mut self, fact: &Fact) {
        match fact {
            Fact::Scheduled { .. } => self.has_waited = true,
            Fact::Charging { .. } => self.was_charging = true,
            Fact::Ended { .. } => self.had_ended = true,
            Fact::Requested { .. }
            | Fact::Called { .. }
            | Fact::StillOpen { .. }
            | Fact::Registering { .. }
            | Fact::Registered { .. }
            | Fact::Bought { .. }
            | Fact::Paid { .. }
            | Fact::Disputed { .. }
            | Fact::DisputeWon { .. }
            | Fact::NotGivenBack { .. }
            | Fact::Reversed { .. }
            | Fact::Disabled { .. }
            | Fact::Notice { .. }
            | Fact::Stands { .. } => {}
        }
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
    let mut earlier: HashMap<TopupId, Before> = HashMap::new();
    for line in past {
        let subject = Subject::of(line);
        if !goes_on(about, line, subject) {
            about = Some((line.service, subject));
            writeln!(text, "\n{}", heading(line, subject, &numbered))?;
        }
        let mut before = Before::default();
        if let Some(id) = line.topup_id {
            let known = earlier.entry(id).or_default();
            before = *known;
            known.learn(&line.fact);
        }
        writeln!(
            text,
            "  {}  {}",
            words::exact(line.at),
            sentence(&line.fact, &numbered, before)
        )?;
    }
    for line in standing {
        let wallet = line
            .service
            .map_or_else(String::new, |service| format!("{service} "));
        write!(text, "\nthe {wallet}wallet now\n  {}  ", words::exact(line.at))?;
        writeln!(text, "{}", sentence(&line.fact, &numbered, Before::default()))?;
    }
    Ok(text)
}

/// Whether a line needs no heading of its own: there is one wherever another top-up, purchase or wallet is spoken of.
/// What concerns the whole wallet (a notice, a disablement), and an alert to the operators, stands with what it happened
/// with.
fn goes_on(
    about: Option<(Option<Service>, Option<Subject>)>,
    line: &StoryLine,
    subject: Option<Subject>,
) -> bool {
    let is_alert = matches!(
        line.fact,
        Fact::Notice {
            template: Template::OperatorAlert,
            ..
        }
    );
    about.is_some_and(|(service, earlier)| {
        (line.service == service || is_alert) && (subject.is_none() || subject == earlier)
    })
}

fn heading(line: &StoryLine, subject: Option<Subject>, numbered: &Numbered) -> String {
    let id = subject.map(|subject| match subject {
        Subject::Topup(id) | Subject::Purchase(id) | Subject::Registration(id) => {
            (numbered.heading(subject), id)
        }
    });
    match (line.service, id) {
        (Some(service), Some((name, id))) => format!("{name} of the {service} wallet ({id})"),
        (None, Some((name, id))) => format!("{name} ({id})"),
        (Some(service), None) => format!("the {service} wallet"),
        (None, None) => "the account".to_owned(),
    }
}

#[cfg(test)]
mod tests;
