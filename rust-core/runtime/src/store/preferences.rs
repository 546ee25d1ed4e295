//! What the program around the firewall wants to remember: small texts by name, of which nothing here knows the meaning.
use super::tallies::open_if_made;
use super::{Retention, Store, StoreError};
use redb::TableDefinition;
use std::collections::BTreeMap;

const PREFERENCES: TableDefinition<&str, &str> = TableDefinition::new("preferences");

impl Store {
    /// Remembers a text under a name, or with `None` forgets it. On disk when this returns.
    ///
    /// # Errors
    /// The store cannot be written.
    pub fn set_preference(&self, name: &str, value: Option<&str>) -> Result<(), StoreError> {
        self.disk.write(|transaction| {
            let mut table = transaction.open_table(PREFERENCES)?;
            match value {
                Some(value) => table.insert(name, value)?,
                None => table.remove(name)?,
            };
            Ok(())
        })
    }

    /// Remembers these preferences and no others, and keeps so much of the log. On disk when this returns, all or nothing.
    pub(crate) fn replace_preferences(
        &self,
        preferences: &BTreeMap<String, String>,
        retention: Retention,
    ) -> Result<(), StoreError> {
        self.disk.write(|transaction| {
            transaction.delete_table(PREFERENCES)?;
            let mut table = transaction.open_table(PREFERENCES)?;
            for (name, value) in preferences {
                table.insert(name.as_str(), value.as_str())?;
            }
            retention.write(transaction)
        })
    }

    /// The preferences whose names begin with a prefix, by what follows it.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn preferences(&self, prefix: &str) -> Result<BTreeMap<String, String>, StoreError> {
        self.disk.read(|transaction| {
            let Some(table) = open_if_made(transaction, PREFERENCES)? else { return Ok(BTreeMap::new()) };
            let mut found = BTreeMap::new();
            for entry in table.range(prefix..)? {
                let (name, value) = entry?;
                let Some(rest) = name.value().strip_prefix(prefix) else { break };
                found.insert(rest.to_owned(), value.value().to_owned());
            }
            Ok(found)
        })
    }
}
