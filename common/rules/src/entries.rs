//! What an entry of the ledger is. Left out: what each kind does to a wallet; the rules of its cause say so.

use crate::names::names;

names! {
    /// Why a wallet's balance changed.
    pub enum EntryKind: "kind of entry" {
        /// Messages went (S1).
        Send = "send",
        /// A top-up by card was paid (C6).
        Topup = "topup",
        /// Credits came from another account of the same main (X1, X5).
        TransferIn = "transfer-in",
        /// They went there.
        TransferOut = "transfer-out",
        /// An operator's doing (X5).
        Adjustment = "adjustment",
        /// What the wallet had when it was made.
        Opening = "opening",
        /// Bought by hand and paid (P4).
        Purchase = "purchase",
        /// Taken back with a refund or a lost dispute (V1).
        Reversal = "reversal",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_kind_is_read_as_it_is_written() {
        for kind in EntryKind::ALL {
            assert_eq!(kind.as_str().parse(), Ok(*kind));
        }
    }
}
