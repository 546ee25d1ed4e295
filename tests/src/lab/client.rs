//! What an app on the phone does, and what came of it.
use super::{
    Lab,
    error::{LabError, Result},
};
use std::{
    io::{Read, Write},
    net::{SocketAddr, TcpStream},
    process::Output,
    time::Duration,
};

/// What a command printed and how it ended.
#[derive(Clone, Debug)]
pub struct Said {
    /// Exit status; -1 if a signal ended it.
    pub status: i32,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Said {
    /// Whether the exit status was 0.
    pub fn ok(&self) -> bool {
        self.status == 0
    }
}

impl From<Output> for Said {
    fn from(output: Output) -> Self {
        Self {
            status: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }
}

impl Lab {
    /// Runs a program on the phone to its end.
    pub fn on_phone(&self, program: &str, arguments: &[&str]) -> Result<Said> {
        let output = self.phone.command(program).args(arguments).output();
        Ok(output.map_err(LabError::io(format!("running {program} on the phone")))?.into())
    }

    /// Runs a shell line on the phone to its end (pipes, several requests in one breath).
    pub fn on_phone_shell(&self, line: &str) -> Result<Said> {
        self.on_phone("bash", &["-c", line])
    }

    /// curl on the phone: silent, shows errors, knows the lab's certificates, gives up after 5 s unless `words` say
    /// otherwise.
    pub fn curl(&self, words: &[&str]) -> Result<Said> {
        let authority = self.authority().display().to_string();
        let mut all = vec!["-sS", "--max-time", "5", "--cacert", &authority];
        all.extend(words);
        self.on_phone("curl", &all)
    }

    /// What the phone's resolver library would ask with dig: the short answer, one line per record.
    pub fn dig(&self, words: &[&str]) -> Result<Said> {
        let mut all = vec!["+short", "+time=2", "+tries=1"];
        all.extend(words);
        self.on_phone("dig", &all)
    }

    /// Opens a TCP connection from the phone.
    pub fn connect(&self, to: SocketAddr, within: Duration) -> Result<std::io::Result<TcpStream>> {
        self.phone.enter(move || TcpStream::connect_timeout(&to, within))
    }

    /// Opens a TCP connection from the phone, writes each part as a segment of its own, and reads until `expected` bytes
    /// have come, or the end, an error or the time limit. Returns what came.
    pub fn tcp_exchange(
        &self,
        to: SocketAddr,
        parts: &[&[u8]],
        expected: usize,
        within: Duration,
    ) -> Result<Vec<u8>> {
        let mut answer = Vec::new();
        let mut attempt = || -> std::io::Result<()> {
            let mut stream = self.connect(to, within).map_err(std::io::Error::other)??;
            stream.set_nodelay(true)?;
            stream.set_read_timeout(Some(within))?;
            for part in parts {
                stream.write_all(part)?;
            }
            let mut buffer = vec![0; 64 * 1024];
            while answer.len() < expected {
                let len = stream.read(&mut buffer)?;
                if len == 0 {
                    break;
                }
                answer.extend_from_slice(&buffer[..len]);
            }
            Ok(())
        };
        // A refusal or a reset is an outcome here, not a failure: the caller looks at what came back.
        let _ = attempt();
        Ok(answer)
    }
}

/// The first blob of a Mi Push session (`CONN`), shaped as phones send it: magic, version, length, payload, and an Adler-32
/// checksum over all of it.
pub fn mi_push_hello() -> Vec<u8> {
    let payload: &[u8] = b"\x08\x00\x10\x00\x1a\x04CONN\x22\x08HM 1SLTE\x2a\x0fKHHCNBF5.0_test";
    let mut blob = vec![0xc2, 0xfe, 0x00, 0x05];
    blob.extend_from_slice(&(payload.len() as u32).to_be_bytes());
    blob.extend_from_slice(payload);
    let checksum = adler32(&blob);
    blob.extend_from_slice(&checksum.to_be_bytes());
    blob
}

/// RFC 1950, section 8.2.
fn adler32(bytes: &[u8]) -> u32 {
    let (low, high) = bytes.iter().fold((1u32, 0u32), |(low, high), byte| {
        let low = (low + u32::from(*byte)) % 65_521;
        (low, (high + low) % 65_521)
    });
    high << 16 | low
}
