//! A disk in memory that knows what was not yet synced, and what a power cut at this moment could leave of it.
//!
//! The strict reading of POSIX: a write is durable after fsync or fdatasync of its file, a name (made, moved, removed)
//! after fsync of its folder, and nothing before. Not here: who calls it (`mount`).
//! Invariant: what was synced is in every image.

use std::collections::{BTreeMap, HashMap};
use std::path::PathBuf;

use testkit::rng::Rng;

/// Writes of disks are whole in this size, and not in any larger one.
const SECTOR: usize = 512;
pub const ROOT: u64 = 1;

/// What a power cut leaves of what was not synced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cut {
    /// Nothing.
    Dropped,
    /// All.
    Kept,
    /// Any sectors of it.
    Torn,
    /// What was written before some moment, and of the last write any sectors.
    Prefix,
}

pub const CUTS: [Cut; 4] = [Cut::Dropped, Cut::Kept, Cut::Torn, Cut::Prefix];

/// Files by their path.
pub type Image = BTreeMap<PathBuf, Vec<u8>>;

enum Change {
    Write { at: usize, bytes: Vec<u8> },
    Size(usize),
}

enum Naming {
    Set(String, u64),
    Remove(String),
    /// To another name, in the same folder.
    Move(String, String),
}

#[derive(Default)]
struct File {
    synced: Vec<u8>,
    now: Vec<u8>,
    changes: Vec<Change>,
}

#[derive(Default)]
struct Folder {
    synced: BTreeMap<String, u64>,
    now: BTreeMap<String, u64>,
    changes: Vec<Naming>,
}

enum Node {
    File(File),
    Folder(Folder),
}

pub struct Disk {
    nodes: HashMap<u64, Node>,
    next: u64,
    /// Says that it synced files whose names end like this, and does not.
    lies: Option<&'static str>,
    pub writes: u64,
    pub syncs: u64,
}

impl Disk {
    pub fn new(lies: Option<&'static str>) -> Disk {
        let nodes = HashMap::from([(ROOT, Node::Folder(Folder::default()))]);
        Disk { nodes, next: ROOT + 1, lies, writes: 0, syncs: 0 }
    }
    fn folder(&self, no: u64) -> Option<&Folder> {
        match self.nodes.get(&no)? {
            Node::Folder(folder) => Some(folder),
            Node::File(_) => None,
        }
    }
    fn folder_mut(&mut self, no: u64) -> Option<&mut Folder> {
        match self.nodes.get_mut(&no)? {
            Node::Folder(folder) => Some(folder),
            Node::File(_) => None,
        }
    }
    fn file_mut(&mut self, no: u64) -> Option<&mut File> {
        match self.nodes.get_mut(&no)? {
            Node::File(file) => Some(file),
            Node::Folder(_) => None,
        }
    }
    pub fn find(&self, folder: u64, name: &str) -> Option<u64> {
        self.folder(folder)?.now.get(name).copied()
    }
    /// Size of a file; none: it is a folder.
    pub fn size(&self, no: u64) -> Option<Option<usize>> {
        Some(match self.nodes.get(&no)? {
            Node::File(file) => Some(file.now.len()),
            Node::Folder(_) => None,
        })
    }
    pub fn list(&self, no: u64) -> Option<Vec<(String, u64)>> {
        Some(self.folder(no)?.now.iter().map(|(name, no)| (name.clone(), *no)).collect())
    }
    pub fn make(&mut self, folder: u64, name: &str, is_folder: bool) -> Option<u64> {
        let no = self.next;
        let parent = self.folder_mut(folder)?;
        parent.now.insert(name.to_owned(), no);
        parent.changes.push(Naming::Set(name.to_owned(), no));
        let node = if is_folder { Node::Folder(Folder::default()) } else { Node::File(File::default()) };
        self.nodes.insert(no, node);
        self.next += 1;
        Some(no)
    }
    pub fn remove(&mut self, folder: u64, name: &str) -> bool {
        let Some(parent) = self.folder_mut(folder) else { return false };
        parent.changes.push(Naming::Remove(name.to_owned()));
        parent.now.remove(name).is_some()
    }
    /// Within one folder; nothing here moves files elsewhere.
    pub fn rename(&mut self, folder: u64, from: &str, to: &str) -> bool {
        let Some(parent) = self.folder_mut(folder) else { return false };
        parent.changes.push(Naming::Move(from.to_owned(), to.to_owned()));
        move_name(&mut parent.now, from, to)
    }
    pub fn read(&self, no: u64, at: usize, len: usize) -> Option<&[u8]> {
        let Node::File(file) = self.nodes.get(&no)? else { return None };
        let at = at.min(file.now.len());
        Some(&file.now[at..file.now.len().min(at + len)])
    }
    pub fn write(&mut self, no: u64, at: usize, bytes: &[u8]) -> bool {
        self.writes += 1;
        self.change(no, Change::Write { at, bytes: bytes.to_vec() })
    }
    pub fn resize(&mut self, no: u64, size: usize) -> bool {
        self.change(no, Change::Size(size))
    }
    fn change(&mut self, no: u64, change: Change) -> bool {
        let Some(file) = self.file_mut(no) else { return false };
        change.apply(&mut file.now, &mut |_| true);
        file.changes.push(change);
        true
    }
    /// fsync and fdatasync, of a file or a folder.
    pub fn sync(&mut self, no: u64) {
        self.syncs += 1;
        if self.lies.is_some_and(|end| self.is_named(no, end)) {
            return;
        }
        match self.nodes.get_mut(&no) {
            Some(Node::File(file)) => {
                for change in file.changes.drain(..) {
                    change.apply(&mut file.synced, &mut |_| true);
                }
            }
            Some(Node::Folder(folder)) => {
                for change in folder.changes.drain(..) {
                    change.apply(&mut folder.synced);
                }
            }
            None => {}
        }
    }
    /// Whether a file of which the name ends like this has writes that were not synced.
    pub fn is_unsynced(&self, end: &str) -> bool {
        let changed = |(no, node): (&u64, &Node)| match node {
            Node::File(file) => !file.changes.is_empty() && self.is_named(*no, end),
            Node::Folder(_) => false,
        };
        self.nodes.iter().any(changed)
    }
    fn is_named(&self, no: u64, end: &str) -> bool {
        let folders = self.nodes.values().filter_map(|node| match node {
            Node::Folder(folder) => Some(folder),
            Node::File(_) => None,
        });
        let mut names = folders.flat_map(|folder| &folder.now);
        names.any(|(name, of)| *of == no && name.ends_with(end))
    }
    /// The disk as it could be found after a power cut now.
    pub fn image(&self, cut: Cut, rng: &mut Rng) -> Image {
        let mut image = Image::new();
        self.collect(ROOT, &PathBuf::new(), cut, rng, &mut image);
        image
    }
    fn collect(&self, no: u64, path: &std::path::Path, cut: Cut, rng: &mut Rng, into: &mut Image) {
        match self.nodes.get(&no) {
            Some(Node::File(file)) => drop(into.insert(path.to_owned(), file.left(cut, rng))),
            Some(Node::Folder(folder)) => {
                for (name, no) in folder.left(cut, rng) {
                    self.collect(no, &path.join(name), cut, rng, into);
                }
            }
            None => {}
        }
    }
}

impl File {
    fn left(&self, cut: Cut, rng: &mut Rng) -> Vec<u8> {
        let mut left = match cut {
            Cut::Kept => return self.now.clone(),
            Cut::Dropped | Cut::Torn | Cut::Prefix => self.synced.clone(),
        };
        // Now nearly all, now hardly anything: what breaks is often one sector among many.
        let share = *rng.pick(&[20, 200, 500, 800, 980]);
        match cut {
            Cut::Torn => {
                for change in &self.changes {
                    change.apply(&mut left, &mut |_| rng.chance(share));
                }
            }
            Cut::Prefix if !self.changes.is_empty() => {
                let whole = rng.index(self.changes.len());
                for change in &self.changes[..whole] {
                    change.apply(&mut left, &mut |_| true);
                }
                self.changes[whole].apply(&mut left, &mut |_| rng.chance(share));
            }
            Cut::Kept | Cut::Dropped | Cut::Prefix => {}
        }
        left
    }
}

impl Folder {
    fn left(&self, cut: Cut, rng: &mut Rng) -> BTreeMap<String, u64> {
        let mut left = self.synced.clone();
        let whole = match cut {
            Cut::Dropped => 0,
            Cut::Kept => self.changes.len(),
            Cut::Torn | Cut::Prefix => rng.index(self.changes.len() + 1),
        };
        for (no, change) in self.changes.iter().enumerate() {
            // Names have a journal on most disks, and come back in order; in a torn image they need not.
            if no < whole || (cut == Cut::Torn && rng.chance(500)) {
                change.apply(&mut left);
            }
        }
        left
    }
}

impl Change {
    /// Sector by sector, those that are kept; a size is one of them.
    fn apply(&self, to: &mut Vec<u8>, keep: &mut impl FnMut(usize) -> bool) {
        match self {
            Change::Size(size) => {
                if keep(*size) {
                    to.resize(*size, 0);
                }
            }
            Change::Write { at, bytes } => {
                let (mut from, end) = (*at, at + bytes.len());
                while from < end {
                    let to_here = end.min((from / SECTOR + 1) * SECTOR);
                    if keep(from) {
                        if to.len() < to_here {
                            to.resize(to_here, 0);
                        }
                        to[from..to_here].copy_from_slice(&bytes[from - at..to_here - at]);
                    }
                    from = to_here;
                }
            }
        }
    }
}

impl Naming {
    fn apply(&self, to: &mut BTreeMap<String, u64>) {
        match self {
            Naming::Set(name, no) => drop(to.insert(name.clone(), *no)),
            Naming::Remove(name) => drop(to.remove(name)),
            Naming::Move(from, name) => drop(move_name(to, from, name)),
        }
    }
}

fn move_name(names: &mut BTreeMap<String, u64>, from: &str, to: &str) -> bool {
    let Some(no) = names.remove(from) else { return false };
    names.insert(to.to_owned(), no);
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_synced_is_in_every_image_and_the_rest_may_be() {
        let mut disk = Disk::new(None);
        let file = disk.make(ROOT, "a", false).unwrap();
        disk.write(file, 0, &[1; 2048]);
        disk.sync(file);
        let mut rng = Rng::new(1);
        assert!(disk.image(Cut::Dropped, &mut rng).is_empty(), "its name was not synced");
        disk.sync(ROOT);
        disk.write(file, 512, &[2; 1024]);
        let path = PathBuf::from("a");
        let before = disk.image(Cut::Dropped, &mut rng)[&path].clone();
        assert_eq!(before, [1; 2048]);
        assert_eq!(disk.image(Cut::Kept, &mut rng)[&path][512..1536], [2; 1024]);
        let mut seen = std::collections::BTreeSet::new();
        for _ in 0..200 {
            let torn = disk.image(Cut::Torn, &mut rng)[&path].clone();
            assert!(torn.chunks(512).all(|sector| sector.iter().all(|byte| *byte == sector[0])));
            assert!(torn[..512] == [1; 512] && torn[1536..] == [1; 512]);
            seen.insert((torn[512], torn[1024]));
        }
        assert_eq!(seen.len(), 4, "{seen:?}");
        disk.sync(file);
        disk.remove(ROOT, "a");
        assert_eq!(disk.image(Cut::Dropped, &mut rng).len(), 1);
        assert!(disk.image(Cut::Kept, &mut rng).is_empty());
    }

    #[test]
    fn a_disk_that_lies_loses_what_it_said_it_had() {
        let mut disk = Disk::new(Some("-wal"));
        for name in ["x-wal", "x"] {
            let file = disk.make(ROOT, name, false).unwrap();
            disk.write(file, 0, b"text");
            disk.sync(file);
        }
        disk.sync(ROOT);
        let image = disk.image(Cut::Dropped, &mut Rng::new(1));
        assert_eq!((image[&PathBuf::from("x-wal")].len(), image[&PathBuf::from("x")].len()), (0, 4));
    }
}
