//! The hot paths: each is prepared once, then taken again and again.
#[path = "../../../rust-core/engine/tests/world/mod.rs"]
mod world;

use consentry_catalogue::{Catalogue, Transport};
use consentry_consent::{Clock, Consents, Facts, Owner, Policy, Signal, Stated, judge, judge_question};
use consentry_engine::Engine;
use consentry_engine::packet::{Checksums, Demultiplexer};
use consentry_inspect::{Progress, dns, http1, quic::InitialReader, tls::ClientHelloReader};
use std::{fmt::Write as _, hint::black_box, time::Instant};
use world::{World, socket};

/// One step that is taken again and again.
pub type Step = Box<dyn FnMut()>;

/// A hot path.
#[derive(Clone, Copy)]
pub struct HotPath {
    /// Its name: what is done, in a few words.
    pub name: &'static str,
    /// Makes everything ready, and gives the step.
    pub prepare: fn() -> Step,
}

/// All of them.
pub const PATHS: [HotPath; 11] = [
    HotPath {
        name: "verdict_on_a_service",
        prepare: || verdict(Catalogue::builtin(), "data.mistat.xiaomi.com"),
    },
    HotPath { name: "verdict_on_others", prepare: || verdict(Catalogue::builtin(), "www.example.com") },
    HotPath { name: "verdict_among_10000_services", prepare: || verdict(many_services(), "www.example.com") },
    HotPath { name: "dns_question_to_answer", prepare: question },
    HotPath { name: "client_hello_to_verdict", prepare: hello },
    HotPath { name: "quic_initial_to_verdict", prepare: initial },
    HotPath { name: "http_request_to_verdict", prepare: request },
    HotPath { name: "packet_to_segment", prepare: packet },
    HotPath { name: "datagram_out", prepare: datagram_out },
    HotPath { name: "tcp_64_kib_up_with_the_phone", prepare: upload },
    HotPath { name: "connection_with_the_phone", prepare: connection },
];

/// The path with this name.
pub fn find(name: &str) -> Option<HotPath> {
    PATHS.into_iter().find(|path| path.name == name)
}

fn policy(catalogue: &'static Catalogue) -> Policy {
    let clock = Clock { wall_ms: 1_700_000_000_000, boot_ms: 1_000_000, boot_id: [7; 16] };
    Policy::new(catalogue, &Consents::new(), &clock)
}

fn judged(
    catalogue: &Catalogue,
    policy: &Policy,
    signal: Signal,
    host: &str,
    request: Option<(&str, &str)>,
) -> bool {
    let facts = Facts {
        transport: Transport::Tcp,
        address: black_box([192, 0, 2, 80].into()),
        port: 443,
        sinkhole: None,
        unmapped_sinkhole: false,
        names: &[],
        owner: &Owner::Unknown,
        stated: Some(Stated { signal, host: black_box(host), request, ech: false }),
        signature: None,
        first_bytes_seen: true,
    };
    judge(catalogue, policy, &facts).allow
}

fn verdict(catalogue: &'static Catalogue, host: &'static str) -> Step {
    let policy = policy(catalogue);
    Box::new(move || {
        black_box(judged(catalogue, &policy, Signal::TlsSni, host, None));
    })
}

/// As large as no catalogue will be.
fn many_services() -> &'static Catalogue {
    let mut file = "format = 1\nvendor = \"Many\"\n[sources]\nGEN = \"made up\"\n".to_owned();
    for number in 0..10_000 {
        let _ = write!(
            file,
            "[[service]]\nid = \"many.s{number}\"\nname = \"Service {number}\"\nshort_name = \"Service {number}\"\n\
             category = \"analytics\"\ndoes = \"Counts.\"\nbreaks = \"Nothing visible.\"\nbreaks_short = \"Nothing visible\"\n\
             default = \"needs_consent\"\ndns_answer = \"sinkhole\"\nsources = [\"GEN\"]\nnames = [\n\
             {{ exact = \"a{number}.example.org\", certainty = \"inferred\", sources = [\"GEN\"] }},\n\
             {{ suffix = \"s{number}.example.net\", certainty = \"inferred\", sources = [\"GEN\"] }},\n]\n"
        );
    }
    let catalogue = Catalogue::parse([("many.toml", file.as_str())]).expect("it keeps the format's rules");
    Box::leak(Box::new(catalogue))
}

fn question() -> Step {
    let catalogue = Catalogue::builtin();
    let policy = policy(catalogue);
    let message = dns::query(7, &"register.xmpush.xiaomi.com".parse().expect("a name"), dns::A);
    Box::new(move || {
        let question = dns::parse(black_box(&message)).expect("it is a question");
        let verdict = judge_question(catalogue, &policy, question.questions[0].name.as_str());
        black_box((verdict.allow, dns::reply(&question, 0, &[])));
    })
}

fn hello() -> Step {
    let catalogue = Catalogue::builtin();
    let policy = policy(catalogue);
    let bytes = include_bytes!("../../corpus/client_hello/curl");
    Box::new(move || {
        let Progress::Done(hello) = ClientHelloReader::new().push(black_box(bytes)) else {
            panic!("it is a whole hello")
        };
        let host = hello.sni.as_deref().unwrap_or_default();
        black_box(judged(catalogue, &policy, Signal::TlsSni, host, None));
    })
}

fn initial() -> Step {
    let catalogue = Catalogue::builtin();
    let policy = policy(catalogue);
    // The corpus has the length of each datagram in front.
    let bytes = &include_bytes!("../../corpus/quic_datagrams/initial")[2..];
    Box::new(move || {
        let Progress::Done(hello) = InitialReader::new().push(black_box(bytes)) else {
            panic!("it holds a whole hello")
        };
        let host = hello.sni.as_deref().unwrap_or_default();
        black_box(judged(catalogue, &policy, Signal::QuicSni, host, None));
    })
}

fn request() -> Step {
    let catalogue = Catalogue::builtin();
    let policy = policy(catalogue);
    let bytes = b"GET /pass/v2/safe/user/coreInfo?userId=1 HTTP/1.1\r\nHost: api.account.xiaomi.com\r\n\
                  User-Agent: Dalvik/1.6.0\r\nAccept: */*\r\nAccept-Encoding: gzip\r\nConnection: Keep-Alive\r\n\r\n";
    Box::new(move || {
        let Ok((_, http1::Piece::Head(request))) = http1::RequestFramer::new().next(black_box(bytes)) else {
            panic!("it is a whole request")
        };
        let stated = (request.method.as_str(), request.path.as_str());
        let host = request.host.as_deref().unwrap_or_default();
        black_box(judged(catalogue, &policy, Signal::HttpHost, host, Some(stated)));
    })
}

/// A SYN as phones send it.
fn syn() -> Vec<u8> {
    let mut world = World::new();
    world.phone.connect("192.0.2.80:443");
    world.phone.poll(world.now).remove(0)
}

fn packet() -> Step {
    let (packet, now) = (syn(), Instant::now());
    let mut apps = Demultiplexer::new(Checksums::Verify);
    Box::new(move || {
        let taken = apps.take(now, black_box(&packet)).expect("it can be read");
        black_box(taken.is_some());
    })
}

fn datagram_out() -> Step {
    let mut world = World::new();
    world.phone.send_from(5000, socket("192.0.2.7:7000"), &[7; 1200]);
    let packet = world.phone.poll(world.now).remove(0);
    Box::new(move || {
        world.with(|engine, now, io| engine.handle_packet(now, io, black_box(&packet)));
        world.with(Engine::flush);
        world.internet.datagrams.clear();
    })
}

fn upload() -> Step {
    let mut world = World::new();
    let app = world.phone.connect("192.0.2.22:2222");
    world.settle();
    let block = vec![7; 8 * 1024];
    Box::new(move || {
        for _ in 0..8 {
            world.phone.send(app, &block);
            world.settle();
        }
        world.internet.connection("192.0.2.22:2222").received.clear();
    })
}

fn connection() -> Step {
    Box::new(|| {
        let mut world = World::new();
        let app = world.phone.connect("192.0.2.80:443");
        world.settle();
        world.phone.send(app, &world::client_hello("www.example.com"));
        world.settle();
        world.phone.tcp(app).abort();
        world.settle();
        black_box(world.engine.counters());
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_path_can_be_taken_again_and_again() {
        for path in PATHS {
            let mut step = (path.prepare)();
            for _ in 0..3 {
                step();
            }
            assert_eq!(find(path.name).map(|found| found.name), Some(path.name));
        }
        assert!(find("nowhere").is_none());
    }
}
