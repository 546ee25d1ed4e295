//! Connecting to the server: the addresses a name has are raced (RFC 8305, "Happy Eyeballs"), because the app, which has been
//! accepted already, cannot do it any more.
use crate::io::{NetError, SocketId, Sockets};
use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

/// Head start of each address over the next (RFC 8305 §5, recommended 250 ms).
const HEAD_START: Duration = Duration::from_millis(250);

/// Longest a dial may take before the app is told that nobody answers.
const PATIENCE: Duration = Duration::from_mins(1);

/// Most addresses tried for one flow.
pub(crate) const ADDRESSES_MAX: usize = 6;

/// How far a dial has come.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Progress {
    /// Still under way.
    Waiting,
    /// This socket is connected; all others have been closed.
    Connected(SocketId),
    /// No address answered; the first error that was not "unreachable", if there was one.
    Failed(NetError),
}

/// A race between addresses.
#[derive(Debug)]
pub(crate) struct Dial {
    waiting: VecDeque<SocketAddr>,
    connecting: Vec<SocketId>,
    next_start: Option<Instant>,
    deadline: Instant,
    error: Option<NetError>,
}

impl Dial {
    /// A dial to `addresses`, best first.
    pub(crate) fn new(addresses: impl IntoIterator<Item = SocketAddr>, now: Instant) -> Self {
        Self {
            waiting: addresses.into_iter().take(ADDRESSES_MAX).collect(),
            connecting: Vec::new(),
            next_start: Some(now),
            deadline: now + PATIENCE,
            error: None,
        }
    }

    /// When [`Dial::advance`] is wanted without a socket event.
    pub(crate) fn poll_at(&self) -> Instant {
        self.next_start.map_or(self.deadline, |start| start.min(self.deadline))
    }

    /// Looks at the sockets under way and starts the next address when its turn has come. `open` names a new socket.
    pub(crate) fn advance(
        &mut self,
        now: Instant,
        sockets: &mut dyn Sockets,
        mut open: impl FnMut() -> SocketId,
    ) -> Progress {
        let mut failed_now = false;
        let mut index = 0;
        while index < self.connecting.len() {
            let id = self.connecting[index];
            match sockets.tcp_connected(id) {
                Ok(true) => {
                    self.connecting.remove(index);
                    self.abandon(sockets);
                    return Progress::Connected(id);
                }
                Ok(false) | Err(NetError::WouldBlock) => index += 1,
                Err(error) => {
                    sockets.abort(id);
                    self.connecting.remove(index);
                    self.note(error);
                    failed_now = true;
                }
            }
        }
        if now >= self.deadline {
            self.abandon(sockets);
            return Progress::Failed(self.error.unwrap_or(NetError::TimedOut));
        }
        while !self.waiting.is_empty() && (failed_now || self.next_start.is_some_and(|start| now >= start)) {
            let Some(address) = self.waiting.pop_front() else { break };
            let id = open();
            match sockets.tcp_connect(id, address) {
                Ok(()) => {
                    self.connecting.push(id);
                    self.next_start = (!self.waiting.is_empty()).then(|| now + HEAD_START);
                    failed_now = false;
                }
                Err(error) => {
                    self.note(error);
                    failed_now = true;
                }
            }
        }
        if self.waiting.is_empty() {
            self.next_start = None;
            if self.connecting.is_empty() {
                return Progress::Failed(self.error.unwrap_or(NetError::Unreachable));
            }
        }
        Progress::Waiting
    }

    /// Gives up: closes every socket under way.
    pub(crate) fn abandon(&mut self, sockets: &mut dyn Sockets) {
        for id in self.connecting.drain(..) {
            sockets.abort(id);
        }
        self.waiting.clear();
    }

    fn note(&mut self, error: NetError) {
        // "Unreachable" is what a family that leads nowhere says; another address's answer tells the app more.
        if self.error.is_none_or(|known| known == NetError::Unreachable) {
            self.error = Some(error);
        }
    }
}

/// Orders addresses for a dial: `first` leads, then the families alternate (RFC 8305 §4), each address once, only families
/// that lead somewhere.
pub(crate) fn order(first: Option<IpAddr>, others: &[IpAddr], ipv4: bool, ipv6: bool) -> Vec<IpAddr> {
    let usable = |address: &IpAddr| if address.is_ipv4() { ipv4 } else { ipv6 };
    let mut ordered: Vec<IpAddr> = first.into_iter().filter(usable).collect();
    let mut queues: [VecDeque<IpAddr>; 2] = [VecDeque::new(), VecDeque::new()];
    for address in others.iter().filter(|address| usable(address)) {
        if Some(*address) != first && !queues[usize::from(address.is_ipv4())].contains(address) {
            queues[usize::from(address.is_ipv4())].push_back(*address);
        }
    }
    // After the first address it is the other family's turn; with none, IPv6 begins.
    let mut turn = usize::from(ordered.first().is_some_and(IpAddr::is_ipv6));
    while queues.iter().any(|queue| !queue.is_empty()) {
        ordered.extend(queues[turn].pop_front());
        turn = 1 - turn;
    }
    ordered.truncate(ADDRESSES_MAX);
    ordered
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::io::{Family, Received, UdpError};
    use std::collections::BTreeMap;

    /// Connects end as scripted.
    #[derive(Default)]
    struct Script {
        outcome: BTreeMap<SocketAddr, Result<bool, NetError>>,
        open: BTreeMap<SocketId, SocketAddr>,
        aborted: Vec<SocketId>,
    }

    impl Sockets for Script {
        fn tcp_connect(&mut self, id: SocketId, remote: SocketAddr) -> Result<(), NetError> {
            self.open.insert(id, remote);
            Ok(())
        }
        fn tcp_connected(&mut self, id: SocketId) -> Result<bool, NetError> {
            self.outcome[&self.open[&id]]
        }
        fn abort(&mut self, id: SocketId) {
            self.aborted.push(id);
        }
        fn tcp_send(&mut self, _: SocketId, _: &[u8]) -> Result<usize, NetError> {
            Err(NetError::Failed)
        }
        fn tcp_receive(&mut self, _: SocketId, _: &mut [u8]) -> Result<usize, NetError> {
            Err(NetError::Failed)
        }
        fn tcp_shutdown(&mut self, _: SocketId) {}
        fn udp_open(&mut self, _: SocketId, _: Family) -> Result<(), NetError> {
            Err(NetError::Failed)
        }
        fn udp_send(&mut self, _: SocketId, _: SocketAddr, _: &[u8], _: bool) -> Result<(), NetError> {
            Err(NetError::Failed)
        }
        fn udp_receive(&mut self, _: SocketId, _: &mut [u8]) -> Result<Received, NetError> {
            Err(NetError::Failed)
        }
        fn udp_error(&mut self, _: SocketId) -> Option<UdpError> {
            None
        }
        fn ping_open(&mut self, _: SocketId, _: Family) -> Result<(), NetError> {
            Err(NetError::Failed)
        }
        fn ping_send(&mut self, _: SocketId, _: IpAddr, _: &[u8]) -> Result<(), NetError> {
            Err(NetError::Failed)
        }
        fn ping_receive(&mut self, _: SocketId, _: &mut [u8]) -> Result<Received, NetError> {
            Err(NetError::Failed)
        }
        fn close(&mut self, _: SocketId) {}
    }

    fn address(text: &str) -> SocketAddr {
        text.parse().expect("a literal in a test")
    }

    fn counter() -> impl FnMut() -> SocketId {
        let mut next = 0;
        move || {
            next += 1;
            SocketId(next)
        }
    }

    #[test]
    fn a_silent_first_address_loses_to_the_second_after_the_head_start() {
        let (broken, good) = (address("[2001:db8::1]:443"), address("192.0.2.1:443"));
        let mut script = Script::default();
        script.outcome.insert(broken, Ok(false));
        script.outcome.insert(good, Ok(true));
        let now = Instant::now();
        let mut dial = Dial::new([broken, good], now);
        let mut open = counter();
        assert_eq!(dial.advance(now, &mut script, &mut open), Progress::Waiting);
        assert_eq!(script.open.len(), 1, "the second address waits for its turn");
        assert_eq!(dial.poll_at(), now + HEAD_START);
        assert_eq!(dial.advance(now + HEAD_START, &mut script, &mut open), Progress::Waiting);
        assert_eq!(dial.advance(now + HEAD_START, &mut script, &mut open), Progress::Connected(SocketId(2)));
        assert_eq!(script.aborted, [SocketId(1)], "the loser is closed");
    }

    #[test]
    fn a_refusal_starts_the_next_address_at_once() {
        let (refused, good) = (address("192.0.2.1:443"), address("192.0.2.2:443"));
        let mut script = Script::default();
        script.outcome.insert(refused, Err(NetError::Refused));
        script.outcome.insert(good, Ok(false));
        let now = Instant::now();
        let mut dial = Dial::new([refused, good], now);
        let mut open = counter();
        dial.advance(now, &mut script, &mut open);
        dial.advance(now, &mut script, &mut open);
        assert_eq!(script.open.values().copied().collect::<Vec<_>>(), [refused, good]);
    }

    #[test]
    fn a_refusal_says_more_than_an_unreachable_family() {
        let (nowhere, refused) = (address("[2001:db8::1]:443"), address("192.0.2.1:443"));
        let mut script = Script::default();
        script.outcome.insert(nowhere, Err(NetError::Unreachable));
        script.outcome.insert(refused, Err(NetError::Refused));
        let now = Instant::now();
        let mut dial = Dial::new([nowhere, refused], now);
        let mut open = counter();
        let mut last = Progress::Waiting;
        for _ in 0..3 {
            last = dial.advance(now, &mut script, &mut open);
        }
        assert_eq!(last, Progress::Failed(NetError::Refused));
    }

    #[test]
    fn patience_ends() {
        let silent = address("192.0.2.1:443");
        let mut script = Script::default();
        script.outcome.insert(silent, Ok(false));
        let now = Instant::now();
        let mut dial = Dial::new([silent], now);
        let mut open = counter();
        assert_eq!(dial.advance(now, &mut script, &mut open), Progress::Waiting);
        assert_eq!(dial.poll_at(), now + PATIENCE);
        assert_eq!(
            dial.advance(now + PATIENCE, &mut script, &mut open),
            Progress::Failed(NetError::TimedOut)
        );
        assert_eq!(script.aborted, [SocketId(1)]);
    }

    #[test]
    fn families_alternate_behind_the_address_the_app_chose() {
        let ip = |text: &str| text.parse::<IpAddr>().expect("a literal in a test");
        let all = [ip("192.0.2.1"), ip("192.0.2.2"), ip("2001:db8::1"), ip("2001:db8::2")];
        assert_eq!(
            order(Some(ip("192.0.2.2")), &all, true, true),
            [ip("192.0.2.2"), ip("2001:db8::1"), ip("192.0.2.1"), ip("2001:db8::2")]
        );
        assert_eq!(order(None, &all, true, false), [ip("192.0.2.1"), ip("192.0.2.2")]);
        assert_eq!(order(Some(ip("2001:db8::2")), &all, true, false), [ip("192.0.2.1"), ip("192.0.2.2")]);
    }
}
