//! What a sender may put into a message, and what the library is shown of it.

use super::ahead::{Ahead, HEAVY_MAX_BYTES};
use super::incoming::Incoming;
use super::outgoing::Outgoing;
use super::trial::{any_delivery, any_stream, delivery, frame, through};
use lapin::BasicProperties;
use lapin::protocol::basic::parse_properties;
use lapin::types::AMQPValue;
use proptest::prelude::*;
use std::task::{Context, Waker};

const HEADERS: u16 = 0x2000;
const MESSAGE_ID: u16 = 0x0080;

fn short(text: &[u8]) -> Vec<u8> {
    [&[u8::try_from(text.len()).unwrap()], text].concat()
}

fn long(content: &[u8]) -> Vec<u8> {
    [&u32::try_from(content.len()).unwrap().to_be_bytes(), content].concat()
}

/// Properties as the library reads them behind the wire.
fn read(flags: u16, properties: &[u8]) -> BasicProperties {
    let frames = delivery(1, &[&flags.to_be_bytes(), properties].concat(), b"body");
    let out = through(&frames.concat(), 1_000);
    let header = &out[frames[0].len()..out.len() - frames[2].len()];
    parse_properties(&header[19..header.len() - 1]).unwrap().1
}

fn headers(table: &[u8]) -> BasicProperties {
    read(HEADERS, &long(table))
}

#[test]
fn what_is_text_stays_as_it_is() {
    let read = read(MESSAGE_ID, &short("0193 – é".as_bytes()));
    assert_eq!(read.message_id().as_ref().unwrap().as_str(), "0193 – é");
}

#[test]
fn a_byte_that_is_no_text_becomes_a_mark() {
    for (sent, shown) in [
        (&b"\xFF"[..], "?"),
        (b"ab\xE9c", "ab?c"),
        (b"\xE2\x82", "??"),
        (b"\xF0\x9F\x92\xA9\xC3", "💩?"),
        (&[0x80; 255], &"?".repeat(255)),
    ] {
        let read = read(MESSAGE_ID, &short(sent));
        assert_eq!(read.message_id().as_ref().unwrap().as_str(), shown);
    }
}

#[test]
fn a_header_s_name_is_text_and_its_value_any_bytes() {
    let table = [short(b"n\xFFme"), b"S".to_vec(), long(b"\xFE\xFF")].concat();
    let read = headers(&table);
    let value = &read.headers().as_ref().unwrap().inner()["n?me"];
    assert_eq!(value.as_long_string().unwrap().as_bytes(), b"\xFE\xFF");
}

#[test]
fn nesting_without_end_becomes_a_string() {
    // Each level is a list that holds nothing but the next one.
    let nested = |depth: usize| {
        let mut inner = Vec::new();
        for _ in 0..depth {
            inner = [b"A".to_vec(), long(&inner)].concat();
        }
        [short(b"deep"), inner].concat()
    };
    let mut depth = 0;
    let read = headers(&nested(20_000));
    let mut value = read.headers().as_ref().unwrap().inner()["deep"].clone();
    while let AMQPValue::FieldArray(list) = value {
        depth += 1;
        value = list.as_slice()[0].clone();
    }
    assert!(matches!(value, AMQPValue::LongString(_)), "{value:?}");
    assert_eq!(depth, 7);
    // What anybody may mean stays as it is.
    let read = headers(&nested(7));
    assert!(matches!(
        read.headers().as_ref().unwrap().inner()["deep"],
        AMQPValue::FieldArray(_)
    ));
}

#[test]
fn headers_without_shape_become_one() {
    for table in [&b"\x01n?1234"[..], b"\x01nS\x00\x00\xFF\xFFabc", b"\xFFnameless"] {
        let read = headers(table);
        assert_eq!(read.headers().as_ref().unwrap().inner().len(), 1, "{table:?}");
    }
}

#[test]
fn where_a_message_was_published_to_is_text() {
    let frames = delivery(1, &[0, 0], b"");
    let out = through(&frames.concat(), 10);
    assert!(out.windows(3).any(|part| part == b"\x02e?"));
}

/// The wire of a consumer, and whether it reads on.
struct Consumer {
    incoming: Incoming,
    outgoing: Outgoing,
    ahead: Ahead,
}

impl Consumer {
    fn new() -> Self {
        let mut consumer = Self {
            incoming: Incoming::new(),
            outgoing: Outgoing::new(),
            ahead: Ahead::default(),
        };
        consumer.outgoing.sent(b"AMQP\0\0\x09\x01", &mut consumer.ahead);
        consumer
    }

    fn receive(&mut self, stream: &[u8]) {
        let mut sink = [0; 4096];
        for piece in stream.chunks(4096) {
            self.incoming.room()[..piece.len()].copy_from_slice(piece);
            self.incoming.received(piece.len(), &mut self.ahead);
            while self.incoming.hand_on(&mut sink) > 0 {}
        }
    }

    fn reads_on(&mut self) -> bool {
        let cx = Context::from_waker(Waker::noop());
        !self.incoming.is_between_messages() || self.ahead.poll_room(&cx).is_ready()
    }

    /// Sends basic.ack (80), basic.reject (90) or basic.nack (120).
    fn answer(&mut self, method: u8, tag: u64, flags: u8) {
        let payload = [&[0, 60, 0, method][..], &tag.to_be_bytes(), &[flags]].concat();
        for piece in [frame(8, &[]), frame(1, &payload), frame(3, b"x")]
            .concat()
            .chunks(3)
        {
            self.outgoing.sent(piece, &mut self.ahead);
        }
    }
}

#[test]
fn no_more_is_read_ahead_than_fits_until_some_of_it_is_dealt_with() {
    let megabyte = vec![b'x'; 1024 * 1024];
    let mut consumer = Consumer::new();
    let mut tag = 0;
    while consumer.reads_on() {
        tag += 1;
        consumer.receive(&delivery(tag, &[0, 0], &megabyte).concat());
    }
    assert_eq!(tag, HEAVY_MAX_BYTES / 1024 / 1024);
    consumer.answer(80, 3, 0);
    assert!(consumer.reads_on());
    consumer.receive(&delivery(tag + 1, &[0, 0], &vec![b'x'; 2 * 1024 * 1024]).concat());
    assert!(!consumer.reads_on());
    consumer.answer(120, tag, 1);
    assert!(consumer.reads_on());
    // Light ones are prefetch's concern.
    for tag in 40..20_000 {
        consumer.receive(&delivery(tag, &[0, 0], b"light").concat());
    }
    assert!(consumer.reads_on());
}

#[test]
fn a_message_that_is_begun_is_read_to_its_end_however_large() {
    let mut consumer = Consumer::new();
    let body_bytes = HEAVY_MAX_BYTES * 2;
    let mut header = vec![0, 60, 0, 0];
    header.extend(body_bytes.to_be_bytes());
    header.extend([0, 0]);
    let [method, ..] = delivery(1, &[0, 0], b"");
    consumer.receive(&[method, frame(2, &header)].concat());
    assert!(consumer.reads_on());
    let mebibyte = frame(3, &vec![0; 1024 * 1024]);
    for _ in 0..63 {
        consumer.receive(&mebibyte);
        assert!(consumer.reads_on());
    }
    consumer.receive(&mebibyte);
    assert!(!consumer.reads_on());
    consumer.answer(90, 1, 0);
    assert!(consumer.reads_on());
}

/// Bytes that are now and then a type, a length, or text.
fn bytes() -> impl Strategy<Value = u8> {
    prop_oneof![
        3 => any::<u8>(),
        3 => 0_u8..6,
        2 => prop::sample::select(&b"tbBsUuIiLlfdDSATFxV"[..]),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn any_properties_can_be_read_where_they_have_a_shape(
        flags in any::<u16>(), rest in prop::collection::vec(bytes(), 0..80), pieces in 1_usize..60,
    ) {
        any_delivery(&[&(flags & 0xFFFE).to_be_bytes(), rest.as_slice()].concat(), pieces);
    }

    #[test]
    fn any_headers_can_be_read(table in prop::collection::vec(bytes(), 7..120), pieces in 1_usize..60) {
        any_delivery(&[&HEADERS.to_be_bytes()[..], &long(&table)].concat(), pieces);
    }

    #[test]
    fn no_stream_is_too_strange(stream in prop::collection::vec(bytes(), 0..200), pieces in 1_usize..40) {
        any_stream(&stream, pieces);
    }
}
