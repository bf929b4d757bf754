//! What the pages for people say is so: their commands, links and settings exist, their examples are taken by the
//! fleet. That the table of settings is the program's own is tested where settings are read.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};
use reqwest::Method;
use serde_json::Value;
use topup_rules::message::{self, Message, Notification, PaymentResult, SmsSent, TopupRequested};
use topup_runtime::Settings;
use topup_stack::workspace;
use topup_tests::{App, AppOptions, Reply, main_account, run, sub_account};

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

/// A command's name: `totp-remove`.
fn is_lowercase(word: &str) -> bool {
    !word.starts_with('-') && word.chars().all(|char| char.is_ascii_lowercase() || char == '-')
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
                .take_while(|word| is_lowercase(word))
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

#[tokio::test]
async fn a_newcomer_is_let_into_the_client_zone_by_one_command() -> Result<()> {
    let mut app = App::start(
        AppOptions::only(&["edge", "sweeper", "notifications"])
            .setting("SWEEPER__INTERVAL", "1s")
            .setting("SWEEPER__OUTBOX_OVERDUE", "1s"),
    )
    .await?;
    let edge = app.edge_url()?;
    let sandbox = app.fleet.sandbox_url();
    let env = app.fleet.env_of("fleetctl");
    let mut settings: Vec<(&str, &str)> = env.iter().map(|(name, value)| (&**name, &**value)).collect();
    settings.extend([("EDGE_URL", &*edge), ("SANDBOX_URL", &*sandbox)]);
    // Repeatable: the first link is lost on somebody, say.
    let mut links = BTreeSet::new();
    for _ in 0..2 {
        let output = run("demo", &["sign-in"], &settings).await?;
        let said = String::from_utf8_lossy(&output.stdout).into_owned();
        let complaint = String::from_utf8_lossy(&output.stderr).into_owned();
        ensure!(output.status.success(), "{said}{complaint}");
        ensure!(said.contains("accounts@example.com"), "{said}");
        let link = said
            .split_whitespace()
            .find(|word| word.contains("/password?link="));
        let link = link.with_context(|| said.clone())?.to_owned();
        ensure!(link.starts_with(&edge), "{link} is not of {edge}");
        links.insert(link);
    }
    ensure!(links.len() == 2, "the same link twice");
    ensure!(app.balance(1001).await? == "150", "the sample account is another");
    app.finish().await
}

/// Of an answer, what differs from time to time.
const TIMES: [&str; 1] = ["expires_at"];

#[tokio::test]
async fn the_requests_of_the_pages_are_answered_as_they_say() -> Result<()> {
    let mut app = App::start(AppOptions::only(&["edge"])).await?;
    app.import(&[main_account(1001).credits(150)]).await?;
    let holder = app.holder(1001).await?;
    let told = fenced(&page("README.md")?, "http");
    let pairs = told.chunks_exact(2);
    ensure!(
        !told.is_empty() && pairs.remainder().is_empty(),
        "a request without its answer"
    );
    for pair in pairs {
        let (head, body) = pair[0].split_once("\n\n").context("a body")?;
        let line = head.lines().next().unwrap_or_default();
        let (method, path) = line.split_once(" /v1").with_context(|| line.to_owned())?;
        let body: Value = serde_json::from_str(body)?;
        let request = holder.request(Method::from_bytes(method.as_bytes())?, path);
        let (status, answer) = pair[1].split_once("\n\n").context("an answer's body")?;
        let status = status.split(' ').next().unwrap_or_default().parse()?;
        let mut seen = Reply::to(request.json(&body)).await?.with_status(status)?;
        let mut answer: Value = serde_json::from_str(answer)?;
        for time in TIMES {
            for one in [&mut seen, &mut answer] {
                ensure!(one[time].is_string(), "{line}: {time} is missing: {one}");
                one[time] = Value::Null;
            }
        }
        ensure!(seen == answer, "{line}: {seen}");
    }
    app.finish().await
}

/// Who may call what each page shows, as the page says.
const CALLERS: [(&str, &[&str]); 2] = [
    ("README.md", &["--platform", "--scope", "send"]),
    (
        "infra/README.md",
        &["--account", "1001", "--scope", "read,transfer"],
    ),
];

/// Where the pages believe the edge to be.
const EXAMPLE_EDGE: &str = "https://credits.example.com/v1";

/// The commands of a page's blocks that begin so, each as the shell splits it.
fn commands(text: &str, command: &str) -> Result<Vec<Vec<String>>> {
    fenced(text, "sh")
        .iter()
        .flat_map(|block| {
            block
                .replace("\\\n", " ")
                .lines()
                .map(str::to_owned)
                .collect::<Vec<_>>()
        })
        .filter(|line| line.split_whitespace().next() == Some(command))
        .map(|line| shlex::split(&line).with_context(|| format!("quotes of {line}")))
        .collect()
}

#[tokio::test]
async fn the_commands_by_curl_are_answered_for_those_whom_the_pages_name() -> Result<()> {
    let mut app = App::start(AppOptions::only(&["edge"])).await?;
    app.import(&[
        main_account(1001).credits(1_000),
        sub_account(2001, 1001).credits(0),
    ])
    .await?;
    for (name, arguments) in CALLERS {
        let text = page(name)?;
        let made_by = format!("fleetctl token create {}", arguments.join(" "));
        ensure!(text.contains(&made_by), "{name} does not say {made_by}");
        let caller = app.caller(arguments).await?;
        let stranger = app.caller(&["--account", "2001", "--scope", "settings"]).await?;
        let commands = commands(&text, "curl")?;
        ensure!(!commands.is_empty(), "{name} has no command by curl");
        for words in commands {
            for (interface, is_good) in [(&stranger, false), (&caller, true)] {
                let mut words = words.iter().skip(1);
                let (mut path, mut headers, mut body) = (None, Vec::new(), None);
                while let Some(word) = words.next() {
                    match word.as_str() {
                        "-H" => headers.push(words.next().context("a header")?),
                        "-d" => body = words.next(),
                        url => path = Some(url.strip_prefix(EXAMPLE_EDGE).context("another address")?),
                    }
                }
                let method = if body.is_some() { Method::POST } else { Method::GET };
                let mut request = interface.request(method, path.context("an address")?);
                for header in headers {
                    let (field, value) = header.split_once(": ").context("a header")?;
                    match field {
                        "Authorization" => ensure!(value == "Bearer $TOKEN", "{header}"),
                        _ => request = request.header(field, value),
                    }
                }
                if let Some(body) = body {
                    request = request.body(body.clone());
                }
                let reply = Reply::to(request).await?;
                let is_right = match is_good {
                    true => (200..300).contains(&reply.status),
                    // It lacks the scope, or there is no such thing as far as it may know.
                    false => matches!(reply.status, 403 | 404),
                };
                ensure!(is_right, "{words:?}: {} {}", reply.status, reply.text);
            }
        }
    }
    app.finish().await
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
