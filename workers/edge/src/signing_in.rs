//! Signing in: a password, and a code where the person wants one; setting a password by a mailed link.
//!
//! Nobody hears whether an address is known: an unknown one takes as long, and is answered the same. Tries are counted in
//! the database, by the address that signs in and by the network that it comes from, before anything is looked at. Left
//! out: cookies, forms and words, which are the pages'; which passwords are taken, which the rules say.

mod codes;
mod passwords;

pub use codes::CodeSetup;

use crate::senders::network;
use codes::{matching_step, setup};
use passwords::Passwords;
use secrecy::{ExposeSecret as _, SecretString};
use std::net::IpAddr;
use std::time::Duration;
use topup_rules::passwords::{PasswordRefusal, check};
use topup_runtime::{PublicDatabase, Settings};
use topup_store::{Counted, Login, Session, Store, StoreError, TryLimit};
use uuid::Uuid;

/// Tries to sign in, of one address that signs in, and of one network; and tries of a code.
const TRIES: TryLimit = TryLimit {
    tries_max: 10,
    window: Duration::from_secs(15 * 60),
};
/// Links that are asked for, of the same: each is a mail.
const LINKS: TryLimit = TryLimit {
    tries_max: 5,
    window: Duration::from_secs(60 * 60),
};
/// Longest address that anybody signs in by, in bytes.
const EMAIL_MAX_BYTES: usize = 320;

/// What came of signing in.
#[derive(Debug)]
pub enum SignIn {
    /// Signed in: the session's secret, for the cookie.
    Done(SecretString),
    /// A code is asked for: the secret of half a session.
    Second(SecretString),
    /// No such address with such a password.
    Wrong,
    /// Not before so long.
    TooOften {
        /// To wait.
        retry_after: Duration,
    },
}

/// What came of a code.
#[derive(Debug)]
pub enum SecondStep {
    /// Signed in: a new session's secret, for the cookie, in the place of the old one.
    Done(SecretString),
    /// Not the code of now, or one that was used before.
    Wrong,
    /// Not before so long.
    TooOften {
        /// To wait.
        retry_after: Duration,
    },
    /// The half session has ended: from the beginning.
    Over,
}

/// What came of asking for a link. Whether one is on its way, nobody hears.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LinkAsked {
    /// If the address is known, one is on its way.
    Taken,
    /// Not before so long.
    TooOften {
        /// To wait.
        retry_after: Duration,
    },
}

/// What came of choosing a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PasswordSet {
    /// It is this login's; all its other sessions have ended.
    Done(Uuid),
    /// The link was used, or its time is over.
    LinkOver,
    /// The present password, which was asked for, is another.
    Wrong,
    /// It is not taken.
    Refused(PasswordRefusal),
    /// Not before so long.
    TooOften {
        /// To wait.
        retry_after: Duration,
    },
}

/// What signing in needs.
#[derive(Debug)]
pub struct SigningIn {
    passwords: Passwords,
    idle: Duration,
    /// Who asks for codes, as telephones show it.
    issuer: String,
}

impl SigningIn {
    /// With the fleet's settings. Takes the time of one password.
    #[must_use]
    pub fn new(settings: &Settings) -> Self {
        Self::with(settings.edge.session_idle, &settings.platform.name)
    }

    /// `idle`: how long somebody who does nothing stays signed in; `issuer`: who asks for codes.
    #[must_use]
    pub fn with(idle: Duration, issuer: &str) -> Self {
        Self {
            passwords: Passwords::new(),
            idle,
            issuer: issuer.to_owned(),
        }
    }

    /// Whose session this is.
    ///
    /// # Errors
    /// The database's.
    pub async fn session(&self, store: &Store, secret: &str) -> Result<Option<Session>, StoreError> {
        store.session(secret, self.idle).await
    }

    /// The first step.
    ///
    /// # Errors
    /// The database's.
    pub async fn sign_in(
        &self,
        store: &Store,
        email: &str,
        password: &str,
        from: IpAddr,
    ) -> Result<SignIn, StoreError> {
        let (by_network, by_login) = keys("sign-in", from, email);
        for key in [&by_network, &by_login] {
            if let Counted::TooMany { retry_after } = store.count_try(key, TRIES).await? {
                return Ok(SignIn::TooOften { retry_after });
            }
        }
        let login = if email.len() <= EMAIL_MAX_BYTES {
            store.login_of_email(email.trim()).await?
        } else {
            None
        };
        let login = login.filter(|login| !login.is_disabled);
        let hash = login.as_ref().and_then(|login| login.password_hash.clone());
        let fits = self.passwords.fits(password, hash).await;
        let Some(login) = login.filter(|_| fits) else {
            return Ok(SignIn::Wrong);
        };
        store.uncount_try(&by_network).await?;
        store.forget_tries(&by_login).await?;
        let secret = store.open_session(login.id, !login.totp_confirmed).await?;
        Ok(if login.totp_confirmed {
            SignIn::Second(secret)
        } else {
            SignIn::Done(secret)
        })
    }

    /// The second step, with the secret of half a session.
    ///
    /// # Errors
    /// The database's.
    pub async fn second_step(
        &self,
        store: &Store,
        secret: &str,
        code: &str,
    ) -> Result<SecondStep, StoreError> {
        let Some(session) = self.session(store, secret).await?.filter(|it| !it.second) else {
            return Ok(SecondStep::Over);
        };
        let key = code_key(session.login);
        if let Counted::TooMany { retry_after } = store.count_try(&key, TRIES).await? {
            return Ok(SecondStep::TooOften { retry_after });
        }
        if !self.code_is_taken(store, session.login, code).await? {
            return Ok(SecondStep::Wrong);
        }
        store.forget_tries(&key).await?;
        Ok(match store.second_done(secret).await? {
            Some(secret) => SecondStep::Done(secret),
            None => SecondStep::Over,
        })
    }

    /// Signs out.
    ///
    /// # Errors
    /// The database's.
    pub async fn sign_out(&self, store: &Store, secret: &str) -> Result<(), StoreError> {
        store.end_session(secret).await
    }

    /// Has a link mailed, if the address is known. Returns before that is looked up, so that nobody can tell by the time
    /// that it takes. `pages`: where the pages are, from outside.
    ///
    /// # Errors
    /// The database's.
    pub async fn ask_link(
        &self,
        database: &PublicDatabase,
        email: &str,
        from: IpAddr,
        pages: &str,
    ) -> Result<LinkAsked, StoreError> {
        let (by_network, by_login) = keys("link", from, email);
        for key in [&by_network, &by_login] {
            if let Counted::TooMany { retry_after } = database.store.count_try(key, LINKS).await? {
                return Ok(LinkAsked::TooOften { retry_after });
            }
        }
        if email.len() <= EMAIL_MAX_BYTES {
            let (database, email, pages) = (database.clone(), email.trim().to_owned(), pages.to_owned());
            // Bounded by the tries that are let through.
            tokio::spawn(async move {
                if let Err(error) = mail_link(&database, &email, &pages).await {
                    tracing::warn!(%error, "a link to sign in could not be asked for");
                }
            });
        }
        Ok(LinkAsked::Taken)
    }

    /// Whether a link can still be used. It is not used up by this.
    ///
    /// # Errors
    /// The database's.
    pub async fn link_is_good(&self, store: &Store, link: &str) -> Result<bool, StoreError> {
        Ok(store.link_login(link).await?.is_some())
    }

    /// Chooses a password by a mailed link, which is used up by it. Whoever did so is not signed in yet.
    ///
    /// # Errors
    /// The database's.
    pub async fn set_password(
        &self,
        store: &Store,
        link: &str,
        password: &str,
    ) -> Result<PasswordSet, StoreError> {
        let login = match store.link_login(link).await? {
            Some(login) => store.login(login).await?,
            None => None,
        };
        let Some(login) = login else {
            return Ok(PasswordSet::LinkOver);
        };
        if let Err(refusal) = check(password, &login.email) {
            return Ok(PasswordSet::Refused(refusal));
        }
        let hash = self.passwords.hashed(password).await;
        let Some(login_id) = store.use_link(link, hash.expose_secret()).await? else {
            return Ok(PasswordSet::LinkOver);
        };
        // Whoever holds the mailbox need not wait for what others tried.
        store.forget_tries(&by_login("sign-in", &login.email)).await?;
        Ok(PasswordSet::Done(login_id))
    }

    /// Chooses another password, of somebody who is signed in by this secret and knows the present one.
    ///
    /// # Errors
    /// The database's.
    pub async fn change_password(
        &self,
        store: &Store,
        secret: &str,
        present: &str,
        password: &str,
    ) -> Result<PasswordSet, StoreError> {
        let Some(login) = self.whole(store, secret).await? else {
            return Ok(PasswordSet::Wrong);
        };
        let key = by_login("sign-in", &login.email);
        if let Counted::TooMany { retry_after } = store.count_try(&key, TRIES).await? {
            return Ok(PasswordSet::TooOften { retry_after });
        }
        if !self.passwords.fits(present, login.password_hash.clone()).await {
            return Ok(PasswordSet::Wrong);
        }
        store.forget_tries(&key).await?;
        if let Err(refusal) = check(password, &login.email) {
            return Ok(PasswordSet::Refused(refusal));
        }
        let hash = self.passwords.hashed(password).await;
        store
            .set_password(login.id, hash.expose_secret(), Some(secret))
            .await?;
        Ok(PasswordSet::Done(login.id))
    }

    /// Shows the secret of a second step, which is not asked for until a code of it was given. `None`: one is asked for
    /// already, or nobody is signed in.
    ///
    /// # Errors
    /// The database's.
    pub async fn begin_codes(&self, store: &Store, secret: &str) -> Result<Option<CodeSetup>, StoreError> {
        let Some(login) = self.whole(store, secret).await? else {
            return Ok(None);
        };
        let made = store.set_totp(login.id).await?;
        Ok(made.and_then(|made| setup(&made, &self.issuer, &login.email)))
    }

    /// The secret that was shown has arrived: from now on codes are asked for.
    ///
    /// # Errors
    /// The database's.
    pub async fn confirm_codes(&self, store: &Store, secret: &str, code: &str) -> Result<bool, StoreError> {
        let Some(login) = self.whole(store, secret).await? else {
            return Ok(false);
        };
        match step_of(store, &login, code).await? {
            Some(step) => store.confirm_totp(login.id, step).await,
            None => Ok(false),
        }
    }

    /// Codes are asked for no more: of somebody who is signed in, and can give one.
    ///
    /// # Errors
    /// The database's.
    pub async fn remove_codes(
        &self,
        store: &Store,
        secret: &str,
        code: &str,
    ) -> Result<SecondStep, StoreError> {
        let Some(login) = self.whole(store, secret).await? else {
            return Ok(SecondStep::Over);
        };
        let key = code_key(login.id);
        if let Counted::TooMany { retry_after } = store.count_try(&key, TRIES).await? {
            return Ok(SecondStep::TooOften { retry_after });
        }
        if !self.code_is_taken(store, login.id, code).await? {
            return Ok(SecondStep::Wrong);
        }
        store.forget_tries(&key).await?;
        store.remove_totp(login.id).await?;
        Ok(SecondStep::Done(secret.to_owned().into()))
    }

    /// Whether codes are asked for.
    ///
    /// # Errors
    /// The database's.
    pub async fn has_codes(&self, store: &Store, login: Uuid) -> Result<bool, StoreError> {
        Ok(store
            .login(login)
            .await?
            .is_some_and(|login| login.totp_confirmed))
    }

    /// Somebody who is signed in, both steps.
    async fn whole(&self, store: &Store, secret: &str) -> Result<Option<Login>, StoreError> {
        match self.session(store, secret).await? {
            Some(session) if session.second => store.login(session.login).await,
            Some(_) | None => Ok(None),
        }
    }

    /// The code of now, and not used before: it is used up.
    async fn code_is_taken(&self, store: &Store, login: Uuid, code: &str) -> Result<bool, StoreError> {
        let Some(login) = store.login(login).await? else {
            return Ok(false);
        };
        match step_of(store, &login, code).await? {
            Some(step) => store.take_totp_step(login.id, step).await,
            None => Ok(false),
        }
    }
}

async fn step_of(store: &Store, login: &Login, code: &str) -> Result<Option<i64>, StoreError> {
    let Some(secret) = &login.totp_secret else {
        return Ok(None);
    };
    Ok(matching_step(secret, code, store.now().await?))
}

async fn mail_link(database: &PublicDatabase, email: &str, pages: &str) -> Result<(), StoreError> {
    let Some(login) = database.store.login_of_email(email).await? else {
        return Ok(());
    };
    if let Some(outbox) = database.store.request_link(login.id, pages).await? {
        database.outbox.send(outbox);
    }
    Ok(())
}

/// What tries are counted under: the network, and the address that signs in.
fn keys(what: &str, from: IpAddr, email: &str) -> (String, String) {
    (format!("{what}:network:{}", network(from)), by_login(what, email))
}

fn by_login(what: &str, email: &str) -> String {
    format!("{what}:login:{}", email.trim().to_lowercase())
}

fn code_key(login: Uuid) -> String {
    format!("code:{login}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_signs_in_is_counted_by_address_whatever_its_letters() {
        assert_eq!(
            by_login("sign-in", " A@Example.com "),
            by_login("sign-in", "a@example.com")
        );
        assert_ne!(
            by_login("sign-in", "a@example.com"),
            by_login("link", "a@example.com")
        );
    }
}
