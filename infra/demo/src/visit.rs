//! The Client Zone, for whoever wants to see it: a login for a sample account, and the link by which its password is
//! chosen, out of the mailbox that the sandbox plays.

use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use tokio::time::Instant;
use topup_stack::program;

use crate::elsewhere::{SANDBOX_URL, setting};
use crate::narrate::Narrator;
use crate::operator::{self, Operator};
use crate::sandbox::Sandbox;
use crate::{samples, setup};

/// The account that is visited, and the address that signs in for it.
const ACCOUNT: i64 = 1001;
const EMAIL: &str = "accounts@example.com";
/// Where account holders and platforms find the fleet.
const EDGE_URL: &str = "EDGE_URL";
/// What a link to choose a password by goes on with, behind the pages' address.
const LINK: &str = "/password?link=";

/// Longest wait for the mail, which the sweeper sends on its way.
const MAIL_WAIT: Duration = Duration::from_secs(60);

/// After the options.
pub(crate) const HELP: &str = "\
For the fleet of `cargo up`: settings are the fleet's own, as `. target/stack/env` sets them. The sample accounts are
imported where they are missing.";

/// With everything stopped.
pub(crate) const PROMISE: &str = "Account holders have pages of their own, the Client Zone, at EDGE_URL of that fleet. \
     Account 1001 signs in as accounts@example.com. While it runs, this lets it in: it says where the pages are, and by \
     which link, out of the mailbox that the sandbox plays, a password is chosen.";

/// Who may come, and by which link.
#[derive(Debug)]
pub(crate) struct Invitation {
    link: String,
}

/// Makes the login, or asks for another link for it, and waits for the mail.
pub(crate) async fn invite(operator: &Operator, sandbox: &Sandbox) -> Result<Invitation> {
    let mark = sandbox.mark().await?;
    let account = ACCOUNT.to_string();
    operator
        .fleetctl(&["login", "add", "--account", &account, "--email", EMAIL])
        .await?;
    let until = Instant::now() + MAIL_WAIT;
    let mut seen = 0;
    while Instant::now() < until {
        let mails = sandbox.mail(mark, seen + 1).await?;
        seen = mails.len();
        let mine = mails.iter().filter(|mail| mail.to.iter().any(|to| to == EMAIL));
        if let Some(link) = mine.rev().find_map(|mail| link(mail.text.as_deref()?)) {
            return Ok(Invitation { link });
        }
    }
    bail!(
        "no mail with a link came to {EMAIL}: see {}/sandbox/mail",
        sandbox.url()
    )
}

/// The link in a mail's text.
fn link(text: &str) -> Option<String> {
    let mut words = text.split_whitespace();
    words.find(|word| word.contains(LINK)).map(ToOwned::to_owned)
}

/// On a fleet that runs already: `cargo demo sign-in`.
pub(crate) async fn sign_in(narrator: &mut Narrator) -> Result<()> {
    let hint = "run `cargo up` and `. target/stack/env` first";
    let sandbox = setting(SANDBOX_URL).context(hint)?;
    let pages = setting(EDGE_URL).context(hint)?;
    topup_stack::install_crypto();
    let operator = Operator::Elsewhere(program("fleetctl")?);
    if operator::account(&operator, ACCOUNT).await.is_err() {
        let files = setup::demo_dir();
        samples::write_imports(&files)?;
        for (command, name) in [("prices", samples::PRICES), ("import", samples::ACCOUNTS)] {
            let path = files.join(name).display().to_string();
            operator.fleetctl(&[command, &path]).await?;
        }
    }
    narrator.step("waiting for the mail with the link");
    let invitation = invite(&operator, &Sandbox::at(sandbox)?).await?;
    narrator.gap();
    tell(narrator, &pages, &invitation);
    Ok(())
}

/// Where it is, and how to come in.
pub(crate) fn tell(narrator: &mut Narrator, pages: &str, invitation: &Invitation) {
    narrator.fact("Client Zone", pages);
    narrator.fact("sign in as", &format!("{EMAIL}, for account {ACCOUNT}"));
    narrator.fact("choose a password", &invitation.link);
}
