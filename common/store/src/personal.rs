//! What is kept of an account's holder: all of it in one document, and its removal.
//!
//! The ledger, top-ups and payments stay, without the person: they are what balances follow from, and name nobody. Left
//! out of the document: the ledger's entries, which statements tell month by month; secrets and their hashes. Left where
//! it is: what people wrote down of their own acts, and the bodies of dead letters that were thrown away.

use crate::transaction::Tx;
use crate::{Store, StoreError, events, rows};
use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Map, Value};
use tokio_postgres::types::Json;
use topup_rules::account::{AutoTopup, Wallet};
use topup_rules::events::{EventDraft, settings_changed};
use topup_rules::ids::AccountId;
use topup_rules::personal::{RemovalRefusal, UnderWay, may_remove};

/// Why auto top-up ended; the statement says the same.
const DISABLED_REASON: &str = "the account holder's data were removed";
/// Rows of one kind in the document, at most: the newest.
pub const EXPORTED_MAX: i64 = 10_000;

/// The document's parts, each by one question.
const PARTS: [(&str, &str); 15] = [
    (
        "account",
        "SELECT account_id, kind, parent_id, currency, language, mobile, email, cap_topups_per_day,
                cap_minor_per_month, person_removed_at
           FROM accounts WHERE account_id = $1 LIMIT $2",
    ),
    (
        "wallets",
        "SELECT service, balance_milli, held_milli, low_credit_threshold_milli, auto_method, auto_threshold_milli,
                auto_quantity_milli, auto_enabled, auto_disabled_reason, auto_disabled_at
           FROM wallets WHERE account_id = $1 ORDER BY service LIMIT $2",
    ),
    (
        "cards",
        "SELECT card_id, gateway, authorization_code <> '' AS is_kept, email, brand, last4, exp_month, exp_year, created_at
           FROM cards WHERE account_id = $1 ORDER BY created_at DESC LIMIT $2",
    ),
    (
        "consents",
        "SELECT consent_id, service, terms_version, address, agreed_at
           FROM consents WHERE account_id = $1 ORDER BY agreed_at DESC LIMIT $2",
    ),
    (
        "one_click_consents",
        "SELECT consent_id, terms_version, address, agreed_at, card_id, withdrawn_at
           FROM one_click_consents WHERE account_id = $1 ORDER BY agreed_at DESC LIMIT $2",
    ),
    (
        "card_registrations",
        "SELECT registration_id, service, terms_version, address, agreed_at, amount_minor, currency, email, outcome,
                reason, card_id, ended_at
           FROM card_registrations WHERE account_id = $1 ORDER BY agreed_at DESC LIMIT $2",
    ),
    (
        "billing_details",
        "SELECT name, address, tax_number, changed_at FROM billing_details WHERE account_id = $1 LIMIT $2",
    ),
    (
        "logins",
        "SELECT login_id, email, password_hash IS NOT NULL AS has_password, totp_confirmed_at, created_at, disabled_at
           FROM logins WHERE account_id = $1 ORDER BY created_at DESC LIMIT $2",
    ),
    (
        "sessions",
        "SELECT login_id, s.created_at, seen_at, expires_at
           FROM sessions s JOIN logins USING (login_id) WHERE account_id = $1 ORDER BY s.created_at DESC LIMIT $2",
    ),
    (
        "access_tokens",
        "SELECT token_id, name, scopes, created_at, created_by, expires_at, revoked_at, revoked_by, last_used_at
           FROM access_tokens WHERE account_id = $1 ORDER BY created_at DESC LIMIT $2",
    ),
    (
        "topups",
        "SELECT topup_id, service, method, quantity_milli, amount_minor, currency, state, reason, requested_at, settled_at
           FROM topups WHERE account_id = $1 ORDER BY requested_at DESC LIMIT $2",
    ),
    (
        "purchases",
        "SELECT purchase_id, service, method, quantity_milli, amount_minor, tax_minor, currency, email, billing, created_at
           FROM purchases WHERE account_id = $1 ORDER BY created_at DESC LIMIT $2",
    ),
    (
        "payments",
        "SELECT reference, kind, gateway, mode, amount_minor, currency, card_id, state, reason, gateway_transaction_id,
                intent_at, settled_at, reversed_minor, paid_brand, paid_last4
           FROM payments WHERE account_id = $1 ORDER BY intent_at DESC LIMIT $2",
    ),
    (
        "reversals",
        "SELECT reference, reversal_id, state, amount_minor, taken_back_milli, reason, opened_at, ended_at
           FROM reversals WHERE account_id = $1 ORDER BY opened_at DESC LIMIT $2",
    ),
    (
        "notices",
        "SELECT notification_id, cause, template, channel, params, state, detail, created_at, ended_at
           FROM notices WHERE account_id = $1 ORDER BY created_at DESC LIMIT $2",
    ),
];

/// What is removed, in the order in which it is: a part, and its statement.
const REMOVALS: [(&str, &str); 15] = [
    // While it is known what to look for.
    ("kept_answers", include_str!("personal/kept_answers.sql")),
    // Nobody can call, or sign in, in its name any more; links and sessions go with the login.
    (
        "access_tokens",
        "UPDATE access_tokens SET revoked_at = clock_timestamp(), revoked_by = 'removal of personal data'
          WHERE account_id = $1 AND revoked_at IS NULL",
    ),
    (
        "idempotent_requests",
        "DELETE FROM idempotent_requests
          WHERE caller IN (SELECT token_id FROM access_tokens WHERE account_id = $1)",
    ),
    ("logins", "DELETE FROM logins WHERE account_id = $1"),
    ("billing_details", "DELETE FROM billing_details WHERE account_id = $1"),
    (
        "auto_topup",
        "UPDATE wallets SET auto_enabled = false, auto_disabled_at = clock_timestamp(),
                auto_disabled_reason = 'the account holder''s data were removed'
          WHERE account_id = $1 AND auto_enabled",
    ),
    (
        "one_click_consents",
        "UPDATE one_click_consents SET address = '', withdrawn_at = coalesce(withdrawn_at, clock_timestamp())
          WHERE account_id = $1 AND (address <> '' OR withdrawn_at IS NULL)",
    ),
    (
        "consents",
        "UPDATE consents SET address = '' WHERE account_id = $1 AND address <> ''",
    ),
    (
        "card_registrations",
        "UPDATE card_registrations SET address = '', email = ''
          WHERE account_id = $1 AND (address, email) IS DISTINCT FROM ('', '')",
    ),
    // The gateway is to forget them, too.
    (
        "tokens_to_deactivate",
        "INSERT INTO tokens_to_deactivate (account_id, authorization_code, gateway)
         SELECT account_id, authorization_code, gateway FROM cards WHERE account_id = $1 AND authorization_code <> ''
             ON CONFLICT DO NOTHING",
    ),
    (
        "cards",
        "UPDATE cards SET authorization_code = '', email = '', brand = NULL, last4 = NULL, exp_month = NULL,
                exp_year = NULL, signature = NULL
          WHERE account_id = $1",
    ),
    (
        "purchases",
        "UPDATE purchases SET email = '', billing = NULL WHERE account_id = $1 AND (email <> '' OR billing IS NOT NULL)",
    ),
    (
        "payments",
        "UPDATE payments SET checkout_url = NULL, answer = NULL, paid_brand = NULL, paid_last4 = NULL
          WHERE account_id = $1
            AND (checkout_url IS NOT NULL OR answer IS NOT NULL OR paid_brand IS NOT NULL OR paid_last4 IS NOT NULL)",
    ),
    (
        "notices",
        "UPDATE notices SET params = '{}', detail = NULL WHERE account_id = $1 AND (params <> '{}' OR detail IS NOT NULL)",
    ),
    (
        "account",
        "UPDATE accounts SET mobile = NULL, email = NULL, person_removed_at = coalesce(person_removed_at, clock_timestamp())
          WHERE account_id = $1",
    ),
];

/// What came of removing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Removed {
    /// It is done; doing it again finds nothing.
    Done(Vec<RemovedPart>),
    /// Nothing was changed.
    Refused(RemovalRefusal),
    /// There is no such account.
    NoAccount,
}

/// Rows that were removed, or had what is personal removed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RemovedPart {
    /// Of what.
    pub part: &'static str,
    /// How many.
    pub rows: u64,
}

impl Store {
    /// All that is kept of an account and its holder, but for the ledger's entries and secrets; of each part the newest
    /// [`EXPORTED_MAX`] rows, and `complete` says whether that was all. All of it from one moment. `None`: there is no
    /// such account.
    ///
    /// # Errors
    /// The database's.
    pub async fn personal_export(&self, account: AccountId) -> Result<Option<Value>, StoreError> {
        self.transact_as(
            "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY",
            |tx| async move {
                let mut document = Map::new();
                let mut complete = true;
                for (part, question) in PARTS {
                    let sql = format!("SELECT coalesce(jsonb_agg(to_jsonb(t)), '[]') FROM ({question}) AS t");
                    let row = tx.query_one(&sql, &[&account.get(), &EXPORTED_MAX]).await?;
                    let Json(rows): Json<Vec<Value>> = row.try_get(0)?;
                    complete &= i64::try_from(rows.len()).is_ok_and(|rows| rows < EXPORTED_MAX);
                    if part == "account" && rows.is_empty() {
                        return Ok(None);
                    }
                    document.insert(part.to_owned(), Value::Array(rows));
                }
                document.insert("complete".to_owned(), Value::Bool(complete));
                Ok(Some(Value::Object(document)))
            },
        )
        .await
    }

    /// Removes all that is personal of an account, if nothing of it is under way; auto top-up ends with it. Repeatable.
    ///
    /// # Errors
    /// The database's.
    pub async fn remove_personal(&self, account: AccountId) -> Result<Removed, StoreError> {
        let outcome = self.transact(|tx| async move {
            // Whoever begins anything of the account has its wallet first.
            let sql = format!(
                "SELECT {} FROM wallets w WHERE w.account_id = $1 ORDER BY w.service FOR UPDATE",
                rows::WALLET_COLUMNS
            );
            let wallets = tx.query(&sql, &[&account.get()]).await?;
            let wallets: Vec<Wallet> = wallets.iter().map(rows::wallet).collect::<Result<_, _>>()?;
            let Some(under_way) = under_way(&tx, account).await? else {
                return Ok((Removed::NoAccount, Vec::new()));
            };
            if let Err(refusal) = may_remove(&under_way) {
                return Ok((Removed::Refused(refusal), Vec::new()));
            }
            let now = tx.clock().await?;
            let ended = wallets.iter().filter_map(|wallet| ended(wallet, now));
            let events = events::write(&tx, ended, now, None).await?;
            let mut removed = Vec::new();
            for (part, statement) in REMOVALS {
                let rows = tx.execute(statement, &[&account.get()]).await?;
                removed.push(RemovedPart { part, rows });
            }
            Ok((Removed::Done(removed), events))
        });
        let (removed, events) = outcome.await?;
        self.publish(events);
        Ok(removed)
    }
}

/// That auto top-up ends with the person.
fn ended(wallet: &Wallet, now: Timestamp) -> Option<EventDraft> {
    let settings = *events::enabled(&wallet.auto_topup)?;
    let auto = AutoTopup::Disabled {
        settings,
        reason: DISABLED_REASON.to_owned(),
    };
    settings_changed(wallet.key, &auto, now)
}

/// None: there is no such account.
async fn under_way(tx: &Tx, account: AccountId) -> Result<Option<UnderWay>, StoreError> {
    let found = tx
        .query_opt(include_str!("personal/under_way.sql"), &[&account.get()])
        .await?;
    let Some(row) = found else { return Ok(None) };
    let count = |column| -> Result<u32, StoreError> {
        let rows: i64 = row.try_get(column)?;
        Ok(u32::try_from(rows).unwrap_or(u32::MAX))
    };
    Ok(Some(UnderWay {
        topups: count("topups")?,
        payments: count("payments")?,
        registrations: count("registrations")?,
        disputes: count("disputes")?,
        holds: count("holds")?,
        messages: count("messages")?,
    }))
}
