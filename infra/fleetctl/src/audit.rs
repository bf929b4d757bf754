//! `fleetctl audit`: what must always be true, checked in the database.

use crate::fleet::Fleet;
use crate::output::{Report, Side, Table, Verdict, count};
use jiff::SignedDuration;
use serde::Serialize;
use std::fmt::Write as _;
use topup_store::{AuditPolicy, AuditReport};

/// How long a message may wait in the outbox before something is wrong: many looks of the sweeper.
const OUTBOX_WAIT_MAX: SignedDuration = SignedDuration::from_mins(5);

#[derive(Serialize)]
struct Audited<'a> {
    clean: bool,
    #[serde(flatten)]
    report: &'a AuditReport,
}

/// Runs every check.
///
/// # Errors
/// Settings; the database's.
pub(crate) async fn run(fleet: &Fleet) -> anyhow::Result<Report> {
    let rules = &fleet.settings().rules;
    let policy = AuditPolicy {
        card_spacing: rules.card_spacing,
        failures_to_disable: rules.failures_to_disable,
        outbox_wait_max: OUTBOX_WAIT_MAX,
    };
    let report = fleet.store()?.audit(&policy).await?;
    let clean = report.is_clean();
    let text = told(&report)?;
    Report::new(
        &Audited {
            clean,
            report: &report,
        },
        text,
        Verdict::fine_if(clean),
    )
}

fn told(report: &AuditReport) -> anyhow::Result<String> {
    let mut table = Table::new([
        ("RULE", Side::Left),
        ("", Side::Left),
        ("WHAT ALWAYS HOLDS", Side::Left),
    ]);
    let (mut broken, mut details) = (0, String::new());
    for check in &report.checks {
        let violations = u64::try_from(check.violations_counted).unwrap_or_default();
        let found = if violations == 0 { "ok" } else { "BROKEN" };
        table.row([check.rule.to_owned(), found.to_owned(), check.name.to_owned()]);
        if violations == 0 {
            continue;
        }
        broken += 1;
        writeln!(
            details,
            "\n{} {}: {}",
            check.rule,
            check.name,
            count(violations, "violation", "violations")
        )?;
        for violation in &check.violations {
            writeln!(details, "  {violation}")?;
        }
        let told = check.violations.len() as u64;
        if told < violations {
            writeln!(details, "  and {} more", violations - told)?;
        }
    }
    let mut text = table.render() + &details + "\n";
    match broken {
        0 => writeln!(text, "clean: all {} checks hold", report.checks.len())?,
        some => writeln!(text, "{} of {} checks found something", some, report.checks.len())?,
    }
    Ok(text)
}

#[cfg(test)]
mod tests {
    use super::*;
    use topup_store::Check;

    fn check(violations: &[&str], violations_counted: i64) -> Check {
        let violations = violations.iter().map(|&text| text.to_owned()).collect();
        Check {
            rule: "A1",
            name: "balances add up",
            violations,
            violations_counted,
        }
    }

    #[test]
    fn a_clean_audit_says_so() {
        let text = told(&AuditReport {
            checks: vec![check(&[], 0)],
        })
        .unwrap();
        assert_eq!(
            text,
            "RULE      WHAT ALWAYS HOLDS\nA1    ok  balances add up\n\nclean: all 1 checks hold\n"
        );
    }

    #[test]
    fn violations_are_told_and_all_are_counted() {
        let text = told(&AuditReport {
            checks: vec![check(&["1001/sms: 5 is not 4"], 3), check(&[], 0)],
        })
        .unwrap();
        let details = "\nA1 balances add up: 3 violations\n  1001/sms: 5 is not 4\n  and 2 more\n";
        assert!(text.contains(details), "{text}");
        assert!(text.ends_with("\n1 of 2 checks found something\n"), "{text}");
    }
}
