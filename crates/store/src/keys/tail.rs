//! The newest keys, in memory. Most keys have one position; the few with more keep the rest apart.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Keys are hashes already.
#[derive(Default, Clone)]
pub struct AsIs(u64);

impl Hasher for AsIs {
    fn finish(&self) -> u64 {
        self.0
    }
    fn write(&mut self, _: &[u8]) {
        unreachable!("only u64 are hashed")
    }
    fn write_u64(&mut self, n: u64) {
        self.0 = n;
    }
}
pub type ByKey<V> = HashMap<u64, V, BuildHasherDefault<AsIs>>;

#[derive(Default)]
pub struct Tail {
    first: ByKey<u64>,
    more: ByKey<Vec<u64>>,
    len: usize,
    pub last_pos: u64,
}

impl Tail {
    pub fn new(keys: usize) -> Tail {
        Tail {
            first: ByKey::with_capacity_and_hasher(keys, BuildHasherDefault::default()),
            ..Tail::default()
        }
    }
    pub fn len(&self) -> usize {
        self.len
    }
    pub fn add(&mut self, key: u64, pos: u64) {
        self.len += 1;
        self.last_pos = self.last_pos.max(pos);
        match self.first.entry(key) {
            std::collections::hash_map::Entry::Vacant(slot) => {
                slot.insert(pos);
            }
            std::collections::hash_map::Entry::Occupied(_) => self.more.entry(key).or_default().push(pos),
        }
    }
    pub fn find(&self, key: u64, found: &mut Vec<u64>) {
        if let Some(&pos) = self.first.get(&key) {
            found.push(pos);
            if !self.more.is_empty() {
                found.extend(self.more.get(&key).into_iter().flatten());
            }
        }
    }
    /// All entries, sorted.
    pub fn sorted(&self) -> Vec<(u64, u64)> {
        let more = self.more.iter().flat_map(|(&key, all)| all.iter().map(move |&pos| (key, pos)));
        let mut entries: Vec<_> = self.first.iter().map(|(&key, &pos)| (key, pos)).chain(more).collect();
        entries.sort_unstable();
        entries
    }
    /// Without what came after `pos`.
    pub fn up_to(&self, pos: u64, keys: usize) -> Tail {
        let mut kept = Tail::new(keys);
        self.sorted().into_iter().filter(|entry| entry.1 <= pos).for_each(|(key, pos)| kept.add(key, pos));
        kept
    }
}
