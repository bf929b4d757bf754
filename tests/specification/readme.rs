//! What the pages for people say is so: their commands, links and settings exist, their examples are taken by the
//! fleet. That the table of settings is the program's own is tested where settings are read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use topup_rules::message::{self, Message, Notification, PaymentResult, SmsSent, TopupRequested};
use topup_runtime::Settings;
use topup_stack::workspace;
use topup_tests::run;

/// The pages.
const PAGES: [&str; 2] = ["README.md", "infra/README.md"];

fn page(name: &str) -> Result<String> {
    let path = workspace().join(name);
    std::fs::read_to_string(&path).with_context(|| path.display().to_string())
}

/// Fenced blocks of a language, and, for commands, whatever stands between backticks.
fn fenced(text: &str, language: &str) -> Vec<String> {
    let mut blocks = Vec::new();
    let mut block: Option<Vec<&str>> = None;
    for line in text.lines() {
        match (&mut block, line.trim().strip_prefix("```")) {
            (None, Some(named)) => block = (named == language).then(Vec::new).or(Some(vec!["\0"])),
            (Some(lines), Some(_)) => {
                if lines.first() != Some(&"\0") {
                    blocks.push(lines.join("\n"));
                }
                block = None;
            }
            (Some(lines), None) => lines.push(line),
            (None, None) => {}
        }
    }
    blocks
}

/// Text between backticks, outside of fenced blocks.
fn inline(text: &str) -> Vec<String> {
    let mut is_fenced = false;
    let prose: String = text
        .lines()
        .filter(|line| {
            let fence = line.trim().starts_with("```");
            is_fenced ^= fence;
            !is_fenced && !fence
        })
        .collect::<Vec<_>>()
        .join("\n");
    prose.split('`').skip(1).step_by(2).map(str::to_owned).collect()
}

/// Everything on a page that begins like this command: the words after it.
fn uses(text: &str, command: &str) -> Vec<Vec<String>> {
    let lines = fenced(text, "sh")
        .into_iter()
        .flat_map(|block| block.lines().map(str::to_owned).collect::<Vec<_>>());
    lines
        .chain(inline(text))
        .flat_map(|line| {
            let line = line.split(" # ").next().unwrap_or_default().to_owned();
            line.split("&&").map(str::to_owned).collect::<Vec<_>>()
        })
        .filter_map(|line| {
            let mut words = line.split_whitespace().map(str::to_owned);
            (words.next().as_deref() == Some(command)).then(|| words.collect())
        })
        .collect()
}

#[tokio::test]
async fn every_fleetctl_command_of_the_pages_exists() -> Result<()> {
    let mut checked = BTreeSet::new();
    for name in PAGES {
        let text = page(name)?;
        let by_cargo = uses(&text, "cargo").into_iter().filter_map(|words| {
            let after = words.iter().position(|word| word == "--")?;
            words
                .contains(&"fleetctl".to_owned())
                .then(|| words[after + 1..].to_vec())
        });
        for words in uses(&text, "fleetctl").into_iter().chain(by_cargo) {
            let command: Vec<&str> = words
                .iter()
                .map(String::as_str)
                .take_while(|word| word.chars().all(|char| char.is_ascii_lowercase()))
                .collect();
            let flags = words.iter().filter(|word| word.starts_with("--"));
            let help = run("fleetctl", &[command.as_slice(), &["--help"]].concat(), &[]).await?;
            let text = String::from_utf8_lossy(&help.stdout).into_owned();
            ensure!(
                help.status.success(),
                "{name}: `fleetctl {}` is none: {}",
                words.join(" "),
                String::from_utf8_lossy(&help.stderr)
            );
            for flag in flags {
                ensure!(
                    text.contains(flag.as_str()),
                    "{name}: `fleetctl {}` has no {flag}",
                    command.join(" ")
                );
            }
            checked.insert(command.join(" "));
        }
    }
    for known in ["migrate", "topology apply", "import", "publish", "why", "audit"] {
        ensure!(
            checked.contains(known),
            "{known} is on no page; found {checked:?}"
        );
    }
    Ok(())
}

#[test]
fn every_cargo_command_of_the_pages_exists() -> Result<()> {
    const CARGOS_OWN: [&str; 3] = ["test", "build", "run"];
    let config = std::fs::read_to_string(workspace().join(".cargo/config.toml"))?;
    let members = std::fs::read_to_string(workspace().join("Cargo.toml"))?;
    let mut checked = BTreeSet::new();
    for name in PAGES {
        for words in uses(&page(name)?, "cargo") {
            let Some(command) = words.first() else { continue };
            let alias = format!("\n{command} = ");
            ensure!(
                CARGOS_OWN.contains(&command.as_str()) || config.contains(&alias),
                "{name}: cargo {command} is neither cargo's own nor an alias"
            );
            checked.insert(command.clone());
        }
    }
    for alias in ["demo", "test", "up", "down", "load"] {
        ensure!(checked.contains(alias), "cargo {alias} is on no page");
    }
    ensure!(members.contains("\"infra/demo\""), "the demo is no member");
    Ok(())
}

#[test]
fn every_link_of_the_pages_leads_somewhere() -> Result<()> {
    for name in PAGES {
        let at = workspace().join(name);
        let directory = at.parent().unwrap_or(Path::new("/"));
        let text = page(name)?;
        for link in text.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            if link.contains("://") {
                continue;
            }
            let (file, heading) = link.split_once('#').unwrap_or((link, ""));
            let target: PathBuf = if file.is_empty() {
                at.clone()
            } else {
                directory.join(file)
            };
            ensure!(target.exists(), "{name}: {link} leads nowhere");
            if !heading.is_empty() {
                let text = std::fs::read_to_string(&target)?;
                let headings = text.lines().filter(|line| line.starts_with('#')).map(anchor);
                ensure!(
                    headings.into_iter().any(|anchor| anchor == heading),
                    "{name}: {link}: no such heading"
                );
            }
        }
    }
    Ok(())
}

/// What a heading is called in a link.
fn anchor(heading: &str) -> String {
    heading
        .trim_start_matches('#')
        .trim()
        .to_lowercase()
        .chars()
        .filter_map(|char| match char {
            ' ' => Some('-'),
            char if char.is_alphanumeric() || char == '-' || char == '_' => Some(char),
            _ => None,
        })
        .collect()
}

#[test]
fn every_message_of_the_pages_is_one_that_the_fleet_takes() -> Result<()> {
    fn taken<M: Message>(json: &str) -> Result<()> {
        message::parse::<M>(json.as_bytes(), None, None, None).with_context(|| json.to_owned())?;
        Ok(())
    }
    let mut messages = 0;
    for name in PAGES {
        for json in fenced(&page(name)?, "json") {
            messages += 1;
            if json.contains("\"event_id\"") {
                taken::<SmsSent>(&json)?;
            } else if json.contains("\"topup_id\"") {
                taken::<TopupRequested>(&json)?;
            } else if json.contains("\"reference\"") {
                taken::<PaymentResult>(&json)?;
            } else {
                taken::<Notification>(&json)?;
            }
        }
    }
    ensure!(messages > 0, "there is no example");
    Ok(())
}

#[test]
fn every_setting_that_the_pages_name_exists() -> Result<()> {
    let known: BTreeSet<String> = Settings::reference()
        .into_iter()
        .flat_map(|doc| [format!("{}_FILE", doc.variable), doc.variable])
        .collect();
    for name in PAGES {
        let text = page(name)?;
        let words = text.split(|char: char| !char.is_ascii_alphanumeric() && char != '_');
        for word in words.filter(|word| word.starts_with("TOPUP__") && word.len() > "TOPUP__".len()) {
            ensure!(known.contains(word), "{name}: there is no setting {word}");
        }
    }
    Ok(())
}
