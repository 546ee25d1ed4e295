//! `cargo xtask test`.
use crate::{
    TaskError, app_tests,
    cargo::{command, root, succeeds},
    isolation::Isolation,
    steps::Steps,
    tools,
};
use std::process::Command;

/// Steps beside the end-to-end tests.
const OTHER_STEPS: usize = 5;

/// Runs everything; false if anything failed.
pub(crate) fn run(require_lab: bool) -> Result<bool, TaskError> {
    components()?;
    let themes = themes()?;
    // First of all, because tests of single crates use some of the tools too.
    let tools = tools::ensure();
    let mut steps = Steps::new(OTHER_STEPS + themes.len());
    steps.run("format", || succeeds(command(&["fmt", "--all", "--check"])))?;
    steps.run("lints", || {
        succeeds(command(&["clippy", "--workspace", "--all-targets", "--quiet", "--", "-D", "warnings"]))
    })?;
    steps.run("unit and integration tests of every crate", || {
        let lab = succeeds(command(&["test", "--package", "consentry-tests", "--lib", "--quiet"]))?;
        Ok(succeeds(command(&["test", "--workspace", "--exclude", "consentry-tests", "--quiet"]))? && lab)
    })?;
    let built = steps.run("building the program and its end-to-end tests", || {
        Ok(succeeds(command(&["build", "--quiet", "--package", "consentry"]))?
            && succeeds(command(&["test", "--quiet", "--package", "consentry-tests", "--no-run"]))?)
    })?;
    let isolation = match (built, tools) {
        (false, _) => Isolation::Impossible("the build failed".into()),
        (true, Err(error)) => Isolation::Impossible(error.to_string()),
        (true, Ok(())) => Isolation::find(),
    };
    for theme in &themes {
        let name = format!("end to end: {}", theme.replace('_', " "));
        if let Isolation::Impossible(why) = &isolation {
            steps.leave_out(&name, why);
            continue;
        }
        // One test at a time: they measure times and memory.
        let words = [
            "test",
            "--offline",
            "--quiet",
            "--package",
            "consentry-tests",
            "--test",
            theme,
            "--",
            "--test-threads=1",
        ];
        steps.run(&name, || succeeds(isolation.wrap(command(&words))))?;
    }
    steps.run("the Android app, with the engine, on this machine's JVM", || {
        app_tests::run(&isolation, None).or_else(|error| {
            println!("{error}");
            Ok(false)
        })
    })?;
    Ok(steps.sum_up(built && !require_lab))
}

/// Says plainly when rustup left something out.
fn components() -> Result<(), TaskError> {
    for (component, word) in [("rustfmt", "fmt"), ("clippy", "clippy")] {
        let mut probe = command(&[word, "--version"]);
        let there = probe.output().is_ok_and(|output| output.status.success());
        if !there {
            return Err(TaskError::Missing(format!(
                "{component} is missing: rustup component add {component}"
            )));
        }
    }
    let compiler = Command::new("cc").arg("--version").output();
    if !compiler.is_ok_and(|output| output.status.success()) {
        return Err(TaskError::Missing("a C compiler is missing: apt-get install build-essential".into()));
    }
    Ok(())
}

/// The end-to-end tests, one file for each theme.
fn themes() -> Result<Vec<String>, TaskError> {
    let folder = root().join("tests/tests");
    let entries = std::fs::read_dir(&folder)
        .map_err(|source| TaskError::Start { program: format!("reading {}", folder.display()), source })?;
    let mut themes: Vec<String> = entries
        .filter_map(|entry| Some(entry.ok()?.file_name().to_str()?.strip_suffix(".rs")?.to_owned()))
        .collect();
    themes.sort_unstable();
    Ok(themes)
}
