//! Talking to a running firewall: JSON lines over the socket `control.sock` in the state folder.
//!
//! A client sends one [`Request`] a line and reads [`Response`]s until one that [ends](Response::is_last) the answer. The
//! socket is 0600 in a 0700 folder, and only processes of the same user, or of root, are answered.
mod client;
mod lines;
mod peer;
mod server;

pub use client::{Client, ClientError};
pub(crate) use server::{Reach, Server};

use crate::store::{Cursor, LogQuery};
use consentry_consent::attempt::AttemptRow;
use consentry_consent::{Change, Scope, Term, Via};
use consentry_engine::Counters;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::net::SocketAddr;

/// The longest line that either side takes, in bytes.
pub const LONGEST_LINE: usize = 256 * 1024;

/// What a client may ask.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Request {
    /// Grant consent.
    Grant {
        /// The service's id.
        service: String,
        /// For whom.
        scope: Scope,
        /// For how long.
        term: Term,
        /// How the owner said so.
        via: Via,
        /// Which wording the owner was shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wording: Option<String>,
    },
    /// Withdraw consent.
    Revoke {
        /// The service's id.
        service: String,
        /// For whom.
        scope: Scope,
        /// How the owner said so.
        via: Via,
        /// Which wording the owner was shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wording: Option<String>,
    },
    /// Switch strict mode on or off for an app.
    Strict {
        /// Package name.
        app: String,
        /// On or off.
        on: bool,
        /// How the owner said so.
        via: Via,
        /// Which wording the owner was shown.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        wording: Option<String>,
    },
    /// Every change of consent, oldest first.
    History,
    /// The receipts of the whole ledger, or of one service, as a file's text in parts.
    Receipts {
        /// The service's id.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        service: Option<String>,
    },
    /// One page of the attempt log.
    Log {
        /// Which rows.
        query: LogQuery,
    },
    /// Attempts as they are logged, until the connection is closed.
    Follow {
        /// Which rows.
        query: LogQuery,
    },
    /// How the firewall is doing.
    Status,
    /// End the firewall.
    Stop,
}

/// One line of an answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(tag = "is", rename_all = "snake_case")]
pub enum Response {
    /// A change of consent: the one just made, or one of the history.
    Change {
        /// It.
        change: Change,
    },
    /// The next part of a receipts file.
    Text {
        /// It.
        part: String,
    },
    /// A row of the attempt log.
    Row {
        /// It.
        row: Box<AttemptRow>,
    },
    /// Rows that a follower missed because it did not keep up.
    Missed {
        /// How many.
        rows: u64,
    },
    /// How the firewall is doing.
    Status {
        /// It.
        status: Box<Status>,
    },
    /// The answer is complete.
    Done {
        /// Where the next page of the log begins.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        next: Option<Cursor>,
    },
    /// The request could not be carried out.
    Error {
        /// Why, in plain words.
        message: String,
    },
}

impl Response {
    /// Whether nothing follows it in the same answer.
    pub fn is_last(&self) -> bool {
        matches!(self, Self::Done { .. } | Self::Error { .. })
    }
}

/// How a firewall is doing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// Consentry's version.
    pub version: String,
    /// The process.
    pub pid: u32,
    /// Seconds since it started.
    pub uptime_s: u64,
    /// Why nothing passes any more: the engine has failed, and the tunnel is kept closed. `None` in good order.
    pub failure: Option<String>,
    /// The TUN interface, if it was opened by name.
    pub tun: Option<String>,
    /// Its MTU, in bytes.
    pub mtu: usize,
    /// Whether IPv4 leads anywhere.
    pub ipv4: bool,
    /// Whether IPv6 leads anywhere.
    pub ipv6: bool,
    /// The resolvers in use.
    pub resolvers: Vec<SocketAddr>,
    /// The engine's totals.
    pub counters: Counters,
    /// Malformed packets that were dropped, by the name of the reason; reasons that never occurred are left out.
    #[serde(default)]
    pub drops: BTreeMap<String, u64>,
    /// Outside sockets that are open.
    pub sockets: u64,
    /// Packets that the TUN device refused.
    pub tun_dropped: u64,
    /// Why attempts are not stored at present; `None` in good order.
    pub store_error: Option<String>,
    /// Attempts that could not be kept.
    pub attempts_lost: u64,
    /// Withdrawals in force that are not stored yet.
    pub unsaved_changes: u64,
}

#[cfg(test)]
mod tests;
