//! A disk in memory that fails on demand: full, read-only, or without power.
use super::{Disk, Store, StoreError};
use redb::{Database, StorageBackend};
use std::io;
use std::sync::{Arc, Mutex, MutexGuard};

/// What a disk writes in one piece even when its power fails, in bytes.
const SECTOR: usize = 512;

#[derive(Clone, Debug, Default)]
pub(crate) struct FaultyDisk(Arc<Mutex<Contents>>);

#[derive(Debug, Default)]
struct Contents {
    bytes: Vec<u8>,
    /// As of the last flush.
    flushed: Vec<u8>,
    /// Writes since then, in order.
    pending: Vec<Write>,
    /// Every write and flush fails with this.
    failure: Option<io::ErrorKind>,
    /// So many writes and flushes until the failure begins; `None`: at once.
    fails_after: Option<u64>,
}

#[derive(Clone, Debug)]
enum Write {
    Data(usize, Vec<u8>),
    Length(usize),
}

impl FaultyDisk {
    pub(crate) fn set_full(&self, full: bool) {
        self.set_failure(full.then_some(io::ErrorKind::StorageFull));
    }

    /// From now on every write fails, or none.
    pub(crate) fn set_failure(&self, failure: Option<io::ErrorKind>) {
        let mut contents = self.lock();
        contents.failure = failure;
        contents.fails_after = None;
    }

    /// The disk is full after so many more writes and flushes.
    pub(crate) fn fill_after(&self, writes: u64) {
        let mut contents = self.lock();
        contents.failure = Some(io::ErrorKind::StorageFull);
        contents.fails_after = Some(writes);
    }

    pub(crate) fn set_contents(&self, bytes: Vec<u8>) {
        let mut contents = self.lock();
        contents.flushed.clone_from(&bytes);
        contents.bytes = bytes;
        contents.pending.clear();
    }

    pub(crate) fn contents(&self) -> Vec<u8> {
        self.lock().bytes.clone()
    }

    /// The disk as it may be found after its power failed now: what was flushed is there, of what was written since, each write may
    /// be there, or not, or in part.
    pub(crate) fn after_power_failure(&self, mut chance: impl FnMut(usize) -> usize) -> Self {
        let contents = self.lock();
        let mut bytes = contents.flushed.clone();
        for write in &contents.pending {
            match write {
                Write::Length(length) if chance(2) == 0 => bytes.resize(*length, 0),
                Write::Length(_) => {}
                Write::Data(offset, data) => {
                    let (from, to) = match chance(4) {
                        0 => (0, 0),
                        1 => (0, data.len().min(SECTOR * chance(data.len() / SECTOR + 1))),
                        2 => (data.len().min(SECTOR * chance(data.len() / SECTOR + 1)), data.len()),
                        _ => (0, data.len()),
                    };
                    if bytes.len() < offset + to {
                        bytes.resize(offset + to, 0);
                    }
                    bytes[offset + from..offset + to].copy_from_slice(&data[from..to]);
                }
            }
        }
        let disk = Self::default();
        disk.set_contents(bytes);
        disk
    }

    /// A store on this disk, as it would be opened by a process that starts now.
    pub(crate) fn store(&self) -> Arc<Store> {
        self.try_store().unwrap()
    }

    /// The same, where it may not open.
    pub(crate) fn try_store(&self) -> Result<Arc<Store>, StoreError> {
        let backend = self.clone();
        let open = move || Ok(Database::builder().create_with_backend(backend.clone())?);
        let disk = Disk::open("/faulty/consentry.redb".into(), Box::new(open))?;
        Ok(Arc::new(Store::on(disk, None)?))
    }

    fn lock(&self) -> MutexGuard<'_, Contents> {
        self.0.lock().unwrap()
    }
}

impl Contents {
    fn check(&mut self) -> io::Result<()> {
        match (self.failure, self.fails_after) {
            (Some(_), Some(left)) if left > 0 => {
                self.fails_after = Some(left - 1);
                Ok(())
            }
            (Some(kind), _) => Err(kind.into()),
            (None, _) => Ok(()),
        }
    }
}

impl StorageBackend for FaultyDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.lock().bytes.len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let contents = self.lock();
        let from = offset as usize;
        let part = contents.bytes.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(part);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        let mut contents = self.lock();
        contents.check()?;
        contents.bytes.resize(len as usize, 0);
        contents.pending.push(Write::Length(len as usize));
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        let mut contents = self.lock();
        contents.check()?;
        let Contents { bytes, flushed, pending, .. } = &mut *contents;
        for write in pending.drain(..) {
            match write {
                Write::Length(length) => flushed.resize(length, 0),
                Write::Data(from, data) => flushed[from..from + data.len()].copy_from_slice(&data),
            }
        }
        debug_assert_eq!(bytes.len(), flushed.len());
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        let mut contents = self.lock();
        contents.check()?;
        let from = offset as usize;
        contents.bytes[from..from + data.len()].copy_from_slice(data);
        contents.pending.push(Write::Data(from, data.to_vec()));
        Ok(())
    }
}
