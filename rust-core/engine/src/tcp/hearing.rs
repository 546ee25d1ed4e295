//! What an app says on a TCP flow: judged piece by piece, relayed or kept as evidence.
use super::flow::{Collecting, EVIDENCE_PATIENCE, Flow, Lent, State};
use super::gate::{Heard, Offer};
use super::stack::{Connection, Stage};
use crate::about::StatedName;
use crate::core::Evidence;
use crate::io::NetError;
use consentry_catalogue::{SignatureMatch, Transport};
use consentry_consent::{Signal, Verdict};
use consentry_inspect::first_bytes::Facts;
use consentry_inspect::http1::Request;
use consentry_inspect::{http_dns, identifiers};

/// Most bytes of a denied request's body that are read as evidence.
const EVIDENCE_BODY_MAX: usize = 8 * 1024;

/// What follows on what was heard.
#[derive(Clone, Copy)]
enum After {
    /// Bytes that say nothing more that could be judged.
    NothingToJudge,
    /// Something else to be judged.
    MoreToJudge,
    /// A tunnel, in which inspection begins anew.
    Tunnel,
}

impl Flow {
    /// Moves bytes from the app towards the server, as far as verdicts and room allow.
    pub(super) fn relay_up(&mut self, lent: &mut Lent<'_, '_>) {
        loop {
            if let Some(heard) = self.gate.next_heard() {
                self.hear(lent, heard);
                if !matches!(self.state, State::Reading { .. } | State::Relaying) {
                    return;
                }
                continue;
            }
            if !self.gate.outbox().is_empty() {
                let Some(server) = self.server else { return };
                match lent.io.sockets.tcp_send(server, self.gate.outbox()) {
                    Ok(count) => {
                        lent.core.counters.bytes_out += count as u64;
                        self.gate.outbox_taken(count);
                    }
                    Err(NetError::WouldBlock) => return,
                    Err(_) => return self.reset(lent),
                }
                continue;
            }
            let Some(connection) = &mut self.connection else { return };
            if !connection.can_receive() {
                break;
            }
            let (gate, server, sockets) = (&mut self.gate, self.server, &mut *lent.io.sockets);
            let moved = connection.receive(|bytes| match (gate.offer(bytes), server) {
                (Offer::Taken(count), _) => (count, Ok(0)),
                (Offer::Pass(count), Some(server)) => match sockets.tcp_send(server, &bytes[..count]) {
                    Ok(sent) => {
                        gate.passed(sent);
                        (sent, Ok(sent))
                    }
                    Err(error) => (0, Err(error)),
                },
                (Offer::Pass(_), None) => (0, Err(NetError::WouldBlock)),
            });
            match moved {
                Some(Ok(count)) => {
                    lent.core.counters.bytes_out += count as u64;
                    if self.server.is_some() {
                        self.gate.release_bare_word();
                    }
                }
                Some(Err(NetError::WouldBlock)) | None => return,
                Some(Err(_)) => return self.reset(lent),
            }
        }
        self.app_ended |= self.connection.as_ref().is_some_and(Connection::app_finished);
        if self.app_ended && !self.told_server {
            if self.gate.holds_back() {
                // The app will not say more: what it said is judged as it is.
                let heard = self.gate.finish();
                self.hear(lent, heard);
                if matches!(self.state, State::Relaying | State::Reading { .. }) {
                    self.relay_up(lent);
                }
                return;
            }
            if let Some(server) = self.server {
                lent.io.sockets.tcp_shutdown(server);
                self.told_server = true;
            } else if matches!(self.state, State::Reading { .. }) {
                self.end_unsaid(lent);
            }
        }
    }

    /// The app ended the connection without having said anything: nothing is dialled for it.
    pub(super) fn end_unsaid(&mut self, lent: &mut Lent<'_, '_>) {
        if let State::Reading { condemned: Some(verdict) } = std::mem::replace(&mut self.state, State::Ending)
        {
            let evidence = self.evidence(None, &[]);
            lent.core.attempt(&self.about, &verdict, evidence);
        }
        if let Some(connection) = &mut self.connection {
            connection.finish();
        }
    }

    /// Judges what the app has just said.
    pub(super) fn hear(&mut self, lent: &mut Lent<'_, '_>, heard: Heard) {
        self.about.first_bytes_seen = true;
        let mut request = None;
        let mut identifiers = Vec::new();
        let mut follow = After::NothingToJudge;
        match heard {
            Heard::First(Facts::Tls(hello)) => {
                self.about.stated = hello.sni.map(|host| {
                    Box::new(StatedName { signal: Signal::TlsSni, host, request: None, ech: hello.ech })
                });
            }
            Heard::First(Facts::BrokenTls) | Heard::Ambiguous => {
                // Nobody can tell what the server would make of these bytes: none of them go out.
                lent.core.counters.ambiguous += 1;
                if let State::Reading { condemned: Some(verdict) } = &self.state {
                    let verdict = verdict.clone();
                    let evidence = self.evidence(None, &[]);
                    return self.deny(lent, &verdict, evidence);
                }
                return self.reset(lent);
            }
            Heard::First(Facts::MiPush(hello)) => {
                self.match_signature(lent);
                identifiers = hello.as_ref().map(identifiers::in_hello).unwrap_or_default();
            }
            Heard::First(Facts::Mqtt(connect)) => {
                self.match_signature(lent);
                identifiers = identifiers::in_mqtt(&connect, None);
            }
            Heard::First(
                Facts::Http | Facts::Http2PriorKnowledge | Facts::Dialogue | Facts::Socks | Facts::Unknown,
            ) => {
                self.match_signature(lent);
            }
            Heard::Greeting => follow = After::MoreToJudge,
            Heard::SocksRequest(target) => {
                self.about.stated = Some(Box::new(asked_for(target.host)));
                follow = After::Tunnel;
            }
            Heard::StreamTo(domain) => {
                self.about.stated = Some(Box::new(asked_for(domain)));
                follow = After::MoreToJudge;
            }
            Heard::Request(heard) => {
                follow = if heard.connect { After::Tunnel } else { After::MoreToJudge };
                self.about.stated = Some(Box::new(StatedName {
                    signal: Signal::HttpHost,
                    host: heard.host.clone().unwrap_or_default(),
                    request: Some((heard.method.clone(), heard.path.clone())),
                    ech: false,
                }));
                request = Some(heard);
            }
        }
        let mut verdict = self.about.judge(lent.core);
        if let State::Reading { condemned: Some(first) } = &self.state
            && verdict.allow
        {
            // Condemned by what was known before a word was said: saying an innocent name does not help.
            verdict = (**first).clone();
        }
        if verdict.allow {
            match follow {
                After::NothingToJudge => self.gate.open(),
                After::MoreToJudge | After::Tunnel => self.gate.release(),
            }
            if matches!(self.state, State::Reading { .. }) {
                self.start_reaching(lent);
            }
            if matches!(follow, After::Tunnel) && !self.about.enter_tunnel() {
                lent.core.counters.ambiguous += 1;
                self.reset(lent);
            }
            return;
        }
        if let Some(request) = request {
            let wanted = body_wanted(&request);
            if wanted > 0 && self.server.is_none() {
                self.deadline = Some(lent.now + EVIDENCE_PATIENCE);
                let body = Vec::new();
                self.state = State::Collecting(Box::new(Collecting { verdict, request, body, wanted }));
                return self.collect(lent);
            }
            let evidence = self.evidence(Some(&request), &[]);
            return self.deny(lent, &verdict, evidence);
        }
        let evidence = Evidence { identifiers, ..self.evidence(None, &[]) };
        self.deny(lent, &verdict, evidence);
    }

    pub(super) fn match_signature(&mut self, lent: &mut Lent<'_, '_>) {
        if let SignatureMatch::Service(service) =
            lent.core.catalogue.match_signature(Transport::Tcp, self.gate.held())
        {
            self.about.signature = Some(service);
        }
    }

    /// Reads the body of a denied request.
    pub(super) fn collect(&mut self, lent: &mut Lent<'_, '_>) {
        let State::Collecting(collecting) = &mut self.state else { return };
        collecting.body.append(&mut self.gate.take_backlog());
        let mut ended = true;
        if let Some(connection) = &mut self.connection {
            while collecting.body.len() < collecting.wanted && connection.can_receive() {
                let room = collecting.wanted - collecting.body.len();
                connection.receive(|bytes| {
                    let count = bytes.len().min(room);
                    collecting.body.extend_from_slice(&bytes[..count]);
                    (count, ())
                });
            }
            ended = connection.app_finished() || connection.stage() == Stage::Closed;
        }
        if (ended || collecting.body.len() >= collecting.wanted)
            && let State::Collecting(collecting) = std::mem::replace(&mut self.state, State::Ending)
        {
            self.finish_collecting(lent, &collecting);
        }
    }

    pub(super) fn finish_collecting(&mut self, lent: &mut Lent<'_, '_>, collecting: &Collecting) {
        let evidence = self.evidence(Some(&collecting.request), &collecting.body);
        self.deny(lent, &collecting.verdict, evidence);
    }

    /// What the flow was about to say, from what it has said.
    pub(super) fn evidence(&mut self, request: Option<&Request>, body: &[u8]) -> Evidence {
        let held = self.gate.take_held();
        let bytes_held = (held.len() + body.len()) as u64;
        match request {
            None => Evidence { bytes_held, ..Evidence::default() },
            Some(request) => Evidence {
                identifiers: identifiers::in_request(request, body, None),
                path: Some(request.path.clone()),
                asked_name: http_dns::asked_name(request),
                bytes_held,
            },
        }
    }

    /// Reports the attempt and resets both sides.
    pub(super) fn deny(&mut self, lent: &mut Lent<'_, '_>, verdict: &Verdict, evidence: Evidence) {
        lent.core.attempt(&self.about, verdict, evidence);
        self.reset(lent);
    }
}

/// A host that a proxy or server is asked for in clear text, as with CONNECT.
fn asked_for(host: String) -> StatedName {
    let request = Some(("CONNECT".to_owned(), String::new()));
    StatedName { signal: Signal::HttpHost, host, request, ech: false }
}

/// How many bytes of a denied request's body are worth waiting for.
fn body_wanted(request: &Request) -> usize {
    if let Some(stream) = request.http2 {
        return if stream.ended { 0 } else { EVIDENCE_BODY_MAX };
    }
    let header = |name: &str| {
        request
            .headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| String::from_utf8_lossy(value).trim().to_owned())
    };
    if header("transfer-encoding").is_some() {
        return EVIDENCE_BODY_MAX;
    }
    header("content-length")
        .and_then(|length| length.parse::<usize>().ok())
        .unwrap_or(0)
        .min(EVIDENCE_BODY_MAX)
}
