//! The command's side of the control socket.
use super::{Request, Response, lines};
use crate::store::control_socket;
use std::io::{self, BufReader};
use std::ops::ControlFlow;
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Duration;

/// How long a running firewall may take for an answer before it counts as hung.
const LONGEST_WAIT: Duration = Duration::from_secs(15);

/// A connection to a running firewall.
#[derive(Debug)]
pub struct Client {
    stream: BufReader<UnixStream>,
}

/// Why a running firewall gave no good answer.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// It said no, and why.
    #[error("{0}")]
    Refused(String),
    /// The connection broke, or nothing came in time.
    #[error("the running firewall does not answer: {0}")]
    Connection(#[from] io::Error),
    /// It answered something that this version does not understand.
    #[error(
        "the running firewall answers in a form that this version does not know: restart it with this version"
    )]
    Unreadable,
}

impl Client {
    /// Connects to the firewall that runs on a state folder; `None` when none does.
    pub fn connect(folder: &Path) -> Option<Self> {
        let stream =
            super::server::with_short_path(&control_socket(folder), |path| UnixStream::connect(path)).ok()?;
        stream.set_write_timeout(Some(LONGEST_WAIT)).ok()?;
        Some(Self { stream: BufReader::new(stream) })
    }

    /// Asks, and hands over each line of the answer but the last, until `each` breaks off. Returns the last line, or `None`
    /// when broken off; then the connection is of no further use.
    ///
    /// # Errors
    /// The request was refused, or the connection failed.
    pub fn ask(
        &mut self,
        request: &Request,
        each: &mut dyn FnMut(Response) -> ControlFlow<()>,
    ) -> Result<Option<Response>, ClientError> {
        let wait = if matches!(request, Request::Follow { .. }) { None } else { Some(LONGEST_WAIT) };
        self.stream.get_ref().set_read_timeout(wait)?;
        lines::write(self.stream.get_mut(), request)?;
        loop {
            let line = match lines::read(&mut self.stream)? {
                lines::Line::Whole(line) => line,
                lines::Line::TooLong => return Err(ClientError::Unreadable),
                lines::Line::End => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            };
            match serde_json::from_slice(&line).map_err(|_| ClientError::Unreadable)? {
                Response::Error { message } => return Err(ClientError::Refused(message)),
                response if response.is_last() => return Ok(Some(response)),
                response => {
                    if each(response).is_break() {
                        return Ok(None);
                    }
                }
            }
        }
    }

    /// The process at the other end.
    pub fn server_pid(&self) -> Option<u32> {
        super::peer::of(self.stream.get_ref()).ok()?.pid
    }
}
