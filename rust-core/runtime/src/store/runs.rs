//! The times that firewalls ran on this store, for [`crate::protection`].
use super::tallies::open_if_made;
use super::{Store, StoreError};
use crate::protection::{Cause, Protection, Run, protection};
use consentry_consent::Clock;
use redb::{ReadableTable, ReadableTableMetadata, TableDefinition, WriteTransaction};
use std::sync::{MutexGuard, PoisonError};

/// A number that grows to the JSON of a [`Run`].
const RUNS: TableDefinition<u64, &[u8]> = TableDefinition::new("runs");
/// Runs that are kept: months of them, unless a phone ends the app every few minutes.
const MOST_RUNS: u64 = 1_000;
/// Signs of life are not written more often than this, in milliseconds.
const PULSE_MS: u64 = 60_000;

/// The run of the firewall that uses this store just now.
#[derive(Debug)]
pub(super) struct Present {
    /// `None` as long as the store could not take it.
    number: Option<u64>,
    run: Run,
}

impl Store {
    /// A firewall begins to hold back.
    ///
    /// # Errors
    /// The store cannot be written; the next sign of life brings it in.
    pub(crate) fn run_began(&self, now: &Clock) -> Result<(), StoreError> {
        let mut present = self.present_run();
        *present = Some(Present { number: None, run: Run::new(now) });
        self.keep(present)
    }

    /// It has ended in good order. A cause that was given before holds.
    ///
    /// # Errors
    /// The store cannot be written: what it knows last is the latest sign of life.
    pub(crate) fn run_ended(&self, now: &Clock, cause: Cause) -> Result<(), StoreError> {
        let mut present = self.present_run();
        if let Some(Present { run, .. }) = &mut *present {
            run.alive = *now;
            run.ended_boot_ms = Some(now.boot_ms);
            run.orderly = true;
            run.cause.get_or_insert(cause);
        }
        self.keep(present)
    }

    /// Whether a sign of life is worth writing.
    pub(crate) fn wants_pulse(&self, now: &Clock) -> bool {
        self.present_run().as_ref().is_some_and(|present| {
            present.number.is_none() || now.boot_ms.saturating_sub(present.run.alive.boot_ms) >= PULSE_MS
        })
    }

    /// Somebody knows why, and perhaps when (milliseconds since 1970-01-01T00:00:00Z), a firewall ended.
    ///
    /// Without a time it is about the firewall that runs, or ran last. With one it is about the latest that had begun by
    /// then; one whose end is known already is left as it is.
    ///
    /// # Errors
    /// The store cannot be read or written.
    pub fn explain_end(&self, at_ms: Option<i64>, cause: Cause) -> Result<(), StoreError> {
        let mut present = self.present_run();
        if let (None, Some(Present { run, .. })) = (at_ms, &mut *present) {
            run.cause = Some(cause);
            return self.keep(present);
        }
        let running = present.as_ref().and_then(|present| present.number);
        self.disk.write(|transaction| {
            let mut table = transaction.open_table(RUNS)?;
            let mut changed = None;
            for entry in table.iter()?.rev() {
                let (number, json) = entry?;
                if Some(number.value()) == running {
                    continue;
                }
                let Ok(mut run) = serde_json::from_slice::<Run>(json.value()) else { continue };
                match at_ms {
                    Some(at_ms) if at_ms < run.from.wall_ms => continue,
                    Some(_) if run.has_ended() => {}
                    Some(at_ms) => {
                        run.end_at(at_ms, cause);
                        changed = Some((number.value(), run));
                    }
                    None => {
                        run.cause = Some(cause);
                        changed = Some((number.value(), run));
                    }
                }
                break;
            }
            if let Some((number, run)) = changed {
                table.insert(number, json(&run).as_slice())?;
            }
            Ok(())
        })
    }

    /// The protection gaps that reach beyond a time (milliseconds since 1970-01-01T00:00:00Z), and how much was protected.
    ///
    /// # Errors
    /// The store cannot be read.
    pub fn protection(&self, since_ms: i64, now: &Clock) -> Result<Protection, StoreError> {
        let present = self.present_run();
        let running = present.as_ref().map(|present| (present.number, present.run.clone()));
        drop(present);
        let number = running.as_ref().and_then(|(number, _)| *number);
        let mut runs = self.disk.read(|transaction| {
            let Some(table) = open_if_made(transaction, RUNS)? else { return Ok(Vec::new()) };
            let mut runs = Vec::new();
            for entry in table.iter()? {
                let (found, json) = entry?;
                if Some(found.value()) != number
                    && let Ok(run) = serde_json::from_slice(json.value())
                {
                    runs.push(run);
                }
            }
            Ok(runs)
        })?;
        let is_running = running.is_some();
        runs.extend(running.map(|(_, run)| run));
        Ok(protection(&runs, is_running, now, since_ms))
    }

    /// Writes the present run; one that has ended is present no more, even when that fails.
    fn keep(&self, mut present: MutexGuard<'_, Option<Present>>) -> Result<(), StoreError> {
        let Some(mut run) = present.take() else { return Ok(()) };
        let result = self.disk.write(|transaction| write(transaction, &run));
        if let Ok(number) = result {
            run.number = Some(number);
        }
        if !run.run.has_ended() {
            *present = Some(run);
        }
        result.map(|_| ())
    }

    /// To be locked before a transaction is begun, never in one.
    pub(super) fn present_run(&self) -> MutexGuard<'_, Option<Present>> {
        self.present.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Present {
    /// With a later sign of life. It goes on, whatever was announced.
    pub(super) fn alive_at(&self, now: &Clock) -> Self {
        Self { number: self.number, run: Run { alive: *now, cause: None, ..self.run.clone() } }
    }

    /// As it is once it was stored under a number.
    pub(super) fn stored(self, number: u64) -> Self {
        Self { number: Some(number), ..self }
    }
}

/// Writes a run. Returns its number, which counts once the transaction is committed.
pub(super) fn write(transaction: &WriteTransaction, present: &Present) -> Result<u64, redb::Error> {
    let mut table = transaction.open_table(RUNS)?;
    let number = match present.number {
        Some(number) => number,
        None => table.last()?.map_or(0, |(number, _)| number.value().saturating_add(1)),
    };
    table.insert(number, json(&present.run).as_slice())?;
    while table.len()? > MOST_RUNS {
        table.pop_first()?;
    }
    Ok(number)
}

fn json(run: &Run) -> Vec<u8> {
    serde_json::to_vec(run).expect("a run holds nothing that JSON cannot express")
}
