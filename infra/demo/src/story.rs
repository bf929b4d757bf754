//! The story's table of contents.

mod audit;
mod broken;
mod declined;
mod silent;
mod spacing;
mod threshold;
mod transfer;

use anyhow::Result;

use crate::narrate::{Moment, Narrator};
use crate::operator::Account;
use crate::sandbox::{Mail, Mark, Sms};
use crate::stage::{Stage, expect, only};

/// A main account with a card that is charged.
const MAIN: i64 = 1001;
/// A main account with a card that is declined.
const DECLINED: i64 = 1002;
/// A main account with a card whose charge the gateway never answers.
const SILENT: i64 = 1005;
/// A sub account of [`MAIN`].
const SUB: i64 = 1003;

/// Tells all of it; ends at the first thing that is not as told.
pub(crate) async fn tell(narrator: &mut Narrator, stage: &Stage) -> Result<()> {
    narrator.heading(Some(1), "Sending takes account 1001 to its threshold");
    let first = threshold::tell(narrator, stage).await?;
    narrator.heading(Some(2), "Again, too soon: the second top-up waits in the broker");
    spacing::tell(narrator, stage, &first).await?;
    narrator.heading(Some(3), "The card of account 1002 is declined");
    declined::tell(narrator, stage).await?;
    narrator.heading(Some(4), "Sub account 1003 is refilled by its main account");
    transfer::tell(narrator, stage).await?;
    narrator.heading(Some(5), "Duplicates and broken events");
    broken::tell(narrator, stage).await?;
    narrator.heading(
        Some(6),
        "The payment gateway takes the money of account 1005, and never answers",
    );
    silent::tell(narrator, stage).await?;
    narrator.heading(None, "The audit");
    audit::tell(narrator, stage).await
}

/// The one text message and the one e-mail that followed from what began at `mark`.
async fn notices(stage: &Stage, mark: Mark) -> Result<(Sms, Mail)> {
    let sms = only("text messages sent", stage.sandbox.sms(mark, 1).await?)?;
    let mail = only("e-mails sent", stage.sandbox.mail(mark, 1).await?)?;
    Ok((sms, mail))
}

/// The account's balance.
fn expect_credits(account: &Account, credits: &str) -> Result<()> {
    let what = format!("the balance of account {}", account.account_id);
    expect(&what, credits, &account.sms()?.credits.to_string())
}

/// The two notices as moments.
fn told_by(sms: &Sms, mail: &Mail) -> [Moment; 2] {
    let subject = mail.subject.as_deref().unwrap_or("(no subject)");
    [
        Moment::new(
            sms.at,
            format!("SMS to +{}: “{}”", sms.to.trim_start_matches('+'), sms.message),
        ),
        Moment::new(mail.at, format!("e-mail to {}: “{subject}”", mail.to.join(", "))),
    ]
}
