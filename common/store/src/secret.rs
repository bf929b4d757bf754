//! Secrets that are made here and given away once: tokens, sessions, links. Only their hashes are kept, so that whoever
//! has read the database can be nobody.
//!
//! A plain SHA-256 is enough: what is hashed has 256 bits of chance, and nobody guesses that. Left out: passwords, which
//! people choose, and which are hashed slowly and elsewhere.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use secrecy::SecretString;
use sha2::{Digest as _, Sha256};

/// Bytes of chance in a secret.
const SECRET_BYTES: usize = 32;
/// Longest text that is looked up as one, in bytes: whatever is longer is none.
const SECRET_MAX_BYTES: usize = 128;

/// What is kept in the place of a secret.
pub(crate) type Hash = [u8; 32];

/// A new secret, with something in front that says what it is, and its hash.
pub(crate) fn fresh(prefix: &str) -> (SecretString, Hash) {
    let text = format!("{prefix}{}", URL_SAFE_NO_PAD.encode(random::<SECRET_BYTES>()));
    let hash = Sha256::digest(text.as_bytes()).into();
    (SecretString::from(text), hash)
}

/// What is kept of the secret that this text is, if it is one; `None`: it is too long for any.
pub(crate) fn hash(text: &str) -> Option<Hash> {
    (text.len() <= SECRET_MAX_BYTES).then(|| Sha256::digest(text.as_bytes()).into())
}

/// Bytes that nobody can guess.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rustls::crypto::ring::default_provider()
        .secure_random
        .fill(&mut bytes)
        .expect("the operating system gives random bytes, as it does for every id");
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    #[test]
    fn a_secret_is_found_by_its_hash_and_no_two_are_the_same() {
        let (one, kept) = fresh("topup_");
        let (other, _) = fresh("topup_");
        assert_ne!(one.expose_secret(), other.expose_secret());
        assert_eq!(one.expose_secret().len(), "topup_".len() + 43);
        assert_eq!(hash(one.expose_secret()), Some(kept));
        assert_ne!(hash(other.expose_secret()), Some(kept));
        assert_eq!(hash(&"x".repeat(SECRET_MAX_BYTES + 1)), None);
        assert!(!format!("{one:?}").contains(one.expose_secret()));
    }
}
