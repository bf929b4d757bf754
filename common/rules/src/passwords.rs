//! Which passwords are taken: long ones, and no plain ones.
//!
//! Length is what counts; no kinds of characters are asked for, which only make passwords harder to remember. The list of
//! plain ones is short, of those that people come up with when twelve characters are asked for: whoever guesses is
//! stopped after a few tries anyway. Left out: how passwords are kept, and how often they may be tried.

/// Shortest password, in characters.
pub const PASSWORD_MIN_CHARS: usize = 12;
/// Longest password, in bytes: hashing is bounded.
pub const PASSWORD_MAX_BYTES: usize = 256;
/// Different characters, at least.
const DIFFERENT_MIN: usize = 5;

/// What people come up with when twelve characters are asked for.
const PLAIN: [&str; 12] = [
    "123456789012",
    "1234567890123",
    "1q2w3e4r5t6y",
    "adminadminadmin",
    "administrator",
    "changemechangeme",
    "iloveyouiloveyou",
    "letmeinletmein",
    "password",
    "qwerty",
    "welcomewelcome",
    "topuptopup",
];

/// Why a password is not taken.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordRefusal {
    /// Too few characters.
    #[error("a password has at least {PASSWORD_MIN_CHARS} characters; a few words in a row do well")]
    TooShort,
    /// Too many bytes.
    #[error("a password has at most {PASSWORD_MAX_BYTES} bytes")]
    TooLong,
    /// The same few characters again and again, or a word that everybody tries first.
    #[error("this password is too easy to guess; a few words in a row do well")]
    TooPlain,
    /// It is the address that goes with it.
    #[error("a password must not be made of the e-mail address")]
    OfTheAddress,
}

/// Whether somebody who signs in with this address may have this password.
///
/// # Errors
/// What stands against it.
pub fn check(password: &str, email: &str) -> Result<(), PasswordRefusal> {
    if password.len() > PASSWORD_MAX_BYTES {
        return Err(PasswordRefusal::TooLong);
    }
    if password.chars().count() < PASSWORD_MIN_CHARS {
        return Err(PasswordRefusal::TooShort);
    }
    let lower = password.to_lowercase();
    let mut different: Vec<char> = lower.chars().collect();
    different.sort_unstable();
    different.dedup();
    if different.len() < DIFFERENT_MIN || is_plain(&lower) {
        return Err(PasswordRefusal::TooPlain);
    }
    let email = email.to_lowercase();
    let name = email.split('@').next().unwrap_or_default();
    let rest = lower.replace(&email, "");
    if lower.contains(&email) && rest.chars().count() < PASSWORD_MIN_CHARS || lower == name {
        return Err(PasswordRefusal::OfTheAddress);
    }
    Ok(())
}

/// Of a plain word and digits, or of the word again.
fn is_plain(lower: &str) -> bool {
    let word = lower.trim_matches(|c: char| c.is_ascii_digit() || c.is_ascii_punctuation());
    PLAIN.iter().any(|plain| {
        lower == *plain || word == *plain || (!word.is_empty() && word.replace(plain, "").is_empty())
    }) || lower.chars().all(|c| c.is_ascii_digit())
}
