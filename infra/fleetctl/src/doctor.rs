//! `fleetctl doctor`: what is wrong with the set-up, why it matters, and what to do about it.
//!
//! Broker, database, clocks and processes are looked at, and nothing is changed. What could not be looked at is a
//! finding, too: silence would be taken for health. Left out: what an account went through (`fleetctl why`) and
//! whether the books are right (`fleetctl audit`).

mod broker;
mod clocks;
mod database;
mod processes;

use crate::cli::DoctorArgs;
use crate::fleet::Fleet;
use crate::output::{Report, Verdict, count};
use serde::Serialize;
use std::fmt::Write as _;
use topup_runtime::broker::management::with_management;

/// How bad it is. The worst first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Severity {
    /// Messages or money can be lost, or stand still.
    Error,
    /// It can become one, or could not be looked at.
    Warning,
}

/// Something that a person had better know.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(crate) struct Finding {
    severity: Severity,
    /// `broker`, `database`, `clocks`, `processes`.
    part: &'static str,
    what: String,
    why: String,
    mend: String,
}

/// What was found, and what was looked at and is well.
#[derive(Debug, Default, Serialize)]
pub(crate) struct Examination {
    findings: Vec<Finding>,
    /// What was looked at, whatever was found.
    looked_at: Vec<String>,
}

/// The findings of one part.
pub(crate) struct Part<'a> {
    name: &'static str,
    examination: &'a mut Examination,
}

impl Part<'_> {
    /// Money or messages are at risk.
    fn error(&mut self, what: impl Into<String>, why: impl Into<String>, mend: impl Into<String>) {
        self.add(Severity::Error, what, why, mend);
    }

    /// It is worth knowing.
    fn warning(&mut self, what: impl Into<String>, why: impl Into<String>, mend: impl Into<String>) {
        self.add(Severity::Warning, what, why, mend);
    }

    fn add(
        &mut self,
        severity: Severity,
        what: impl Into<String>,
        why: impl Into<String>,
        mend: impl Into<String>,
    ) {
        self.examination.findings.push(Finding {
            severity,
            part: self.name,
            what: what.into(),
            why: why.into(),
            mend: mend.into(),
        });
    }

    /// It was looked at.
    fn looked_at(&mut self, what: impl Into<String>) {
        self.examination
            .looked_at
            .push(format!("{}: {}", self.name, what.into()));
    }
}

impl Examination {
    fn part(&mut self, name: &'static str) -> Part<'_> {
        Part {
            name,
            examination: self,
        }
    }
}

/// Looks at everything.
///
/// # Errors
/// Settings.
pub(crate) async fn run(fleet: &Fleet, args: &DoctorArgs) -> anyhow::Result<Report> {
    let settings = fleet.settings();
    let mut amqp = settings.amqp.clone();
    if let Some(url) = &args.management_url {
        amqp.management_url = Some(url.clone().into());
    }
    let amqp = with_management(&amqp)?;
    let store = fleet.store()?;
    let mut examination = Examination::default();
    let about = broker::examine(fleet, &amqp, &mut examination.part("broker")).await;
    let server = database::examine(&store, &mut examination.part("database")).await;
    clocks::examine(&store, about.as_ref(), &mut examination.part("clocks")).await;
    if let Some(server) = &server {
        let pool = settings.database.connections_max;
        processes::examine(&store, server, pool, &mut examination.part("processes")).await;
    }
    examination.findings.sort_by_key(|finding| finding.severity);
    let is_well = examination
        .findings
        .iter()
        .all(|finding| finding.severity != Severity::Error);
    Report::new(&examination, render(&examination), Verdict::fine_if(is_well))
}

fn render(examination: &Examination) -> String {
    let mut text = String::new();
    for finding in &examination.findings {
        let severity = match finding.severity {
            Severity::Error => "ERROR  ",
            Severity::Warning => "warning",
        };
        let _infallible = writeln!(
            text,
            "{severity}  {}: {}\n         why: {}\n         do:  {}\n",
            finding.part, finding.what, finding.why, finding.mend
        );
    }
    for looked_at in &examination.looked_at {
        let _infallible = writeln!(text, "looked at  {looked_at}");
    }
    let of = |severity| {
        let findings = examination.findings.iter();
        findings.filter(|finding| finding.severity == severity).count() as u64
    };
    let (errors, warnings) = (of(Severity::Error), of(Severity::Warning));
    let _infallible = match (errors, warnings) {
        (0, 0) => write!(text, "\nnothing to mend"),
        _ => write!(
            text,
            "\n{}, {}",
            count(errors, "error", "errors"),
            count(warnings, "warning", "warnings")
        ),
    };
    text
}

/// An error with its causes, in one line.
fn said(error: &dyn std::error::Error) -> String {
    let mut line = error.to_string();
    let mut cause = error.source();
    while let Some(error) = cause {
        let next = error.to_string();
        if !line.contains(&next) {
            line = format!("{line}: {next}");
        }
        cause = error.source();
    }
    line
}
