//! What a UDP exchange says: DNS, multicast DNS, QUIC hellos, or the first datagram as it is.

use super::flow::{About, Shared};
use super::questions::Questions;
use consentry_catalogue::{SignatureMatch, Transport};
use consentry_consent::Signal;
use consentry_inspect::Progress;
use consentry_inspect::capture::Direction;
use consentry_inspect::dns;
use consentry_inspect::quic::{self, Datagram, InitialReader};

/// Datagrams that the engine holds while a QUIC hello is incomplete.
const MOST_HELLO_DATAGRAMS: u8 = 8;
enum Stage {
    /// Nothing was heard yet.
    New,
    /// Port 53.
    Dns(Questions),
    /// Multicast DNS (RFC 6762) or LLMNR (RFC 4795): never leaves the local network.
    LocalNames,
    /// A QUIC hello that is not complete.
    Hello { reader: Box<InitialReader>, datagrams: u8 },
    /// QUIC whose hello was read: another may begin on the same ports.
    Quic,
    /// Nothing that follows can tell more.
    Over,
}

/// See the module's text.
pub(super) struct Udp {
    stage: Stage,
    held: usize,
}

impl Udp {
    pub(super) fn new(port: u16) -> Self {
        let stage = match port {
            53 => Stage::Dns(Questions::default()),
            5353 | 5355 => Stage::LocalNames,
            _ => Stage::New,
        };
        Self { stage, held: 0 }
    }

    /// Takes one datagram, of which the last `missing` bytes were not captured.
    pub(super) fn datagram(
        &mut self,
        about: &mut About,
        direction: Direction,
        bytes: &[u8],
        missing: u32,
        shared: &mut Shared<'_>,
    ) {
        match &mut self.stage {
            Stage::Dns(questions) => {
                if !questions.message(about, direction, bytes, shared) {
                    about.heard.spoken = true;
                }
            }
            Stage::LocalNames => local_names(about, direction, bytes),
            Stage::New if direction == Direction::Out => self.first(about, bytes, missing, shared),
            Stage::Hello { .. } if direction == Direction::Out => self.hello(about, bytes, missing, shared),
            Stage::Quic if direction == Direction::Out => another_hello(about, bytes, shared),
            Stage::New => {
                about.heard.spoken = true;
                about.heard.protocol = by_long_header(bytes);
            }
            Stage::Hello { .. } | Stage::Quic | Stage::Over => {}
        }
    }

    /// The flow is over.
    pub(super) fn end(mut self, mut about: About, shared: &mut Shared<'_>) {
        self.let_go(shared);
        about.settle();
        match self.stage {
            Stage::Dns(questions) => questions.end(about, shared),
            Stage::Hello { .. } => {
                // As long as it is incomplete, the engine lets nothing out.
                about.heard.refused("a QUIC hello that is never complete: nobody can tell whom it is for");
                about.end(shared);
            }
            _ => about.end(shared),
        }
    }

    fn first(&mut self, about: &mut About, bytes: &[u8], missing: u32, shared: &mut Shared<'_>) {
        about.heard.spoken = true;
        let port = about.endpoints.server.port();
        match quic::classify(bytes) {
            Datagram::Initial { .. } | Datagram::OtherLong => {
                about.heard.protocol = "quic";
                self.stage = Stage::Hello { reader: Box::default(), datagrams: 0 };
                return self.hello(about, bytes, missing, shared);
            }
            Datagram::UnknownVersion(_) | Datagram::VersionNegotiation if is_web(port) => {
                about.heard.protocol = "quic";
                about
                    .heard
                    .refused("QUIC of a version whose hello cannot be read: nobody can tell whom it is for");
            }
            // The connection is older than the capture.
            Datagram::Short if is_web(port) => about.heard.protocol = "quic",
            // RFC 5905: a client's packet is 48 bytes long, mode 3
            _ if port == 123 && bytes.len() >= 48 && bytes[0] & 7 == 3 => about.heard.protocol = "ntp",
            _ => {}
        }
        if let SignatureMatch::Service(service) =
            shared.rules.catalogue.match_signature(Transport::Udp, bytes)
        {
            about.heard.signature = Some(service);
        }
        self.stage = Stage::Over;
    }

    fn hello(&mut self, about: &mut About, bytes: &[u8], missing: u32, shared: &mut Shared<'_>) {
        let Stage::Hello { reader, datagrams } = &mut self.stage else { return };
        *datagrams += 1;
        self.held += bytes.len();
        shared.held += bytes.len();
        match reader.push(bytes) {
            Progress::Done(hello) => {
                about.heard.hello(Signal::QuicSni, hello);
                self.stage = Stage::Quic;
            }
            // What the capture does not hold is no fault of the flow.
            _ if missing > 0 => self.stage = Stage::Over,
            Progress::NeedMore if *datagrams < MOST_HELLO_DATAGRAMS && shared.has_room(self.held) => return,
            Progress::NeedMore | Progress::Not => {
                if is_web(about.endpoints.server.port()) {
                    about.heard.refused("a QUIC hello that cannot be read: nobody can tell whom it is for");
                } else {
                    about.heard.protocol = "unknown";
                }
                self.stage = Stage::Over;
            }
        }
        self.let_go(shared);
    }

    fn let_go(&mut self, shared: &mut Shared<'_>) {
        shared.held -= self.held;
        self.held = 0;
    }
}

/// A further connection on the same ports is a further record.
fn another_hello(about: &mut About, bytes: &[u8], shared: &mut Shared<'_>) {
    if !matches!(quic::classify(bytes), Datagram::Initial { .. }) {
        return;
    }
    let mut reader = InitialReader::default();
    if let Progress::Done(hello) = reader.push(bytes)
        && !about.heard.has_hello(&hello)
    {
        about.begin_further("quic", shared);
        about.heard.spoken = true;
        about.heard.hello(Signal::QuicSni, hello);
    }
}

/// Ports on which QUIC is expected.
fn is_web(port: u16) -> bool {
    matches!(port, 80 | 443 | 8080 | 8443)
}

fn by_long_header(bytes: &[u8]) -> &'static str {
    match quic::classify(bytes) {
        Datagram::Initial { .. } | Datagram::OtherLong | Datagram::VersionNegotiation => "quic",
        _ => "unknown",
    }
}

/// Names asked for on the local network. The engine lets no other name out there than those that belong there.
fn local_names(about: &mut About, direction: Direction, bytes: &[u8]) {
    let is_multicast_dns = about.endpoints.server.port() == 5353;
    about.heard.protocol = if is_multicast_dns { "mdns" } else { "llmnr" };
    if direction == Direction::In || about.heard.has_told() {
        return;
    }
    let Ok(message) = dns::parse(bytes) else { return };
    let host = message.questions.first().map(|question| question.name.to_string());
    let belongs_here = |name: &str| {
        name == "local"
            || [".local", "254.169.in-addr.arpa", ".ip6.arpa"].iter().any(|end| name.ends_with(end))
    };
    let is_local =
        message.response || message.questions.iter().all(|question| belongs_here(question.name.as_str()));
    if is_multicast_dns && !is_local {
        about.heard.refused_host(
            "a multicast question about a name that does not belong to the local network",
            host,
        );
    } else {
        about.heard.local("stays on the local network", host);
    }
}
