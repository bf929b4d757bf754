//! `fleetctl grants`: who may do what on the broker and in the database, as a file for each to take in.
//!
//! Nothing is connected to and no setting is asked for. Left out: what each needs, which stands beside the topology in
//! the runtime, and beside the statements in the store.

use crate::cli::{BrokerGrantsArgs, DatabaseGrantsArgs, GrantsCommand, Half, Passwords};
use crate::output::Report;
use anyhow::{Context as _, bail, ensure};
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::Path;
use topup_runtime::broker::definitions::Definitions;
use topup_runtime::broker::grants::User;
use topup_store::{Role, Store};

#[derive(Serialize)]
struct Statements {
    sql: String,
}

/// Prints it.
///
/// # Errors
/// A password file that can't be read, or a name that is nobody's.
pub(crate) fn run(command: &GrantsCommand) -> anyhow::Result<Report> {
    match command {
        GrantsCommand::Broker(args) => broker(args),
        GrantsCommand::Database(args) => database(args),
    }
}

fn broker(args: &BrokerGrantsArgs) -> anyhow::Result<Report> {
    let passwords = read(&args.passwords, &User::ALL, User::as_str)?;
    ensure!(
        !passwords.is_empty(),
        "a user of the broker has a password: give --passwords DIR, or --password NAME=FILE"
    );
    let document = Definitions {
        vhost: &args.vhost,
        prefix: &args.prefix,
        passwords: &passwords,
        topology: args.topology,
    }
    .document();
    Report::fine(&document, serde_json::to_string_pretty(&document)?)
}

fn database(args: &DatabaseGrantsArgs) -> anyhow::Result<Report> {
    let passwords = read(&args.passwords, &Role::ALL, Role::as_str)?;
    let parts = match args.part {
        Some(half) => vec![half.part()],
        None => vec![Half::Roles.part(), Half::Rights.part()],
    };
    let sql = Store::grants(&args.prefix, &parts, &passwords);
    Report::fine(&Statements { sql: sql.clone() }, sql)
}

/// The passwords that are given, one file each. From a directory everybody's.
fn read<T: Copy + Ord>(
    passwords: &Passwords,
    all: &[T],
    name_of: impl Fn(T) -> &'static str,
) -> anyhow::Result<BTreeMap<T, String>> {
    let mut read = BTreeMap::new();
    if let Some(directory) = &passwords.directory {
        for &one in all {
            let name = name_of(one);
            if passwords.files.iter().all(|(given, _)| given != name) {
                read.insert(one, password(&directory.join(name))?);
            }
        }
    }
    for (name, file) in &passwords.files {
        let Some(&one) = all.iter().find(|one| name_of(**one) == name) else {
            let names: Vec<&str> = all.iter().map(|one| name_of(*one)).collect();
            bail!(
                "--password {name}=…: there is no {name}, only {}",
                names.join(", ")
            );
        };
        read.insert(one, password(file)?);
    }
    Ok(read)
}

/// The file's text, without white space around it.
fn password(file: &Path) -> anyhow::Result<String> {
    let text = std::fs::read_to_string(file)
        .with_context(|| format!("the password file {} can't be read", file.display()))?;
    let password = text.trim();
    ensure!(
        !password.is_empty(),
        "the password file {} is empty",
        file.display()
    );
    Ok(password.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn given(files: &[(&str, &Path)], directory: Option<&Path>) -> anyhow::Result<BTreeMap<Role, String>> {
        let files = files
            .iter()
            .map(|(name, file)| ((*name).to_owned(), file.to_path_buf()));
        let passwords = Passwords {
            directory: directory.map(Path::to_path_buf),
            files: files.collect(),
        };
        read(&passwords, &Role::ALL, Role::as_str)
    }

    #[test]
    fn a_password_is_its_files_text_and_what_is_wrong_names_file_or_name() {
        let directory = std::env::temp_dir().join(format!("fleetctl-grants-{}", std::process::id()));
        std::fs::create_dir_all(&directory).unwrap();
        let (good, empty) = (directory.join("good"), directory.join("empty"));
        std::fs::write(&good, "hard to guess\n").unwrap();
        std::fs::write(&empty, " \n").unwrap();
        let read = given(&[("sms-sent", &good)], None).unwrap();
        assert_eq!(
            read,
            BTreeMap::from([(Role::SmsSent, "hard to guess".to_owned())])
        );
        let wrong = |files: &[(&str, &Path)], directory| given(files, directory).unwrap_err().to_string();
        let nobody = wrong(&[("sms_sent", &good)], None);
        assert!(
            nobody.contains("there is no sms_sent, only owner, sms-sent,"),
            "{nobody}"
        );
        assert!(wrong(&[("sms-sent", &empty)], None).ends_with("empty is empty"));
        // Of a directory everybody's is wanted: who is left out would be locked out.
        let missing = wrong(&[], Some(&directory));
        assert!(missing.contains("owner can't be read"), "{missing}");
        std::fs::remove_dir_all(&directory).unwrap();
    }
}
