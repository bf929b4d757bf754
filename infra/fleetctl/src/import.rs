//! `fleetctl import`: accounts from a file, each line whole or not at all, the others going on.
//!
//! Several lines are on their way to the database at once, but never two that depend on each other: a sub waits
//! for its main where both stand near each other in the file.

use crate::fields::{self, Wrong};
use crate::fleet::Fleet;
use crate::lines::{Line, Lines, Mistake};
use crate::output::{Report, Verdict, count};
use crate::progress::Progress;
use anyhow::Context as _;
use futures_util::StreamExt as _;
use futures_util::future::BoxFuture;
use futures_util::stream::FuturesOrdered;
use serde::Serialize;
use std::collections::VecDeque;
use std::fmt::Write as _;
use topup_rules::ids::AccountId;
use topup_store::{AccountImport, Change, ImportRefusal, Imported, Store, StoreError};

/// Longest line, in bytes.
const LINE_MAX_BYTES: usize = 1024 * 1024;
/// Most lines on their way to the database at once.
const AT_ONCE_MAX: usize = 8;
/// Most mistakes and notes that the JSON document holds. All are counted, and all are said on standard error.
const LISTED_MAX: usize = 10_000;

/// What became of the file, for the JSON document.
#[derive(Debug, Default, Serialize)]
struct Summary {
    file: String,
    /// Accounts that were not there before.
    created: u64,
    /// Accounts or wallets of which something is different now.
    updated: u64,
    /// Accounts that were like that before.
    unchanged: u64,
    /// Lines that were not taken.
    refused: u64,
    /// The first of them.
    mistakes: Vec<Mistake>,
    /// What lines asked for and did not get.
    notes: Vec<Mistake>,
}

/// Who a line on its way is about.
struct Underway {
    line: u64,
    account: AccountId,
    parent: Option<AccountId>,
}

type Answer = Result<Result<Imported, ImportRefusal>, StoreError>;

/// An import on its way through a file.
struct Importing {
    store: Store,
    lines: Lines,
    progress: Progress,
    underway: VecDeque<Underway>,
    answers: FuturesOrdered<BoxFuture<'static, Answer>>,
    at_once_max: usize,
    summary: Summary,
}

/// Imports every line that can be.
///
/// # Errors
/// Settings; a file that can't be read; the database's.
pub(crate) async fn run(fleet: &Fleet, file: &str) -> anyhow::Result<Report> {
    let store = fleet.store()?;
    let lines = Lines::open(file, LINE_MAX_BYTES)?;
    store.ping().await.context("the database can't be reached")?;
    let mut importing = Importing {
        store,
        progress: Progress::new(&lines),
        summary: Summary {
            file: lines.name().to_owned(),
            ..Summary::default()
        },
        lines,
        underway: VecDeque::new(),
        answers: FuturesOrdered::new(),
        at_once_max: fleet.settings().database.connections_max.clamp(1, AT_ONCE_MAX),
    };
    let ended = importing.all().await;
    importing.progress.finish();
    ended?;
    let summary = importing.summary;
    let text = told(&summary)?;
    let verdict = Verdict::fine_if(summary.refused == 0);
    Report::new(&summary, text, verdict)
}

impl Importing {
    async fn all(&mut self) -> anyhow::Result<()> {
        while let Some(line) = self.lines.next().await? {
            let summary = &self.summary;
            self.progress
                .show(&self.lines, summary.created + summary.updated + summary.unchanged);
            match line.and_then(|line| self.read(&line)) {
                Ok((number, account)) => self.start(number, account).await?,
                Err(mistake) => {
                    // Mistakes are told in the order of their lines.
                    self.settle_all().await?;
                    self.refuse(mistake);
                }
            }
        }
        self.settle_all().await
    }

    fn read(&self, line: &Line) -> Result<(u64, AccountImport), Mistake> {
        match fields::read(&line.text) {
            Ok(account) => Ok((line.number, account)),
            Err(Wrong { field, problem }) => Err(self.lines.mistake(line.number, field, problem)),
        }
    }

    async fn start(&mut self, line: u64, account: AccountImport) -> anyhow::Result<()> {
        let next = Underway {
            line,
            account: account.account_id,
            parent: account.parent_id,
        };
        while self.underway.len() >= self.at_once_max || self.underway.iter().any(|u| depends(u, &next)) {
            self.settle_oldest().await?;
        }
        let store = self.store.clone();
        self.answers
            .push_back(Box::pin(async move { store.import_account(&account).await }));
        self.underway.push_back(next);
        Ok(())
    }

    async fn settle_all(&mut self) -> anyhow::Result<()> {
        while !self.underway.is_empty() {
            self.settle_oldest().await?;
        }
        Ok(())
    }

    async fn settle_oldest(&mut self) -> anyhow::Result<()> {
        let (Some(Underway { line, .. }), Some(answer)) =
            (self.underway.pop_front(), self.answers.next().await)
        else {
            return Ok(());
        };
        let name = self.lines.name();
        let answer = answer.with_context(|| {
            format!("{name}:{line}: every line before it is done; import the file again when this is mended")
        })?;
        match answer {
            Ok(imported) => self.take(line, &imported),
            Err(ImportRefusal { field, problem }) => {
                let mistake = self.lines.mistake(line, Some(field), problem.to_string());
                self.refuse(mistake);
            }
        }
        Ok(())
    }

    fn take(&mut self, line: u64, imported: &Imported) {
        let wallets_changed = imported
            .wallets
            .iter()
            .any(|wallet| wallet.change != Change::Unchanged);
        match imported.account {
            Change::Created => self.summary.created += 1,
            Change::Updated => self.summary.updated += 1,
            Change::Unchanged if wallets_changed => self.summary.updated += 1,
            Change::Unchanged => self.summary.unchanged += 1,
        }
        for (index, wallet) in imported.wallets.iter().enumerate() {
            if let Some(note) = &wallet.note {
                let note = self
                    .lines
                    .mistake(line, Some(format!("wallets[{index}]")), note.as_str());
                self.progress.say(&note);
                keep(&mut self.summary.notes, note);
            }
        }
    }

    fn refuse(&mut self, mistake: Mistake) {
        self.progress.say(&mistake);
        self.summary.refused += 1;
        keep(&mut self.summary.mistakes, mistake);
    }
}

fn keep(list: &mut Vec<Mistake>, mistake: Mistake) {
    if list.len() < LISTED_MAX {
        list.push(mistake);
    }
}

/// Whether `next` must wait for `earlier`: the same account, or one is the other's main.
fn depends(earlier: &Underway, next: &Underway) -> bool {
    earlier.account == next.account
        || next.parent == Some(earlier.account)
        || earlier.parent == Some(next.account)
}

fn told(summary: &Summary) -> anyhow::Result<String> {
    let Summary {
        created,
        updated,
        unchanged,
        refused,
        ..
    } = summary;
    let mut text = format!(
        "{} created, {updated} updated, {unchanged} as before",
        count(*created, "account", "accounts")
    );
    if !summary.notes.is_empty() {
        text.push_str("; what stays as it was is said above");
    }
    if *refused > 0 {
        write!(
            text,
            "\n{} refused, each named above",
            count(*refused, "line", "lines")
        )?;
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn underway(account: i64, parent: Option<i64>) -> Underway {
        let id = |id| AccountId::new(id).unwrap();
        Underway {
            line: 1,
            account: id(account),
            parent: parent.map(id),
        }
    }

    #[test]
    fn a_sub_waits_for_its_main_and_subs_do_not_wait_for_each_other() {
        assert!(depends(&underway(1, None), &underway(2, Some(1))));
        assert!(depends(&underway(1, None), &underway(1, None)));
        // A sub that comes before its main is refused, however near they stand.
        assert!(depends(&underway(2, Some(1)), &underway(1, None)));
        assert!(!depends(&underway(2, Some(1)), &underway(3, Some(1))));
        assert!(!depends(&underway(1, None), &underway(2, None)));
    }

    #[test]
    fn the_summary_counts() {
        let summary = Summary {
            created: 2,
            updated: 1,
            refused: 1,
            ..Summary::default()
        };
        let text = told(&summary).unwrap();
        assert_eq!(
            text,
            "2 accounts created, 1 updated, 0 as before\n1 line refused, each named above"
        );
    }
}
