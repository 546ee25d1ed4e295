//! Progress lines and the summary.
use crate::TaskError;
use std::time::Instant;

/// How a step ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Outcome {
    Passed,
    Failed,
    NotRun(String),
}

/// Steps that are run one after the other and summed up at the end.
pub(crate) struct Steps {
    began: Instant,
    total: usize,
    done: Vec<(String, Outcome, u64)>,
}

impl Steps {
    /// `total` steps are to come.
    pub(crate) fn new(total: usize) -> Self {
        Self { began: Instant::now(), total, done: Vec::new() }
    }

    /// Runs one; says whether it passed.
    pub(crate) fn run(
        &mut self,
        name: &str,
        work: impl FnOnce() -> Result<bool, TaskError>,
    ) -> Result<bool, TaskError> {
        println!("\n== [{}/{}] {name}", self.done.len() + 1, self.total);
        let began = Instant::now();
        let passed = work()?;
        let outcome = if passed { Outcome::Passed } else { Outcome::Failed };
        self.done.push((name.to_owned(), outcome, began.elapsed().as_secs()));
        Ok(passed)
    }

    /// Notes that one was left out, and why.
    pub(crate) fn leave_out(&mut self, name: &str, why: &str) {
        println!("\n== [{}/{}] {name}\n!! NOT RUN: {why}", self.done.len() + 1, self.total);
        self.done.push((name.to_owned(), Outcome::NotRun(why.to_owned()), 0));
    }

    /// Prints the summary; says whether all is well, with steps left out counting as `left_out_is_well` says.
    pub(crate) fn sum_up(&self, left_out_is_well: bool) -> bool {
        println!("\n== summary");
        let mut well = true;
        let mut left_out = 0;
        for (name, outcome, seconds) in &self.done {
            match outcome {
                Outcome::Passed => println!("passed   {seconds:>4} s  {name}"),
                Outcome::Failed => {
                    well = false;
                    println!("FAILED   {seconds:>4} s  {name}");
                }
                Outcome::NotRun(why) => {
                    well &= left_out_is_well;
                    left_out += 1;
                    println!("NOT RUN          {name}: {why}");
                }
            }
        }
        let word = match (well, left_out) {
            (true, 0) => "everything passed".to_owned(),
            (true, _) => format!("what ran passed, but {left_out} steps did NOT RUN"),
            (false, _) => "FAILED".to_owned(),
        };
        println!("{word}, {} s", self.began.elapsed().as_secs());
        well
    }
}
