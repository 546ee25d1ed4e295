//! What a cleartext message tells about the phone or its owner, by kind and place, never by value.
use crate::{http1, mi_push};
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
    /// Where it was: "query parameter imei", "header Cookie", "path", "body", "Mi Push hello".
    pub place: String,
}

/// The identifiers in a request, sorted and without repeats.
pub fn in_request(_request: &http1::Request, _body: &[u8]) -> Vec<Identifier> {
    unimplemented!()
}

/// The identifiers in a Mi Push hello, sorted and without repeats.
pub fn in_hello(_hello: &mi_push::Hello) -> Vec<Identifier> {
    unimplemented!()
}
