//! The 2014 test, step by step: what a new phone of that time did as its owner put in a SIM, allowed location, added a
//! contact, exchanged messages and signed in. Identifiers are of reserved ranges (a test IMEI, test network 001/01, and
//! telephone numbers kept free for drama), names and paths are the phone's.
use crate::lab::{
    Lab, Result,
    addresses::{MI_PUSH, MI_PUSH_NAT64, ORDINARY},
    client::mi_push_hello,
};
use std::{
    net::{IpAddr, SocketAddr, UdpSocket},
    time::Duration,
};

/// Which half of the internet the phone uses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Family {
    /// Internet Protocol version 4.
    V4,
    /// Internet Protocol version 6.
    V6,
}

impl Family {
    /// `-4` or `-6`, as curl, openssl and dig take it.
    pub fn flag(self) -> &'static str {
        match self {
            Self::V4 => "-4",
            Self::V6 => "-6",
        }
    }

    /// `A` or `AAAA`.
    pub fn record(self) -> &'static str {
        match self {
            Self::V4 => "A",
            Self::V6 => "AAAA",
        }
    }

    /// One of two addresses.
    pub fn pick(self, v4: impl Into<IpAddr>, v6: impl Into<IpAddr>) -> IpAddr {
        match self {
            Self::V4 => v4.into(),
            Self::V6 => v6.into(),
        }
    }
}

/// What has to become of an action while nothing is granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Expect {
    /// It gets through.
    Pass,
    /// Nothing leaves for this service.
    Held(&'static str),
}

/// What an app does.
#[derive(Clone, Debug)]
pub enum Deed {
    /// curl with these words, the last one a URL.
    Fetch(Vec<String>),
    /// A TLS handshake with this name (openssl `s_client`).
    Tls(&'static str),
    /// The first bytes of a Mi Push session to an address literal.
    Push,
    /// A question for the time.
    Time(&'static str),
}

/// One thing an app does, and what has to come of it.
#[derive(Clone, Debug)]
pub struct Action {
    /// In a few words, for people.
    pub about: &'static str,
    /// What is done.
    pub deed: Deed,
    /// What has to come of it.
    pub expect: Expect,
}

/// One step of the owner.
#[derive(Clone, Debug)]
pub struct Step {
    /// What the owner does.
    pub owner: &'static str,
    /// What the phone does thereupon.
    pub actions: Vec<Action>,
}

/// The phone's IMEI: a number of the test range.
pub const IMEI: &str = "490154203237518";
/// The SIM's IMSI, of the test network.
pub const IMSI: &str = "001010123456789";
/// The owner's number.
pub const OWN_NUMBER: &str = "+447700900123";
/// The contact's number.
pub const CONTACT: &str = "+447700900456";
/// The number of the other end of an SMS.
pub const CORRESPONDENT: &str = "+447700900789";
/// The first 16 characters of the URL-safe base64 SHA-1 of [`IMEI`]: the form in which the phone's client sent it.
pub const IMEI_HASHED: &str = "l6IQUjLsyHVvA6Ap";

/// How long an app waits for anything.
const PATIENCE: Duration = Duration::from_secs(4);
const MESSAGING: Expect = Expect::Held("xiaomi.cloud_messaging");

/// All steps, in order.
pub fn steps() -> Vec<Step> {
    let encoded = |number: &str| number.replace('+', "%2B");
    let look_up = |number: &str| {
        format!("http://api.account.xiaomi.com/pass/user@id?type=MXPH&externalId={}", encoded(number))
    };
    vec![
        Step {
            owner: "switches the phone on and joins a Wi-Fi",
            actions: vec![
                fetch("sign-in check", "http://connect.rom.miui.com/generate_204", Expect::Pass),
                Action { about: "network time", deed: Deed::Time("pool.ntp.org"), expect: Expect::Pass },
            ],
        },
        Step {
            owner: "puts in a SIM card",
            actions: vec![
                fetch(
                    "name of the operator",
                    "http://api.account.xiaomi.com/pass/activate/operator?name=Test+Telco&mccmnc=00101",
                    MESSAGING,
                ),
                fetch(
                    "IMEI and own number, readable",
                    &format!(
                        "http://api.account.xiaomi.com/pass/activate/status?imei={IMEI}&phone={}",
                        encoded(OWN_NUMBER)
                    ),
                    MESSAGING,
                ),
                fetch(
                    "IMEI, hashed",
                    &format!(
                        "http://api.account.xiaomi.com/pass/activate/dev/{IMEI_HASHED}/activating?imsi=QRB0oPbAlYOfcW9Q"
                    ),
                    MESSAGING,
                ),
                Action {
                    about: "push session, bare address",
                    deed: Deed::Push,
                    expect: Expect::Held("xiaomi.push"),
                },
            ],
        },
        Step {
            owner: "allows location",
            actions: vec![Action {
                about: "network location",
                deed: Deed::Tls("metok.sys.miui.com"),
                expect: Expect::Held("xiaomi.location"),
            }],
        },
        Step {
            owner: "adds a contact",
            actions: vec![fetch("the contact's number", &look_up(CONTACT), MESSAGING)],
        },
        Step {
            owner: "sends and receives SMS and MMS",
            actions: vec![
                fetch("the correspondent's number", &look_up(CORRESPONDENT), MESSAGING),
                Action {
                    about: "MMS to the operator's proxy",
                    deed: Deed::Fetch(vec![
                        "-H".into(),
                        "Content-Type: application/vnd.wap.mms-message".into(),
                        "--data-binary".into(),
                        "M-Send.req picture".into(),
                        "http://mms.operator.example:8080/mms".into(),
                    ]),
                    expect: Expect::Pass,
                },
            ],
        },
        Step { owner: "makes a call", actions: Vec::new() },
        Step {
            owner: "signs in to Mi Cloud and does it all again",
            actions: vec![
                Action {
                    about: "sign-in",
                    deed: Deed::Tls("account.xiaomi.com"),
                    expect: Expect::Held("xiaomi.account"),
                },
                fetch(
                    "IMSI, IMEI and own number",
                    &format!(
                        "http://api.account.xiaomi.com/pass/activate/status?imsi={IMSI}&imei={IMEI}&phone={}",
                        encoded(OWN_NUMBER)
                    ),
                    MESSAGING,
                ),
            ],
        },
        Step {
            owner: "waits: the phone looks for other ways out",
            actions: vec![
                fetch(
                    "HttpDNS of older clients",
                    "http://resolver.gslb.mi-idc.com/gslb/gslb/getbucket.asp?ver=3.0",
                    Expect::Held("xiaomi.httpdns"),
                ),
                fetch(
                    "HttpDNS of Mi Push",
                    "http://resolver.msg.xiaomi.net/psc/?t=a",
                    Expect::Held("xiaomi.httpdns"),
                ),
            ],
        },
        Step {
            owner: "looks for a system update",
            actions: vec![Action {
                about: "system update",
                deed: Deed::Tls("update.miui.com"),
                expect: Expect::Pass,
            }],
        },
    ]
}

fn fetch(about: &'static str, url: &str, expect: Expect) -> Action {
    Action { about, deed: Deed::Fetch(vec![url.to_owned()]), expect }
}

impl Action {
    /// Does it on the phone; tells whether the app got an answer.
    pub fn perform(&self, lab: &Lab, family: Family) -> Result<bool> {
        match &self.deed {
            Deed::Fetch(words) => {
                let mut all = vec![family.flag(), "--max-time", "4", "--output", "/dev/null", "--fail"];
                all.extend(words.iter().map(String::as_str));
                Ok(lab.curl(&all)?.ok())
            }
            Deed::Tls(name) => {
                let flag = family.flag();
                let authority = lab.authority().display().to_string();
                let line = format!(
                    "timeout 4 openssl s_client {flag} -connect {name}:443 -servername {name} \
                     -CAfile {authority} -verify_return_error </dev/null"
                );
                Ok(lab.on_phone_shell(&line)?.ok())
            }
            Deed::Push => {
                let hello = mi_push_hello();
                let to = SocketAddr::from((family.pick(MI_PUSH, MI_PUSH_NAT64), 443));
                Ok(lab.tcp_exchange(to, &[&hello], hello.len(), PATIENCE)? == hello)
            }
            Deed::Time(name) => {
                let said = lab.dig(&[family.record(), name])?;
                let known = ORDINARY.iter().find(|(ordinary, ..)| ordinary == name);
                let Some(address) = said.out.lines().find_map(|line| line.parse::<IpAddr>().ok()) else {
                    return Ok(false);
                };
                let right = known.is_none_or(|(_, v4, v6)| address == family.pick(*v4, *v6));
                Ok(right && lab.phone.enter(|| ask_time(address))?.is_ok())
            }
        }
    }
}

/// SNTP (RFC 4330): a client's question; any answer of full length will do.
fn ask_time(server: IpAddr) -> std::io::Result<()> {
    let local = if server.is_ipv4() { "0.0.0.0:0" } else { "[::]:0" };
    let socket = UdpSocket::bind(local)?;
    socket.set_read_timeout(Some(PATIENCE))?;
    let mut question = [0; 48];
    question[0] = 0x23;
    socket.send_to(&question, (server, 123))?;
    let mut answer = [0; 64];
    let (len, _) = socket.recv_from(&mut answer)?;
    if len == 48 { Ok(()) } else { Err(std::io::Error::other("a short answer")) }
}
