//! What a cleartext message tells about the phone or its owner, by kind and place, never by value.

mod json;
mod key;
mod user_agent;
mod value;

use crate::{http1, http2, mi_push, mqtt, urlencoded};
use key::Key;
use serde::{Deserialize, Serialize};
use std::fmt;

/// What an identifier identifies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Kind {
    /// International mobile equipment identity: the phone.
    Imei,
    /// Mobile equipment identifier: the phone, on CDMA networks.
    Meid,
    /// International mobile subscriber identity: the SIM's subscription.
    Imsi,
    /// The SIM card's own number.
    Iccid,
    /// A telephone number, the owner's or a contact's.
    PhoneNumber,
    /// Android's per-app device number.
    AndroidId,
    /// Google's advertising id.
    AdvertisingId,
    /// The Chinese vendors' open anonymous device id.
    Oaid,
    /// The hardware address of the phone's network interface.
    Mac,
    /// The hardware address of the Wi-Fi access point.
    Bssid,
    /// The name of the Wi-Fi network.
    Ssid,
    /// The phone's serial number.
    Serial,
    /// A device id of another or unknown make.
    DeviceId,
    /// The phone's model.
    Model,
    /// The system's build.
    Build,
    /// The name or number of the mobile operator.
    OperatorName,
    /// A place on Earth.
    Coordinates,
    /// An e-mail address.
    Email,
}

impl Kind {
    /// The name used in logs and JSON.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Imei => "imei",
            Self::Meid => "meid",
            Self::Imsi => "imsi",
            Self::Iccid => "iccid",
            Self::PhoneNumber => "phone_number",
            Self::AndroidId => "android_id",
            Self::AdvertisingId => "advertising_id",
            Self::Oaid => "oaid",
            Self::Mac => "mac",
            Self::Bssid => "bssid",
            Self::Ssid => "ssid",
            Self::Serial => "serial",
            Self::DeviceId => "device_id",
            Self::Model => "model",
            Self::Build => "build",
            Self::OperatorName => "operator_name",
            Self::Coordinates => "coordinates",
            Self::Email => "email",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// How an identifier appears.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Readable as it is.
    Plain,
    /// As a hash of it.
    Hashed,
    /// A value that stands for "unknown" or "withheld", such as the BSSID 02:00:00:00:00:00.
    Placeholder,
}

impl fmt::Display for Form {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Hashed => "hashed",
            Self::Placeholder => "placeholder",
        })
    }
}

/// One identifier that was found: what it is and where, never its value.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Identifier {
    /// What it identifies.
    pub kind: Kind,
    /// How it appears.
    pub form: Form,
    /// Where it was: "query parameter imei", "header Cookie", "path", "body field imei", "Mi Push hello".
    pub place: String,
}

/// Most bytes of a body that are searched.
pub const MAX_BODY: usize = 256 * 1024;
/// How deep texts inside texts are followed: a form field that holds JSON with a field that holds JSON.
const MAX_DEPTH: u8 = 3;

/// The identifiers in a request, sorted and without repeats.
///
/// Searched are query parameters, path, headers, cookies and the body (form or JSON, its first [`MAX_BODY`] bytes), all
/// after undoing percent-encoding, JSON escapes and, where the request says so, chunked framing: pass the body as it
/// was sent. A value counts only where a key beside it names it and it has the form that the key promises: most
/// identifiers are just digits, and a check digit alone fits one number in ten.
pub fn in_request(request: &http1::Request, body: &[u8]) -> Vec<Identifier> {
    let mut search = Search::default();
    search.query(urlencoded::query(&request.path));
    search.path(&request.path);
    for (name, value) in &request.headers {
        search.header(name, &String::from_utf8_lossy(value));
    }
    let body = &body[..body.len().min(MAX_BODY)];
    if let Some(stream) = request.http2 {
        search.body(&http2::data_of(body, stream.number));
    } else if request.header("transfer-encoding").next().is_some() {
        search.body(&http1::chunked_content(body));
    } else {
        search.body(body);
    }
    search.finish()
}

/// The identifiers in a Mi Push hello, sorted and without repeats.
pub fn in_hello(hello: &mi_push::Hello) -> Vec<Identifier> {
    let found = [
        (Kind::DeviceId, hello.device_id),
        (Kind::Model, hello.model.is_some()),
        (Kind::Build, hello.build.is_some()),
    ];
    let mut search = Search::default();
    for (kind, _) in found.into_iter().filter(|(_, present)| *present) {
        search.add(kind, Form::Plain, "Mi Push hello".into());
    }
    search.finish()
}

/// The identifiers in MQTT's first packet, sorted and without repeats.
pub fn in_mqtt(connect: &mqtt::Connect) -> Vec<Identifier> {
    let mut search = Search::default();
    search.keyed("device id", &connect.client_id, &|_| "MQTT client id".into(), 0);
    if let Some(user_name) = &connect.user_name {
        let key = if user_name.contains('@') { "email" } else { "phone" };
        search.keyed(key, user_name, &|_| "MQTT user name".into(), 0);
    }
    search.finish()
}

/// What has been found so far.
#[derive(Default)]
struct Search {
    found: Vec<Identifier>,
}

impl Search {
    fn add(&mut self, kind: Kind, form: Form, place: String) {
        self.found.push(Identifier { kind, form, place });
    }

    fn finish(mut self) -> Vec<Identifier> {
        self.found.sort_unstable();
        self.found.dedup();
        self.found
    }

    fn query(&mut self, query: &str) {
        for (key, value) in urlencoded::pairs(query.as_bytes()) {
            self.keyed(&key, &value, &|key| format!("query parameter {key}"), 0);
        }
    }

    /// In a path, each segment is taken for the key of the one behind it: `/dev/ID/activating`.
    fn path(&mut self, path: &str) {
        let path = path.split(['?', '#']).next().unwrap_or_default();
        let segments: Vec<String> = path
            .split('/')
            .map(|segment| String::from_utf8_lossy(&urlencoded::decode(segment.as_bytes())).into_owned())
            .collect();
        for pair in segments.windows(2) {
            if let Some(key) = Key::of_path_segment(&pair[0])
                && let Some((kind, form)) = value::recognise(key, &pair[1])
            {
                self.add(kind, form, "path".into());
            }
        }
    }

    fn header(&mut self, name: &str, value: &str) {
        let place = |_: &str| format!("header {name}");
        if name.eq_ignore_ascii_case("cookie") {
            for (key, value) in value.split(';').filter_map(|pair| pair.split_once('=')) {
                let value =
                    String::from_utf8_lossy(&urlencoded::decode(value.trim().as_bytes())).into_owned();
                self.keyed(key.trim(), value.trim_matches('"'), &place, 0);
            }
        } else if name.eq_ignore_ascii_case("user-agent") {
            for kind in user_agent::shown(value) {
                self.add(kind, Form::Plain, place(""));
            }
        } else if name.eq_ignore_ascii_case("referer") {
            for (key, value) in urlencoded::pairs(urlencoded::query(value).as_bytes()) {
                self.keyed(&key, &value, &place, 0);
            }
        } else {
            self.keyed(name, value, &place, 0);
        }
    }

    fn body(&mut self, body: &[u8]) {
        let place = |key: &str| format!("body field {key}");
        let text = String::from_utf8_lossy(body);
        if is_json(&text) {
            self.json(&text, &place, 0);
        } else {
            for (key, value) in urlencoded::pairs(text.trim().as_bytes()) {
                self.keyed(&key, &value, &place, 0);
            }
        }
    }

    fn json(&mut self, text: &str, place: &dyn Fn(&str) -> String, depth: u8) {
        json::for_each_pair(text, |key, value| self.keyed(key, value, place, depth));
    }

    fn keyed(&mut self, key: &str, value: &str, place: &dyn Fn(&str) -> String, depth: u8) {
        if is_json(value) {
            if depth < MAX_DEPTH {
                self.json(value, place, depth + 1);
            }
        } else if let Some(known) = Key::of(key)
            && let Some((kind, form)) = value::recognise(known, value)
        {
            self.add(kind, form, place(&presentable(key)));
        }
    }
}

fn is_json(text: &str) -> bool {
    text.trim_start().starts_with(['{', '['])
}

/// A key as it may be shown: it comes from the wire like everything else.
fn presentable(key: &str) -> String {
    key.chars().filter(char::is_ascii_graphic).take(40).collect()
}

#[cfg(test)]
mod tests;
