//! What one flow, question or request has said so far, and the record that becomes of it.

use super::record::{Decision, Record, transport};
use consentry_catalogue::{Catalogue, ServiceIndex};
use consentry_consent::{Facts, Owner, Policy, Signal, Stated, Verdict, judge, judge_question};
use consentry_inspect::capture::{Endpoints, Timestamp};
use consentry_inspect::http1::Request;
use consentry_inspect::identifiers::{self, Identifier, OwnValues};
use consentry_inspect::{http_dns, mi_push, mqtt, tls};
use std::net::IpAddr;
use std::sync::Arc;

/// What judging needs besides the flow itself.
pub(super) struct Rules<'c> {
    pub(super) catalogue: &'c Catalogue,
    pub(super) policy: Policy,
    /// The owner's own values, to be found wherever they stand.
    pub(super) own: Option<OwnValues>,
}

/// What one flow, or one further question or request inside it, has said so far.
#[derive(Debug)]
pub(super) struct Heard {
    time: Timestamp,
    pub(super) protocol: &'static str,
    pub(super) bytes_out: u64,
    pub(super) bytes_in: u64,
    /// Whether anything was said that could have told more.
    pub(super) spoken: bool,
    pub(super) signature: Option<ServiceIndex>,
    /// Whether the client asked for TLS within a dialogue.
    pub(super) behind_starttls: bool,
    told: Told,
    identifiers: Vec<Identifier>,
}

/// What the flow told about whom it is for.
#[derive(Debug)]
enum Told {
    Nothing,
    /// A TLS or QUIC hello.
    Hello(Signal, tls::ClientHello),
    Request {
        request: Box<Request>,
        /// The body, as far as it is searched for identifiers.
        body: Vec<u8>,
    },
    /// Where a client asks its SOCKS proxy to lead it.
    Tunnel(String),
    /// The server that a Mi Push hello names.
    MiPush(Option<String>),
    /// A DNS question, judged when it was asked and again by its answer.
    Question(String, Box<Verdict>),
    /// Denied for this reason, unless the rules have a better one.
    Refused(&'static str, Option<String>),
    /// Never leaves the local network, for this reason.
    Local(&'static str, Option<String>),
}

/// Body bytes of a request that are kept to be searched.
const MOST_BODY: usize = 64 * 1024;

impl Heard {
    pub(super) fn new(protocol: &'static str, time: Timestamp) -> Self {
        Self {
            time,
            protocol,
            bytes_out: 0,
            bytes_in: 0,
            spoken: false,
            signature: None,
            behind_starttls: false,
            told: Told::Nothing,
            identifiers: Vec::new(),
        }
    }

    /// Whether it is known already whom it is for.
    pub(super) fn has_told(&self) -> bool {
        !matches!(self.told, Told::Nothing)
    }

    pub(super) fn hello(&mut self, signal: Signal, hello: tls::ClientHello) {
        self.told = Told::Hello(signal, hello);
    }

    pub(super) fn request(&mut self, request: Box<Request>) {
        self.told = Told::Request { request, body: Vec::new() };
    }

    pub(super) fn tunnel(&mut self, host: String) {
        self.told = Told::Tunnel(host);
    }

    /// Takes bytes of the request's body; returns how many were kept.
    pub(super) fn body(&mut self, bytes: &[u8]) -> usize {
        let Told::Request { body, .. } = &mut self.told else { return 0 };
        let kept = bytes.len().min(MOST_BODY - body.len());
        body.extend_from_slice(&bytes[..kept]);
        kept
    }

    /// The protocol that the request asks to go on with, in lower case.
    pub(super) fn upgrade(&self) -> Option<&str> {
        match &self.told {
            Told::Request { request, .. } => request.upgrade.as_deref(),
            _ => None,
        }
    }

    /// The request is complete: searches it, and lets go of the body.
    fn end_of_request(&mut self, rules: &Rules<'_>) {
        if let Told::Request { request, body } = &mut self.told {
            self.identifiers = identifiers::in_request(request, body, rules.own.as_ref());
            *body = Vec::new();
        }
    }

    pub(super) fn mi_push(&mut self, hello: Option<mi_push::Hello>) {
        self.identifiers = hello.as_ref().map(identifiers::in_hello).unwrap_or_default();
        let host = hello.and_then(|hello| hello.host).filter(|host| host.parse::<IpAddr>().is_err());
        self.told = Told::MiPush(host);
    }

    pub(super) fn mqtt(&mut self, connect: &mqtt::Connect, rules: &Rules<'_>) {
        self.identifiers = identifiers::in_mqtt(connect, rules.own.as_ref());
    }

    /// Clear text of a protocol that is not known.
    pub(super) fn clear_text(&mut self, bytes: &[u8], rules: &Rules<'_>) {
        self.identifiers = identifiers::in_bytes(bytes, rules.own.as_ref());
    }

    pub(super) fn question(&mut self, name: &str, rules: &Rules<'_>) {
        let verdict = judge_question(rules.catalogue, &rules.policy, name);
        self.told = Told::Question(name.to_owned(), Box::new(verdict));
    }

    /// A name that the answer leads to: a denied one denies the question.
    pub(super) fn alias(&mut self, target: &str, rules: &Rules<'_>) {
        if let Told::Question(_, verdict) = &mut self.told
            && verdict.allow
        {
            let by_target = judge_question(rules.catalogue, &rules.policy, target);
            if !by_target.allow {
                **verdict = by_target;
            }
        }
    }

    /// Whether this hello was heard before.
    pub(super) fn has_hello(&self, hello: &tls::ClientHello) -> bool {
        matches!(&self.told, Told::Hello(_, known) if known == hello)
    }

    /// Denied, unless the rules deny it for a better reason.
    pub(super) fn refused(&mut self, reason: &'static str) {
        self.refused_host(reason, None);
    }

    /// The same for something that names a host.
    pub(super) fn refused_host(&mut self, reason: &'static str, host: Option<String>) {
        self.told = Told::Refused(reason, host);
    }

    /// Stays on the local network.
    pub(super) fn local(&mut self, reason: &'static str, host: Option<String>) {
        self.told = Told::Local(reason, host);
    }

    /// Judges what was heard.
    pub(super) fn record(
        mut self,
        flow: u64,
        endpoints: &Endpoints,
        names: &[Arc<str>],
        rules: &Rules<'_>,
    ) -> Record {
        self.end_of_request(rules);
        let mut record = Record::new(flow, endpoints, self.time);
        record.protocol = self.protocol;
        record.bytes_out = self.bytes_out;
        record.bytes_in = self.bytes_in;
        record.identifiers = std::mem::take(&mut self.identifiers);
        let flow_verdict = |stated| {
            judge(
                rules.catalogue,
                &rules.policy,
                &Facts {
                    transport: transport(endpoints),
                    address: endpoints.server.ip(),
                    port: endpoints.server.port(),
                    sinkhole: None,
                    unmapped_sinkhole: false,
                    names,
                    owner: &Owner::Unknown,
                    stated,
                    signature: self.signature,
                    first_bytes_seen: self.spoken,
                },
            )
        };
        let (verdict, host) = match &self.told {
            Told::Nothing => (flow_verdict(None), None),
            Told::MiPush(host) => (flow_verdict(None), host.clone()),
            Told::Hello(signal, hello) => {
                let stated = hello.sni.as_deref().map(|host| Stated {
                    signal: *signal,
                    host,
                    request: None,
                    ech: hello.ech,
                });
                (flow_verdict(stated), hello.sni.clone())
            }
            Told::Request { request, .. } => {
                let host = request.host.as_deref().unwrap_or_default();
                let stated = Stated {
                    signal: Signal::HttpHost,
                    host,
                    request: Some((&request.method, &request.path)),
                    ech: false,
                };
                (flow_verdict(Some(stated)), request.host.clone())
            }
            Told::Tunnel(host) => {
                // Asked of a proxy in clear text, as with CONNECT.
                let stated =
                    Stated { signal: Signal::HttpHost, host, request: Some(("CONNECT", "")), ech: false };
                (flow_verdict(Some(stated)), Some(host.clone()))
            }
            Told::Question(name, verdict) => ((**verdict).clone(), Some(name.clone())),
            Told::Refused(reason, host) => {
                let verdict = flow_verdict(None);
                if verdict.allow {
                    record.verdict = Decision::Deny;
                    (*reason).clone_into(&mut record.reason);
                    record.host.clone_from(host);
                    return record;
                }
                (verdict, host.clone())
            }
            Told::Local(reason, host) => {
                (*reason).clone_into(&mut record.reason);
                record.host.clone_from(host);
                return record;
            }
        };
        record.verdict = if verdict.allow { Decision::Allow } else { Decision::Deny };
        record.signal = verdict.signal;
        record.service = verdict.service.map(|index| rules.catalogue.service(index).id.clone());
        record.reason = verdict.reason(rules.catalogue);
        record.host = host.or_else(|| verdict.host.as_deref().map(str::to_owned));
        self.add_notes(&mut record, names);
        record
    }

    /// What else a reader should know, behind the rules' own reason.
    fn add_notes(&self, record: &mut Record, names: &[Arc<str>]) {
        let mut notes = Vec::new();
        match &self.told {
            Told::Request { request, .. } => {
                if let Some(asked) = http_dns::asked_name(request) {
                    notes.push(format!("it asks over HTTP for the addresses of {asked}"));
                }
            }
            Told::Hello(_, hello) if hello.ech => {
                notes.push(
                    "a further hello inside may be encrypted (ECH), so the name shown may be the outer one"
                        .into(),
                );
            }
            Told::Nothing if self.behind_starttls => {
                notes.push("TLS was asked for, and no hello followed".into());
            }
            Told::Hello(_, hello) if hello.sni.is_none() => notes.push("its hello names no server".into()),
            _ => {}
        }
        let states_name = match &self.told {
            Told::Hello(_, hello) => hello.sni.is_some(),
            Told::Request { request, .. } => {
                request.host.as_ref().is_some_and(|host| host.parse::<IpAddr>().is_err())
            }
            Told::Tunnel(host) => host.parse::<IpAddr>().is_err(),
            Told::Question(..) => true,
            Told::Nothing | Told::MiPush(_) | Told::Refused(..) | Told::Local(..) => false,
        };
        if !states_name && names.is_empty() {
            notes.push("no DNS answer in this capture gave the address".into());
        }
        for note in notes {
            record.reason.push_str("; ");
            record.reason.push_str(&note);
        }
    }
}
