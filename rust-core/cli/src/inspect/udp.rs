//! What a UDP exchange says: DNS, multicast DNS, QUIC and DTLS hellos, or the first datagram as it is.

use super::flow::{About, Shared};
use super::questions::Questions;
use consentry_catalogue::{SignatureMatch, Transport};
use consentry_consent::Signal;
use consentry_inspect::capture::Direction;
use consentry_inspect::quic::{self, Datagram, InitialReader};
use consentry_inspect::{Progress, dns, dtls};
use std::collections::VecDeque;

/// Datagrams that the engine holds while a QUIC or DTLS hello is incomplete.
const MOST_HELLO_DATAGRAMS: u8 = 8;
/// Further QUIC connections that may begin on the same ports at a time; the oldest gives way.
const MOST_FURTHER_HELLOS: usize = 4;

enum Stage {
    /// Nothing was heard yet.
    New,
    /// Port 53.
    Dns(Questions),
    /// Multicast DNS (RFC 6762) or LLMNR (RFC 4795): never leaves the local network.
    LocalNames,
    /// A QUIC hello that is not complete.
    Hello { reader: Box<InitialReader>, datagrams: u8 },
    /// QUIC whose hello was read: others may begin on the same ports.
    Quic(FurtherHellos),
    /// A DTLS hello that is not complete.
    DtlsHello { reader: Box<dtls::HelloReader>, datagrams: u8 },
    /// Not QUIC, or DTLS whose hello was read: a DTLS hello may follow.
    Plain,
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
            Stage::Quic(further) if direction == Direction::Out => further.datagram(about, bytes, shared),
            Stage::DtlsHello { .. } if direction == Direction::Out => {
                self.dtls_hello(about, bytes, missing, shared);
            }
            Stage::Plain if direction == Direction::Out && dtls::begins_hello(bytes) => {
                self.stage = Stage::DtlsHello { reader: Box::default(), datagrams: 0 };
                self.dtls_hello(about, bytes, missing, shared);
            }
            Stage::New => {
                about.heard.spoken = true;
                about.heard.protocol = by_long_header(bytes);
            }
            Stage::Hello { .. } | Stage::Quic(_) | Stage::DtlsHello { .. } | Stage::Plain | Stage::Over => {}
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
            Stage::DtlsHello { .. } => {
                about.heard.refused("a DTLS hello that is never complete: nobody can tell whom it is for");
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
            _ if dtls::begins_hello(bytes) => {
                self.stage = Stage::DtlsHello { reader: Box::default(), datagrams: 0 };
                return self.dtls_hello(about, bytes, missing, shared);
            }
            // RFC 5905: a client's packet is 48 bytes long, mode 3
            _ if port == 123 && bytes.len() >= 48 && bytes[0] & 7 == 3 => about.heard.protocol = "ntp",
            _ => {}
        }
        if let SignatureMatch::Service(service) =
            shared.rules.catalogue.match_signature(Transport::Udp, bytes)
        {
            about.heard.signature = Some(service);
        }
        about.heard.clear_text(bytes, &shared.rules);
        self.stage = Stage::Plain;
    }

    fn dtls_hello(&mut self, about: &mut About, bytes: &[u8], missing: u32, shared: &mut Shared<'_>) {
        let Stage::DtlsHello { reader, datagrams } = &mut self.stage else { return };
        if !dtls::begins_hello(bytes) {
            return;
        }
        *datagrams += 1;
        match reader.push(bytes) {
            Progress::Done(hello) => {
                // Said again with a cookie, it is the same.
                if !about.heard.has_hello(&hello) {
                    if about.heard.has_told() {
                        about.begin_further("dtls", shared);
                    }
                    about.heard.protocol = "dtls";
                    about.heard.spoken = true;
                    about.heard.hello(Signal::TlsSni, hello);
                }
                self.stage = Stage::Plain;
            }
            _ if missing > 0 => self.stage = Stage::Over,
            Progress::NeedMore if *datagrams < MOST_HELLO_DATAGRAMS => about.heard.protocol = "dtls",
            Progress::NeedMore | Progress::Not => {
                about.heard.protocol = "dtls";
                about.heard.refused("a DTLS hello that cannot be read: nobody can tell whom it is for");
                self.stage = Stage::Over;
            }
        }
    }

    fn hello(&mut self, about: &mut About, bytes: &[u8], missing: u32, shared: &mut Shared<'_>) {
        let Stage::Hello { reader, datagrams } = &mut self.stage else { return };
        *datagrams += 1;
        self.held += bytes.len();
        shared.held += bytes.len();
        match reader.push(bytes) {
            Progress::Done(hello) => {
                about.heard.hello(Signal::QuicSni, hello);
                self.stage = Stage::Quic(FurtherHellos::default());
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

/// Further connections on the same ports, by the connection ID that the client chose first: each is a further record.
#[derive(Default)]
struct FurtherHellos {
    waiting: VecDeque<(Vec<u8>, InitialReader)>,
}

impl FurtherHellos {
    fn datagram(&mut self, about: &mut About, bytes: &[u8], shared: &mut Shared<'_>) {
        if !matches!(quic::classify(bytes), Datagram::Initial { .. }) {
            return;
        }
        let id = quic::destination(bytes).unwrap_or_default();
        let known = self.waiting.iter().position(|(known, _)| known == id);
        let (id, mut reader) = known
            .and_then(|at| self.waiting.remove(at))
            .unwrap_or_else(|| (id.to_vec(), InitialReader::new()));
        match reader.push(bytes) {
            Progress::Done(hello) if !about.heard.has_hello(&hello) => {
                about.begin_further("quic", shared);
                about.heard.spoken = true;
                about.heard.hello(Signal::QuicSni, hello);
            }
            // What does not open belongs to the connection that is known.
            Progress::NeedMore if reader.has_opened() => {
                if self.waiting.len() == MOST_FURTHER_HELLOS {
                    self.waiting.pop_front();
                }
                self.waiting.push_back((id, reader));
            }
            _ => {}
        }
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
