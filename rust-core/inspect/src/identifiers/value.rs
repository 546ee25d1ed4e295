//! Whether a value has the form that its key promises.

use super::{Form, Kind, key::Key};

/// Longest value that is looked at; every identifier is shorter.
const MAX_VALUE: usize = 256;

/// What a value under `key` is, if it has the form of an identifier. The kind may be another than the key's: a
/// "device id" that is an IMEI is one.
pub(super) fn recognise(key: Key, value: &str) -> Option<(Kind, Form)> {
    let value = value.trim();
    if value.is_empty() || value.len() > MAX_VALUE {
        return None;
    }
    if key.hashed {
        return is_hash(value).then_some((key.kind, Form::Hashed));
    }
    match key.kind {
        Kind::Imei | Kind::Meid => equipment(value).or_else(|| hashed(key.kind, value)),
        Kind::Imsi | Kind::Iccid => sim(key.kind, value).or_else(|| hashed(key.kind, value)),
        Kind::PhoneNumber => phone(value).or_else(|| hashed(key.kind, value)),
        Kind::DeviceId => device_id(value),
        Kind::AndroidId => match value.len() {
            15 | 16 if is_hex(value) => Some((Kind::AndroidId, android_id_form(value))),
            _ => hashed(key.kind, value),
        },
        Kind::AdvertisingId | Kind::Oaid => advertising(key.kind, value),
        Kind::Mac | Kind::Bssid => hardware_address(value)
            .map(|form| (key.kind, form))
            .or_else(|| is_hash(value).then_some((key.kind, Form::Hashed))),
        Kind::Serial | Kind::Ssid | Kind::Model | Kind::Build | Kind::OperatorName => {
            word(value).map(|form| (key.kind, form))
        }
        Kind::Coordinates => coordinates(value).map(|form| (key.kind, form)),
        Kind::Email => is_email(value)
            .then_some((key.kind, Form::Plain))
            .or_else(|| is_hash(value).then_some((key.kind, Form::Hashed))),
    }
}

/// What a value is that needs no key: a hardware address with its separators. The names of networks and of nobody do not count.
pub(super) fn needs_no_key(value: &str) -> Option<(Kind, Form)> {
    let separated = value.len() == 17 && matches!(value.as_bytes()[2], b':' | b'-');
    (separated && hardware_address(value) == Some(Form::Plain)).then_some((Kind::Mac, Form::Plain))
}

/// IMEI (3GPP TS 23.003 §6.2: 14 digits and a check digit; IMEISV: 16 without) and MEID (14 hex digits from A0 on).
fn equipment(value: &str) -> Option<(Kind, Form)> {
    if is_digits(value) {
        let form = if is_zero(value) { Form::Placeholder } else { Form::Plain };
        return match value.len() {
            15 if form == Form::Placeholder || luhn(value) => Some((Kind::Imei, form)),
            14 | 16 => Some((Kind::Imei, form)),
            _ => None,
        };
    }
    let is_meid = value.len() == 14 && is_hex(value) && value.as_bytes()[0].to_ascii_lowercase() >= b'a';
    is_meid.then_some((Kind::Meid, Form::Plain))
}

/// IMSI (ITU-T E.212: country code first, 14 or 15 digits) and ICCID (ITU-T E.118: 89 first, check digit last).
fn sim(kind: Kind, value: &str) -> Option<(Kind, Form)> {
    if (14..=20).contains(&value.len()) && is_zero(value) {
        return Some((kind, Form::Placeholder));
    }
    let country = value.get(..3).and_then(|code| code.parse().ok()).is_some_and(is_mobile_country_code);
    if is_digits(value) && matches!(value.len(), 14 | 15) && country {
        return Some((Kind::Imsi, Form::Plain));
    }
    let is_iccid = value.starts_with("89")
        && match value.len() {
            // Some cards have hex digits in the number, or F as filler: no check digit then.
            18..=20 if !is_digits(value) => is_hex(value),
            18 => true,
            19 => luhn(value),
            20 => luhn(value) || luhn(&value[..19]),
            _ => false,
        };
    is_iccid.then_some((Kind::Iccid, Form::Plain))
}

/// Whether a mobile country code is assigned (ITU-T E.212 annex to the Operational Bulletin), in the ranges that hold them; 001 is
/// for tests, 901 for networks without a country, 999 for private ones.
fn is_mobile_country_code(code: u16) -> bool {
    const RANGES: [(u16, u16); 23] = [
        (1, 1),
        (202, 220),
        (222, 222),
        (225, 235),
        (238, 250),
        (255, 262),
        (266, 297),
        (302, 302),
        (308, 316),
        (330, 376),
        (400, 405),
        (410, 418),
        (419, 441),
        (450, 457),
        (460, 472),
        (502, 515),
        (520, 530),
        (536, 555),
        (602, 659),
        (702, 716),
        (722, 750),
        (901, 901),
        (999, 999),
    ];
    RANGES.iter().any(|(first, last)| (*first..=*last).contains(&code))
}

/// An international (ITU-T E.164: up to 15 digits) or national number, with the usual separators.
fn phone(value: &str) -> Option<(Kind, Form)> {
    let number = value.strip_prefix('+').unwrap_or(value);
    let digits: String = number.chars().filter(|c| !matches!(c, ' ' | '-' | '(' | ')' | '.')).collect();
    let fits =
        is_digits(&digits) && (7..=17).contains(&digits.len()) && digits.trim_start_matches("00").len() <= 15;
    let form = if is_zero(&digits) { Form::Placeholder } else { Form::Plain };
    fits.then_some((Kind::PhoneNumber, form))
}

/// Whether a number begins with a body that gives out IMEIs (GSMA TS.06 annex A). Nothing else about a "device id" of 15 digits
/// says that it is one.
fn has_reporting_body(number: &str) -> bool {
    const BODIES: [&str; 17] = [
        "01", "10", "30", "33", "35", "44", "45", "49", "50", "51", "52", "53", "54", "86", "91", "98", "99",
    ];
    BODIES.iter().any(|body| number.starts_with(body))
}

/// Whatever a vendor takes for a device id.
fn device_id(value: &str) -> Option<(Kind, Form)> {
    if value.len() == 15 && is_digits(value) && luhn(value) && has_reporting_body(value) {
        return Some((Kind::Imei, Form::Plain));
    }
    if is_unknown(value) || (value.len() >= 6 && is_zero(value)) {
        return Some((Kind::DeviceId, Form::Placeholder));
    }
    if value.contains(':')
        && let Some(form) = hardware_address(value)
    {
        return Some((Kind::Mac, form));
    }
    if is_hash(value) && !(value.len() == 16 && is_hex(value)) {
        return Some((Kind::DeviceId, Form::Hashed));
    }
    let plain =
        value.len() >= 6 && value.bytes().all(|b| b.is_ascii_alphanumeric() || b"-_.:+/=".contains(&b));
    let has_digit = value.bytes().any(|b| b.is_ascii_digit());
    (plain && has_digit).then_some((Kind::DeviceId, Form::Plain))
}

/// A UUID (Google, Huawei), 16, 32 or 64 hex digits (other vendors' OAID). All zeros: the owner opted out.
fn advertising(kind: Kind, value: &str) -> Option<(Kind, Form)> {
    let digits: String = value.chars().filter(|c| *c != '-').collect();
    let long_enough = matches!((kind, digits.len()), (_, 32) | (Kind::Oaid, 16 | 64));
    if !is_hex(&digits) || !long_enough {
        return hashed(kind, value);
    }
    let is_uuid = value.len() == 36;
    let form = if is_zero(&digits) {
        Form::Placeholder
    } else if kind == Kind::AdvertisingId && !is_uuid {
        Form::Hashed
    } else {
        Form::Plain
    };
    Some((kind, form))
}

/// The Android ID that many early phones shared by a fault, and zero, identify nobody.
fn android_id_form(value: &str) -> Form {
    if is_zero(value) || value.eq_ignore_ascii_case("9774d56d682e549c") {
        Form::Placeholder
    } else {
        Form::Plain
    }
}

/// Six octets with colons, hyphens or nothing between. Android gives apps 02:00:00:00:00:00 in place of the true one.
fn hardware_address(value: &str) -> Option<Form> {
    let separated = value.len() == 17 && value.bytes().skip(2).step_by(3).all(|b| b == value.as_bytes()[2]);
    let digits: String = match value.as_bytes().get(2) {
        Some(b':' | b'-') if separated => value.chars().filter(|c| !matches!(c, ':' | '-')).collect(),
        _ => value.to_owned(),
    };
    if digits.len() != 12 || !is_hex(&digits) {
        return None;
    }
    // The lowest bit of the first octet: a group of stations, none of them a phone (IEEE 802, §8.2.2).
    let is_group = matches!(digits.as_bytes()[1], b'1' | b'3' | b'5' | b'7' | b'9')
        || matches!(digits.as_bytes()[1].to_ascii_lowercase(), b'b' | b'd' | b'f');
    let stands_for_none =
        is_zero(&digits) || digits == "020000000000" || digits.bytes().all(|b| b.eq_ignore_ascii_case(&b'f'));
    if is_group && !stands_for_none {
        return None;
    }
    Some(if stands_for_none { Form::Placeholder } else { Form::Plain })
}

/// A plain word or two, under a key that says which.
fn word(value: &str) -> Option<Form> {
    if value.chars().any(char::is_control) {
        return None;
    }
    Some(if is_unknown(value) || value == "<unknown ssid>" || is_zero(value) {
        Form::Placeholder
    } else {
        Form::Plain
    })
}

/// One coordinate or a pair, in degrees with decimals. Exactly nought is what apps send when they know none.
fn coordinates(value: &str) -> Option<Form> {
    let mut form = Form::Placeholder;
    let mut count = 0;
    for part in value.split([',', ';', ' ']).filter(|part| !part.is_empty()) {
        let degrees: f64 = part.parse().ok()?;
        count += 1;
        if count > 3 || !part.contains('.') || !(-180.0..=180.0).contains(&degrees) {
            return None;
        }
        if degrees != 0.0 {
            form = Form::Plain;
        }
    }
    (count > 0).then_some(form)
}

fn is_email(value: &str) -> bool {
    value.split_once('@').is_some_and(|(user, host)| {
        let sound = |b: u8| b.is_ascii_graphic() && b != b'@';
        !user.is_empty()
            && host.contains('.')
            && !host.ends_with('.')
            && user.bytes().chain(host.bytes()).all(sound)
    })
}

fn hashed(kind: Kind, value: &str) -> Option<(Kind, Form)> {
    is_hash(value).then_some((kind, Form::Hashed))
}

/// MD5, SHA-1 or SHA-256 in hex, or Xiaomi's short hash: the first 16 characters of a SHA-1 in URL-safe base64.
fn is_hash(value: &str) -> bool {
    let long = matches!(value.len(), 32 | 40 | 64) && is_hex(value);
    let short = value.len() == 16
        && value.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_')
        && value.bytes().any(|b| b.is_ascii_alphabetic());
    (long || short) && !is_zero(value)
}

fn is_digits(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|b| b.is_ascii_digit())
}

fn is_hex(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|b| b.is_ascii_hexdigit())
}

fn is_zero(value: &str) -> bool {
    !value.is_empty() && value.bytes().all(|b| b == b'0')
}

fn is_unknown(value: &str) -> bool {
    ["unknown", "null", "none", "nil", "undefined", "n/a", "default"]
        .iter()
        .any(|word| value.eq_ignore_ascii_case(word))
}

/// The check digit of IMEI and ICCID (ISO/IEC 7812-1 annex B).
fn luhn(digits: &str) -> bool {
    let sum: u32 = digits
        .bytes()
        .rev()
        .enumerate()
        .map(|(place, digit)| {
            let digit = u32::from(digit - b'0');
            if place % 2 == 0 { digit } else { digit * 2 / 10 + digit * 2 % 10 }
        })
        .sum();
    sum.is_multiple_of(10)
}
