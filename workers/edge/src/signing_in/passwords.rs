//! Passwords, hashed slowly: argon2id, which takes memory as well as time, so that whoever has stolen the hashes gains
//! little by special hardware.
//!
//! 19 MiB, two passes, one lane: what OWASP advises at least, some tens of milliseconds of one core. Two at once, so that
//! people who sign in take neither all cores nor much memory; others wait their turn. Parameters stand in each hash, and
//! can be raised without anybody choosing a new password.

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier as _, Version};
use secrecy::{ExposeSecret as _, SecretString};
use std::sync::Arc;
use tokio::sync::Semaphore;
use topup_rules::passwords::PASSWORD_MAX_BYTES;

/// Memory of one, in KiB.
const MEMORY_KIB: u32 = 19_456;
/// Passes over it.
const PASSES: u32 = 2;
/// Lanes, which could be computed side by side.
const LANES: u32 = 1;
/// So many at once.
const AT_ONCE_MAX: usize = 2;

/// What passwords are hashed and compared with.
#[derive(Debug)]
pub(super) struct Passwords {
    room: Arc<Semaphore>,
    /// Nobody's: compared with in the place of one that is not there, so that nobody can tell by the time.
    nobodys: SecretString,
}

impl Passwords {
    pub(super) fn new() -> Self {
        Self {
            room: Arc::new(Semaphore::new(AT_ONCE_MAX)),
            nobodys: hashed("nobody's password"),
        }
    }

    /// To be kept.
    pub(super) async fn hashed(&self, password: &str) -> SecretString {
        let password = SecretString::from(password);
        self.slowly(move || hashed(password.expose_secret())).await
    }

    /// Whether this is the password. Takes as long without a hash.
    pub(super) async fn fits(&self, password: &str, hash: Option<String>) -> bool {
        let is_known = hash.is_some();
        let hash = hash.map_or_else(|| self.nobodys.clone(), SecretString::from);
        // Longer ones were never taken.
        let is_taken = password.len() <= PASSWORD_MAX_BYTES;
        let password = SecretString::from(if is_taken { password } else { "" });
        let same = self
            .slowly(move || fits(password.expose_secret(), hash.expose_secret()))
            .await;
        same && is_known && is_taken
    }

    async fn slowly<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> T {
        // Never closed, so never an error.
        let _room = self.room.acquire().await;
        match tokio::task::spawn_blocking(work).await {
            Ok(done) => done,
            // It is not cancelled, so it panicked: so does whoever waits for it, and the request alone.
            Err(error) => std::panic::resume_unwind(error.into_panic()),
        }
    }
}

fn argon2() -> Argon2<'static> {
    let params = Params::new(MEMORY_KIB, PASSES, LANES, None).expect("constants within argon2's bounds");
    Argon2::new(Algorithm::Argon2id, Version::V0x13, params)
}

fn hashed(password: &str) -> SecretString {
    let hash: PasswordHash = argon2()
        .hash_password(password.as_bytes())
        .expect("a password within bounds, and random bytes, which the operating system gives");
    hash.to_string().into()
}

fn fits(password: &str, hash: &str) -> bool {
    match PasswordHash::new(hash) {
        Ok(hash) => argon2().verify_password(password.as_bytes(), &hash).is_ok(),
        Err(_) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_fits_its_hash_and_no_other_and_none_fits_nobody() {
        let passwords = Passwords::new();
        let hash = passwords.hashed("correct horse battery").await;
        let hash = hash.expose_secret();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert_ne!(
            hash,
            passwords.hashed("correct horse battery").await.expose_secret()
        );
        assert!(
            passwords
                .fits("correct horse battery", Some(hash.to_owned()))
                .await
        );
        assert!(!passwords.fits("correct horse", Some(hash.to_owned())).await);
        assert!(!passwords.fits("nobody's password", None).await);
        assert!(!passwords.fits("", Some("no hash".to_owned())).await);
        assert!(!passwords.fits(&"x".repeat(100_000), Some(hash.to_owned())).await);
    }
}
