//! Chance that comes again.

/// Numbers that look random, and are the same for a seed (Marsaglia's xorshift). The seed is not 0.
#[derive(Debug, Clone)]
pub struct Draw(pub u64);

impl Draw {
    /// One of the numbers from 0 to `end`, without it.
    pub fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        usize::try_from(self.0 % u64::try_from(end).unwrap_or(1)).unwrap_or_default()
    }

    /// Another order.
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            items.swap(last, self.below(last + 1));
        }
    }
}
