//! The little randomness that a private stack needs: passwords and ports.

use std::fs::File;
use std::io::Read as _;

use anyhow::{Context as _, Result};

/// A number below `bound`, near enough to evenly spread.
pub(super) fn below(bound: u16) -> Result<u16> {
    let [a, b] = bytes::<2>()?;
    Ok(u16::from_le_bytes([a, b]) % bound)
}

/// A secret of 128 bits, as 32 hexadecimal digits.
pub(crate) fn secret() -> Result<String> {
    Ok(bytes::<16>()?.iter().map(|byte| format!("{byte:02x}")).collect())
}

fn bytes<const N: usize>() -> Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom")
        .and_then(|mut source| source.read_exact(&mut bytes))
        .context("reading /dev/urandom")?;
    Ok(bytes)
}
