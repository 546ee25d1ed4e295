//! A disk in memory that can be told to be full.
use super::{Disk, Store};
use redb::{Database, StorageBackend};
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};

#[derive(Clone, Debug, Default)]
pub(crate) struct FaultyDisk(Arc<Contents>);

#[derive(Debug, Default)]
struct Contents {
    bytes: Mutex<Vec<u8>>,
    full: AtomicBool,
}

impl FaultyDisk {
    pub(crate) fn set_full(&self, full: bool) {
        self.0.full.store(full, Ordering::SeqCst);
    }

    /// A store on this disk, as it would be opened by a process that starts now.
    pub(crate) fn store(&self) -> Arc<Store> {
        let backend = self.clone();
        let open = move || Ok(Database::builder().create_with_backend(backend.clone())?);
        let disk = Disk::open("/faulty/consentry.redb".into(), Box::new(open)).unwrap();
        Arc::new(Store::on(disk, None).unwrap())
    }

    fn check(&self) -> io::Result<()> {
        if self.0.full.load(Ordering::SeqCst) { Err(io::ErrorKind::StorageFull.into()) } else { Ok(()) }
    }
}

impl StorageBackend for FaultyDisk {
    fn len(&self) -> io::Result<u64> {
        Ok(self.0.bytes.lock().unwrap().len() as u64)
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        let bytes = self.0.bytes.lock().unwrap();
        let from = offset as usize;
        let part = bytes.get(from..from + out.len()).ok_or(io::ErrorKind::UnexpectedEof)?;
        out.copy_from_slice(part);
        Ok(())
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.check()?;
        self.0.bytes.lock().unwrap().resize(len as usize, 0);
        Ok(())
    }

    fn sync_data(&self) -> io::Result<()> {
        self.check()
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.check()?;
        let mut bytes = self.0.bytes.lock().unwrap();
        let from = offset as usize;
        bytes[from..from + data.len()].copy_from_slice(data);
        Ok(())
    }
}
