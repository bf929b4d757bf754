//! Codes of a second step: TOTP (RFC 6238), six digits of SHA-1 every thirty seconds, which every telephone's program
//! knows. One step early or late is taken, for clocks and slow fingers; that none is used twice is the store's.

use jiff::Timestamp;
use secrecy::SecretString;
use totp_rs::{Algorithm, Builder, Totp};

/// A code's digits.
const DIGITS: u8 = 6;
/// How long a code lasts, in seconds.
const STEP_S: u64 = 30;
/// Steps before and after now.
const SKEW: u16 = 1;

/// What a telephone is told, once.
#[derive(Debug)]
pub struct CodeSetup {
    /// To be typed in: base 32.
    pub secret: SecretString,
    /// To be followed, or shown as a picture: `otpauth://totp/…`.
    pub url: SecretString,
}

/// How a telephone gets the secret. `None`: it is too short to be one.
pub(super) fn setup(secret: &[u8], issuer: &str, email: &str) -> Option<CodeSetup> {
    // A colon would part the two.
    let totp = builder(secret)
        .with_issuer(Some(issuer.replace(':', " ")))
        .with_account_name(email.replace(':', " "))
        .build()
        .ok()?;
    Some(CodeSetup {
        secret: totp.secret().to_base32().into(),
        url: totp.to_url().ok()?.into(),
    })
}

/// The step that a code is of, if it is one of now.
pub(super) fn matching_step(secret: &[u8], code: &str, now: Timestamp) -> Option<i64> {
    let totp: Totp = builder(secret).build().ok()?;
    // People type it as it is shown, in two halves.
    let digits: String = code
        .chars()
        .filter(|c| !c.is_whitespace())
        .take(DIGITS as usize + 1)
        .collect();
    let step = totp.check(&digits, u64::try_from(now.as_second()).ok()?)?;
    i64::try_from(step).ok()
}

fn builder(secret: &[u8]) -> Builder {
    Builder::new()
        .with_algorithm(Algorithm::SHA1)
        .with_digits(DIGITS)
        .with_skew(SKEW)
        .with_step_duration(STEP_S)
        .with_secret(secret)
}

#[cfg(test)]
mod tests {
    use super::*;
    use secrecy::ExposeSecret as _;

    /// RFC 6238, appendix B; the last six of its eight digits.
    const SECRET: &[u8] = b"12345678901234567890";

    fn at(second: i64) -> Timestamp {
        Timestamp::from_second(second).unwrap()
    }

    #[test]
    fn a_code_is_that_of_now_or_of_a_step_beside_it() {
        for (second, code) in [
            (59, "287082"),
            (1_111_111_109, "081804"),
            (1_234_567_890, "005924"),
            (2_000_000_000, "279037"),
        ] {
            let step = Some(second / 30);
            assert_eq!(matching_step(SECRET, code, at(second)), step);
            assert_eq!(matching_step(SECRET, code, at(second + 30)), step);
            assert_eq!(matching_step(SECRET, code, at(second - 30)), step);
            assert_eq!(matching_step(SECRET, code, at(second + 90)), None);
        }
        assert_eq!(matching_step(SECRET, " 287 082 ", at(59)), Some(1));
        for wrong in ["", "28708", "2870821", "287083", "28708x", "٢٨٧٠٨٢"] {
            assert_eq!(matching_step(SECRET, wrong, at(59)), None, "{wrong}");
        }
    }

    #[test]
    fn a_telephone_is_told_all_it_needs() {
        let setup = setup(SECRET, "Example: SMS", "a@example.com").unwrap();
        assert_eq!(setup.secret.expose_secret(), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
        let url = setup.url.expose_secret();
        assert!(
            url.starts_with("otpauth://totp/Example") && url.contains("secret=GEZDGNBV"),
            "{url}"
        );
        assert!(!format!("{setup:?}").contains("GEZD"));
    }
}
