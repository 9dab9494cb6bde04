//! A Bloom filter in blocks of one cache line: eight words, one bit in each; 16 bits a key, about 1 false hit in 1,000.
//!
//! Invariant: what was added is always found.

const KEYS_PER_BLOCK: usize = 32; // 512 bits / 16 bits a key

pub struct Filter(Vec<[u64; 8]>);

impl Filter {
    pub fn new(keys: usize) -> Filter {
        Filter(vec![[0; 8]; keys.div_ceil(KEYS_PER_BLOCK).max(1)])
    }
    pub fn add(&mut self, key: u64) {
        let at = self.block(key);
        for (word, bit) in self.0[at].iter_mut().zip(bits(key)) {
            *word |= bit;
        }
    }
    pub fn has(&self, key: u64) -> bool {
        self.0[self.block(key)].iter().zip(bits(key)).all(|(word, bit)| word & bit != 0)
    }
    fn block(&self, key: u64) -> usize {
        ((u128::from(key) * self.0.len() as u128) >> 64) as usize
    }
    pub fn len_bytes(&self) -> usize {
        self.0.len() * 64
    }
    /// Parts of at most 32 KiB, as they are stored.
    pub fn parts(&self) -> impl Iterator<Item = Vec<u8>> + '_ {
        self.0.chunks(512).map(|blocks| blocks.iter().flatten().flat_map(|word| word.to_le_bytes()).collect())
    }
    /// The parts again, in order. None if they are not such parts.
    pub fn from_parts(keys: usize, parts: &[Vec<u8>]) -> Option<Filter> {
        let mut filter = Filter::new(keys);
        let bytes = parts.iter().map(Vec::len).sum::<usize>();
        if bytes != filter.len_bytes() {
            return None;
        }
        let words = parts.iter().flat_map(|part| part.as_chunks::<8>().0);
        for (word, bytes) in filter.0.iter_mut().flatten().zip(words) {
            *word = u64::from_le_bytes(*bytes);
        }
        Some(filter)
    }
}

/// One bit for each word. Keys of one block agree in their top bits, so the bits are taken from a product, whose
/// upper part depends on all bits below.
fn bits(key: u64) -> impl Iterator<Item = u64> {
    let mixed = key.wrapping_mul(0x9E37_79B9_7F4A_7C15);
    (0..8).map(move |i| 1 << ((mixed >> (58 - 6 * i)) & 63))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::keys::tests::mix;

    #[test]
    fn everything_added_is_found_and_little_else() {
        let mut filter = Filter::new(100_000);
        (0..100_000).for_each(|n| filter.add(mix(n)));
        assert!((0..100_000).all(|n| filter.has(mix(n))));
        let parts: Vec<_> = filter.parts().collect();
        let again = Filter::from_parts(100_000, &parts).unwrap();
        let wrong = (100_000..1_100_000).filter(|&n| again.has(mix(n))).count();
        assert!(wrong < 2_500, "{wrong} false hits in a million");
        assert!(Filter::from_parts(90_000, &parts).is_none());
    }
}
