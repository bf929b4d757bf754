//! The table of faults beside this file is a promise: every test that it names exists, and runs.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use anyhow::{Context as _, Result, ensure};

const TABLE: &str = include_str!("README.md");
/// Where tests stand. A module of the same name may stand in both.
const PLACES: [&str; 2] = ["specification", "faults"];
/// The kinds of faults that there are.
const KINDS: usize = 8;

/// The tests that are named on a page: `` `module::test` ``.
fn named(page: &str) -> impl Iterator<Item = (&str, &str)> {
    let quoted = page.split('`').skip(1).step_by(2);
    quoted.filter_map(|name| name.split_once("::"))
}

/// Whether this is a test of that source, and one that runs.
fn is_there(source: &str, test: &str) -> bool {
    let signature = format!("fn {test}()");
    let Some(at) = source.find(&signature) else {
        return false;
    };
    let attributes = source[..at].rsplit("\n\n").next().unwrap_or_default();
    attributes.contains("test]") && !attributes.contains("#[ignore")
}

#[test]
fn every_test_that_the_table_of_faults_names_exists_and_runs() -> Result<()> {
    for (module, test) in named(TABLE) {
        let sources = PLACES.iter().filter_map(|place| {
            let path = Path::new(env!("CARGO_MANIFEST_DIR"))
                .join(place)
                .join(format!("{module}.rs"));
            fs::read_to_string(path).ok()
        });
        ensure!(
            sources.into_iter().any(|source| is_there(&source, test)),
            "{module}::{test} is no test, or does not run"
        );
    }
    Ok(())
}

#[test]
fn the_table_of_faults_has_a_test_for_every_fault_of_every_kind() -> Result<()> {
    for kind in 1..=KINDS {
        let (_, rest) = TABLE
            .split_once(&format!("\n## {kind}. "))
            .with_context(|| format!("no faults of kind {kind}"))?;
        let of_kind = rest.split("\n## ").next().unwrap_or(rest);
        let rows = of_kind.lines().filter(|line| line.starts_with("| ")).skip(2);
        for row in rows {
            ensure!(named(row).next().is_some(), "no test for: {row}");
        }
        ensure!(named(of_kind).next().is_some(), "no test of kind {kind}");
    }
    Ok(())
}

/// What stands among the faults and not in their table would be looked for in vain.
#[test]
fn the_table_of_faults_names_every_test_beside_it() -> Result<()> {
    let listed: BTreeSet<_> = named(TABLE).collect();
    for file in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join("faults"))? {
        let path = file?.path();
        let module = path
            .file_stem()
            .and_then(|stem| stem.to_str())
            .unwrap_or_default();
        if path.extension().is_none_or(|kind| kind != "rs") || ["main", "table"].contains(&module) {
            continue;
        }
        let source = fs::read_to_string(&path)?;
        let signatures = source.split("\nasync fn ").skip(1);
        let names = signatures.filter_map(|rest| rest.split_once("()").map(|(name, _)| name));
        for test in names.filter(|name| is_there(&source, name)) {
            ensure!(
                listed.contains(&(module, test)),
                "{module}::{test} is not in the table"
            );
        }
    }
    Ok(())
}
