//! What the broker sends: frames in any pieces, with properties and headers as anybody may have set them.
//!
//! The input's first byte chooses what the rest is: a raw stream of frames, or the properties of one delivery.

#![no_main]

use libfuzzer_sys::fuzz_target;
use topup_runtime::fuzzing;

fuzz_target!(|data: &[u8]| {
    match data.split_first() {
        Some((0, stream)) => fuzzing::stream(stream),
        Some((pieces, properties)) => fuzzing::delivery(properties, usize::from(*pieces)),
        None => {}
    }
});
