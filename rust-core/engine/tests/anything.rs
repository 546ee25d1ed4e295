//! Any packets at all: the engine neither panics nor leaks, and nothing denied is ever dialled.
#![allow(missing_docs)]
mod world;

use proptest::prelude::*;
use std::time::Duration;
use world::{World, client_hello, get, ip, socket};

/// Addresses that no packet may reach before consent.
const DENIED: [&str; 3] = ["111.13.141.211", "203.107.1.65", "123.196.118.23"];

#[derive(Clone, Debug)]
enum Act {
    /// Raw bytes on the TUN device.
    Bytes(Vec<u8>),
    /// A packet of the phone's own stack with some bytes changed.
    Connect {
        host: usize,
        port: u16,
    },
    Say {
        flow: usize,
        what: usize,
        cut: usize,
    },
    Close {
        flow: usize,
    },
    Abort {
        flow: usize,
    },
    Datagram {
        host: usize,
        port: u16,
        payload: Vec<u8>,
    },
    Pass(u64),
    Grant(bool),
}

const HOSTS: [&str; 6] =
    ["192.0.2.80", "111.13.141.211", "203.107.1.65", "123.196.118.23", "198.18.3.4", "192.0.2.81"];

fn speech(what: usize) -> Vec<u8> {
    match what % 7 {
        0 => client_hello("example.com"),
        1 => client_hello("api.account.xiaomi.com"),
        2 => get("example.com", "/"),
        3 => get("data.mistat.xiaomi.com", "/"),
        4 => vec![0xc2, 0xfe, 0, 5, 0, 0, 0, 1, 9, 0, 0, 0, 0],
        5 => {
            b"POST / HTTP/1.1\r\nHost: example.com\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n"
                .to_vec()
        }
        _ => vec![0; 3000],
    }
}

fn act() -> impl Strategy<Value = Act> {
    let port = prop_oneof![Just(53_u16), Just(80), Just(443), Just(5222), Just(22), 1..=u16::MAX];
    prop_oneof![
        proptest::collection::vec(any::<u8>(), 0..200).prop_map(Act::Bytes),
        (0..HOSTS.len(), port.clone()).prop_map(|(host, port)| Act::Connect { host, port }),
        (0..8_usize, 0..7_usize, 0..200_usize).prop_map(|(flow, what, cut)| Act::Say { flow, what, cut }),
        (0..8_usize).prop_map(|flow| Act::Close { flow }),
        (0..8_usize).prop_map(|flow| Act::Abort { flow }),
        (0..HOSTS.len(), port, proptest::collection::vec(any::<u8>(), 0..3000))
            .prop_map(|(host, port, payload)| Act::Datagram { host, port, payload }),
        (1..2000_u64).prop_map(Act::Pass),
        any::<bool>().prop_map(Act::Grant),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn nothing_denied_is_dialled_whatever_the_apps_do(acts in proptest::collection::vec(act(), 1..40)) {
        let mut world = World::with_limits(6, true);
        let mut flows = Vec::new();
        let mut granted = false;
        for act in acts {
            match act {
                Act::Bytes(bytes) => world.with(|engine, now, io| engine.handle_packet(now, io, &bytes)),
                Act::Connect { host, port } => flows.push(world.phone.connect(&format!("{}:{port}", HOSTS[host]))),
                Act::Say { flow, what, cut } => {
                    if let Some(flow) = flows.get(flow) {
                        let said = speech(what);
                        let said = &said[..said.len().min(cut.max(1))];
                        // A closed socket takes nothing; that is the app's own affair.
                        let _ = world.phone.tcp(*flow).send_slice(said);
                    }
                }
                Act::Close { flow } => {
                    if let Some(flow) = flows.get(flow) {
                        world.phone.tcp(*flow).close();
                    }
                }
                Act::Abort { flow } => {
                    if let Some(flow) = flows.get(flow) {
                        world.phone.tcp(*flow).abort();
                    }
                }
                Act::Datagram { host, port, payload } => {
                    world.phone.send_from(6000, socket(&format!("{}:{port}", HOSTS[host])), &payload);
                }
                Act::Pass(ms) => world.now += Duration::from_millis(ms),
                // Some other service: it must not open any of these.
                Act::Grant(give) if give != granted => {
                    granted = give;
                    if give { world.grant("xiaomi.weather") } else { world.revoke("xiaomi.weather") }
                }
                Act::Grant(_) => {}
            }
            world.settle();
        }
        for denied in DENIED.map(ip) {
            prop_assert!(world.internet.dialled.iter().all(|remote| remote.ip() != denied));
            prop_assert!(world.internet.datagrams.iter().all(|(remote, _)| remote.ip() != denied));
        }
        for flow in flows {
            world.phone.tcp(flow).abort();
        }
        world.pass(Duration::from_secs(5));
        prop_assert_eq!(world.engine.counters().tcp_alive as usize, world.buffers.lent, "no buffer is lost");
    }
}
