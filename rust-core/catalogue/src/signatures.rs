//! From the first bytes of a flow to the service whose protocol they begin.

use crate::SignatureMatch;
use crate::error::Reason;
use crate::paths::hex_digit;
use crate::service::{ServiceIndex, Transport};

/// Shorter signatures would meet strangers by chance.
const MIN_BYTES: usize = 4;

/// Longer ones would only cost memory.
const MAX_BYTES: usize = 32;

/// The signatures of one catalogue, sorted; none is the beginning of another.
#[derive(Debug, Default)]
pub(crate) struct SignatureIndex {
    tcp: Vec<(Vec<u8>, ServiceIndex)>,
    udp: Vec<(Vec<u8>, ServiceIndex)>,
}

impl SignatureIndex {
    /// Adds a signature, or returns the service whose signature it cannot be told from.
    pub(crate) fn add(
        &mut self,
        transport: Transport,
        bytes: &[u8],
        service: ServiceIndex,
    ) -> Result<(), ServiceIndex> {
        let list = match transport {
            Transport::Udp => &mut self.udp,
            Transport::Tcp | Transport::Icmp => &mut self.tcp,
        };
        let place = list.partition_point(|(known, _)| known.as_slice() < bytes);
        // In a sorted list in which no entry begins another, only the two neighbours can clash.
        let before = place.checked_sub(1).map(|place| &list[place]);
        if let Some((_, other)) = before.filter(|(known, _)| bytes.starts_with(known)) {
            return Err(*other);
        }
        if let Some((_, other)) = list.get(place).filter(|(known, _)| known.starts_with(bytes)) {
            return Err(*other);
        }
        list.insert(place, (bytes.to_vec(), service));
        Ok(())
    }

    /// What the first bytes of a flow say.
    pub(crate) fn find(&self, transport: Transport, first_bytes: &[u8]) -> SignatureMatch {
        let list = match transport {
            Transport::Tcp => &self.tcp,
            Transport::Udp => &self.udp,
            Transport::Icmp => return SignatureMatch::No,
        };
        let bytes = &first_bytes[..first_bytes.len().min(MAX_BYTES)];
        let place = list.partition_point(|(known, _)| known.as_slice() <= bytes);
        if let Some((known, service)) = place.checked_sub(1).map(|place| &list[place])
            && bytes.starts_with(known)
        {
            return SignatureMatch::Service(*service);
        }
        match list.get(place) {
            Some((known, _)) if known.starts_with(bytes) => SignatureMatch::NeedMore,
            _ => SignatureMatch::No,
        }
    }
}

/// Reads a signature written in hexadecimal.
pub(crate) fn from_hex(text: &str) -> Result<Vec<u8>, Reason> {
    let invalid = |problem| Reason::InvalidSignature { signature: text.to_owned(), problem };
    let (pairs, odd) = text.as_bytes().as_chunks::<2>();
    let bytes: Option<Vec<u8>> =
        pairs.iter().map(|[high, low]| Some(hex_digit(*high)? << 4 | hex_digit(*low)?)).collect();
    let bytes =
        bytes.filter(|_| odd.is_empty()).ok_or_else(|| invalid("write pairs of hexadecimal digits"))?;
    if !(MIN_BYTES..=MAX_BYTES).contains(&bytes.len()) {
        return Err(invalid("it has to have 4 to 32 bytes"));
    }
    // A TLS record (RFC 8446 section 5.1) or printable text such as an HTTP method: protocols that everybody speaks.
    if bytes[0] == 0x16 && bytes[1] == 3 || bytes.iter().all(|byte| byte.is_ascii_graphic() || *byte == b' ')
    {
        return Err(invalid("protocols that everybody speaks begin like this"));
    }
    Ok(bytes)
}

/// Writes a signature as it stands in a file.
pub(crate) fn to_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        for digit in [byte >> 4, byte & 15] {
            text.extend(char::from_digit(digit.into(), 16).map(|digit| digit.to_ascii_uppercase()));
        }
        text
    })
}
