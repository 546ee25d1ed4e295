//! The words beside a value that say what it is.

use super::Kind;

/// What a key promises about its value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Key {
    /// The kind it names.
    pub(super) kind: Kind,
    /// Whether it says that the value is a hash (`imei_md5`).
    pub(super) hashed: bool,
}

/// Keys as they are compared: lower-case letters and digits only.
const KEYS: &[(Kind, &[&str])] = &[
    (Kind::Imei, &["imei", "imei0", "imei1", "imei2", "imeis", "imeisv"]),
    (Kind::Meid, &["meid", "meid1", "meid2"]),
    (Kind::Imsi, &["imsi", "imsi1", "imsi2", "subscriberid"]),
    (Kind::Iccid, &["iccid", "iccid1", "iccid2", "simserial", "simserialnumber", "simid", "ccid"]),
    (
        Kind::PhoneNumber,
        &[
            "phone",
            "phone1",
            "phoneno",
            "phonenum",
            "phonenumber",
            "mobile",
            "mobilephone",
            "mobileno",
            "mobilenumber",
            "msisdn",
            "externalid",
            "line1number",
            "tel",
            "telephone",
            "telephonenumber",
            "cellphone",
            "usernumber",
        ],
    ),
    (Kind::AndroidId, &["androidid", "androiddeviceid"]),
    (
        Kind::AdvertisingId,
        &["gaid", "adid", "advertisingid", "advertiserid", "googleadid", "googleaid", "gpsadid", "idfa"],
    ),
    (Kind::Oaid, &["oaid", "vaid"]),
    (
        Kind::Mac,
        &["mac", "macaddress", "macaddr", "wifimac", "wlanmac", "devicemac", "btmac", "bluetoothmac"],
    ),
    (Kind::Bssid, &["bssid", "wifibssid", "apmac", "routermac", "gatewaymac"]),
    (Kind::Ssid, &["ssid", "wifissid", "wifiname", "essid"]),
    (Kind::Serial, &["serial", "serialno", "serialnumber", "deviceserial", "sn", "roserialno"]),
    (
        Kind::DeviceId,
        &[
            "deviceid",
            "devid",
            "did",
            "udid",
            "uuid",
            "deviceuuid",
            "udevid",
            "deviceidentifier",
            "hardwareid",
            "utdid",
        ],
    ),
    (
        Kind::Model,
        &[
            "model",
            "devicemodel",
            "phonemodel",
            "mobilemodel",
            "productmodel",
            "roproductmodel",
            "devicename",
            "phonetype",
        ],
    ),
    (
        Kind::Build,
        &[
            "build",
            "buildid",
            "buildversion",
            "romversion",
            "miuiversion",
            "miui",
            "systemversion",
            "incremental",
            "fingerprint",
            "buildfingerprint",
            "rom",
            "firmware",
        ],
    ),
    (
        Kind::OperatorName,
        &[
            "operator",
            "operatorname",
            "operatorcode",
            "carrier",
            "carriername",
            "telco",
            "simoperator",
            "simoperatorname",
            "networkoperator",
            "networkoperatorname",
            "spn",
            "mccmnc",
            "mnc",
        ],
    ),
    (
        Kind::Coordinates,
        &[
            "lat",
            "lon",
            "lng",
            "latitude",
            "longitude",
            "location",
            "latlng",
            "latlon",
            "geo",
            "gps",
            "coordinates",
        ],
    ),
    (Kind::Email, &["email", "emailaddress", "mail", "useremail"]),
];

/// Words telling enough to count at the end of a longer key, such as `x-device-imei`.
const TELLING: &[(Kind, &str)] = &[
    (Kind::Imei, "imei"),
    (Kind::Meid, "meid"),
    (Kind::Imsi, "imsi"),
    (Kind::Iccid, "iccid"),
    (Kind::PhoneNumber, "msisdn"),
    (Kind::PhoneNumber, "phonenumber"),
    (Kind::AndroidId, "androidid"),
    (Kind::Oaid, "oaid"),
    (Kind::Mac, "macaddress"),
    (Kind::Bssid, "bssid"),
    (Kind::DeviceId, "deviceid"),
    (Kind::OperatorName, "operatorname"),
];

/// Path segments that name the one behind them and are not keys elsewhere.
const PATH_ONLY: &[(Kind, &str)] =
    &[(Kind::DeviceId, "dev"), (Kind::DeviceId, "device"), (Kind::DeviceId, "devices")];
/// Kinds whose values are plain words, which a path is full of.
const WORDS: &[Kind] = &[Kind::Model, Kind::Build, Kind::OperatorName, Kind::Ssid, Kind::Serial];
/// How keys of hashed values end.
const HASHES: &[&str] = &["md5", "sha1", "sha256", "sha", "hash", "hashed"];

impl Key {
    /// What `key` promises, in any spelling (`deviceId`, `device_id`, `Device-ID`).
    pub(super) fn of(key: &str) -> Option<Self> {
        // Longer keys name nothing; this also bounds the work.
        if key.len() > 64 {
            return None;
        }
        let letters: String = key
            .chars()
            .filter(char::is_ascii_alphanumeric)
            .map(|letter| letter.to_ascii_lowercase())
            .collect();
        let plain = HASHES.iter().find_map(|hash| letters.strip_suffix(hash));
        let name = plain.unwrap_or(&letters);
        let listed = KEYS.iter().find(|(_, names)| names.contains(&name)).map(|(kind, _)| *kind);
        let telling = || TELLING.iter().find(|(_, word)| name.ends_with(word)).map(|(kind, _)| *kind);
        listed.or_else(telling).map(|kind| Self { kind, hashed: plain.is_some() })
    }

    /// What a path segment promises about the segment behind it.
    pub(super) fn of_path_segment(segment: &str) -> Option<Self> {
        let only = PATH_ONLY.iter().find(|(_, word)| segment.eq_ignore_ascii_case(word));
        let key = only.map(|(kind, _)| Self { kind: *kind, hashed: false }).or_else(|| Self::of(segment))?;
        (!WORDS.contains(&key.kind)).then_some(key)
    }
}
