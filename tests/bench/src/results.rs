//! Results on disk: a line of JSON for each measure taken.
use crate::{
    engine::Runner,
    measure::{Figures, Measure},
};
use serde::{Deserialize, Serialize};
use std::{
    error::Error,
    fs::{self, File},
    io::Write as _,
    path::{Path, PathBuf},
};

const FILE: &str = "results.jsonl";

/// One measure of one engine, once.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Sample {
    pub(crate) engine: String,
    pub(crate) mtu: u32,
    pub(crate) repetition: u32,
    pub(crate) measure: String,
    /// Processes that wanted to run, over the last minute: how quiet the machine was.
    pub(crate) load: f64,
    pub(crate) figures: Figures,
}

impl Sample {
    pub(crate) fn new(runner: Runner, repetition: u32, measure: Measure, figures: Figures) -> Self {
        let load = fs::read_to_string("/proc/loadavg").unwrap_or_default();
        Self {
            engine: runner.kind.to_string(),
            mtu: runner.mtu,
            repetition,
            measure: measure.to_string(),
            load: load.split_whitespace().next().and_then(|word| word.parse().ok()).unwrap_or(0.0),
            figures,
        }
    }
}

/// The folder they lie in.
#[derive(Debug)]
pub(crate) struct Results {
    folder: PathBuf,
}

impl Results {
    pub(crate) fn in_folder(folder: &Path) -> Self {
        Self { folder: folder.to_owned() }
    }

    /// Makes the folder and an empty file.
    pub(crate) fn begin(&self) -> Result<(), Box<dyn Error>> {
        fs::create_dir_all(&self.folder)?;
        self.write(FILE, "")
    }

    /// Adds one, at once: a run that is cut short leaves what it has measured.
    pub(crate) fn add(&self, sample: &Sample) -> Result<(), Box<dyn Error>> {
        let mut file = File::options().append(true).create(true).open(self.folder.join(FILE))?;
        writeln!(file, "{}", serde_json::to_string(sample)?)?;
        Ok(())
    }

    pub(crate) fn read(&self) -> Result<Vec<Sample>, Box<dyn Error>> {
        let path = self.folder.join(FILE);
        let text =
            fs::read_to_string(&path).map_err(|error| format!("reading {}: {error}", path.display()))?;
        let parse = |line| serde_json::from_str(line);
        Ok(text.lines().map(parse).collect::<Result<_, _>>()?)
    }

    pub(crate) fn write(&self, name: &str, text: &str) -> Result<(), Box<dyn Error>> {
        let path = self.folder.join(name);
        fs::write(&path, text).map_err(|error| format!("writing {}: {error}", path.display()).into())
    }
}

/// What several repetitions say together.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Summary {
    pub(crate) median: f64,
    pub(crate) lowest: f64,
    pub(crate) highest: f64,
}

/// The summary of one figure of one engine; none if it was not measured.
pub(crate) fn summary(
    samples: &[Sample],
    engine: &str,
    mtu: u32,
    measure: &str,
    figure: &str,
) -> Option<Summary> {
    let mut values: Vec<f64> = samples
        .iter()
        .filter(|sample| sample.engine == engine && sample.mtu == mtu && sample.measure == measure)
        .filter_map(|sample| sample.figures.get(figure).copied())
        .collect();
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let median = if values.len().is_multiple_of(2) {
        f64::midpoint(*values.get(middle.checked_sub(1)?)?, *values.get(middle)?)
    } else {
        *values.get(middle)?
    };
    Some(Summary { median, lowest: *values.first()?, highest: *values.last()? })
}

/// Engines and packet sizes in the order in which they were measured.
pub(crate) fn runners(samples: &[Sample]) -> Vec<(String, u32)> {
    let mut seen: Vec<(String, u32)> = Vec::new();
    for sample in samples {
        let runner = (sample.engine.clone(), sample.mtu);
        if !seen.contains(&runner) {
            seen.push(runner);
        }
    }
    seen
}

#[cfg(test)]
pub(crate) fn sample(engine: &str, mtu: u32, measure: &str, figures: &[(&str, f64)]) -> Sample {
    let figures = figures.iter().map(|(name, value)| ((*name).to_owned(), *value)).collect();
    Sample { engine: engine.into(), mtu, repetition: 1, measure: measure.into(), load: 0.0, figures }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn repetitions_are_summed_up_by_their_median() {
        let mut samples: Vec<Sample> =
            [3.0, 1.0, 2.0].iter().map(|value| sample("a", 1500, "bulk", &[("x", *value)])).collect();
        let of = |samples: &[Sample], figure: &str| summary(samples, "a", 1500, "bulk", figure);
        assert_eq!(of(&samples, "x"), Some(Summary { median: 2.0, lowest: 1.0, highest: 3.0 }));
        samples.push(sample("a", 1500, "bulk", &[("x", 10.0)]));
        assert_eq!(of(&samples, "x"), Some(Summary { median: 2.5, lowest: 1.0, highest: 10.0 }));
        assert_eq!(of(&samples, "y"), None);
        assert_eq!(summary(&samples, "a", 9000, "bulk", "x"), None);
    }

    #[test]
    fn what_was_written_is_read_again() {
        let folder = std::env::temp_dir().join(format!("consentry-bench-{}", std::process::id()));
        let results = Results::in_folder(&folder);
        results.begin().unwrap();
        results.add(&sample("a", 1500, "bulk", &[("x", 0.25)])).unwrap();
        let read = results.read().unwrap();
        assert_eq!((read.len(), read[0].figures["x"]), (1, 0.25));
        fs::remove_dir_all(folder).unwrap();
    }
}
