//! From the tables of earlier versions to the present ones, in one transaction: all or nothing.
use super::open_rows::OpenRow;
use super::{Cursor, META, SCHEMA, SCHEMA_KEY, Store, StoreError, log, tallies};
use consentry_consent::attempt::AttemptRow;
use redb::{ReadableTable, TableDefinition, TableError, WriteTransaction};

/// Layout 1: rows of the log as JSON, and counts by service and quarter of an hour.
const OLD_LOG: TableDefinition<(i64, u64), &[u8]> = TableDefinition::new("attempts");
const OLD_TALLIES: TableDefinition<(i64, &str), u64> = TableDefinition::new("tallies");

impl Store {
    /// Brings a store of layout 1 up to date. What it granted does not say what the owner agreed to, and so covers nothing: the
    /// owner is asked again.
    pub(super) fn migrate_from_1(&self) -> Result<(), StoreError> {
        self.disk.write(|transaction| {
            let rows = old_rows(transaction)?;
            log::create_tables(transaction)?;
            log::write(transaction, &rows, i64::MIN, u64::MAX)?;
            let attempts: Vec<AttemptRow> = rows.into_iter().map(|open| open.row).collect();
            tallies::count_again(transaction, &attempts)?;
            transaction.delete_table(OLD_LOG)?;
            transaction.delete_table(OLD_TALLIES)?;
            transaction.open_table(META)?.insert(SCHEMA_KEY, SCHEMA)?;
            Ok(())
        })
    }
}

/// Rows that cannot be read are left behind: there is nothing in them to keep.
fn old_rows(transaction: &WriteTransaction) -> Result<Vec<OpenRow>, redb::Error> {
    let table = match transaction.open_table(OLD_LOG) {
        Err(TableError::TableDoesNotExist(_)) => return Ok(Vec::new()),
        table => table?,
    };
    let mut rows = Vec::new();
    for entry in table.iter()? {
        let (key, json) = entry?;
        let (first_ms, serial) = key.value();
        if let Ok(row) = serde_json::from_slice::<AttemptRow>(json.value()) {
            rows.push(OpenRow { place: Cursor { first_ms, serial }, row, subject: None });
        }
    }
    Ok(rows)
}
