//! What comes from the broker: cut into frames, cleaned, handed on.

use super::ahead::Ahead;
use super::clean;

/// A frame's kind, channel and length.
const HEAD_BYTES: usize = 7;
/// Those, and the mark at its end.
const AROUND_BYTES: usize = HEAD_BYTES + 1;
/// The largest frame that is asked for, and as much again as is read at once.
const BUFFER_BYTES: usize = 131_072 + AROUND_BYTES + 64 * 1024;

/// Kinds of frames.
const METHOD: u8 = 1;
const HEADER: u8 = 2;
const BODY: u8 = 3;
const HEARTBEAT: u8 = 8;

/// Bytes on their way, and where in which frame they are.
#[derive(Debug)]
pub(super) struct Incoming {
    buffer: Vec<u8>,
    /// Handed on up to here,
    taken: usize,
    /// fit to be handed on up to here,
    clean: usize,
    /// received up to here.
    filled: usize,
    /// So many more bytes pass as they are.
    pass: usize,
    /// What comes is no longer understood; all of it passes.
    is_lost: bool,
    /// A delivery has begun, and its header is still to come.
    tag: Option<u64>,
    /// Of the body that is arriving.
    body_left: u64,
}

impl Incoming {
    pub(super) fn new() -> Self {
        Self {
            // Untouched pages take no memory.
            buffer: vec![0; BUFFER_BYTES],
            taken: 0,
            clean: 0,
            filled: 0,
            pass: 0,
            is_lost: false,
            tag: None,
            body_left: 0,
        }
    }

    /// Hands on what is fit for it. How many bytes that were.
    pub(super) fn hand_on(&mut self, to: &mut [u8]) -> usize {
        let ready = self.buffer.get(self.taken..self.clean).unwrap_or_default();
        let bytes = ready.len().min(to.len());
        if let (Some(to), Some(from)) = (to.get_mut(..bytes), ready.get(..bytes)) {
            to.copy_from_slice(from);
        }
        self.taken += bytes;
        bytes
    }

    /// Whether no message is begun and not yet whole.
    pub(super) const fn is_between_messages(&self) -> bool {
        self.tag.is_none() && self.body_left == 0 && self.pass == 0
    }

    /// Where to receive more, once everything fit for it is handed on. Never empty.
    pub(super) fn room(&mut self) -> &mut [u8] {
        self.buffer.copy_within(self.taken..self.filled, 0);
        self.filled -= self.taken;
        self.clean -= self.taken;
        self.taken = 0;
        self.buffer.get_mut(self.filled..).unwrap_or_default()
    }

    /// So many bytes were received there.
    pub(super) fn received(&mut self, bytes: usize, ahead: &mut Ahead) {
        self.filled = (self.filled + bytes).min(self.buffer.len());
        while self.advance(ahead) {}
    }

    /// Takes the next frame, or what is here of it. Whether there may be more.
    fn advance(&mut self, ahead: &mut Ahead) -> bool {
        let Some(here) = self.buffer.get_mut(self.clean..self.filled) else {
            return false;
        };
        if self.is_lost {
            self.clean = self.filled;
            return false;
        }
        if self.pass > 0 {
            let bytes = self.pass.min(here.len());
            self.pass -= bytes;
            self.clean += bytes;
            return bytes > 0;
        }
        let Some([kind, _, _, size @ ..]) = here.first_chunk::<HEAD_BYTES>() else {
            return false;
        };
        let (kind, payload_bytes) = (*kind, u32::from_be_bytes(*size));
        let bytes = usize::try_from(payload_bytes)
            .unwrap_or(usize::MAX)
            .saturating_add(AROUND_BYTES);
        match kind {
            METHOD | HEADER if bytes <= BUFFER_BYTES => {
                let Some(frame) = here.get_mut(..bytes) else {
                    return false;
                };
                let payload = frame.get_mut(HEAD_BYTES..bytes - 1).unwrap_or_default();
                if kind == METHOD {
                    // What is misshapen is left to the library, which breaks the connection.
                    self.tag = clean::method(payload).unwrap_or_default();
                } else {
                    self.body_left = clean::header(payload).unwrap_or_default();
                    if let Some(tag) = self.tag.take() {
                        ahead.add(tag, self.body_left.saturating_add(bytes as u64));
                    }
                }
                self.clean += bytes;
            }
            BODY => {
                self.body_left = self.body_left.saturating_sub(payload_bytes.into());
                self.pass = bytes;
            }
            HEARTBEAT => self.pass = bytes,
            _ => self.is_lost = true,
        }
        true
    }
}
