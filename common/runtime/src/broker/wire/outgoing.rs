//! What goes to the broker, looked at in passing: which messages are dealt with.

use super::ahead::Ahead;

/// What a connection begins with, before any frame.
const GREETING_BYTES: usize = 8;
/// A frame's kind, channel and length.
const HEAD_BYTES: usize = 7;
/// An acknowledgement's, or its opposite's, class, method, tag and flags.
const ANSWER_BYTES: usize = 13;
/// Both.
const KEPT_BYTES: usize = HEAD_BYTES + ANSWER_BYTES;

/// Where in which frame it is.
#[derive(Debug)]
pub(super) struct Outgoing {
    /// The beginning of the present frame.
    kept: Vec<u8>,
    /// So many more bytes say nothing.
    skip: usize,
}

impl Outgoing {
    pub(super) fn new() -> Self {
        Self {
            kept: Vec::with_capacity(KEPT_BYTES),
            skip: GREETING_BYTES,
        }
    }

    /// These bytes have gone.
    pub(super) fn sent(&mut self, mut bytes: &[u8], ahead: &mut Ahead) {
        while !bytes.is_empty() {
            let skipped = self.skip.min(bytes.len());
            self.skip -= skipped;
            bytes = bytes.get(skipped..).unwrap_or_default();
            let wanted = if self.kept.len() < HEAD_BYTES {
                HEAD_BYTES
            } else {
                KEPT_BYTES
            };
            let (taken, rest) = bytes.split_at((wanted - self.kept.len()).min(bytes.len()));
            self.kept.extend_from_slice(taken);
            bytes = rest;
            if self.kept.len() == wanted {
                self.look(ahead);
            }
        }
    }

    fn look(&mut self, ahead: &mut Ahead) {
        let [kind, _, _, a, b, c, d, answer @ ..] = self.kept.as_slice() else {
            return;
        };
        let payload_bytes = usize::try_from(u32::from_be_bytes([*a, *b, *c, *d])).unwrap_or(usize::MAX);
        if answer.is_empty() {
            if (*kind, payload_bytes) != (1, ANSWER_BYTES) {
                self.skip = payload_bytes.saturating_add(1);
                self.kept.clear();
            }
            return;
        }
        // basic.ack, basic.reject (whose one flag is another), basic.nack.
        if let [0, 60, 0, method @ (80 | 90 | 120), tag @ .., flags] = answer
            && let Ok(tag) = tag.try_into()
        {
            ahead.release(u64::from_be_bytes(tag), *method != 90 && flags & 1 == 1);
        }
        self.skip = 1;
        self.kept.clear();
    }
}
