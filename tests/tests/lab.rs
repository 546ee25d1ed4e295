//! The lab itself: without a firewall everything gets through and is seen, and nothing of the lab stays behind.
use consentry_tests::{
    lab::{
        Between, Lab, Link,
        addresses::{PUBLIC_RESOLVER_V4, PUBLIC_RESOLVER_V6, WEB_V4, WEB_V6, held_v4, is_held},
        quic::{self, QuicOutcome},
    },
    scenario::{Family, steps},
};
use std::{net::IpAddr, time::Duration};

#[test]
fn without_a_firewall_the_whole_scenario_gets_through_and_is_seen() {
    let lab = Lab::new(Between::Nothing).unwrap();
    for family in [Family::V4, Family::V6] {
        let mut capture = lab.capture().unwrap();
        for step in steps() {
            for action in step.actions {
                assert!(
                    action.perform(&lab, family).unwrap(),
                    "{family:?}: {}: {}",
                    step.owner,
                    action.about
                );
                assert!(!capture.so_far().unwrap().is_empty(), "{family:?}: {} was not seen", action.about);
            }
        }
        let seen = capture.finish().unwrap();
        assert!(seen.iter().any(|packet| packet.touches(is_held)));
        assert!(seen.iter().any(|packet| packet.mentions("API.account.xiaomi.com")));
    }
}

#[test]
fn every_resolver_answers_over_udp_and_tcp() {
    let lab = Lab::new(Between::Nothing).unwrap();
    for server in [format!("@{PUBLIC_RESOLVER_V4}"), format!("@{PUBLIC_RESOLVER_V6}")] {
        for transport in ["+notcp", "+tcp"] {
            let said = lab.dig(&[&server, transport, "www.example.com"]).unwrap();
            assert_eq!(said.out.trim(), WEB_V4.to_string(), "{server} {transport}: {}", said.err);
        }
    }
    let said = lab.dig(&["A", "shop.example.com"]).unwrap();
    assert_eq!(said.out.lines().last(), Some(&*held_v4(1).to_string()));
}

#[test]
fn quic_is_answered_on_both_families() {
    let lab = Lab::new(Between::Nothing).unwrap();
    for address in [IpAddr::from(WEB_V4), WEB_V6.into(), held_v4(1).into()] {
        let within = Duration::from_secs(5);
        let outcome = quic::exchange(
            &lab.phone,
            &lab.authority(),
            (address, 443).into(),
            "www.example.com",
            b"hello",
            within,
        );
        assert_eq!(outcome.unwrap(), QuicOutcome::Answered(b"hello".to_vec()), "{address:?}");
    }
}

#[test]
fn the_lossy_wire_loses_and_delays_and_tcp_copes() {
    let lab = Lab::with_link(Between::Nothing, Link::Lossy).unwrap();
    let hash = lab.internet().publish("small", 3_000_000).unwrap();
    let said = lab.on_phone_shell(&format!("curl -sS http://{WEB_V4}/small | sha256sum")).unwrap();
    assert!(said.out.starts_with(&hash), "{said:?}");
    assert!(lab.packets_lost() > 0);
    let said = lab.on_phone("ping", &["-c", "3", "-i", "0.2", &WEB_V4.to_string()]).unwrap();
    let fastest = said.out.lines().find_map(|line| line.strip_prefix("rtt min/avg/max/mdev = "));
    let fastest: f64 = fastest.unwrap().split('/').next().unwrap().parse().unwrap();
    assert!(fastest >= 40.0, "{fastest} ms");
}

#[test]
fn nothing_of_a_lab_stays_behind() {
    let lab = Lab::new(Between::Nothing).unwrap();
    let names = [lab.phone.name(), lab.gateway.name(), lab.outside.name()].map(str::to_owned);
    let folder = lab.folder().to_owned();
    assert!(folder.exists());
    drop(lab);
    assert!(!folder.exists());
    for name in names {
        assert!(!std::path::Path::new("/run/netns").join(&name).exists(), "{name}");
    }
}
