//! How many good events a second the fleet debits when bad ones are among them: one in twenty-one can't be read, and
//! has to be parked with its reason before the batch that it came with is acknowledged.

use anyhow::Result;
use lapin::BasicProperties;

use super::debits::{self, Drained};
use crate::bench::{Bench, WORKER};
use crate::progress;

/// One bad message follows so many good ones: ten thousand of two hundred thousand.
const GOOD_FOR_ONE_BAD: u32 = 20;
/// One bad message in so many is larger than what is read, and one in ten of these is a megabyte.
const LARGE_EVERY: u32 = 100;
const LARGE_BYTES: usize = 64 * 1024 + 1;
const HUGE_BYTES: usize = 1024 * 1024;

/// Debits `count` good events with bad ones among them.
pub(crate) async fn measure(bench: &mut Bench, count: u32) -> Result<Drained> {
    let ground = &mut bench.few;
    ground.stop_workers().await?;
    let account = ground.spending();
    let bar = progress::bar("publishing good and bad", u64::from(count));
    for number in 0..count {
        ground.sender.publish(account(number)).await?;
        if number.is_multiple_of(GOOD_FOR_ONE_BAD) {
            let body = body(number / GOOD_FOR_ONE_BAD);
            let properties = BasicProperties::default().with_type("sms-sent.v1".into());
            ground
                .sender
                .publish_to("topup", WORKER, body, properties)
                .await?;
        }
        bar.inc(1);
    }
    ground.sender.settle().await?;
    bar.finish_and_clear();
    debits::drain(ground, &bench.watch, 1, count).await
}

/// What is wrong, in its turn.
fn body(number: u32) -> String {
    if number.is_multiple_of(LARGE_EVERY) {
        let is_huge = number.is_multiple_of(10 * LARGE_EVERY);
        return "x".repeat(if is_huge { HUGE_BYTES } else { LARGE_BYTES });
    }
    let bodies = [
        "hello".to_owned(),
        "{}".to_owned(),
        r#"{"event_id": "0193"#.to_owned(),
        r#"{"event_id":"0193a5f0-0000-7000-8000-0000000000ab","account_id":"x","credits":1}"#.to_owned(),
        format!("{{\"a\":{}1{}}}", "[".repeat(1_000), "]".repeat(1_000)),
        r#"{"event_id":"0193a5f0-0000-7000-8000-0000000000ab","account_id":1,"credits":1e400}"#.to_owned(),
    ];
    let turn = usize::try_from(number).unwrap_or_default() % bodies.len();
    bodies.get(turn).cloned().unwrap_or_default()
}
