//! The demonstration: the 2014 test in front of your eyes, held back, opted in to, let through, and cut again.
mod follow;
mod screen;

use crate::{
    lab::{
        Between, Lab, LabError, Result,
        addresses::{HELD, MI_PUSH, held_v4, held_v6, is_held},
        capture::{Capture, Packet},
        firewall::program,
    },
    scenario::{Action, Deed, Expect, Family, Step, steps},
};
use follow::Follower;
use screen::Screen;
use std::{
    io::{ErrorKind, Read, Write},
    net::{IpAddr, TcpStream},
    process::Stdio,
    time::{Duration, Instant},
};

const MESSAGING: &str = "xiaomi.cloud_messaging";
const MESSAGING_HOST: &str = "api.account.xiaomi.com";

/// Plays all of it; false if anything was not as it has to be.
///
/// With `interactive` the lab stays, with a shell on the phone, until the shell is left.
pub fn play(interactive: bool) -> Result<bool> {
    let mut screen = Screen::new();
    screen.title("Consentry: nothing leaves before consent");
    screen.text("Setting up a phone, a gateway that runs the firewall, and an internet.");
    let lab = Lab::new(Between::Consentry)?;
    screen.picture();
    if interactive {
        shell(&lab, &mut screen)?;
        return Ok(true);
    }
    let mut capture = lab.capture()?;
    let mut follower = Follower::start(&lab)?;

    screen.title("1. A new phone. Nothing is granted.");
    let mut right = true;
    for (number, step) in steps().iter().enumerate() {
        right &= show_step(&lab, &mut screen, &mut follower, number, step, &[])?;
    }
    let seen = capture.so_far()?;
    let asked = seen.iter().filter(|packet| packet.mentions(MESSAGING_HOST)).count();
    let before = asked + count(&seen, |address| is_service(address) || is_push(address));

    screen.title("2. The owner allows MIUI Cloud Messaging, and does the same again.");
    screen.command(&format!("consentry consent grant {MESSAGING}"));
    lab.firewall().grant(MESSAGING)?;
    for (number, step) in steps().iter().enumerate().filter(|(_, step)| concerns_services(step)) {
        right &= show_step(&lab, &mut screen, &mut follower, number, step, &[MESSAGING])?;
    }
    let during = count(&capture.so_far()?, |address| {
        (is_service(address) && !is_messaging(address)) || is_push(address)
    });

    screen.title("3. The owner changes their mind.");
    let after = revoke(&lab, &mut screen, &mut capture)?;

    screen.title("On the outward link, to services without consent");
    screen.count("before any consent", before);
    screen.count("to other services, while one was granted", during);
    screen.count("after revoking, other than the reset", after);
    let silent = before + during + after == 0;
    screen.blank();
    screen.verdict(right && silent);
    Ok(right && silent)
}

/// One step of the owner: each thing the phone does, whether it passed, and what the firewall's log says about it.
fn show_step(
    lab: &Lab,
    screen: &mut Screen,
    follower: &mut Follower,
    number: usize,
    step: &Step,
    granted: &[&str],
) -> Result<bool> {
    screen.step(number, step.owner);
    if step.actions.is_empty() {
        screen.note("the phone sends nothing");
    }
    let mut right = true;
    for action in &step.actions {
        follower.forget_news();
        let passed = action.perform(lab, Family::V4)?;
        screen.outcome(passed, action.about, &target(action));
        right &= match action.expect {
            Expect::Pass => passed,
            // Once granted, what the service is known for passes; other clear text to its host stays held.
            Expect::Held(service) => granted.contains(&service) || !passed,
        };
        if let (Expect::Held(service), false) = (action.expect, passed) {
            for line in follower.about(service) {
                screen.note(&line);
            }
        }
    }
    Ok(right)
}

/// Opens a flow, revokes, and shows how long the flow lived on; returns how many packets other than resets left after that.
fn revoke(lab: &Lab, screen: &mut Screen, capture: &mut Capture) -> Result<usize> {
    let mut live = open_flow(lab)?;
    screen.outcome(true, "a connection is open", MESSAGING_HOST);
    capture.so_far()?;
    screen.command(&format!("consentry consent revoke {MESSAGING}"));
    lab.firewall().revoke(MESSAGING)?;
    let revoked = Instant::now();
    let ended = std::io::copy(&mut live, &mut std::io::sink());
    match ended {
        Err(error) if error.kind() == ErrorKind::ConnectionReset => {
            screen.cut(
                "the open connection",
                &format!("{} ms after the command", revoked.elapsed().as_millis()),
            );
        }
        other => return Err(LabError::Unexpected(format!("the open connection ended with {other:?}"))),
    }
    let retry = steps()
        .into_iter()
        .flat_map(|step| step.actions)
        .find(|action| action.about == "the contact's number");
    if let Some(action) = retry {
        let passed = action.perform(lab, Family::V4)?;
        screen.outcome(passed, action.about, &target(&action));
    }
    let resets =
        |packet: &Packet| packet.protocol == 6 && packet.payload.get(13).is_some_and(|flags| flags & 4 != 0);
    let sent: Vec<Packet> = capture.so_far()?.into_iter().filter(|packet| !resets(packet)).collect();
    Ok(sent.iter().filter(|packet| is_service(packet.destination)).count())
}

/// A kept-alive HTTP connection to the granted service, through which an answer has come.
fn open_flow(lab: &Lab) -> Result<TcpStream> {
    let answer = lab.dig(&["A", MESSAGING_HOST])?.out;
    let address: IpAddr = answer
        .trim()
        .parse()
        .map_err(|_| LabError::Unexpected(format!("{MESSAGING_HOST} resolved to {:?}", answer.trim())))?;
    let patience = Duration::from_secs(5);
    let exchange = || -> std::io::Result<TcpStream> {
        let mut stream = lab.connect((address, 80).into(), patience).map_err(std::io::Error::other)??;
        stream.set_read_timeout(Some(patience))?;
        let request = format!(
            "GET /pass/user@id?type=MXPH&externalId=%2B447700900456 HTTP/1.1\r\nHost: {MESSAGING_HOST}\r\n\r\n"
        );
        stream.write_all(request.as_bytes())?;
        stream.read_exact(&mut [0; 1])?;
        Ok(stream)
    };
    exchange().map_err(LabError::io(format!("opening a connection to {MESSAGING_HOST}")))
}

/// Leaves everything running and gives the terminal a shell on the phone.
fn shell(lab: &Lab, screen: &mut Screen) -> Result<()> {
    let firewall = program()?;
    let folder = firewall.parent().map(|folder| folder.display().to_string()).unwrap_or_default();
    let state = lab.firewall().state().display().to_string();
    screen.title("You are on the phone. Leave with exit.");
    for line in [
        "curl http://api.account.xiaomi.com/pass/user@id?type=MXPH     held back",
        "curl http://www.example.com/                                  passes",
        "consentry log --state $STATE                                  what was held",
        "consentry consent grant xiaomi.cloud_messaging --state $STATE  opt in",
    ] {
        screen.text(line);
    }
    screen.blank();
    let mut shell = lab.phone.command("bash");
    shell
        .args(["--norc"])
        .env("PATH", format!("{folder}:{}:/usr/sbin:/sbin", std::env::var("PATH").unwrap_or_default()))
        .env("STATE", state)
        .env("CURL_CA_BUNDLE", lab.authority())
        .env("PS1", "phone$ ")
        .stdin(Stdio::inherit());
    shell.status().map_err(LabError::io("starting a shell on the phone"))?;
    Ok(())
}

/// Packets to or from such an address, and DNS questions about services other than the one that is granted on the way.
fn count(packets: &[Packet], is: impl Fn(IpAddr) -> bool) -> usize {
    let asks = |packet: &Packet| {
        let to_resolver = packet.payload.get(2..4) == Some(&53u16.to_be_bytes());
        to_resolver && !packet.mentions(MESSAGING_HOST) && HELD.iter().any(|(name, _)| packet.mentions(name))
    };
    packets.iter().filter(|packet| packet.touches(&is) || asks(packet)).count()
}

fn is_service(address: IpAddr) -> bool {
    is_held(address)
}

fn is_push(address: IpAddr) -> bool {
    address == IpAddr::from(MI_PUSH)
}

fn is_messaging(address: IpAddr) -> bool {
    address == IpAddr::from(held_v4(1)) || address == IpAddr::from(held_v6(1))
}

fn concerns_services(step: &Step) -> bool {
    step.actions.iter().any(|action| action.expect != Expect::Pass)
}

/// Whom an action is about: a host name, or an address.
fn target(action: &Action) -> String {
    match &action.deed {
        Deed::Fetch(words) => {
            let url = words.last().map_or("", String::as_str);
            let host = url.split("//").nth(1).unwrap_or(url);
            host.split(['/', ':']).next().unwrap_or(host).to_owned()
        }
        Deed::Tls(name) | Deed::Time(name) => (*name).to_owned(),
        Deed::Push => MI_PUSH.to_string(),
    }
}
