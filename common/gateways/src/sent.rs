//! What became of a notice that was handed to a carrier.

/// The three ways in which handing over a notice ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent {
    /// The carrier took it. Whether it reaches the phone or the mailbox is the carrier's affair.
    Accepted {
        /// The carrier's own id of the message, where it gave one.
        provider_id: Option<String>,
    },
    /// The carrier says definitely that this recipient can't be reached: trying again changes nothing.
    Refused {
        /// In the carrier's words, one line.
        reason: String,
    },
    /// Everything else: no network, no answer, a wrong key, too many requests, a full mailbox. To be tried again;
    /// the recipient may have got it all the same, hence the stable message id (N1).
    Trouble {
        /// What happened, one line.
        reason: String,
        /// How long the carrier asks to be left alone, in seconds.
        retry_after_s: Option<u32>,
    },
}
