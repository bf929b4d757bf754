//! When what is personal may be removed.

use topup_rules::personal::{RemovalRefusal, UnderWay, may_remove};

#[test]
fn a_person_is_removed_only_where_nothing_is_open() {
    let none = UnderWay::default();
    for (under_way, expected) in [
        (none, Ok(())),
        (UnderWay { topups: 1, ..none }, Err(RemovalRefusal::Topup)),
        (UnderWay { payments: 2, ..none }, Err(RemovalRefusal::Payment)),
        (
            UnderWay {
                registrations: 1,
                ..none
            },
            Err(RemovalRefusal::Registration),
        ),
        (UnderWay { disputes: 1, ..none }, Err(RemovalRefusal::Dispute)),
        (UnderWay { holds: 7, ..none }, Err(RemovalRefusal::Hold)),
        (UnderWay { messages: 1, ..none }, Err(RemovalRefusal::Message)),
    ] {
        assert_eq!(may_remove(&under_way), expected, "{under_way:?}");
    }
}
