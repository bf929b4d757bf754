//! Frames sent through a wire in pieces, and what must be true of what comes out.

use super::ahead::Ahead;
use super::incoming::Incoming;
use super::{clean, outgoing::Outgoing};
use lapin::protocol::basic::parse_properties;

/// A frame of the protocol.
pub(crate) fn frame(kind: u8, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap_or(u32::MAX);
    let mut frame = vec![kind, 0, 1];
    frame.extend(length.to_be_bytes());
    frame.extend(payload);
    frame.push(0xCE);
    frame
}

/// A delivery in its three frames: the flags of its properties and these themselves, and a body.
pub(crate) fn delivery(tag: u64, properties: &[u8], body: &[u8]) -> [Vec<u8>; 3] {
    let mut method = vec![0, 60, 0, 60, 1, b'c'];
    method.extend(tag.to_be_bytes());
    method.extend([0, 2, b'e', 0xFF, 1, b'k']);
    let mut header = vec![0, 60, 0, 0];
    header.extend((body.len() as u64).to_be_bytes());
    header.extend(properties);
    [frame(1, &method), frame(2, &header), frame(3, body)]
}

/// What comes out of a wire that receives this, so many bytes at a time.
pub(crate) fn through(stream: &[u8], piece_bytes: usize) -> Vec<u8> {
    let (mut incoming, mut ahead) = (Incoming::new(), Ahead::default());
    let (mut out, mut to) = (Vec::new(), [0; 512]);
    let mut rest = stream;
    while !rest.is_empty() {
        let room = incoming.room();
        let bytes = piece_bytes.max(1).min(rest.len()).min(room.len());
        assert!(bytes > 0, "there is always room");
        let (piece, behind) = rest.split_at(bytes);
        room[..bytes].copy_from_slice(piece);
        incoming.received(bytes, &mut ahead);
        rest = behind;
        loop {
            match incoming.hand_on(&mut to) {
                0 => break,
                bytes => out.extend_from_slice(&to[..bytes]),
            }
        }
    }
    out
}

/// A delivery with any properties comes out as long as it was, its body untouched, and so that the library can read
/// it, unless its properties have no shape at all.
pub(crate) fn any_delivery(properties: &[u8], piece_bytes: usize) {
    let frames = delivery(7, properties, b"a body \xFF");
    let stream = frames.concat();
    let out = through(&stream, piece_bytes);
    assert_eq!(out.len(), stream.len());
    let [method, header, body] = frames;
    assert_eq!(&out[out.len() - body.len()..], body, "the body is as it was");
    let cleaned = &out[method.len()..out.len() - body.len()];
    let mut payload = header[7..header.len() - 1].to_vec();
    if clean::header(&mut payload).is_ok() {
        assert_eq!(cleaned[7..cleaned.len() - 1], payload);
        let read = parse_properties(&payload[12..]);
        // More flags than there are properties: another protocol's.
        assert!(read.is_ok() || payload[13] & 3 != 0, "{read:?} of {payload:?}");
    }
}

/// Any bytes at all come out in order, never more than went in, and nothing panics; the same as what goes out.
pub(crate) fn any_stream(stream: &[u8], piece_bytes: usize) {
    let out = through(stream, piece_bytes);
    assert!(out.len() <= stream.len());
    let (mut outgoing, mut ahead) = (Outgoing::new(), Ahead::default());
    for piece in stream.chunks(piece_bytes.max(1)) {
        outgoing.sent(piece, &mut ahead);
    }
}
