//! Reading Dalvik bytecode as far as Android's loader does before it trusts it: the header, the checksums and the list of
//! classes (source.android.com, "Dalvik executable format").
use ring::digest;
use std::collections::BTreeSet;

const HEADER: usize = 0x70;
/// Versions that Android 7 (API 24) reads.
const VERSIONS: [&[u8]; 2] = [b"dex\n035\0", b"dex\n037\0"];
const LITTLE_ENDIAN: u32 = 0x1234_5678;

/// The classes a .dex file defines, such as "org.consentry.ui.HomeActivity"; an error says what is wrong with the file.
pub(super) fn classes(bytes: &[u8]) -> Result<BTreeSet<String>, &'static str> {
    if bytes.len() < HEADER || !VERSIONS.iter().any(|magic| bytes.starts_with(magic)) {
        return Err("it is not bytecode that Android 7 reads");
    }
    if word(bytes, 0x20)? as usize != bytes.len() || word(bytes, 0x28)? != LITTLE_ENDIAN {
        return Err("its header is wrong");
    }
    if word(bytes, 8)? != adler32(&bytes[12..]) {
        return Err("its checksum is wrong");
    }
    if digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &bytes[32..]).as_ref() != &bytes[12..32] {
        return Err("its signature is wrong");
    }
    let (strings, types) = (word(bytes, 0x3c)?, word(bytes, 0x44)?);
    let (count, classes) = (word(bytes, 0x60)?, word(bytes, 0x64)?);
    (0..count)
        .map(|index| {
            let kind = word(bytes, entry(classes, index, 32)?)?;
            let string = word(bytes, entry(types, kind, 4)?)?;
            let start = word(bytes, entry(strings, string, 4)?)?;
            let text = text(bytes, start as usize)?;
            let name = text.strip_prefix('L').and_then(|name| name.strip_suffix(';'));
            name.map(|name| name.replace('/', ".")).ok_or("a class has no name")
        })
        .collect()
}

/// Where an entry of a table lies.
fn entry(table: u32, index: u32, size: u32) -> Result<usize, &'static str> {
    let offset = index.checked_mul(size).and_then(|offset| offset.checked_add(table));
    offset.map(|offset| offset as usize).ok_or("a table goes beyond its end")
}

fn word(bytes: &[u8], at: usize) -> Result<u32, &'static str> {
    let end = at.checked_add(4).ok_or("a table goes beyond its end")?;
    let word = bytes.get(at..end).and_then(|word| word.try_into().ok());
    word.map(u32::from_le_bytes).ok_or("a table goes beyond its end")
}

/// A string: its length as ULEB128, which we do not need, then bytes up to a zero.
fn text(bytes: &[u8], start: usize) -> Result<&str, &'static str> {
    let rest = bytes.get(start..).ok_or("a name goes beyond its end")?;
    let length = rest.iter().take(5).position(|byte| byte & 0x80 == 0).ok_or("a name's length is wrong")?;
    let text = rest[length + 1..].split(|byte| *byte == 0).next().unwrap_or_default();
    std::str::from_utf8(text).map_err(|_| "a name is not text")
}

/// RFC 1950, section 8.2.
fn adler32(bytes: &[u8]) -> u32 {
    const MODULUS: u32 = 65521;
    let (mut a, mut b) = (1, 0);
    for byte in bytes {
        a = (a + u32::from(*byte)) % MODULUS;
        b = (b + a) % MODULUS;
    }
    b << 16 | a
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Header, one string, one type, one class.
    fn small() -> Vec<u8> {
        let mut bytes = vec![0; HEADER];
        bytes[..8].copy_from_slice(b"dex\n035\0");
        let mut tables = Vec::new();
        let strings = HEADER as u32;
        let (types, classes, text) = (strings + 4, strings + 8, strings + 8 + 32);
        for value in [text, 0, 0] {
            tables.extend(value.to_le_bytes());
        }
        tables.resize(40, 0);
        tables.extend(b"\x07La/Bcd;\0");
        bytes.extend(tables);
        let size = bytes.len() as u32;
        for (at, value) in
            [(0x20, size), (0x28, LITTLE_ENDIAN), (0x3c, strings), (0x44, types), (0x60, 1), (0x64, classes)]
        {
            bytes[at..at + 4].copy_from_slice(&value.to_le_bytes());
        }
        seal(&mut bytes);
        bytes
    }

    fn seal(bytes: &mut [u8]) {
        let signature = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, &bytes[32..]);
        bytes[12..32].copy_from_slice(signature.as_ref());
        let checksum = adler32(&bytes[12..]);
        bytes[8..12].copy_from_slice(&checksum.to_le_bytes());
    }

    #[test]
    fn the_checksum_is_that_of_the_rfc() {
        // The value every implementation gives for this word.
        assert_eq!(adler32(b"Wikipedia"), 0x11E6_0398);
    }

    #[test]
    fn classes_are_listed() {
        assert_eq!(classes(&small()).unwrap(), ["a.Bcd".to_owned()].into());
    }

    #[test]
    fn every_changed_byte_and_every_cut_is_noticed() {
        let whole = small();
        for at in 0..whole.len() {
            let mut changed = whole.clone();
            changed[at] ^= 0x10;
            assert!(classes(&changed).is_err(), "byte {at}");
            assert!(classes(&whole[..at]).is_err(), "{at} bytes");
        }
    }

    #[test]
    fn tables_that_lead_astray_are_refused() {
        for at in [0x3c, 0x44, 0x60, 0x64] {
            let mut changed = small();
            changed[at..at + 4].copy_from_slice(&0xffff_fff0_u32.to_le_bytes());
            seal(&mut changed);
            assert!(classes(&changed).is_err(), "{at:#x}");
        }
    }
}
