//! Running the programs a build is made of: silent when they succeed.
use crate::TaskError;
use std::process::{Command, Stdio};

/// Runs it to its end; on failure shows all it said.
pub(crate) fn run(command: Command) -> Result<(), TaskError> {
    output(command).map(|_| ())
}

/// The same, and gives what it printed.
pub(crate) fn output(mut command: Command) -> Result<String, TaskError> {
    let program = command.get_program().to_string_lossy().into_owned();
    let output = command
        .stdin(Stdio::null())
        .output()
        .map_err(|source| TaskError::Start { program: program.clone(), source })?;
    let text = String::from_utf8_lossy(&output.stdout);
    if output.status.success() {
        return Ok(text.into_owned());
    }
    eprint!("{text}{}", String::from_utf8_lossy(&output.stderr));
    Err(TaskError::Failed(program))
}
