//! How a TCP flow reaches its server, once it may.
use super::dial::{self, Dial, Progress};
use super::flow::{Fate, Flow, Lent, State, Way, refuse_syn};
use std::net::{IpAddr, SocketAddr};

impl Flow {
    /// The engine's own look-up ended; no addresses means that it failed.
    pub(super) fn resolved(&mut self, lent: &mut Lent<'_, '_>, addresses: &[IpAddr]) {
        let port = self.about.key.remote.port();
        let network = &lent.core.config.network;
        let addresses: Vec<SocketAddr> = dial::order(None, addresses, network.ipv4, network.ipv6)
            .into_iter()
            .filter(|address| self.about.judge_at(lent.core, *address).allow)
            .map(|address| SocketAddr::new(address, port))
            .collect();
        if let State::Held { way, .. } | State::Reaching { way } = &mut self.state {
            *way = Way::Dialing(Dial::new(addresses, lent.now));
        }
    }

    /// Goes on reaching the server.
    pub(super) fn reach(&mut self, lent: &mut Lent<'_, '_>) -> Fate {
        let (State::Held { way: Way::Dialing(dial), .. } | State::Reaching { way: Way::Dialing(dial) }) =
            &mut self.state
        else {
            return Fate::Alive;
        };
        let (id, opened) = (self.id, &mut self.sockets_opened);
        let progress = dial.advance(lent.now, lent.io.sockets, || {
            *opened += 1;
            super::socket_id(id, *opened)
        });
        match progress {
            Progress::Waiting => Fate::Alive,
            Progress::Connected(server) => {
                self.server = Some(server);
                self.server_readable = true;
                match std::mem::replace(&mut self.state, State::Relaying) {
                    State::Held { syn, .. } => self.accept(lent, &syn),
                    _ => Fate::Alive,
                }
            }
            Progress::Failed(error) => {
                if let State::Held { syn, .. } = std::mem::replace(&mut self.state, State::Ending) {
                    refuse_syn(lent, &syn, error);
                    return Fate::Over;
                }
                self.reset(lent);
                Fate::Alive
            }
        }
    }

    /// The flow is allowed: finds out where to connect, and begins.
    pub(super) fn start_reaching(&mut self, lent: &mut Lent<'_, '_>) {
        let remote = self.about.key.remote;
        if lent.core.sinkhole_name(self.about.address).is_some() {
            self.state = State::Reaching { way: Way::Resolving };
            return self.resolve(lent);
        }
        // Addresses that our DNS gave for the stated name stand in for the one the app chose, if that is one of them.
        let mut others = Vec::new();
        if let Some(stated) = &self.about.stated {
            let known = lent.core.dns.names().addresses(&stated.host);
            if known.contains(&self.about.address) {
                others.extend_from_slice(known);
            }
        }
        let network = &lent.core.config.network;
        let addresses: Vec<SocketAddr> = dial::order(Some(remote.ip()), &others, network.ipv4, network.ipv6)
            .into_iter()
            .filter(|address| *address == remote.ip() || self.about.judge_at(lent.core, *address).allow)
            .map(|address| SocketAddr::new(address, remote.port()))
            .collect();
        self.state = State::Reaching { way: Way::Dialing(Dial::new(addresses, lent.now)) };
        if self.reach(lent) == Fate::Over {
            self.reset(lent);
        }
    }

    pub(super) fn resolve(&mut self, lent: &mut Lent<'_, '_>) {
        if let Some(name) = lent.core.sinkhole_name(self.about.address).map(str::to_owned) {
            lent.core.dns.resolve(lent.now, self.id, &name);
        }
    }
}
