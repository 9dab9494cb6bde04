//! The one source of chance of a simulated world: a seed in, the same choices out, on every machine.
//! SplitMix64; not for secrets.

#[derive(Clone, Debug)]
pub struct Rng(u64);

impl Rng {
    pub fn new(seed: u64) -> Rng {
        Rng(seed ^ 0x5fea_17f0_0d5e_ed00)
    }
    /// A stream of its own: what is drawn from it does not move what is drawn from `self` later.
    pub fn fork(&mut self) -> Rng {
        Rng(self.word())
    }
    pub fn word(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }
    /// `from..=to`
    pub fn between(&mut self, from: i64, to: i64) -> i64 {
        assert!(from <= to, "an empty range");
        let width = (to - from) as u64 + 1;
        from + (self.word() % width) as i64
    }
    /// `0..len`
    pub fn index(&mut self, len: usize) -> usize {
        assert!(len > 0, "nothing to choose from");
        (self.word() % len as u64) as usize
    }
    /// True in `per_mille` of 1,000 cases.
    pub fn chance(&mut self, per_mille: u32) -> bool {
        self.word() % 1000 < u64::from(per_mille)
    }
    pub fn pick<'a, T>(&mut self, from: &'a [T]) -> &'a T {
        &from[self.index(from.len())]
    }
    pub fn shuffle<T>(&mut self, list: &mut [T]) {
        for i in (1..list.len()).rev() {
            list.swap(i, self.index(i + 1));
        }
    }
    /// A fault rate of this seed: often none at all, sometimes a lot (swarm testing).
    pub fn swarm(&mut self, most: u32) -> u32 {
        if self.chance(350) { 0 } else { self.between(0, i64::from(most)) as u32 }
    }
}
