//! Carries out what the DNS interceptor asks for: sockets for its queries, replies for its askers.
use crate::core::Core;
use crate::dns::{Asker, Output, QueryId};
use crate::engine::Event;
use crate::io::{Family, Io, NetError, Readiness, SocketId};
use crate::packet::build;
use crate::tcp::TcpFlows;
use crate::udp::{self, UdpFlows};
use std::collections::BTreeMap;
use std::time::Instant;

/// Marks socket identifiers of this module.
pub(crate) const SOCKET_KIND: u64 = 3 << 60;

/// What a query's socket is.
enum Use {
    Udp,
    Connecting,
    /// Connected; bytes that wait for room.
    Connected(Vec<u8>),
}

/// The sockets of pending queries.
pub(crate) struct Queries {
    open: BTreeMap<QueryId, Use>,
    buffer: Vec<u8>,
}

fn socket(query: QueryId) -> SocketId {
    SocketId(SOCKET_KIND | query.0)
}

impl Queries {
    pub(crate) fn new() -> Self {
        Self { open: BTreeMap::new(), buffer: vec![0; 65_535] }
    }

    /// Does everything the interceptor wants done by now.
    pub(crate) fn carry_out(
        &mut self,
        core: &mut Core,
        tcp: &mut TcpFlows,
        udp: &mut UdpFlows,
        io: &mut Io<'_>,
        now: Instant,
    ) {
        while let Some(output) = core.dns.poll_output() {
            match output {
                Output::Reply { asker: Asker::Udp { app, server }, message } => {
                    if build::udp(server, app, &message, &mut core.packet).is_ok() {
                        core.send_packet(io);
                    }
                }
                Output::Reply { asker: Asker::Tcp { flow, .. }, message } => tcp.dns_reply(flow, &message),
                Output::SendUdp { query, to, message } => {
                    let id = socket(query);
                    let opened = io.sockets.udp_open(id, Family::of(to.ip()));
                    if opened.is_ok() {
                        self.open.insert(query, Use::Udp);
                    }
                    if opened.and_then(|()| io.sockets.udp_send(id, to, &message, false)).is_err() {
                        self.fail(core, io, now, query);
                    }
                }
                Output::ConnectTcp { query, to } => match io.sockets.tcp_connect(socket(query), to) {
                    Ok(()) => {
                        self.open.insert(query, Use::Connecting);
                    }
                    Err(_) => core.dns.failed(now, query),
                },
                Output::SendTcp { query, bytes } => self.send_tcp(core, io, now, query, &bytes),
                Output::CloseSocket { query } => {
                    if self.open.remove(&query).is_some() {
                        io.sockets.close(socket(query));
                    }
                }
                Output::Attempt { attempt, .. } => core.push(*attempt),
                Output::Assigned { name, index } => {
                    core.events.push_back(Event::SinkholeAssigned { name, index });
                }
                Output::Resolved { flow, addresses } => {
                    if flow.0 & udp::FLOW_KIND == 0 {
                        tcp.resolved(core, io, now, flow, &addresses);
                    } else {
                        udp.resolved(core, io, now, flow, &addresses);
                    }
                }
            }
        }
    }

    fn send_tcp(&mut self, core: &mut Core, io: &mut Io<'_>, now: Instant, query: QueryId, bytes: &[u8]) {
        let Some(Use::Connected(waiting)) = self.open.get_mut(&query) else { return };
        waiting.extend_from_slice(bytes);
        while !waiting.is_empty() {
            match io.sockets.tcp_send(socket(query), waiting) {
                Ok(count) => {
                    waiting.drain(..count);
                }
                Err(NetError::WouldBlock) => return,
                Err(_) => return self.fail(core, io, now, query),
            }
        }
    }

    fn fail(&mut self, core: &mut Core, io: &mut Io<'_>, now: Instant, query: QueryId) {
        if self.open.remove(&query).is_some() {
            io.sockets.abort(socket(query));
        }
        core.dns.failed(now, query);
    }

    /// Takes the event of one of our sockets.
    pub(crate) fn socket_event(
        &mut self,
        core: &mut Core,
        tcp: &mut TcpFlows,
        udp: &mut UdpFlows,
        io: &mut Io<'_>,
        now: Instant,
        id: SocketId,
        readiness: Readiness,
    ) {
        let query = QueryId(id.0 & !SOCKET_KIND);
        match self.open.get(&query) {
            None => return,
            Some(Use::Udp) => self.read_udp(core, io, now, query, readiness),
            Some(Use::Connecting) => match io.sockets.tcp_connected(id) {
                Ok(true) => {
                    self.open.insert(query, Use::Connected(Vec::new()));
                    core.dns.tcp_connected(query);
                }
                Ok(false) => {}
                Err(_) => self.fail(core, io, now, query),
            },
            Some(Use::Connected(_)) => {
                self.send_tcp(core, io, now, query, &[]);
                self.read_tcp(core, io, now, query);
            }
        }
        self.carry_out(core, tcp, udp, io, now);
    }

    fn read_udp(
        &mut self,
        core: &mut Core,
        io: &mut Io<'_>,
        now: Instant,
        query: QueryId,
        readiness: Readiness,
    ) {
        let id = socket(query);
        if readiness.error && io.sockets.udp_error(id).is_some() {
            return self.fail(core, io, now, query);
        }
        loop {
            match io.sockets.udp_receive(id, &mut self.buffer) {
                Ok(received) => {
                    let message = &self.buffer[..received.len];
                    let Core { dns, catalogue, policy, .. } = core;
                    dns.udp_answer(now, query, received.from, message, catalogue, policy);
                }
                Err(NetError::WouldBlock) => return,
                Err(_) => return self.fail(core, io, now, query),
            }
        }
    }

    fn read_tcp(&mut self, core: &mut Core, io: &mut Io<'_>, now: Instant, query: QueryId) {
        loop {
            match io.sockets.tcp_receive(socket(query), &mut self.buffer) {
                Ok(0) => return self.fail(core, io, now, query),
                Ok(count) => {
                    let Core { dns, catalogue, policy, .. } = core;
                    dns.tcp_bytes(now, query, &self.buffer[..count], catalogue, policy);
                }
                Err(NetError::WouldBlock) => return,
                Err(_) => return self.fail(core, io, now, query),
            }
        }
    }
}
