//! The disk as a folder of this machine (FUSE), and power cuts while others write to it.
//!
//! Cuts are made between two writes, by count: whoever keeps what was acknowledged is asked at that very moment.
//! Invariant: nothing in this process reads or writes the mounted folder: the kernel would make the thread that serves it
//! wait for itself, for ever. Who writes is another process, which the disk may hold up as long as it likes.

use std::ffi::OsStr;
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use fuser::{
    BackgroundSession, BsdFileFlags, Config, Errno, FileAttr, FileHandle, FileType, Filesystem, FopenFlags,
    Generation, INodeNo, LockOwner, MountOption, OpenFlags, RenameFlags, ReplyAttr, ReplyCreate, ReplyData,
    ReplyDirectory, ReplyEmpty, ReplyEntry, ReplyOpen, ReplyStatfs, ReplyWrite, Request, TimeOrNow,
    WriteFlags,
};
use testkit::rng::Rng;

use crate::disk::{CUTS, Disk};
use crate::shots::{Shot, Shots};

/// The kernel may keep what it knows: nobody else changes the disk.
const FOR_EVER: Duration = Duration::from_secs(86_400);

/// When power is cut, and who hears of it.
pub struct Cutter {
    pub rng: Rng,
    /// Writes and syncs before the first cut; and between two of them at most, one of these.
    pub first: i64,
    pub apart: &'static [i64],
    /// How many are acknowledged now.
    pub acked: Box<dyn Fn() -> usize + Send>,
    pub to: Arc<Shots>,
}

struct Powered {
    disk: Disk,
    cutter: Option<(Cutter, i64)>,
}

#[derive(Clone)]
struct Served(Arc<Mutex<Powered>>);

/// Unmounts when dropped.
pub struct Mounted {
    served: Served,
    _session: BackgroundSession,
}

/// Why there is no such disk here, if there is none.
pub fn missing() -> Option<String> {
    let at = testkit::server::folder("faults-try");
    let mounted = Mounted::new(Disk::new(None), &at).map(drop);
    let _empty = std::fs::remove_dir(&at);
    mounted.err().map(|e| format!("no file system can be mounted with FUSE here ({e})"))
}

impl Mounted {
    pub fn new(disk: Disk, at: &Path) -> std::io::Result<Mounted> {
        let served = Served(Arc::new(Mutex::new(Powered { disk, cutter: None })));
        let mut config = Config::default();
        config.mount_options = vec![MountOption::FSName("faults".into())];
        let session = fuser::spawn_mount(served.clone(), at, &config)?;
        Ok(Mounted { served, _session: session })
    }
    /// From now on power is cut now and then; nothing of it is felt by who writes.
    pub fn cut(&self, cutter: Cutter) {
        let first = cutter.first;
        self.served.lock().cutter = Some((cutter, first));
    }
    /// Writes and syncs so far.
    pub fn counts(&self) -> (u64, u64) {
        let powered = self.served.lock();
        (powered.disk.writes, powered.disk.syncs)
    }
}

impl Powered {
    /// Before each change and each sync.
    fn tick(&mut self) {
        let Some((cutter, left)) = &mut self.cutter else { return };
        *left -= 1;
        if *left > 0 {
            return;
        }
        let apart = *cutter.rng.pick(cutter.apart);
        *left = cutter.rng.between(1, apart);
        if !cutter.to.room() {
            self.cutter = None;
            return;
        }
        let cut = *cutter.rng.pick(&CUTS);
        // First what was promised, then what is there.
        let acked = (cutter.acked)();
        let image = self.disk.image(cut, &mut cutter.rng);
        let in_checkpoint = self.disk.is_unsynced(store::FILE);
        cutter.to.put(Shot { cut, acked, image, in_checkpoint });
    }
}

impl Served {
    fn lock(&self) -> MutexGuard<'_, Powered> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
    fn attr(&self, no: u64) -> Option<FileAttr> {
        let size = self.lock().disk.size(no)?;
        Some(attr(no, size))
    }
    fn make(&self, folder: INodeNo, name: &OsStr, is_folder: bool) -> Option<FileAttr> {
        let mut powered = self.lock();
        powered.tick();
        let no = powered.disk.make(folder.0, name.to_str()?, is_folder)?;
        drop(powered);
        self.attr(no)
    }
    fn remove(&self, folder: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        let mut powered = self.lock();
        powered.tick();
        answer(powered.disk.remove(folder.0, &name.to_string_lossy()), reply);
    }
    fn sync(&self, no: INodeNo, reply: ReplyEmpty) {
        let mut powered = self.lock();
        powered.tick();
        powered.disk.sync(no.0);
        reply.ok();
    }
}

fn attr(no: u64, size: Option<usize>) -> FileAttr {
    let (kind, perm) =
        if size.is_some() { (FileType::RegularFile, 0o644) } else { (FileType::Directory, 0o755) };
    let size = size.unwrap_or(0) as u64;
    let then: SystemTime = UNIX_EPOCH + Duration::from_secs(1_800_000_000);
    FileAttr {
        ino: INodeNo(no),
        size,
        blocks: size.div_ceil(512),
        atime: then,
        mtime: then,
        ctime: then,
        crtime: then,
        kind,
        perm,
        nlink: 1,
        uid: 0,
        gid: 0,
        rdev: 0,
        blksize: 4096,
        flags: 0,
    }
}

fn answer(good: bool, reply: ReplyEmpty) {
    if good { reply.ok() } else { reply.error(Errno::ENOENT) }
}

#[allow(clippy::too_many_arguments)]
impl Filesystem for Served {
    fn lookup(&self, _: &Request, folder: INodeNo, name: &OsStr, reply: ReplyEntry) {
        let no = self.lock().disk.find(folder.0, &name.to_string_lossy());
        match no.and_then(|no| self.attr(no)) {
            Some(attr) => reply.entry(&FOR_EVER, &attr, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }
    fn getattr(&self, _: &Request, no: INodeNo, _: Option<FileHandle>, reply: ReplyAttr) {
        match self.attr(no.0) {
            Some(attr) => reply.attr(&FOR_EVER, &attr),
            None => reply.error(Errno::ENOENT),
        }
    }
    fn setattr(
        &self,
        _: &Request,
        no: INodeNo,
        _mode: Option<u32>,
        _uid: Option<u32>,
        _gid: Option<u32>,
        size: Option<u64>,
        _atime: Option<TimeOrNow>,
        _mtime: Option<TimeOrNow>,
        _ctime: Option<SystemTime>,
        _: Option<FileHandle>,
        _crtime: Option<SystemTime>,
        _chgtime: Option<SystemTime>,
        _bkuptime: Option<SystemTime>,
        _flags: Option<BsdFileFlags>,
        reply: ReplyAttr,
    ) {
        if let Some(size) = size {
            let mut powered = self.lock();
            powered.tick();
            powered.disk.resize(no.0, size as usize);
        }
        match self.attr(no.0) {
            Some(attr) => reply.attr(&FOR_EVER, &attr),
            None => reply.error(Errno::ENOENT),
        }
    }
    fn mkdir(&self, _: &Request, folder: INodeNo, name: &OsStr, _mode: u32, _umask: u32, reply: ReplyEntry) {
        match self.make(folder, name, true) {
            Some(attr) => reply.entry(&FOR_EVER, &attr, Generation(0)),
            None => reply.error(Errno::ENOENT),
        }
    }
    fn create(
        &self,
        _: &Request,
        folder: INodeNo,
        name: &OsStr,
        _mode: u32,
        _umask: u32,
        _flags: i32,
        reply: ReplyCreate,
    ) {
        let keep = FopenFlags::FOPEN_KEEP_CACHE;
        match self.make(folder, name, false) {
            Some(attr) => reply.created(&FOR_EVER, &attr, Generation(0), FileHandle(0), keep),
            None => reply.error(Errno::ENOENT),
        }
    }
    fn open(&self, _: &Request, _: INodeNo, _: OpenFlags, reply: ReplyOpen) {
        reply.opened(FileHandle(0), FopenFlags::FOPEN_KEEP_CACHE);
    }
    fn unlink(&self, _: &Request, folder: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.remove(folder, name, reply);
    }
    fn rmdir(&self, _: &Request, folder: INodeNo, name: &OsStr, reply: ReplyEmpty) {
        self.remove(folder, name, reply);
    }
    fn rename(
        &self,
        _: &Request,
        folder: INodeNo,
        name: &OsStr,
        other: INodeNo,
        to: &OsStr,
        _: RenameFlags,
        reply: ReplyEmpty,
    ) {
        if folder != other {
            return reply.error(Errno::EXDEV);
        }
        let mut powered = self.lock();
        powered.tick();
        answer(powered.disk.rename(folder.0, &name.to_string_lossy(), &to.to_string_lossy()), reply);
    }
    fn read(
        &self,
        _: &Request,
        no: INodeNo,
        _: FileHandle,
        at: u64,
        size: u32,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyData,
    ) {
        match self.lock().disk.read(no.0, at as usize, size as usize) {
            Some(bytes) => reply.data(bytes),
            None => reply.error(Errno::ENOENT),
        }
    }
    fn write(
        &self,
        _: &Request,
        no: INodeNo,
        _: FileHandle,
        at: u64,
        bytes: &[u8],
        _: WriteFlags,
        _: OpenFlags,
        _: Option<LockOwner>,
        reply: ReplyWrite,
    ) {
        let mut powered = self.lock();
        powered.tick();
        if powered.disk.write(no.0, at as usize, bytes) {
            reply.written(bytes.len() as u32);
        } else {
            reply.error(Errno::ENOENT);
        }
    }
    fn flush(&self, _: &Request, _: INodeNo, _: FileHandle, _: LockOwner, reply: ReplyEmpty) {
        // Asked once, and then no more at each close.
        reply.error(Errno::ENOSYS);
    }
    fn fsync(&self, _: &Request, no: INodeNo, _: FileHandle, _data_only: bool, reply: ReplyEmpty) {
        self.sync(no, reply);
    }
    fn fsyncdir(&self, _: &Request, no: INodeNo, _: FileHandle, _data_only: bool, reply: ReplyEmpty) {
        self.sync(no, reply);
    }
    fn readdir(&self, _: &Request, no: INodeNo, _: FileHandle, from: u64, mut reply: ReplyDirectory) {
        let powered = self.lock();
        let Some(list) = powered.disk.list(no.0) else { return reply.error(Errno::ENOENT) };
        for (at, (name, no)) in list.iter().enumerate().skip(from as usize) {
            let is_file = powered.disk.size(*no).flatten().is_some();
            let kind = if is_file { FileType::RegularFile } else { FileType::Directory };
            if reply.add(INodeNo(*no), at as u64 + 1, kind, name) {
                break;
            }
        }
        reply.ok();
    }
    fn statfs(&self, _: &Request, _: INodeNo, reply: ReplyStatfs) {
        reply.statfs(1 << 20, 1 << 19, 1 << 19, 1 << 20, 1 << 19, 4096, 255, 4096);
    }
}
