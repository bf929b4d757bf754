//! A wallet's registrations that have not ended, met by somebody who asks for another.
//!
//! The wallet is locked, as whoever settles one of them locks it: none ends meanwhile.

use super::{NewRegistration, RegistrationBegun};
use crate::transaction::Tx;
use crate::{StoreError, rows};
use jiff::Timestamp;
use tokio_postgres::Row;
use topup_rules::ids::Reference;
use topup_rules::registration::{Another, OpenRegistration, REPLACED, RegistrationOutcome, Wish, another};
use topup_rules::topup::PaymentState;
use uuid::Uuid;

/// The one that answers `new`, if one does. Those whose place it takes are ended.
pub(super) async fn meets(
    tx: &Tx,
    new: &NewRegistration,
    email: &str,
    now: Timestamp,
) -> Result<Option<RegistrationBegun>, StoreError> {
    let wish = Wish {
        threshold: new.threshold,
        quantity: new.quantity,
        terms_version: &new.terms_version,
        email,
    };
    let mut replaced = Vec::new();
    for row in &open(tx, new).await? {
        let id = row.try_get("registration_id")?;
        match another(&registration(row)?, &wish, now) {
            Another::Same => {
                return Ok(Some(RegistrationBegun::AlreadyBegun {
                    id,
                    state: rows::name(row, "state", "payments")?,
                    checkout_url: row.try_get("checkout_url")?,
                }));
            }
            Another::InHand => return Ok(Some(RegistrationBegun::InHand { id })),
            Another::Replaces => replaced.push(id),
            Another::Beside => {}
        }
    }
    for id in replaced {
        end(tx, new, id, now).await?;
    }
    Ok(None)
}

/// The latest first.
async fn open(tx: &Tx, new: &NewRegistration) -> Result<Vec<Row>, StoreError> {
    let rows = tx
        .query(
            "SELECT r.registration_id, r.threshold_milli, r.quantity_milli, r.terms_version, r.email, r.agreed_at,
                    p.state, p.checkout_url
               FROM card_registrations r
               JOIN payments p ON p.account_id = r.account_id
                           -- as Reference::of_registration writes it: by the primary key
                           AND p.reference = 'registration-' || r.account_id || '-' || r.registration_id
              WHERE r.account_id = $1 AND r.service = $2 AND r.outcome IS NULL
              ORDER BY r.agreed_at DESC",
            &[&new.account.get(), &new.service.as_str()],
        )
        .await?;
    Ok(rows)
}

fn registration(row: &Row) -> Result<OpenRegistration<'_>, StoreError> {
    Ok(OpenRegistration {
        wish: Wish {
            threshold: rows::credits(row, "threshold_milli")?,
            quantity: rows::credits(row, "quantity_milli")?,
            terms_version: row.try_get("terms_version")?,
            email: row.try_get("email")?,
        },
        state: rows::name(row, "state", "payments")?,
        has_page: row.try_get::<_, Option<&str>>("checkout_url")?.is_some(),
        begun_at: row.try_get("agreed_at")?,
    })
}

/// It fails. Nobody is told: whoever asks for another knows. A result that comes all the same finds it ended (C10).
async fn end(tx: &Tx, new: &NewRegistration, id: Uuid, now: Timestamp) -> Result<(), StoreError> {
    let account = new.account.get();
    let reference = Reference::of_registration(new.account, id);
    let (outcome, failed) = (RegistrationOutcome::Failed, PaymentState::Failed);
    tx.execute(
        "UPDATE card_registrations SET outcome = $3, reason = $4, ended_at = $5
          WHERE account_id = $1 AND registration_id = $2",
        &[&account, &id, &outcome.as_str(), &REPLACED, &now],
    )
    .await?;
    tx.execute(
        "UPDATE payments SET state = $3, reason = $4, settled_at = $5, ask_at = NULL, retry_at = NULL
          WHERE account_id = $1 AND reference = $2",
        &[&account, &reference.as_str(), &failed.as_str(), &REPLACED, &now],
    )
    .await?;
    Ok(())
}
