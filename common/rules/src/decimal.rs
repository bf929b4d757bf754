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
    /// More digits than anybody means.
    #[error("is longer than {TEXT_MAX_BYTES} characters")]
    TooLong,
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
        return Err(DecimalError::TooLong);
    }
    let (negative, unsigned) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        Some(_) | None => (false, text),
    };
    let (mantissa, exponent) = match unsigned.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, parse_exponent(exponent)?),
        None => (unsigned, 0),
    };
    let (whole, fraction) = match mantissa.split_once('.') {
        Some((_, "")) => return Err(DecimalError::Malformed),
        Some(parts) => parts,
        None => (mantissa, ""),
    };
    let digits = || whole.bytes().chain(fraction.bytes());
    if whole.is_empty() || !digits().all(|b| b.is_ascii_digit()) {
        return Err(DecimalError::Malformed);
    }

    let mut value: i128 = 0;
    for digit in digits() {
        value = value
            .checked_mul(10)
            .and_then(|v| v.checked_add(i128::from(digit - b'0')))
            .ok_or(DecimalError::TooLarge)?;
    }
    if value == 0 {
        return Ok(0);
    }
    let magnitude = scaled(value, exponent, fraction.len(), places)?;
    i64::try_from(if negative { -magnitude } else { magnitude }).map_err(|_| DecimalError::TooLarge)
}

/// Exponents that are beyond counting come to the largest that is looked at, and one more.
fn parse_exponent(text: &str) -> Result<i32, DecimalError> {
    let (negative, digits) = match text.as_bytes().first() {
        Some(b'-') => (true, &text[1..]),
        Some(b'+') => (false, &text[1..]),
        Some(_) | None => (false, text),
    };
    if digits.is_empty() || !digits.bytes().all(|b| b.is_ascii_digit()) {
        return Err(DecimalError::Malformed);
    }
    let exponent = digits.parse().unwrap_or(i32::MAX).min(EXPONENT_MAX + 1);
    Ok(if negative { -exponent } else { exponent })
}

/// `value`, whose last `fraction_digits` stood behind the point, × 10^`exponent`, in units of 10^-`places`.
fn scaled(value: i128, exponent: i32, fraction_digits: usize, places: u32) -> Result<i128, DecimalError> {
    if exponent > EXPONENT_MAX {
        return Err(DecimalError::TooLarge);
    }
    if exponent < -EXPONENT_MAX {
        return Err(DecimalError::TooPrecise { places });
    }
    let count = |digits: Result<i32, _>| digits.map_err(|_| DecimalError::TooLong);
    let shift = count(i32::try_from(places))? + exponent - count(i32::try_from(fraction_digits))?;
    let power = 10_i128
        .checked_pow(shift.unsigned_abs())
        .ok_or(DecimalError::TooLarge)?;
    if shift >= 0 {
        value.checked_mul(power).ok_or(DecimalError::TooLarge)
    } else if value % power == 0 {
        Ok(value / power)
    } else {
        Err(DecimalError::TooPrecise { places })
    }
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
