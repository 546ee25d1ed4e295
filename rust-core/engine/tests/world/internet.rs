//! The internet as a script: who accepts, who refuses, what was sent to whom.
use consentry_engine::io::{Family, NetError, Readiness, Received, SocketId, Sockets, UdpError};
use consentry_inspect::dns;
use std::collections::{BTreeMap, VecDeque};
use std::net::{IpAddr, SocketAddr};

/// How a server meets a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Manner {
    Accept,
    Refuse,
    Silent,
    Unreachable,
}

#[derive(Default)]
pub struct Remote {
    pub to: Option<SocketAddr>,
    /// What the server has received.
    pub received: Vec<u8>,
    /// What the server says next.
    pub say: VecDeque<u8>,
    /// The server has finished.
    pub fin: bool,
    /// The engine has finished.
    pub shutdown: bool,
    /// The server takes no more bytes.
    pub stuffed: bool,
    pub closed: bool,
    pub aborted: bool,
    failed: bool,
    inbox: VecDeque<(SocketAddr, Vec<u8>)>,
    errors: VecDeque<UdpError>,
}

#[derive(Default)]
pub struct Internet {
    pub manners: BTreeMap<SocketAddr, Manner>,
    pub sockets: BTreeMap<SocketId, Remote>,
    /// Every TCP connect, in order.
    pub dialled: Vec<SocketAddr>,
    /// Every UDP datagram, in order, DNS included.
    pub datagrams: Vec<(SocketAddr, Vec<u8>)>,
    pub pings: Vec<IpAddr>,
    /// Names and what the resolver says of them.
    pub zone: BTreeMap<String, Vec<dns::Record>>,
    events: VecDeque<(SocketId, Readiness)>,
}

const READABLE: Readiness = Readiness { readable: true, writable: false, finished: false, error: false };
const WRITABLE: Readiness = Readiness { readable: false, writable: true, finished: false, error: false };

pub fn address_record(name: &str, address: IpAddr) -> dns::Record {
    let (rtype, data) = match address {
        IpAddr::V4(address) => (dns::A, dns::Data::A(address)),
        IpAddr::V6(address) => (dns::AAAA, dns::Data::Aaaa(address)),
    };
    dns::Record { name: name.parse().expect("a name in a test"), rtype, class: dns::IN, ttl: 60, data }
}

impl Internet {
    pub fn host(&mut self, name: &str, addresses: &[&str]) {
        let records =
            addresses.iter().map(|address| address_record(name, super::ip(address))).collect::<Vec<_>>();
        self.zone.insert(name.to_owned(), records);
    }

    pub fn take_events(&mut self) -> Vec<(SocketId, Readiness)> {
        self.events.drain(..).collect()
    }

    /// The only connection to `to`.
    pub fn connection(&mut self, to: &str) -> &mut Remote {
        let to = super::socket(to);
        let mut found = self.sockets.values_mut().filter(|remote| remote.to == Some(to));
        let one = found.next().expect("somebody connected");
        assert!(found.next().is_none(), "only once");
        one
    }

    fn id_of(&self, to: &str) -> SocketId {
        let to = super::socket(to);
        *self.sockets.iter().find(|(_, remote)| remote.to == Some(to)).expect("somebody connected").0
    }

    pub fn say(&mut self, to: &str, bytes: &[u8]) {
        self.connection(to).say.extend(bytes);
        let id = self.id_of(to);
        self.events.push_back((id, READABLE));
    }

    pub fn finish(&mut self, to: &str) {
        self.connection(to).fin = true;
        let id = self.id_of(to);
        self.events.push_back((id, Readiness { finished: true, ..READABLE }));
    }

    /// Says something and finishes before anybody has looked: one event tells both, as the system may.
    pub fn say_and_finish(&mut self, to: &str, bytes: &[u8]) {
        self.connection(to).say.extend(bytes);
        self.finish(to);
    }

    pub fn fail(&mut self, to: &str) {
        self.connection(to).failed = true;
        let id = self.id_of(to);
        self.events.push_back((id, Readiness { error: true, ..READABLE }));
    }

    pub fn unstuff(&mut self, to: &str) {
        self.connection(to).stuffed = false;
        let id = self.id_of(to);
        self.events.push_back((id, WRITABLE));
    }

    /// Sends a datagram to whoever sent one to `to` before.
    pub fn answer(&mut self, from: SocketAddr, to_socket: SocketId, payload: &[u8]) {
        self.sockets.get_mut(&to_socket).expect("an open socket").inbox.push_back((from, payload.to_vec()));
        self.events.push_back((to_socket, READABLE));
    }

    pub fn report(&mut self, to_socket: SocketId, error: UdpError) {
        self.sockets.get_mut(&to_socket).expect("an open socket").errors.push_back(error);
        self.events.push_back((to_socket, Readiness { error: true, ..Readiness::default() }));
    }

    /// The sockets that are open and are not TCP's.
    pub fn udp_sockets(&self) -> Vec<SocketId> {
        self.sockets
            .iter()
            .filter(|(_, remote)| remote.to.is_none() && !remote.closed)
            .map(|(id, _)| *id)
            .collect()
    }

    fn resolve(&mut self, id: SocketId, server: SocketAddr, query: &[u8]) {
        let Ok(message) = dns::parse(query) else { return };
        let question = &message.questions[0];
        let reply = match self.zone.get(question.name.as_str()) {
            None => dns::reply(&message, dns::NXDOMAIN, &[]),
            Some(records) => {
                let records: Vec<_> = records
                    .iter()
                    .filter(|record| record.rtype == question.rtype || record.rtype == dns::CNAME)
                    .cloned()
                    .collect();
                dns::reply(&message, dns::NOERROR, &records)
            }
        };
        self.answer(server, id, &reply);
    }
}

impl Sockets for Internet {
    fn tcp_connect(&mut self, id: SocketId, remote: SocketAddr) -> Result<(), NetError> {
        assert!(!self.sockets.contains_key(&id), "socket identifiers are never reused");
        self.dialled.push(remote);
        if self.manners.get(&remote) == Some(&Manner::Unreachable) {
            return Err(NetError::Unreachable);
        }
        self.sockets.insert(id, Remote { to: Some(remote), ..Remote::default() });
        self.events.push_back((id, WRITABLE));
        Ok(())
    }
    fn tcp_connected(&mut self, id: SocketId) -> Result<bool, NetError> {
        let remote = self.sockets[&id].to.expect("a TCP socket");
        match self.manners.get(&remote) {
            None | Some(Manner::Accept) => Ok(true),
            Some(Manner::Refuse) => Err(NetError::Refused),
            Some(Manner::Silent) => Ok(false),
            Some(Manner::Unreachable) => Err(NetError::Unreachable),
        }
    }
    fn tcp_send(&mut self, id: SocketId, bytes: &[u8]) -> Result<usize, NetError> {
        let remote = self.sockets.get_mut(&id).ok_or(NetError::Failed)?;
        assert!(!remote.closed && !remote.aborted && !remote.shutdown, "sent on a closed socket");
        if remote.failed {
            return Err(NetError::Reset);
        }
        if remote.stuffed {
            return Err(NetError::WouldBlock);
        }
        remote.received.extend_from_slice(bytes);
        Ok(bytes.len())
    }
    fn tcp_receive(&mut self, id: SocketId, buffer: &mut [u8]) -> Result<usize, NetError> {
        let remote = self.sockets.get_mut(&id).ok_or(NetError::Failed)?;
        if remote.failed {
            return Err(NetError::Reset);
        }
        if remote.say.is_empty() {
            return if remote.fin { Ok(0) } else { Err(NetError::WouldBlock) };
        }
        let count = buffer.len().min(remote.say.len());
        for (place, byte) in buffer.iter_mut().zip(remote.say.drain(..count)) {
            *place = byte;
        }
        Ok(count)
    }
    fn tcp_shutdown(&mut self, id: SocketId) {
        self.sockets.get_mut(&id).expect("an open socket").shutdown = true;
    }
    fn udp_open(&mut self, id: SocketId, _: Family) -> Result<(), NetError> {
        assert!(self.sockets.insert(id, Remote::default()).is_none(), "socket identifiers are never reused");
        Ok(())
    }
    fn udp_send(&mut self, id: SocketId, to: SocketAddr, payload: &[u8], _: bool) -> Result<(), NetError> {
        assert!(!self.sockets[&id].closed, "sent on a closed socket");
        self.datagrams.push((to, payload.to_vec()));
        if to.port() == 53 {
            self.resolve(id, to, payload);
        }
        Ok(())
    }
    fn udp_receive(&mut self, id: SocketId, buffer: &mut [u8]) -> Result<Received, NetError> {
        let (from, payload) = self
            .sockets
            .get_mut(&id)
            .and_then(|remote| remote.inbox.pop_front())
            .ok_or(NetError::WouldBlock)?;
        buffer[..payload.len()].copy_from_slice(&payload);
        Ok(Received { len: payload.len(), from })
    }
    fn udp_error(&mut self, id: SocketId) -> Option<UdpError> {
        self.sockets.get_mut(&id)?.errors.pop_front()
    }
    fn ping_open(&mut self, id: SocketId, _: Family) -> Result<(), NetError> {
        self.sockets.insert(id, Remote::default());
        Ok(())
    }
    fn ping_send(&mut self, id: SocketId, to: IpAddr, message: &[u8]) -> Result<(), NetError> {
        self.pings.push(to);
        // Every host answers; the system has put an identifier of its own into the message.
        let mut reply = message.to_vec();
        reply[0] = if to.is_ipv4() { 0 } else { 129 };
        reply[4..6].copy_from_slice(&[0xab, 0xcd]);
        self.answer(SocketAddr::new(to, 0), id, &reply);
        Ok(())
    }
    fn ping_receive(&mut self, id: SocketId, buffer: &mut [u8]) -> Result<Received, NetError> {
        self.udp_receive(id, buffer)
    }
    fn close(&mut self, id: SocketId) {
        self.sockets.get_mut(&id).expect("an open socket").closed = true;
    }
    fn abort(&mut self, id: SocketId) {
        self.sockets.get_mut(&id).expect("an open socket").aborted = true;
    }
}
