//! Decimal text to scaled integers and back. No float is ever involved.

/// Why a decimal text was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum DecimalError {
    /// Not a decimal number at all.
    #[error("is not a decimal number")]
    Malformed,
    /// More decimals than the unit has.
    #[error("has more than {places} decimals")]
    TooPrecise {
        /// How many decimals are allowed.
        places: u32,
    },
    /// Does not fit the integer behind it.
    #[error("is too large")]
    TooLarge,
}

/// Longest text that is looked at, in bytes: nobody writes an amount of more digits.
const TEXT_MAX_BYTES: usize = 40;

/// Largest exponent (either sign) that is looked at.
const EXPONENT_MAX: i32 = 30;

/// Parses `text` (JSON number syntax, leading `+` and zeros allowed) into an integer of 10^-`places`.
pub(crate) fn parse(text: &str, places: u32) -> Result<i64, DecimalError> {
    if text.len() > TEXT_MAX_BYTES {
        return Err(if text.bytes().all(|b| b.is_ascii_digit()) {
            DecimalError::TooLarge
        } else {
            DecimalError::Malformed
        });
    }
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        Some(_) | None => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (
            mantissa,
            exponent.parse::<i32>().map_err(|_| DecimalError::Malformed)?,
        ),
        None => (unsigned, 0),
    };
    if exponent.abs() > EXPONENT_MAX {
        return Err(if exponent > 0 {
            DecimalError::TooLarge
        } else {
            DecimalError::TooPrecise { places }
        });
    }
    let (whole, fraction) = mantissa.split_once('.').unwrap_or((mantissa, ""));
    let written_fraction = mantissa.contains('.');
    let all_digits = whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit());
    if whole.is_empty() || !all_digits || (written_fraction && fraction.is_empty()) {
        return Err(DecimalError::Malformed);
    }

    let mut value: i128 = 0;
    for digit in whole.bytes().chain(fraction.bytes()) {
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(i128::from(digit - b'0')))
            .ok_or(DecimalError::TooLarge)?;
    }
    let fraction_digits = i32::try_from(fraction.len()).map_err(|_| DecimalError::Malformed)?;
    let scale = i32::try_from(places).map_err(|_| DecimalError::Malformed)? + exponent - fraction_digits;
    let power = 10_i128
        .checked_pow(scale.unsigned_abs())
        .ok_or(DecimalError::TooLarge)?;
    let scaled = if scale >= 0 {
        value.checked_mul(power).ok_or(DecimalError::TooLarge)?
    } else if value % power == 0 {
        value / power
    } else {
        return Err(DecimalError::TooPrecise { places });
    };
    let signed = if negative { -scaled } else { scaled };
    i64::try_from(signed).map_err(|_| DecimalError::TooLarge)
}

/// Writes an integer of 10^-`places` as the shortest plain decimal: `540.5`, `-3`, `0`.
pub(crate) fn write(f: &mut std::fmt::Formatter<'_>, value: i64, places: u32) -> std::fmt::Result {
    let unit = 10_u64.pow(places);
    let magnitude = value.unsigned_abs();
    let sign = if value < 0 { "-" } else { "" };
    let (whole, rest) = (magnitude / unit, magnitude % unit);
    if rest == 0 {
        return write!(f, "{sign}{whole}");
    }
    let width = usize::try_from(places).unwrap_or_default();
    let digits = format!("{rest:0width$}");
    write!(f, "{sign}{whole}.{}", digits.trim_end_matches('0'))
}
