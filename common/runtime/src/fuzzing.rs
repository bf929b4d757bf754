//! For the fuzzer alone: ways to parsers of outside bytes that nobody else needs.

use crate::broker::Address;
use crate::broker::headers;
use crate::broker::wire::trial;
use crate::settings;
use lapin::types::FieldTable;
use lapin::types::parsing::parse_field_table;

/// Any bytes as the broker's stream of frames, and as what goes to it.
pub fn stream(bytes: &[u8]) {
    for piece_bytes in [1, 7, 4_096] {
        trial::any_stream(bytes, piece_bytes);
    }
}

/// A delivery with any properties, and any headers read from them.
pub fn delivery(properties: &[u8], piece_bytes: usize) {
    trial::any_delivery(properties, piece_bytes);
    let table: FieldTable =
        parse_field_table(properties).map_or_else(|_| FieldTable::default(), |(_, table)| table);
    for name in table.inner().keys() {
        let name = name.as_str();
        let _text = headers::text(&table, name);
        let _count = headers::count(&table, name);
        let _moment = headers::moment(&table, name);
    }
    if let Some(trace) = headers::traceparent(&table) {
        assert_eq!(trace.len(), 55);
    }
    let line = headers::reason_line(&String::from_utf8_lossy(properties));
    assert!(line.len() <= headers::REASON_MAX_BYTES && !line.chars().any(char::is_control));
}

/// One text as the value of every kind of setting. What stands against it.
pub fn setting(text: &str) -> Vec<String> {
    let mut wrong = settings::read_as_any(text);
    wrong.extend(Address::parse(text).err());
    wrong
}
