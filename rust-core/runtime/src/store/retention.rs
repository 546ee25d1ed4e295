//! How long and how much of the attempt log is kept.
use super::{SETTINGS, Store, StoreError};
use redb::WriteTransaction;

const DAYS: &str = "retention_days";
const MEGABYTES: &str = "retention_megabytes";

/// Bytes that one row takes on disk with its place in the indexes: measured, rounded up.
const ROW_BYTES: u64 = 400;

/// What is kept of the attempt log. Older rows go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Retention {
    /// How many days.
    pub days: u32,
    /// How many megabytes (10^6 bytes) at most.
    pub megabytes: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { days: 30, megabytes: 50 }
    }
}

impl Retention {
    /// Ten years.
    pub const MOST_DAYS: u32 = 3_650;
    /// A gigabyte.
    pub const MOST_MEGABYTES: u32 = 1_000;

    /// Whether both are at least 1 and at most what can be kept.
    pub fn is_sensible(self) -> bool {
        (1..=Self::MOST_DAYS).contains(&self.days) && (1..=Self::MOST_MEGABYTES).contains(&self.megabytes)
    }

    pub(super) fn write(self, transaction: &WriteTransaction) -> Result<(), redb::Error> {
        let mut settings = transaction.open_table(SETTINGS)?;
        settings.insert(DAYS, self.days.to_be_bytes().as_slice())?;
        settings.insert(MEGABYTES, self.megabytes.to_be_bytes().as_slice())?;
        Ok(())
    }

    pub(super) fn keep_from_ms(self, now_ms: i64) -> i64 {
        now_ms.saturating_sub(i64::from(self.days).saturating_mul(86_400_000))
    }

    pub(super) fn most_rows(self) -> u64 {
        u64::from(self.megabytes) * 1_000_000 / ROW_BYTES
    }
}

impl Store {
    /// What is kept of the attempt log.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn retention(&self) -> Result<Retention, StoreError> {
        let number = |key| -> Result<Option<u32>, StoreError> {
            Ok(self.setting(key)?.and_then(|bytes| bytes.try_into().ok()).map(u32::from_be_bytes))
        };
        let default = Retention::default();
        Ok(Retention {
            days: number(DAYS)?.unwrap_or(default.days),
            megabytes: number(MEGABYTES)?.unwrap_or(default.megabytes),
        })
    }

    /// Sets what is kept. Older rows go with the next batch.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn set_retention(&self, retention: Retention) -> Result<(), StoreError> {
        self.disk.write(|transaction| retention.write(transaction))
    }
}
