//! What is said about one flow, or one further question or request inside it.

use crate::time::rfc3339_nanos;
use consentry_catalogue::Transport;
use consentry_consent::Signal;
use consentry_consent::export::identifiers;
use consentry_inspect::capture::{Endpoints, Timestamp};
use consentry_inspect::identifiers::{Form, Identifier};
use serde::{Serialize, Serializer};
use std::net::SocketAddr;
use std::sync::Arc;

/// One line of `consentry inspect --format jsonl`.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Record {
    /// The flow's number, from 1 in the order of first packets.
    pub(crate) flow: u64,
    /// When it began.
    #[serde(serialize_with = "time")]
    pub(crate) time: Timestamp,
    #[serde(rename = "proto")]
    pub(crate) transport: Transport,
    /// The side that began the flow.
    #[serde(rename = "src")]
    pub(crate) source: SocketAddr,
    /// The side that answers.
    #[serde(rename = "dst")]
    pub(crate) destination: SocketAddr,
    /// The app it belongs to, as people see its name; only where the capture says so.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) app: Option<Arc<str>>,
    /// What is spoken: `tls`, `quic`, `http`, `dns`, `mi_push`, ... or `unknown`.
    pub(crate) protocol: &'static str,
    /// The name the flow is about.
    pub(crate) host: Option<String>,
    /// What recognised it.
    pub(crate) signal: Option<Signal>,
    /// The service's id.
    pub(crate) service: Option<String>,
    pub(crate) verdict: Decision,
    /// The reason in plain words.
    pub(crate) reason: String,
    /// What it carried in the clear, by kind.
    #[serde(serialize_with = "identifiers")]
    pub(crate) identifiers: Vec<Identifier>,
    /// Payload bytes towards the server, as they were on the wire. The records of one flow add up to the flow's total.
    pub(crate) bytes_out: u64,
    /// Payload bytes towards the client.
    pub(crate) bytes_in: u64,
}

/// Whether it would have passed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Decision {
    Allow,
    Deny,
}

impl Decision {
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Allow => "allow",
            Self::Deny => "deny",
        }
    }
}

impl Record {
    /// A record of a flow with nothing known yet.
    pub(super) fn new(flow: u64, endpoints: &Endpoints, time: Timestamp) -> Self {
        Self {
            flow,
            time,
            transport: transport(endpoints),
            source: endpoints.client,
            destination: endpoints.server,
            app: None,
            protocol: "unknown",
            host: None,
            signal: None,
            service: None,
            verdict: Decision::Allow,
            reason: String::new(),
            identifiers: Vec::new(),
            bytes_out: 0,
            bytes_in: 0,
        }
    }

    /// When it began, in RFC 3339.
    pub(crate) fn time_text(&self) -> String {
        rfc3339_nanos(self.time.0)
    }

    /// The kinds of identifier it carried, each once, with the form where it is not plain.
    pub(crate) fn identifier_kinds(&self) -> Vec<String> {
        identifier_kinds(&self.identifiers)
    }
}

/// The kinds among these identifiers, each once, with the form where it is not plain.
pub(crate) fn identifier_kinds(identifiers: &[Identifier]) -> Vec<String> {
    let mut kinds: Vec<String> = identifiers
        .iter()
        .map(|found| match found.form {
            Form::Plain => found.kind.to_string(),
            form => format!("{} ({form})", found.kind),
        })
        .collect();
    kinds.sort_unstable();
    kinds.dedup();
    kinds
}

/// The catalogue's word for a flow's transport.
pub(super) fn transport(endpoints: &Endpoints) -> Transport {
    use consentry_inspect::capture;
    match endpoints.transport {
        capture::Transport::Tcp => Transport::Tcp,
        capture::Transport::Udp => Transport::Udp,
        capture::Transport::Icmp => Transport::Icmp,
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde calls it so")]
fn time<S: Serializer>(time: &Timestamp, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(&rfc3339_nanos(time.0))
}
