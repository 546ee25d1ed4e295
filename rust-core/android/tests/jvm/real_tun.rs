//! A real TUN device, in a network namespace of its own.
use crate::packets::{NAME, SERVICE, settings};
use crate::remote::{Remote, has_jdk, with_classes};
use consentry_inspect::dns;
use consentry_runtime::TunSource;
use consentry_runtime::firewall::OWN_DNS;
use consentry_runtime::tun::TunDevice;
use serde_json::json;
use std::net::{IpAddr, UdpSocket};
use std::os::fd::{AsRawFd, BorrowedFd};
use std::process::{Command, Stdio};
use std::time::Duration;

const DEVICE: &str = "consentry0";
const IN_NAMESPACE: [&str; 3] = ["--user", "--map-root-user", "--net"];

#[test]
fn a_real_tun_device() {
    if !has_jdk() {
        return;
    }
    let can = Command::new("unshare")
        .args(IN_NAMESPACE)
        .args(["ip", "link"])
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    let tun = std::fs::File::options().read(true).write(true).open("/dev/net/tun");
    if !can.is_ok_and(|status| status.success()) || tun.is_err() {
        println!("left out: this machine lets us make no network namespace, or no TUN device");
        return;
    }
    let this = std::env::current_exe().unwrap();
    let inside = ["--exact", "real_tun::inside_the_namespace", "--ignored", "--nocapture"];
    let mut again = Command::new("unshare");
    again.args(IN_NAMESPACE).arg(this).args(inside);
    assert!(with_classes(&mut again).status().unwrap().success());
}

fn ip(words: &str) {
    assert!(Command::new("ip").args(words.split(' ')).status().unwrap().success(), "ip {words}");
}

#[test]
#[ignore = "run by the test above, in a namespace"]
fn inside_the_namespace() {
    let device = TunDevice::open(TunSource::Name(DEVICE.to_owned()), Some(1500)).unwrap();
    ip(&format!("address add 10.215.173.1/32 dev {DEVICE}"));
    ip(&format!("route add default dev {DEVICE}"));
    // SAFETY: the device is open, and outlives the borrow.
    #[allow(unsafe_code, reason = "the device gives its descriptor as a number")]
    let tun =
        rustix::io::fcntl_dupfd_cloexec(unsafe { BorrowedFd::borrow_raw(device.as_raw_fd()) }, 0).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut app = Remote::start(&tun);
    let handle = app.open(folder.path());
    app.call(&["start", &handle, &tun.as_raw_fd().to_string(), &settings(&[])]).unwrap();
    assert_eq!(app.event("state")["state"], "running");

    let phone = UdpSocket::bind("10.215.173.1:0").unwrap();
    phone.set_read_timeout(Some(Duration::from_mins(1))).unwrap();
    phone.send_to(&dns::query(7, &NAME.parse().unwrap(), dns::A), (OWN_DNS[0], 53)).unwrap();
    let mut buffer = [0; 2000];
    let (len, from) = phone.recv_from(&mut buffer).unwrap();
    assert_eq!(from.ip(), OWN_DNS[0]);
    let answer = dns::parse(&buffer[..len]).unwrap();
    let address = answer.answers.iter().find_map(|record| match record.data {
        dns::Data::A(address) => Some(IpAddr::V4(address)),
        _ => None,
    });
    assert!(address.unwrap().to_string().starts_with("198.1"), "{address:?}");
    let event = app.event("attempt");
    assert_eq!((&event["service"], &event["host"]), (&json!(SERVICE), &json!(NAME)));

    // The interface goes, as when another VPN takes over.
    ip(&format!("link delete {DEVICE}"));
    let event = app.event("state");
    assert_eq!(event["state"], "failed", "{event}");
    let thrown = app.call(&["start", &handle, &tun.as_raw_fd().to_string(), &settings(&[])]).unwrap_err();
    assert_eq!(thrown.code, "tun");
    app.call(&["close", &handle]).unwrap();
    app.end();
}
