//! What the worker that delivers notices asks and writes down.
//!
//! A notice's row is its inbox: what is sent or skipped is not sent again. Left out: how, and the text.

use crate::{Store, StoreError, rows};
use serde::{Deserialize, Serialize};
use std::fmt;
use topup_rules::ids::AccountId;
use topup_rules::message::{Channel, Template};
use topup_rules::money::Currency;
use uuid::Uuid;

/// Where a notice stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NoticeState {
    /// Its message is on the way, or being tried.
    Queued,
    /// The provider has taken it.
    Sent,
    /// There is no number or address for this channel (N3).
    Skipped,
    /// Given up after the last try (N2); a person can start it again.
    Parked,
}

impl NoticeState {
    /// As it is written.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Queued => "queued",
            Self::Sent => "sent",
            Self::Skipped => "skipped",
            Self::Parked => "parked",
        }
    }
}

impl fmt::Display for NoticeState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl std::str::FromStr for NoticeState {
    type Err = InvalidState;

    fn from_str(text: &str) -> Result<Self, InvalidState> {
        [Self::Queued, Self::Sent, Self::Skipped, Self::Parked]
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(InvalidState)
    }
}

/// A text that names no state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is no state of a notice")]
pub struct InvalidState;

/// A notice, with whom it goes to.
#[derive(Debug, Clone, PartialEq)]
pub struct NoticeRow {
    /// Where it stands.
    pub state: NoticeState,
    /// Which text.
    pub template: Template,
    /// How it travels.
    pub channel: Channel,
    /// The text's values.
    pub params: serde_json::Map<String, serde_json::Value>,
    /// Whom, as of now.
    pub contact: Contact,
}

/// How an account holder is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Contact {
    /// The number.
    pub mobile: Option<String>,
    /// The address.
    pub email: Option<String>,
    /// What notices are written in: `en`.
    pub language: String,
    /// What the account pays in.
    pub currency: Currency,
}

impl Store {
    /// A notice and its account holder. `None` where there is no such notice.
    ///
    /// # Errors
    /// The database's.
    pub async fn notice_to_send(
        &self,
        account: AccountId,
        id: Uuid,
    ) -> Result<Option<NoticeRow>, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "SELECT n.state, n.template, n.channel, n.params, a.mobile, a.email, a.language, a.currency
                   FROM notices n JOIN accounts a USING (account_id)
                  WHERE n.account_id = $1 AND n.notification_id = $2",
            )
            .await?;
        let Some(row) = client.query_opt(&statement, &[&account.get(), &id]).await? else {
            return Ok(None);
        };
        let params: tokio_postgres::types::Json<_> = row.try_get("params")?;
        Ok(Some(NoticeRow {
            state: rows::name(&row, "state", "notices")?,
            template: rows::name(&row, "template", "notices")?,
            channel: rows::name(&row, "channel", "notices")?,
            params: params.0,
            contact: Contact {
                mobile: row.try_get("mobile")?,
                email: row.try_get("email")?,
                language: row.try_get("language")?,
                currency: rows::name(&row, "currency", "accounts")?,
            },
        }))
    }

    /// N1: the provider has taken it; `detail` is the provider's id. `false` where it was so before.
    ///
    /// # Errors
    /// The database's.
    pub async fn notice_sent(&self, account: AccountId, id: Uuid, detail: &str) -> Result<bool, StoreError> {
        self.end_notice(account, id, NoticeState::Sent, detail).await
    }

    /// N2: given up; `detail` says why. `false` where it was sent, skipped or parked before.
    ///
    /// # Errors
    /// The database's.
    pub async fn notice_parked(
        &self,
        account: AccountId,
        id: Uuid,
        detail: &str,
    ) -> Result<bool, StoreError> {
        self.end_notice(account, id, NoticeState::Parked, detail).await
    }

    /// There is nobody to send it to, which `detail` says; no error. `false` where it was sent or skipped before.
    ///
    /// # Errors
    /// The database's.
    pub async fn notice_skipped(
        &self,
        account: AccountId,
        id: Uuid,
        detail: &str,
    ) -> Result<bool, StoreError> {
        self.end_notice(account, id, NoticeState::Skipped, detail).await
    }

    /// Guarded: what is sent or skipped stays so, and what is parked can still be sent.
    async fn end_notice(
        &self,
        account: AccountId,
        id: Uuid,
        state: NoticeState,
        detail: &str,
    ) -> Result<bool, StoreError> {
        let client = self.client().await?;
        let statement = client
            .prepare_cached(
                "UPDATE notices SET state = $3, detail = $4, ended_at = clock_timestamp()
                  WHERE account_id = $1 AND notification_id = $2 AND state IN ('queued', 'parked') AND state <> $3",
            )
            .await?;
        let changed = client
            .execute(&statement, &[&account.get(), &id, &state.as_str(), &detail])
            .await?;
        Ok(changed > 0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_state_is_read_as_it_is_written() {
        for state in [
            NoticeState::Queued,
            NoticeState::Sent,
            NoticeState::Skipped,
            NoticeState::Parked,
        ] {
            assert_eq!(state.as_str().parse(), Ok(state));
        }
        assert_eq!("lost".parse::<NoticeState>(), Err(InvalidState));
    }
}
