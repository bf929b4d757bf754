//! `fleetctl login`: who signs in to the pages, and for which account.
//!
//! Passwords are chosen by mailed links, so that no operator ever knows one. The mail stands in the outbox, and goes out
//! with the sweeper's next look.

use crate::cli::{LoginAddArgs, LoginCommand, LoginResetArgs, Pages};
use crate::fleet::Fleet;
use crate::output::{Report, Side, Table};
use crate::words::moment;
use anyhow::{Context as _, bail};
use serde::Serialize;
use topup_rules::ids::AccountId;
use topup_store::{Login, LoginMade, LoginView, Store};
use uuid::Uuid;

#[derive(Serialize)]
struct Outcome<'a> {
    login_id: Uuid,
    account_id: AccountId,
    email: &'a str,
    /// Whether a link is on its way.
    link_mailed: bool,
    /// Whether it was so before.
    already: bool,
}

#[derive(Serialize)]
struct List<'a> {
    logins: &'a [LoginView],
}

/// Adds, resets, disables or lists.
///
/// # Errors
/// Settings; no such account or login; the database's.
pub(crate) async fn run(fleet: &Fleet, command: &LoginCommand) -> anyhow::Result<Report> {
    let store = fleet.store()?;
    match command {
        LoginCommand::Add(args) => add(fleet, &store, args).await,
        LoginCommand::Reset(args) => reset(fleet, &store, args).await,
        LoginCommand::Disable(of) => disable(&store, &of.email).await,
        LoginCommand::List { account } => list(&store, *account).await,
        LoginCommand::TotpRemove(of) => totp_remove(&store, &of.email).await,
    }
}

async fn add(fleet: &Fleet, store: &Store, args: &LoginAddArgs) -> anyhow::Result<Report> {
    let (account, email) = (args.account, args.of.email.as_str());
    let pages = where_pages_are(fleet, &args.pages)?;
    let (login_id, already) = match store.make_login(account, email).await? {
        LoginMade::Made(login) => (login, false),
        LoginMade::There(login) => (login, true),
        LoginMade::OfAnother => bail!(
            "{email} signs in to another account already: an address signs in to one; `fleetctl login list` names it"
        ),
        LoginMade::NoAccount => bail!("there is no account {account}; `fleetctl import` makes one"),
    };
    mail(store, login_id, &pages).await?;
    let outcome = Outcome {
        login_id,
        account_id: account,
        email,
        link_mailed: true,
        already,
    };
    let text = if already {
        format!(
            "{email} signs in for account {account} already; another link to choose a password by is on its way"
        )
    } else {
        format!("{email} may sign in for account {account}; a link to choose a password by is on its way")
    };
    Report::fine(&outcome, text)
}

async fn reset(fleet: &Fleet, store: &Store, args: &LoginResetArgs) -> anyhow::Result<Report> {
    let email = args.of.email.as_str();
    let pages = where_pages_are(fleet, &args.pages)?;
    let login = known(store, email).await?;
    if login.is_disabled {
        bail!("{email} may not sign in: `fleetctl login add` lets it again");
    }
    mail(store, login.id, &pages).await?;
    let outcome = outcome(&login, email, true, false);
    Report::fine(
        &outcome,
        format!("a link to choose a password by is on its way to {email}"),
    )
}

async fn disable(store: &Store, email: &str) -> anyhow::Result<Report> {
    let login = known(store, email).await?;
    let disabled = store.disable_login(login.id).await?;
    let text = if disabled {
        format!("{email} may sign in no more, and is signed out everywhere")
    } else {
        format!("{email} could not sign in before either")
    };
    Report::fine(&outcome(&login, email, false, !disabled), text)
}

async fn totp_remove(store: &Store, email: &str) -> anyhow::Result<Report> {
    let login = known(store, email).await?;
    let removed = store.remove_totp(login.id).await?;
    let text = if removed {
        format!("{email} is asked for no code any more")
    } else {
        format!("{email} was asked for no code")
    };
    Report::fine(&outcome(&login, email, false, !removed), text)
}

async fn list(store: &Store, account: Option<AccountId>) -> anyhow::Result<Report> {
    let logins = store.logins(account).await?;
    let text = if logins.is_empty() {
        "nobody signs in".to_owned()
    } else {
        table(&logins)
    };
    Report::fine(&List { logins: &logins }, text)
}

fn outcome<'a>(login: &Login, email: &'a str, link_mailed: bool, already: bool) -> Outcome<'a> {
    Outcome {
        login_id: login.id,
        account_id: login.account,
        email,
        link_mailed,
        already,
    }
}

async fn known(store: &Store, email: &str) -> anyhow::Result<Login> {
    store
        .login_of_email(email)
        .await?
        .with_context(|| format!("nobody signs in by {email}: `fleetctl login list` names those who do"))
}

async fn mail(store: &Store, login: Uuid, pages: &str) -> anyhow::Result<()> {
    let asked = store.request_link(login, pages).await?;
    asked.context("the login was disabled meanwhile: do it again")?;
    Ok(())
}

fn where_pages_are(fleet: &Fleet, pages: &Pages) -> anyhow::Result<String> {
    let setting = &fleet.settings().edge.public_url;
    let given = pages
        .at
        .clone()
        .or_else(|| setting.as_ref().map(|url| url.as_str().to_owned()));
    let given = given.context("where do the pages stand? Set TOPUP__EDGE__PUBLIC_URL, or give --at URL")?;
    if !(given.starts_with("https://") || given.starts_with("http://")) {
        bail!("--at {given}: an address of pages begins with https://");
    }
    Ok(given.trim_end_matches('/').to_owned())
}

fn table(logins: &[LoginView]) -> String {
    let mut table = Table::new([
        ("ADDRESS", Side::Left),
        ("ACCOUNT", Side::Right),
        ("PASSWORD", Side::Left),
        ("CODE", Side::Left),
        ("MADE", Side::Left),
        ("STATE", Side::Left),
    ]);
    for login in logins {
        table.row([
            login.email.clone(),
            login.account_id.to_string(),
            if login.has_password { "chosen" } else { "none yet" }.to_owned(),
            if login.has_totp { "asked for" } else { "-" }.to_owned(),
            moment(login.created_at),
            login
                .disabled_at
                .map_or_else(|| "good".to_owned(), |at| format!("disabled {}", moment(at))),
        ]);
    }
    table.render()
}
