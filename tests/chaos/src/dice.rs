//! Chance that can be had again: everything that looks random comes from the seed.

/// A stream of numbers (SplitMix64). The same seed and name give the same stream.
#[derive(Debug, Clone)]
pub(crate) struct Dice(u64);

impl Dice {
    /// A stream of its own for each use, so that one more throw here changes nothing there.
    pub(crate) fn new(seed: u64, name: &str) -> Self {
        let named = name.bytes().fold(seed, |state, byte| {
            Self(state ^ u64::from(byte)).next().rotate_left(7)
        });
        Self(named)
    }

    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// From 0 to one below `bound`; 0 where that is 0.
    pub(crate) fn below(&mut self, bound: u64) -> u64 {
        self.next().checked_rem(bound).unwrap_or_default()
    }

    /// From `least` to `most`, both included.
    pub(crate) fn between(&mut self, least: u64, most: u64) -> u64 {
        least + self.below(most.saturating_sub(least) + 1)
    }

    pub(crate) fn one_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }

    /// One of `all`, which must not be empty.
    pub(crate) fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        let index = usize::try_from(self.below(all.len() as u64)).unwrap_or_default();
        all[index]
    }

    /// Bytes for an id.
    pub(crate) fn bytes<const N: usize>(&mut self) -> [u8; N] {
        std::array::from_fn(|_| self.next().to_le_bytes()[0])
    }
}

#[cfg(test)]
mod tests {
    use super::Dice;

    #[test]
    fn the_same_seed_and_name_throw_the_same() {
        let throws = |seed, name| {
            let mut dice = Dice::new(seed, name);
            [dice.next(), dice.next(), dice.next()]
        };
        assert_eq!(throws(7, "faults"), throws(7, "faults"));
        assert_ne!(throws(7, "faults"), throws(8, "faults"));
        assert_ne!(throws(7, "faults"), throws(7, "load"));
    }

    #[test]
    fn throws_stay_within_their_bounds_and_reach_them() {
        let mut dice = Dice::new(1, "bounds");
        let seen: Vec<u64> = (0..200).map(|_| dice.between(3, 5)).collect();
        assert_eq!((seen.iter().min(), seen.iter().max()), (Some(&3), Some(&5)));
    }
}
