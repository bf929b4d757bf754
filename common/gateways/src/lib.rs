//! The parties outside that the fleet speaks to: payment gateway, SMS provider, mail relay, and the words
//! that they carry.
//!
//! | module | party | closed set |
//! | --- | --- | --- |
//! | [`payment`] | takes and gives back money, and tells of it | [`payment::PaymentGateway`] |
//! | [`sms`] | carries text messages | [`sms::SmsProvider`] |
//! | [`mail`] | carries e-mail | [`mail::MailRelay`] |
//! | [`texts`] | nobody: templates in here | one per notice and language |
//! | [`reasons`] | nobody: texts in here | one per reason and language |
//!
//! Each party is an enum of the implementations there are, matched without a wildcard: a second payment
//! gateway is one new file beside [`paystack`] and one arm in each method of the enum, and the compiler lists
//! what is missing. Nothing outside this crate names an implementation except to build one from settings.
//!
//! **What an answer means is decided here; what follows from it is not.** A charge ends as one of three things
//! (see [`payment::Charged`]): the gateway said something about this payment, nobody knows, or the trouble is
//! ours. The other calls to it end alike. A notice ends as one of three others (see [`sent::Sent`]). Whether credits move, auto top-up is
//! disabled or a message is tried again belongs to the rules and to the workers.
//!
//! **Deliberately absent**: retries (they travel as delayed messages, never as a loop in here), the database,
//! the broker, settings (constructors take plain values), and fakes: tests and the sandbox speak the real
//! protocols over loopback.
//!
//! TLS is rustls with the ring provider, which the process installs once before it builds a client:
//! `rustls::crypto::ring::default_provider().install_default()`.

pub mod catalogue;
mod gsm;
mod http;
mod trace;
mod words;

#[cfg(fuzzing)]
pub mod fuzzing;
pub mod mail;
pub mod payment;
pub mod paystack;
pub mod reasons;
pub mod sent;
pub mod sms;
pub mod texts;

/// Why a party's client can't be built from the values it was given. One line that names the value, never a
/// secret.
#[derive(Debug, thiserror::Error)]
pub enum SetupError {
    /// The address can't be used.
    #[error("the {party}'s address {address:?} {problem}")]
    Address {
        /// Whose: `payment gateway`, `SMS provider`, `mail relay`.
        party: &'static str,
        /// As given, without user name and password.
        address: String,
        /// What is wrong with it.
        problem: String,
    },
    /// The key can't be used; it is not repeated here.
    #[error("the {party}'s key {problem}")]
    Key {
        /// Whose.
        party: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
    /// The sender's address can't be used.
    #[error("the sender's e-mail address {address:?} can't be used: {problem}")]
    Sender {
        /// As given.
        address: String,
        /// What is wrong with it.
        problem: String,
    },
    /// A file of certificates can't be used.
    #[error("the certificate file {path:?} can't be used: {problem}")]
    Certificates {
        /// Where it is looked for.
        path: std::path::PathBuf,
        /// What is wrong with it.
        problem: String,
    },
    /// The HTTP client can't be built, most often because the machine has no root certificates.
    #[error("the {party}'s HTTP client can't be built: {problem}")]
    Client {
        /// Whose.
        party: &'static str,
        /// What is wrong, innermost cause last.
        problem: String,
    },
}
