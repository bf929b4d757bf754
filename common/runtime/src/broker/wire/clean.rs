//! Frames made readable, in place and without changing their length.
//!
//! AMQP does not say in what encoding its short strings are, and RabbitMQ carries whatever bytes a sender puts there.
//! The library takes UTF-8 alone, and headers that are nested without end overflow its stack: in both cases one
//! message would take the connection, or the process, with it. So bytes that are no text become `?`, and what is
//! nested too deep becomes an opaque string, before the library sees them.

/// Deepest nesting of tables and lists in headers that the library is shown. Nothing of ours nests at all.
const NESTING_MAX: usize = 8;

/// Stands for a byte that is no text.
const NO_TEXT: u8 = b'?';

/// The class of methods that carry messages.
const BASIC: u16 = 60;
/// `basic.return`.
const RETURN: u16 = 50;
/// `basic.deliver`.
const DELIVER: u16 = 60;
/// `basic.get-ok`.
const GET_OK: u16 = 71;

/// The properties of class `basic`, in the order of their flags from the highest bit on.
const PROPERTIES: [Kind; 14] = [
    Kind::Short,    // content_type
    Kind::Short,    // content_encoding
    Kind::Table,    // headers
    Kind::Bytes(1), // delivery_mode
    Kind::Bytes(1), // priority
    Kind::Short,    // correlation_id
    Kind::Short,    // reply_to
    Kind::Short,    // expiration
    Kind::Short,    // message_id
    Kind::Bytes(8), // timestamp
    Kind::Short,    // type
    Kind::Short,    // user_id
    Kind::Short,    // app_id
    Kind::Short,    // cluster_id
];

#[derive(Clone, Copy)]
enum Kind {
    Short,
    Table,
    Bytes(usize),
}

/// It does not have the shape that the protocol says; the rest of it is as it came.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Misshapen;

/// A part of a frame that is still to be looked at.
struct Rest<'a>(&'a mut [u8]);

impl<'a> Rest<'a> {
    fn take(&mut self, bytes: usize) -> Result<&'a mut [u8], Misshapen> {
        let whole = std::mem::take(&mut self.0);
        let (taken, rest) = whole.split_at_mut_checked(bytes).ok_or(Misshapen)?;
        self.0 = rest;
        Ok(taken)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Misshapen> {
        let taken = self.take(N)?;
        (&*taken).try_into().map_err(|_| Misshapen)
    }

    fn u16(&mut self) -> Result<u16, Misshapen> {
        self.array().map(u16::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, Misshapen> {
        self.array().map(u64::from_be_bytes)
    }

    /// The content of what begins with its length in four bytes.
    fn long(&mut self) -> Result<&'a mut [u8], Misshapen> {
        let length = u32::from_be_bytes(self.array()?);
        self.take(usize::try_from(length).map_err(|_| Misshapen)?)
    }

    fn short(&mut self) -> Result<(), Misshapen> {
        let [length] = self.array()?;
        text(self.take(length.into())?);
        Ok(())
    }
}

/// Cleans the payload of a content header. Returns the size of the body that follows, in bytes.
pub(super) fn header(payload: &mut [u8]) -> Result<u64, Misshapen> {
    let mut rest = Rest(payload);
    let class = rest.u16()?;
    rest.take(2)?;
    let body_bytes = rest.u64()?;
    let flags = rest.u16()?;
    // More flags, or another class, mean nothing to anybody.
    if class == BASIC && flags & 1 == 0 {
        properties(&mut rest, flags)?;
    }
    Ok(body_bytes)
}

fn properties(rest: &mut Rest<'_>, flags: u16) -> Result<(), Misshapen> {
    for (place, kind) in PROPERTIES.into_iter().enumerate() {
        if flags & (0x8000 >> place) == 0 {
            continue;
        }
        match kind {
            Kind::Short => rest.short()?,
            Kind::Bytes(bytes) => drop(rest.take(bytes)?),
            Kind::Table => {
                let content = rest.long()?;
                if table(content, 1).is_err() {
                    seal(content)?;
                }
            }
        }
    }
    Ok(())
}

/// Cleans the payload of a method, where a message comes with it. The tag, where that message is a delivery.
pub(super) fn method(payload: &mut [u8]) -> Result<Option<u64>, Misshapen> {
    let mut rest = Rest(payload);
    if rest.u16()? != BASIC {
        return Ok(None);
    }
    let mut tag = None;
    match rest.u16()? {
        DELIVER => {
            // The consumer's name.
            rest.short()?;
            tag = Some(rest.u64()?);
            // Whether it was delivered before.
            rest.take(1)?;
        }
        GET_OK => drop(rest.take(9)?),
        RETURN => {
            rest.take(2)?;
            rest.short()?;
        }
        _ => return Ok(None),
    }
    // Exchange and routing key.
    rest.short()?;
    rest.short()?;
    Ok(tag)
}

/// Names and values, one after the other.
fn table(content: &mut [u8], depth: usize) -> Result<(), Misshapen> {
    let mut rest = Rest(content);
    while !rest.0.is_empty() {
        rest.short()?;
        value(&mut rest, depth)?;
    }
    Ok(())
}

/// Values, one after the other.
fn list(content: &mut [u8], depth: usize) -> Result<(), Misshapen> {
    let mut rest = Rest(content);
    while !rest.0.is_empty() {
        value(&mut rest, depth)?;
    }
    Ok(())
}

/// One value with its type. What is nested too deep, or inside out, becomes a string of the same bytes.
fn value(rest: &mut Rest<'_>, depth: usize) -> Result<(), Misshapen> {
    let kind = rest.take(1)?;
    let bytes = match kind {
        [b't' | b'b' | b'B'] => 1,
        [b's' | b'U' | b'u'] => 2,
        [b'I' | b'i' | b'f'] => 4,
        [b'D'] => 5,
        [b'L' | b'l' | b'd' | b'T'] => 8,
        [b'V'] => 0,
        [b'S' | b'x'] => {
            rest.long()?;
            return Ok(());
        }
        [nested @ (b'F' | b'A')] => {
            let content = rest.long()?;
            let readable = depth < NESTING_MAX
                && match *nested {
                    b'F' => table(content, depth + 1).is_ok(),
                    _ => list(content, depth + 1).is_ok(),
                };
            if !readable {
                *nested = b'S';
            }
            return Ok(());
        }
        _ => return Err(Misshapen),
    };
    rest.take(bytes)?;
    Ok(())
}

/// Puts one header in the place of all: a string of what is there, under the name `?`.
fn seal(content: &mut [u8]) -> Result<(), Misshapen> {
    /// A name of one character, the type, the length.
    const HEAD_BYTES: usize = 7;
    let (head, kept) = content.split_first_chunk_mut::<HEAD_BYTES>().ok_or(Misshapen)?;
    let [a, b, c, d] = u32::try_from(kept.len()).map_err(|_| Misshapen)?.to_be_bytes();
    *head = [1, NO_TEXT, b'S', a, b, c, d];
    Ok(())
}

/// Puts a mark in the place of every byte that is no UTF-8.
fn text(bytes: &mut [u8]) {
    let mut at = 0;
    while let Some(rest) = bytes.get_mut(at..) {
        let Err(error) = std::str::from_utf8(rest) else {
            return;
        };
        let wrong = error.valid_up_to();
        let length = error.error_len().unwrap_or(rest.len() - wrong);
        if let Some(no_text) = rest.get_mut(wrong..wrong + length) {
            no_text.fill(NO_TEXT);
        }
        at += wrong + length;
    }
}
