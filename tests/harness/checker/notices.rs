//! Whether everybody was told, once an event and channel. A repeat of one notice is recognised by its id, and none.

use std::collections::{HashMap, HashSet};

use anyhow::Result;

use super::super::app::App;
use super::Verdict;

pub(super) async fn judge(app: &App, verdict: &mut Verdict) -> Result<()> {
    let (by_sms, by_email) = handed_over(app).await?;
    verdict.notices = (by_sms.len() + by_email.len()) as u64;
    let sql = "SELECT account_id, notification_id::text AS id, cause, channel, state FROM notices";
    let mut told: HashMap<(i64, String, String), u64> = HashMap::new();
    let mut written = HashSet::new();
    for row in app.rows.client().query(sql, &[]).await? {
        let (account, id): (i64, String) = (row.try_get("account_id")?, row.try_get("id")?);
        let (cause, channel): (String, String) = (row.try_get("cause")?, row.try_get("channel")?);
        let state: String = row.try_get("state")?;
        let seen = if channel == "sms" { &by_sms } else { &by_email };
        if state == "sent" && !seen.contains(&id) {
            verdict
                .notices_lost
                .push(format!("{channel} {id} of {cause}: sent, and nobody saw it"));
        }
        *told.entry((account, cause, channel)).or_default() += 1;
        written.insert(id);
    }
    for ((account, cause, channel), times) in told {
        if times > 1 {
            verdict.notices_doubled.push(format!(
                "account {account} is told of {cause} by {times} {channel}s"
            ));
        }
    }
    for id in by_sms.union(&by_email).filter(|id| !written.contains(*id)) {
        verdict
            .notices_lost
            .push(format!("{id} was handed over, and is not written down"));
    }
    Ok(())
}

/// Ids of every SMS and every mail that the world outside took.
async fn handed_over(app: &App) -> Result<(HashSet<String>, HashSet<String>)> {
    let sms = app.outside.sms(0).await?;
    let mail = app.outside.mail(0).await?;
    let by_sms = sms.into_iter().filter_map(|sms| sms.client_message_id);
    let by_email = mail.into_iter().filter_map(|mail| mail.message_id);
    let bare = |id: String| {
        id.trim_matches(['<', '>'])
            .split('@')
            .next()
            .unwrap_or_default()
            .to_owned()
    };
    Ok((by_sms.collect(), by_email.map(bare).collect()))
}
