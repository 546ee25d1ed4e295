//! What a cleartext message tells about the phone or its owner, by kind and place, never by value.

mod decode;
mod json;
mod key;
mod loose;
mod md5;
mod multipart;
mod own;
mod search;
mod user_agent;
mod value;

pub use decode::MAX_INFLATED;
pub use own::{OwnValue, OwnValueError, OwnValues};

use crate::{http1, http2, mi_push, mqtt};
use search::Search;
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

    /// Every kind.
    pub const ALL: [Self; 18] = [
        Self::Imei,
        Self::Meid,
        Self::Imsi,
        Self::Iccid,
        Self::PhoneNumber,
        Self::AndroidId,
        Self::AdvertisingId,
        Self::Oaid,
        Self::Mac,
        Self::Bssid,
        Self::Ssid,
        Self::Serial,
        Self::DeviceId,
        Self::Model,
        Self::Build,
        Self::OperatorName,
        Self::Coordinates,
        Self::Email,
    ];

    /// The kind of this name, as [`Kind::as_str`] gives it.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
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
    /// Where it was, and what had to be undone to see it: "query parameter imei", "header Cookie", "path", "body field imei (gzip,
    /// base64)", "Mi Push hello". "Your own" follows where it is one of the owner's values.
    pub place: String,
}

/// Most bytes of a body that are searched, as they were sent.
pub const MAX_BODY: usize = 256 * 1024;

/// The identifiers in a request, sorted and without repeats.
///
/// Searched are query parameters, path, headers, cookies and the body (its first [`MAX_BODY`] bytes): a form, a form in parts,
/// JSON, or text with keys in it. Undone on the way, also inside each other, are chunked framing, HTTP/2's frames, gzip and deflate
/// (up to [`MAX_INFLATED`] bytes in all), percent-encoding, JSON's escapes and base64; pass the body as it was sent.
///
/// A value counts only where a key beside it names it and it has the form that the key promises (see the documentation's table):
/// most identifiers are just digits, and a check digit alone fits one number in ten. The owner's own values, if given, count
/// wherever they stand.
pub fn in_request(request: &http1::Request, body: &[u8], own: Option<&OwnValues>) -> Vec<Identifier> {
    let mut search = Search::new(own);
    search.target(&request.path);
    for (name, value) in &request.headers {
        search.header(name, &String::from_utf8_lossy(value));
    }
    let body = &body[..body.len().min(MAX_BODY)];
    if let Some(stream) = request.http2 {
        search.body(request, &http2::data_of(body, stream.number));
    } else if request.header("transfer-encoding").next().is_some() {
        search.body(request, &http1::chunked_content(body));
    } else {
        search.body(request, body);
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
    let mut search = Search::new(None);
    for (kind, _) in found.into_iter().filter(|(_, present)| *present) {
        search.add(kind, Form::Plain, "Mi Push hello");
    }
    search.finish()
}

/// The identifiers in MQTT's first packet, sorted and without repeats.
pub fn in_mqtt(connect: &mqtt::Connect, own: Option<&OwnValues>) -> Vec<Identifier> {
    let mut search = Search::new(own);
    search.value("device id", &connect.client_id, "MQTT client id");
    if let Some(user_name) = &connect.user_name {
        let key = if user_name.contains('@') { "email" } else { "phone" };
        search.value(key, user_name, "MQTT user name");
    }
    search.finish()
}

/// The identifiers in clear text of a protocol that is not known, sorted and without repeats: the owner's own values, and what stands
/// beside a key. At most [`MAX_BODY`] bytes are searched.
pub fn in_bytes(bytes: &[u8], own: Option<&OwnValues>) -> Vec<Identifier> {
    let mut search = Search::new(own);
    search.unknown(&bytes[..bytes.len().min(MAX_BODY)]);
    search.finish()
}

#[cfg(test)]
mod tests;
