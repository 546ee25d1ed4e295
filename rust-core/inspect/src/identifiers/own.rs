//! The owner's own values, to be recognised wherever they stand: kept as keyed hashes only.

use super::{Form, Kind};
use ring::{digest, hmac};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::fmt;

/// Shortest value that can be told from other words.
const SHORTEST: usize = 6;
/// Longest value that is taken.
const LONGEST: usize = 128;
/// Bytes of a keyed hash that are kept: an accident is as likely as guessing a key of 128 bits.
const KEPT: usize = 16;
/// Digits of a telephone number that are its own when the country's prefix is left out (ITU-T E.164 leaves at least so many).
const NATIONAL_DIGITS: usize = 9;

/// Why a value cannot be looked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum OwnValueError {
    /// Too short to be told from other words.
    #[error("the value is shorter than {SHORTEST} characters, and would be found in other words")]
    TooShort,
    /// No identifier is that long.
    #[error("the value is longer than {LONGEST} characters")]
    TooLong,
    /// Blanks and control characters end a word.
    #[error("the value has a blank or another character inside that ends a word")]
    NotOneWord,
}

/// One form of one value: a keyed hash that says nothing without the key.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct OwnValue {
    /// What it identifies.
    pub kind: Kind,
    /// How it would appear.
    pub form: Form,
    /// Length of the word it is looked for as.
    pub length: usize,
    /// HMAC-SHA-256 of the word under the owner's key, cut to 16 bytes.
    pub hash: [u8; KEPT],
}

impl fmt::Debug for OwnValue {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "OwnValue({} {})", self.kind, self.form)
    }
}

/// The owner's own values. Each is looked for as it is, in the spellings that senders use, and as MD5, SHA-1, SHA-256 and
/// Xiaomi's short hash of them.
///
/// Only keyed hashes are kept: whoever has them without the key cannot try all IMEIs of a model. Store the key apart.
#[derive(Clone)]
pub struct OwnValues {
    key: hmac::Key,
    known: HashMap<[u8; KEPT], OwnValue>,
    /// Whether a word of this length is worth hashing.
    lengths: [bool; LONGEST + 1],
}

impl fmt::Debug for OwnValues {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnValues").field("forms", &self.known.len()).finish_non_exhaustive()
    }
}

impl OwnValues {
    /// None yet. The key is 32 random bytes that the owner's device keeps.
    pub fn new(key: &[u8; 32]) -> Self {
        let key = hmac::Key::new(hmac::HMAC_SHA256, key);
        Self { key, known: HashMap::new(), lengths: [false; LONGEST + 1] }
    }

    /// Those that [`OwnValues::stored`] gave, under the same key.
    pub fn restore(key: &[u8; 32], stored: impl IntoIterator<Item = OwnValue>) -> Self {
        let mut values = Self::new(key);
        stored.into_iter().for_each(|value| values.keep(value));
        values
    }

    /// What is to be stored: nothing in it tells a value without the key.
    pub fn stored(&self) -> impl Iterator<Item = &OwnValue> {
        self.known.values()
    }

    /// Whether there is nothing to look for.
    pub fn is_empty(&self) -> bool {
        self.known.is_empty()
    }

    /// Looks for this value from now on.
    ///
    /// # Errors
    /// When it could not be told from other words.
    pub fn add(&mut self, kind: Kind, value: &str) -> Result<(), OwnValueError> {
        let value = value.trim();
        let spellings = spellings(kind, value);
        let shortest = spellings.iter().map(String::len).min().unwrap_or(0);
        if shortest < SHORTEST {
            return Err(OwnValueError::TooShort);
        }
        if value.len() > LONGEST {
            return Err(OwnValueError::TooLong);
        }
        if !value.bytes().all(is_word_byte) {
            return Err(OwnValueError::NotOneWord);
        }
        for spelling in &spellings {
            self.add_form(kind, Form::Plain, spelling);
        }
        // Senders differ in what they hash: all upper case, all lower case, or as it is.
        for spelling in &spellings {
            for cased in [spelling.clone(), spelling.to_ascii_uppercase(), spelling.to_ascii_lowercase()] {
                self.add_hashes(kind, cased.as_bytes());
            }
        }
        Ok(())
    }

    fn add_hashes(&mut self, kind: Kind, spelling: &[u8]) {
        let sha1 = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, spelling);
        let sha256 = digest::digest(&digest::SHA256, spelling);
        for hash in [&super::md5::md5(spelling)[..], sha1.as_ref(), sha256.as_ref()] {
            self.add_form(kind, Form::Hashed, &hex(hash));
        }
        // The first 16 characters of the SHA-1 in URL-safe base64.
        self.add_form(kind, Form::Hashed, &base64url_start(sha1.as_ref()));
    }

    fn add_form(&mut self, kind: Kind, form: Form, word: &str) {
        let hash = self.hash(word);
        self.keep(OwnValue { kind, form, length: word.len(), hash });
    }

    fn keep(&mut self, value: OwnValue) {
        if let Some(place) = self.lengths.get_mut(value.length) {
            *place = true;
            self.known.entry(value.hash).or_insert(value);
        }
    }

    /// The keyed hash of a word, whatever its case: no two values differ by that alone.
    fn hash(&self, word: &str) -> [u8; KEPT] {
        let tag = hmac::sign(&self.key, word.to_ascii_lowercase().as_bytes());
        tag.as_ref()[..KEPT].try_into().expect("a SHA-256 tag has 32 bytes")
    }

    /// What a word is, if it is one of the values.
    fn find(&self, word: &str) -> Option<(Kind, Form)> {
        if !self.lengths.get(word.len()).is_some_and(|wanted| *wanted) {
            return None;
        }
        self.known.get(&self.hash(word)).map(|value| (value.kind, value.form))
    }

    /// Calls `visit` with each of the values that stands in a text.
    ///
    /// A value must stand by itself: as a whole word, as a part of one between marks such as `:` and `/`, or as a word whose marks
    /// are taken out, as in a MAC address.
    pub(super) fn find_in(&self, text: &str, mut visit: impl FnMut(Kind, Form)) {
        if self.is_empty() {
            return;
        }
        for word in text.split(|c: char| !c.is_ascii() || !is_word_byte(c as u8)) {
            let mut look_for = |word: &str| {
                if let Some((kind, form)) = self.find(word) {
                    visit(kind, form);
                    return true;
                }
                false
            };
            if word.len() < SHORTEST || look_for(word) {
                continue;
            }
            let bare: String = word.chars().filter(|c| !matches!(c, ':' | '-' | '.')).collect();
            if bare.len() < word.len() && look_for(&bare) {
                continue;
            }
            // The short hash has `-` and `_` inside; other values have neither.
            for part in word.split(|c: char| !(c.is_ascii_alphanumeric() || matches!(c, '-' | '_'))) {
                if part.len() < word.len() {
                    look_for(part);
                }
                for part in part.split(['-', '_']).filter(|inner| inner.len() < part.len()) {
                    look_for(part);
                }
            }
        }
    }
}

/// Whether a byte may stand in a value.
fn is_word_byte(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"+-_.:@/".contains(&byte)
}

/// How senders spell a value.
fn spellings(kind: Kind, value: &str) -> Vec<String> {
    let mut spellings = vec![value.to_owned()];
    match kind {
        Kind::PhoneNumber => {
            let digits: String = value.chars().filter(char::is_ascii_digit).collect();
            let international = value.starts_with('+').then_some(digits.as_str());
            let international = international.or_else(|| digits.strip_prefix("00"));
            if let Some(number) = international.map(str::to_owned) {
                spellings.extend([format!("+{number}"), number.clone(), format!("00{number}")]);
                // One to three digits of a country come first; only those that leave enough are left out.
                for prefix in 1..=3 {
                    if let Some(national) = number.get(prefix..).filter(|n| n.len() >= NATIONAL_DIGITS) {
                        spellings.extend([national.to_owned(), format!("0{national}")]);
                    }
                }
            } else {
                spellings.push(digits);
            }
        }
        Kind::Mac | Kind::Bssid => {
            let bare: String = value.chars().filter(char::is_ascii_hexdigit).collect();
            let pairs: Vec<&str> =
                bare.as_bytes().chunks(2).filter_map(|two| str::from_utf8(two).ok()).collect();
            spellings.extend([pairs.join(":"), pairs.join("-"), bare.clone()]);
        }
        Kind::AdvertisingId | Kind::Oaid | Kind::DeviceId => {
            spellings.push(value.chars().filter(|c| *c != '-').collect());
        }
        _ => {}
    }
    spellings.sort_unstable();
    spellings.dedup();
    spellings
}

fn hex(bytes: &[u8]) -> String {
    let digit = |value: u8| char::from(b"0123456789abcdef"[usize::from(value)]);
    bytes.iter().flat_map(|byte| [digit(byte >> 4), digit(byte & 0xF)]).collect()
}

/// The first 16 characters of URL-safe base64 (RFC 4648 §5): twelve bytes.
fn base64url_start(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    let letters = bytes[..12].chunks(3).flat_map(|three| {
        let bits = three.iter().fold(0_u32, |bits, byte| bits << 8 | u32::from(*byte));
        [18, 12, 6, 0].map(|shift| char::from(LETTERS[(bits >> shift & 63) as usize]))
    });
    letters.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(values: &OwnValues, text: &str) -> Vec<(Kind, Form)> {
        let mut found = Vec::new();
        values.find_in(text, |kind, form| found.push((kind, form)));
        found
    }

    // Reserved values; the hashes are those of `printf %s VALUE | md5sum` and the like.
    fn values() -> OwnValues {
        let mut values = OwnValues::new(&[7; 32]);
        values.add(Kind::Imei, "490154203237518").unwrap();
        values.add(Kind::PhoneNumber, "+447700900123").unwrap();
        values.add(Kind::Mac, "AA:BB:CC:00:11:22").unwrap();
        values
    }

    #[test]
    fn a_value_is_found_in_every_spelling_and_hash() {
        let values = values();
        for text in
            ["490154203237518", "x/490154203237518/y", "android-490154203237518", "id:490154203237518,"]
        {
            assert_eq!(found(&values, text), [(Kind::Imei, Form::Plain)], "{text}");
        }
        for text in [
            "0eaed834a1e6f4b2bf0c024e0013dea1",
            "0EAED834A1E6F4B2BF0C024E0013DEA1",
            "97a2105232ecc8756f03a029a839b97ded59207d",
            "/dev/l6IQUjLsyHVvA6Ap/activating",
        ] {
            assert_eq!(found(&values, text), [(Kind::Imei, Form::Hashed)], "{text}");
        }
        for text in ["+447700900123", "447700900123", "00447700900123", "07700900123", "7700900123"] {
            assert_eq!(found(&values, text), [(Kind::PhoneNumber, Form::Plain)], "{text}");
        }
        assert_eq!(found(&values, "j5ogHN_z-cgd9_4s"), [(Kind::PhoneNumber, Form::Hashed)]);
        for text in ["aa:bb:cc:00:11:22", "AABBCC001122", "aa-bb-cc-00-11-22"] {
            assert_eq!(found(&values, text), [(Kind::Mac, Form::Plain)], "{text}");
        }
    }

    #[test]
    fn a_part_of_a_longer_word_is_something_else() {
        let values = values();
        for text in ["4901542032375180", "x490154203237518", "49015420323751", "", "490154203237519"] {
            assert_eq!(found(&values, text), [], "{text}");
        }
    }

    #[test]
    fn what_is_kept_says_nothing_and_can_be_restored_with_the_key_only() {
        let values = values();
        let stored: Vec<OwnValue> = values.stored().cloned().collect();
        let shown = format!("{values:?}{stored:?}{}", serde_json::to_string(&stored).unwrap());
        assert!(!shown.contains("4901542") && !shown.contains("7700900"), "{shown}");
        let restored = OwnValues::restore(&[7; 32], stored.clone());
        assert_eq!(found(&restored, "490154203237518"), [(Kind::Imei, Form::Plain)]);
        let other_key = OwnValues::restore(&[8; 32], stored);
        assert_eq!(found(&other_key, "490154203237518"), []);
    }

    #[test]
    fn words_that_would_be_found_everywhere_are_refused() {
        let mut values = OwnValues::new(&[7; 32]);
        assert_eq!(values.add(Kind::Ssid, "home"), Err(OwnValueError::TooShort));
        assert_eq!(values.add(Kind::Ssid, "my home net"), Err(OwnValueError::NotOneWord));
        assert_eq!(values.add(Kind::Email, &"x".repeat(200)), Err(OwnValueError::TooLong));
        assert!(values.is_empty());
    }
}
