//! Tenants apart under attack: statements nobody wrote, dropped transactions, screens that come and go, and a string of the
//! other tenant in every column. What one finds of another is a failure, wherever it stands.
#![expect(
    clippy::panic,
    clippy::excessive_nesting,
    reason = "a test that cannot go on panics, in its helpers too"
)]

mod canaries;
mod filling;
mod pool;
mod screens;
mod statements;

/// Throws the same numbers for the same seed; a failure names the seed and can be seen again.
struct Dice(u64);

impl Dice {
    /// The next number (Steele and others' splittable generator).
    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        mixed ^ (mixed >> 31)
    }

    /// Below `limit`.
    fn below(&mut self, limit: usize) -> usize {
        let limit = u64::try_from(limit).unwrap();
        usize::try_from(self.throw() % limit).unwrap()
    }

    /// True once in `many` times.
    fn once_in(&mut self, many: usize) -> bool {
        self.below(many) == 0
    }

    fn of<'a, T>(&mut self, things: &'a [T]) -> &'a T {
        &things[self.below(things.len())]
    }
}
