//! What must not happen to real customers: fakes, well-known users, and what anybody on the wire can read.

use super::{Mode, Settings, SettingsError, variable};
use crate::broker::Address;
use secrecy::{ExposeSecret as _, SecretString};

/// What PostgreSQL calls a connection that is encrypted or none. The fleet checks the server's certificate and name
/// with each of them.
const ENCRYPTED: [&str; 3] = ["require", "verify-ca", "verify-full"];

impl Settings {
    /// In production, the first setting that is for tests or would send secrets in the clear.
    pub(super) fn refuse_fakes(&self) -> Result<(), SettingsError> {
        match self.mode {
            Mode::Development => return Ok(()),
            Mode::Production => {}
        }
        let plain = |secret: &Option<SecretString>, is_encrypted: fn(&str) -> bool| {
            secret
                .as_ref()
                .is_some_and(|secret| !is_encrypted(secret.expose_secret()))
        };
        let test_key = |key: &SecretString| key.expose_secret().starts_with("sk_test_");
        let refusals = [
            (
                "paystack.url",
                self.paystack.url.is_sandbox(),
                "a sandbox (without TLS, or on this machine)",
            ),
            (
                "amqp.url",
                self.amqp.url.as_ref().is_some_and(Address::is_guest),
                "the user guest",
            ),
            (
                "amqp.url",
                self.amqp.url.as_ref().is_some_and(|url| !url.is_encrypted()),
                "a connection without TLS (write amqps://)",
            ),
            (
                "amqp.management_url",
                plain(&self.amqp.management_url, |url| url.starts_with("https://")),
                "a password without TLS (write https://)",
            ),
            (
                "database.url",
                plain(&self.database.url, is_encrypted_database),
                "a connection that may go without TLS (add ?sslmode=verify-full)",
            ),
            (
                "paystack.secret_key",
                self.paystack.secret_key.as_ref().is_some_and(test_key),
                "a test key",
            ),
            (
                "sms.url",
                self.sms.url.as_ref().is_some_and(super::HttpUrl::is_sandbox),
                "a sandbox (without TLS, or on this machine)",
            ),
            (
                "smtp.url",
                plain(&self.smtp.url, is_encrypted_relay),
                "a mail relay without TLS (write smtps://, or add ?tls=required)",
            ),
            (
                "traces.url",
                self.traces
                    .url
                    .as_ref()
                    .is_some_and(super::HttpUrl::is_in_the_clear),
                "a collector on another machine without TLS (write https://)",
            ),
        ];
        match refusals.into_iter().find(|(_, refused, _)| *refused) {
            Some((path, _, why)) => Err(SettingsError(format!(
                "{}: {why} is refused in production",
                variable(path)
            ))),
            None => Ok(()),
        }
    }
}

/// Every `sslmode` that is given, and one is.
fn is_encrypted_database(url: &str) -> bool {
    let mut modes = options(url).filter(|(name, _)| *name == "sslmode").peekable();
    modes.peek().is_some() && modes.all(|(_, mode)| ENCRYPTED.contains(&mode))
}

fn is_encrypted_relay(url: &str) -> bool {
    url.starts_with("smtps://") || options(url).any(|option| option == ("tls", "required"))
}

/// What stands behind the question mark.
fn options(url: &str) -> impl Iterator<Item = (&str, &str)> {
    let query = url.split_once('?').map_or("", |(_, query)| query);
    query.split('&').filter_map(|option| option.split_once('='))
}
