//! What stands on invoices and receipts: what the interface and the pages both ask of it.
//!
//! Left out: HTTP, and keeping it (the store's).

use topup_store::Billing;

/// Longest name on an invoice, in characters.
pub const NAME_MAX_CHARS: usize = 200;
/// Longest address on an invoice, in characters.
pub const ADDRESS_MAX_CHARS: usize = 500;
/// Longest tax number, in characters.
pub const TAX_NUMBER_MAX_CHARS: usize = 50;

/// What does not fit on an invoice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("`{field}` must be a text of at most {max_chars} characters")]
pub struct Unfit {
    /// `name`, `address`, `tax_number`.
    pub field: &'static str,
    /// The most that fits there.
    pub max_chars: usize,
}

/// Whether all of it fits: a name there must be, and nothing but an address has more than a line.
///
/// # Errors
/// The first part that does not.
pub fn fits(billing: &Billing) -> Result<(), Unfit> {
    let tax_number = billing.tax_number.as_deref().unwrap_or_default();
    for (field, value, max_chars) in [
        ("name", billing.name.as_str(), NAME_MAX_CHARS),
        ("address", &billing.address, ADDRESS_MAX_CHARS),
        ("tax_number", tax_number, TAX_NUMBER_MAX_CHARS),
    ] {
        let is_control = |it: char| it.is_control() && it != '\n';
        let is_missing = field == "name" && value.trim().is_empty();
        if value.chars().count() > max_chars || value.contains(is_control) || is_missing {
            return Err(Unfit { field, max_chars });
        }
    }
    Ok(())
}
