//! What became of every capture: credited once, none without, the spacing apart, and nobody disabled for nothing.

use std::collections::{BTreeMap, HashMap, HashSet};

use anyhow::Result;
use jiff::{SignedDuration, Timestamp};

use super::super::app::App;
use super::super::outside::Capture;
use super::Verdict;

/// How the reference of an automatic top-up begins.
const TOPUP: &str = "topup-";
/// What the gateway's list says of a call that was refused for good.
const REFUSED: [&str; 2] = ["failed", "paused"];

/// A payment, and what it should have brought.
struct Bought {
    account: i64,
    state: String,
    quantity_milli: i64,
    detail: String,
    was_skipped: bool,
}

/// Credits that a payment brought.
#[derive(Default)]
struct Credited {
    times: u64,
    milli: i64,
}

pub(super) async fn judge(app: &App, spacing: SignedDuration, verdict: &mut Verdict) -> Result<()> {
    let captures = app.outside.captures(0).await?;
    let payments = payments(app).await?;
    let credited = credited(app).await?;
    verdict.captures = captures.len() as u64;
    judge_captures(&captures, &payments, &credited, verdict);
    judge_credits(&captures, &payments, &credited, verdict);
    judge_spacing(&captures, &payments, spacing, verdict);
    judge_disabled(app, verdict).await
}

fn judge_captures(
    captures: &[Capture],
    payments: &HashMap<String, Bought>,
    credited: &HashMap<(i64, String), Credited>,
    verdict: &mut Verdict,
) {
    let mut seen = HashSet::new();
    for capture in captures {
        let reference = &capture.reference;
        if !seen.insert(reference) {
            verdict
                .captures_doubled
                .push(format!("{reference} was captured again at {}", capture.at));
            continue;
        }
        let Some(payment) = payments.get(reference) else {
            verdict
                .captures_uncredited
                .push(format!("{reference}: no such payment"));
            continue;
        };
        let key = (payment.account, payment.detail.clone());
        let (times, milli) = credited.get(&key).map_or((0, 0), |it| (it.times, it.milli));
        let is_settled = ["succeeded", "reversed"].contains(&payment.state.as_str());
        if times > 1 {
            verdict
                .captures_doubled
                .push(format!("{reference} was credited {times} times"));
        } else if times == 0 || !is_settled || milli != payment.quantity_milli {
            verdict.captures_uncredited.push(format!(
                "{reference} is {}, credited {milli} of {} thousandths",
                payment.state, payment.quantity_milli
            ));
        }
    }
}

fn judge_credits(
    captures: &[Capture],
    payments: &HashMap<String, Bought>,
    credited: &HashMap<(i64, String), Credited>,
    verdict: &mut Verdict,
) {
    let captured: HashSet<(i64, &str)> = captures
        .iter()
        .filter_map(|capture| payments.get(&capture.reference))
        .map(|payment| (payment.account, payment.detail.as_str()))
        .collect();
    for ((account, detail), credit) in credited {
        if !captured.contains(&(*account, detail.as_str())) {
            verdict
                .credits_uncaptured
                .push(format!("{detail} brought {account} {} thousandths", credit.milli));
        }
    }
}

/// By the gateway's clock. A charge that nobody could know of any longer (its top-up was skipped, because the gateway
/// said again and again that it had none of it) holds no claim on the spacing.
fn judge_spacing(
    captures: &[Capture],
    payments: &HashMap<String, Bought>,
    spacing: SignedDuration,
    verdict: &mut Verdict,
) {
    let mut by_account: BTreeMap<&str, Vec<(Timestamp, &str)>> = BTreeMap::new();
    for capture in captures {
        let reference = capture.reference.as_str();
        let was_skipped = payments.get(reference).is_some_and(|it| it.was_skipped);
        let account = reference
            .strip_prefix(TOPUP)
            .and_then(|rest| rest.split('-').next());
        if let Some(account) = account.filter(|_| !was_skipped) {
            by_account
                .entry(account)
                .or_default()
                .push((capture.at, reference));
        }
    }
    for (account, mut captures) in by_account {
        captures.sort_unstable();
        for pair in captures.windows(2) {
            let [(earlier, _), (later, reference)] = pair else {
                continue;
            };
            let apart = later.duration_since(*earlier);
            if apart < spacing {
                verdict.captures_inside_spacing.push(format!(
                    "{reference} of account {account}: {apart:#} after the one before, instead of {spacing:#}"
                ));
            }
        }
    }
}

/// A failure disables: the gateway's refusal, or a main account that has too little; and money that went back.
async fn judge_disabled(app: &App, verdict: &mut Verdict) -> Result<()> {
    let charges = app.outside.charges(0).await?;
    let refused: HashSet<&str> = charges
        .iter()
        .filter(|charge| REFUSED.contains(&charge.outcome.as_str()))
        .filter_map(|charge| charge.reference.as_deref())
        .collect();
    let sql = "SELECT w.account_id, w.service, w.auto_disabled_reason,
                      EXISTS (SELECT FROM topups t WHERE t.account_id = w.account_id AND t.service = w.service
                                 AND t.method = 'transfer' AND t.state = 'failed') AS refused_by_main,
                      EXISTS (SELECT FROM reversals r WHERE r.account_id = w.account_id AND r.state = 'reversed') AS reversed,
                      ARRAY(SELECT p.reference FROM payments p WHERE p.account_id = w.account_id) AS payments
                 FROM wallets w
                WHERE NOT w.auto_enabled AND w.auto_disabled_at IS NOT NULL";
    for row in app.rows.client().query(sql, &[]).await? {
        verdict.disabled += 1;
        let payments: Vec<String> = row.try_get("payments")?;
        let is_refused = payments.iter().any(|it| refused.contains(it.as_str()));
        let (refused_by_main, reversed): (bool, bool) =
            (row.try_get("refused_by_main")?, row.try_get("reversed")?);
        if !is_refused && !refused_by_main && !reversed {
            let (account, service): (i64, String) = (row.try_get("account_id")?, row.try_get("service")?);
            let reason: Option<String> = row.try_get("auto_disabled_reason")?;
            let reason = reason.unwrap_or_default();
            verdict
                .disabled_for_nothing
                .push(format!("{account}/{service}: {reason}"));
        }
    }
    Ok(())
}

async fn payments(app: &App) -> Result<HashMap<String, Bought>> {
    let sql = "SELECT b.reference, b.account_id, b.state, b.quantity_milli, b.detail,
                      EXISTS (SELECT FROM payments p JOIN topup_steps s USING (account_id, topup_id)
                               WHERE p.account_id = b.account_id AND p.reference = b.reference
                                 AND s.state = 'skipped') AS was_skipped
                 FROM payments_buy b";
    let rows = app.rows.client().query(sql, &[]).await?;
    rows.iter()
        .map(|row| {
            let bought = Bought {
                account: row.try_get("account_id")?,
                state: row.try_get("state")?,
                quantity_milli: row.try_get("quantity_milli")?,
                detail: row.try_get("detail")?,
                was_skipped: row.try_get("was_skipped")?,
            };
            Ok((row.try_get("reference")?, bought))
        })
        .collect()
}

/// By account and by what is paid for.
async fn credited(app: &App) -> Result<HashMap<(i64, String), Credited>> {
    let sql = "SELECT account_id, coalesce(detail, '') AS detail, credits_milli
                 FROM ledger WHERE kind IN ('topup', 'purchase')";
    let mut credited: HashMap<(i64, String), Credited> = HashMap::new();
    for row in app.rows.client().query(sql, &[]).await? {
        let milli: i64 = row.try_get("credits_milli")?;
        let credit = credited
            .entry((row.try_get("account_id")?, row.try_get("detail")?))
            .or_default();
        credit.times += 1;
        credit.milli += milli;
    }
    Ok(credited)
}
