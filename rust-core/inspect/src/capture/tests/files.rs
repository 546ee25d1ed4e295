//! Capture files, good and bad.

use crate::capture::{CaptureError, LinkType, Reader, Timestamp};
use proptest::prelude::*;
use std::io::Read;
use std::io::Write as _;

/// A pcap file, with the byte order and time unit that `magic` tells.
fn pcap(magic: [u8; 4], link: u32, packets: &[&[u8]]) -> Vec<u8> {
    let big = magic[0] == 0xa1;
    let nanos = magic.contains(&0x3c);
    let int = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let mut file = magic.to_vec();
    file.extend(int(0x0002_0004));
    file.extend([0; 8]);
    file.extend(int(65_535));
    file.extend(int(link));
    for packet in packets {
        file.extend(int(1_407_400_200));
        file.extend(int(if nanos { 250_000_000 } else { 250_000 }));
        file.extend(int(packet.len() as u32));
        file.extend(int(packet.len() as u32 + 10));
        file.extend(*packet);
    }
    file
}

const LITTLE_MICROS: [u8; 4] = [0xd4, 0xc3, 0xb2, 0xa1];
const TIME: Timestamp = Timestamp(1_407_400_200_250_000_000);

/// What is kept of a frame.
type Kept = (Timestamp, LinkType, Vec<u8>);

/// All frames of a file, and the error it ends with.
fn frames(file: &[u8]) -> (Vec<Kept>, Option<CaptureError>) {
    let mut frames = Vec::new();
    let mut reader = match Reader::new(file) {
        Ok(reader) => reader,
        Err(error) => return (frames, Some(error)),
    };
    loop {
        match reader.next_frame() {
            Ok(Some(frame)) => frames.push((frame.time, frame.link, frame.bytes.to_vec())),
            Ok(None) => return (frames, None),
            Err(error) => {
                assert!(reader.next_frame().unwrap().is_none(), "nothing comes after an error");
                return (frames, Some(error));
            }
        }
    }
}

#[test]
fn either_byte_order_and_time_unit_of_pcap_reads_alike() {
    for magic in [LITTLE_MICROS, [0xa1, 0xb2, 0xc3, 0xd4], [0x4d, 0x3c, 0xb2, 0xa1], [0xa1, 0xb2, 0x3c, 0x4d]]
    {
        let (frames, error) = frames(&pcap(magic, 101, &[b"one", b"", b"three"]));
        assert!(error.is_none(), "{magic:x?}: {error:?}");
        let expected = ["one", "", "three"].map(|text| (TIME, LinkType::RawIp, text.as_bytes().to_vec()));
        assert_eq!(frames, expected, "{magic:x?}");
    }
}

#[test]
fn flags_in_the_upper_half_of_the_link_type_are_left_out() {
    let (frames, _) = frames(&pcap(LITTLE_MICROS, 0x2400_0001, &[b"x"]));
    assert_eq!(frames[0].1, LinkType::Ethernet);
}

#[test]
fn what_was_readable_before_the_cut_is_handed_out() {
    let file = pcap(LITTLE_MICROS, 101, &[b"first", b"second"]);
    for cut in 24..file.len() {
        let (frames, error) = frames(&file[..cut]);
        let first_end = 24 + 16 + 5;
        assert_eq!(frames.len(), usize::from(cut >= first_end), "cut at {cut}");
        match error {
            None => assert!(cut == 24 || cut == first_end, "cut at {cut}"),
            Some(CaptureError::Truncated { offset, .. }) => assert!(offset as usize <= cut),
            other => panic!("cut at {cut}: {other:?}"),
        }
    }
}

#[test]
fn broken_headers_are_told_apart() {
    assert!(matches!(frames(b"").1, Some(CaptureError::Empty)));
    assert!(matches!(frames(b"\xd4\xc3").1, Some(CaptureError::UnknownFormat { .. })));
    assert!(matches!(frames(b"PK\x03\x04 and so on").1, Some(CaptureError::UnknownFormat { .. })));
    assert!(matches!(frames(&[0x1f, 0x8b, 8, 0]).1, Some(CaptureError::Io { offset: 0, .. })));
    assert!(matches!(frames(&[0x28, 0xb5, 0x2f, 0xfd]).1, Some(CaptureError::Io { offset: 0, .. })));
    assert!(matches!(frames(b"BZh9").1, Some(CaptureError::Compressed { format: "bzip2", .. })));
    assert!(matches!(frames(b"\xfd7zXZ").1, Some(CaptureError::Compressed { format: "xz", .. })));
    assert!(matches!(
        frames(&LITTLE_MICROS).1,
        Some(CaptureError::Truncated { offset: 4, needed: 20, found: 0, .. })
    ));
    let other_link = frames(&pcap(LITTLE_MICROS, 147, &[])).1;
    assert!(matches!(other_link, Some(CaptureError::UnsupportedLinkType { link_type: 147 })));
}

#[test]
fn a_length_no_packet_has_is_damage_and_takes_no_memory() {
    let mut file = pcap(LITTLE_MICROS, 101, &[b"good", b"bad"]);
    let second = 24 + 16 + 4;
    file[second + 8..second + 12].copy_from_slice(&u32::MAX.to_le_bytes());
    let (frames, error) = frames(&file);
    assert_eq!(frames.len(), 1);
    assert!(matches!(error, Some(CaptureError::Damaged { offset, .. }) if offset == second as u64));
}

/// A pcap of so many records of 1 MiB each, made as it is read.
struct Endless {
    head: std::io::Cursor<Vec<u8>>,
    record: std::io::Cursor<Vec<u8>>,
    left: u32,
}

impl Read for Endless {
    fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
        let read = self.head.read(buffer)?;
        if read > 0 || buffer.is_empty() {
            return Ok(read);
        }
        let read = self.record.read(buffer)?;
        if read > 0 || self.left == 0 {
            return Ok(read);
        }
        self.left -= 1;
        self.record.set_position(0);
        self.record.read(buffer)
    }
}

#[test]
fn a_capture_of_more_than_4_gb_is_read_to_its_end() {
    let file = pcap(LITTLE_MICROS, 101, &[&vec![0; 1 << 20]]);
    let records = 4100;
    let endless = Endless {
        head: std::io::Cursor::new(file[..24].to_vec()),
        record: std::io::Cursor::new(file[24..].to_vec()),
        left: records - 1,
    };
    let mut reader = Reader::new(endless).unwrap();
    let mut frames = 0;
    while let Some(frame) = reader.next_frame().unwrap() {
        assert_eq!(frame.bytes.len(), 1 << 20);
        frames += 1;
    }
    assert_eq!(frames, records);
    assert!(reader.offset() > u64::from(u32::MAX));
}

/// One pcapng block.
fn block(big: bool, kind: u32, body: &[u8]) -> Vec<u8> {
    let int = |value: u32| if big { value.to_be_bytes() } else { value.to_le_bytes() };
    let padded = body.len().next_multiple_of(4);
    let mut block = int(kind).to_vec();
    block.extend(int(12 + padded as u32));
    block.extend(body);
    block.resize(8 + padded, 0);
    block.extend(int(12 + padded as u32));
    block
}

/// Bytes put together from integers in one byte order.
fn ints(big: bool, parts: &[(u64, usize)]) -> Vec<u8> {
    let mut bytes = Vec::new();
    for (value, width) in parts {
        if big {
            bytes.extend(&value.to_be_bytes()[8 - width..]);
        } else {
            bytes.extend(&value.to_le_bytes()[..*width]);
        }
    }
    bytes
}

fn section(big: bool) -> Vec<u8> {
    block(big, 0x0a0d_0d0a, &ints(big, &[(0x1a2b_3c4d, 4), (1, 2), (0, 2), (u64::MAX, 8)]))
}

fn interface(big: bool, link: u64, options: &[u8]) -> Vec<u8> {
    let mut body = ints(big, &[(link, 2), (0, 2), (0, 4)]);
    body.extend(options);
    block(big, 1, &body)
}

fn enhanced(big: bool, interface: u64, ticks: u64, packet: &[u8]) -> Vec<u8> {
    let length = packet.len() as u64;
    let parts = [(interface, 4), (ticks >> 32, 4), (ticks & 0xffff_ffff, 4), (length, 4), (length, 4)];
    let mut body = ints(big, &parts);
    body.extend(packet);
    block(big, 6, &body)
}

/// Two sections of different byte order, several interfaces, options and blocks that say nothing about packets.
fn pcapng() -> Vec<u8> {
    let mut file = Vec::new();
    for big in [false, true] {
        file.extend(section(big));
        // A comment, nanoseconds, and an offset of an hour.
        let mut options = ints(big, &[(1, 2), (5, 2)]);
        options.extend(b"hello\0\0\0");
        options.extend(ints(big, &[(9, 2), (1, 2), (0, 0)]));
        options.extend([9, 0, 0, 0]);
        options.extend(ints(big, &[(14, 2), (8, 2), (3600, 8), (0, 4)]));
        file.extend(interface(big, 1, &options));
        file.extend(block(big, 5, &[0; 40]));
        // Ticks of 2^-10 seconds.
        let mut options = ints(big, &[(9, 2), (1, 2)]);
        options.extend([0x8a, 0, 0, 0]);
        file.extend(interface(big, 101, &options));
        file.extend(enhanced(big, 0, 1_407_400_200_250_000_000 - 3_600_000_000_000, b"ethernet"));
        file.extend(enhanced(big, 1, 1_407_400_200 * 1024 + 256, b"raw"));
        let mut simple = ints(big, &[(6, 4)]);
        simple.extend(b"simple");
        file.extend(block(big, 3, &simple));
        let mut obsolete = ints(big, &[(1, 2), (0, 2), (0, 4), (0, 4), (3, 4), (3, 4)]);
        obsolete.extend(b"old");
        file.extend(block(big, 2, &obsolete));
        file.extend(block(big, 0x0bad, b"custom"));
    }
    file
}

#[test]
fn pcapng_sections_interfaces_and_time_units_are_kept_apart() {
    let (frames, error) = frames(&pcapng());
    assert!(error.is_none(), "{error:?}");
    let of_a_section = [
        (TIME, LinkType::Ethernet, b"ethernet".to_vec()),
        (TIME, LinkType::RawIp, b"raw".to_vec()),
        (Timestamp(0), LinkType::Ethernet, b"simple".to_vec()),
        (Timestamp(0), LinkType::RawIp, b"old".to_vec()),
    ];
    assert_eq!(frames[..4], of_a_section);
    assert_eq!(frames[4..], of_a_section);
}

#[test]
fn damage_in_pcapng_is_told_with_its_place() {
    let start = section(false).len() as u64;
    let with = |blocks: &[u8]| {
        let mut file = section(false);
        file.extend(blocks);
        frames(&file).1
    };
    let no_interface = with(&enhanced(false, 0, 0, b"x"));
    assert!(matches!(no_interface, Some(CaptureError::Damaged { offset, .. }) if offset == start));
    let mut lengths_differ = interface(false, 1, &[]);
    let end = lengths_differ.len() - 4;
    lengths_differ[end] ^= 4;
    assert!(matches!(with(&lengths_differ), Some(CaptureError::Damaged { .. })));
    let mut too_long = interface(false, 1, &[]);
    too_long[4..8].copy_from_slice(&0xffff_fff0_u32.to_le_bytes());
    assert!(matches!(with(&too_long), Some(CaptureError::Damaged { .. })));
    let mut body = ints(false, &[(0, 4), (0, 4), (0, 4), (99, 4), (99, 4)]);
    body.extend(b"short");
    let mut claims_more = interface(false, 1, &[]);
    claims_more.extend(block(false, 6, &body));
    assert!(matches!(with(&claims_more), Some(CaptureError::Damaged { .. })));
    let whole = pcapng();
    let last = frames(&whole[..whole.len() - 5]);
    assert!(matches!(last.1, Some(CaptureError::Truncated { .. })));
    assert_eq!(last.0.len(), 8);
}

proptest! {
    #[test]
    fn any_bytes_give_frames_or_an_error(bytes in proptest::collection::vec(any::<u8>(), 0..400)) {
        frames(&bytes);
    }

    #[test]
    fn any_change_to_a_good_file_gives_frames_or_an_error(
        which in any::<bool>(),
        changes in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8),
    ) {
        let mut file = if which { pcapng() } else { pcap(LITTLE_MICROS, 1, &[b"one", b"two"]) };
        for (place, value) in changes {
            let place = place.index(file.len());
            file[place] = value;
        }
        frames(&file);
    }

    #[test]
    fn how_the_input_arrives_makes_no_difference(step in 1_usize..50) {
        struct Slow<'a>(&'a [u8], usize);
        impl Read for Slow<'_> {
            fn read(&mut self, buffer: &mut [u8]) -> std::io::Result<usize> {
                let end = self.1.min(buffer.len());
                self.0.read(&mut buffer[..end])
            }
        }
        let file = pcapng();
        let mut reader = Reader::new(Slow(&file, step)).unwrap();
        let mut read = Vec::new();
        while let Some(frame) = reader.next_frame().unwrap() {
            read.push((frame.time, frame.link, frame.bytes.to_vec()));
        }
        prop_assert_eq!(read, frames(&file).0);
    }
}

/// The whole in one piece, and in two that follow each other.
fn compressed(file: &[u8], compress: impl Fn(&[u8]) -> Vec<u8>) -> [Vec<u8>; 2] {
    let (first, second) = file.split_at(file.len() / 3);
    [compress(file), [compress(first), compress(second)].concat()]
}

#[test]
fn compressed_captures_are_read_like_plain_ones() {
    let gzip = |bytes: &[u8]| {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    };
    let zstd = |bytes: &[u8]| {
        let frame = ruzstd::encoding::compress_to_vec(bytes, ruzstd::encoding::CompressionLevel::Fastest);
        // A frame to be skipped, as pzstd writes them (RFC 8878 §3.1.2).
        [&[0x50, 0x2A, 0x4D, 0x18, 3, 0, 0, 0, 1, 2, 3][..], &frame].concat()
    };
    for plain in [pcap(LITTLE_MICROS, 1, &[b"first", &vec![7; 70_000], b"third"]), pcapng()] {
        let expected = frames(&plain).0;
        assert!(!expected.is_empty());
        for file in compressed(&plain, gzip).into_iter().chain(compressed(&plain, zstd)) {
            let (kept, error) = frames(&file);
            assert!(error.is_none(), "{error:?}");
            assert_eq!(kept, expected);
            let reader = Reader::new(&file[..]).unwrap();
            assert!(reader.is_compressed());
            // Cut anywhere, what came before the cut is handed out.
            let (kept, error) = frames(&file[..file.len() - 9]);
            assert!(expected.starts_with(&kept));
            assert!(error.is_some());
        }
    }
}

#[test]
fn comments_are_kept_with_their_place() {
    let file = pcapng();
    let mut reader = Reader::new(&file[..]).unwrap();
    while reader.next_frame().unwrap().is_some() {}
    let texts: Vec<&str> = reader.remarks().iter().map(|remark| remark.text.as_str()).collect();
    assert_eq!(texts, ["hello", "hello"], "one for each section's interface");

    let mut commented = section(false);
    let mut options = ints(false, &[(1, 2), (7, 2)]);
    options.extend(b"section\0");
    commented = block(false, 0x0a0d_0d0a, &[&commented[8..24], &options].concat());
    commented.extend(interface(false, 101, &[]));
    let mut body = ints(false, &[(0, 4), (0, 4), (0, 4), (3, 4), (3, 4)]);
    body.extend(b"raw\0");
    body.extend(ints(false, &[(1, 2), (9, 2)]));
    body.extend(b"a\x1bb line\n\0\0\0");
    commented.extend(block(false, 6, &body));
    let mut reader = Reader::new(&commented[..]).unwrap();
    assert!(reader.next_frame().unwrap().is_some());
    let texts: Vec<&str> = reader.remarks().iter().map(|remark| remark.text.as_str()).collect();
    assert_eq!(texts, ["section", "a b line"]);
}

#[test]
fn pcapdroids_trailer_names_the_app() {
    let frame = |macs: u8, magic: [u8; 4], uid: i32, name: &[u8]| {
        let mut name = name.to_vec();
        name.resize(20, 0);
        [&[macs; 12][..], &[8, 0], &[0x45; 30], &magic, &uid.to_be_bytes(), &name, &[9; 4]].concat()
    };
    let magic = [1, 7, 0x20, 0x21];
    for (bytes, app) in [
        (frame(0, magic, 10_123, b"Mi Browser"), Some("Mi Browser")),
        (frame(0, magic, 10_123, b""), Some("uid 10123")),
        (frame(0, magic, 1000, "Sch\u{f6}ne".as_bytes()), Some("Sch\u{f6}ne")),
        // Cut to 20 bytes, in the middle of a letter.
        (
            frame(0, magic, 1, &"\u{5b89}".repeat(7).as_bytes()[..20]),
            Some("\u{5b89}\u{5b89}\u{5b89}\u{5b89}\u{5b89}\u{5b89}"),
        ),
        (frame(0, magic, -1, b""), None),
        (frame(2, magic, 1, b"x"), None),
        (frame(0, [1, 7, 0x20, 0x22], 1, b"x"), None),
    ] {
        let file = pcap(LITTLE_MICROS, 1, &[&bytes]);
        let mut reader = Reader::new(&file[..]).unwrap();
        assert_eq!(reader.next_frame().unwrap().unwrap().app().as_deref(), app);
        let file = pcap(LITTLE_MICROS, 101, &[&bytes]);
        let mut reader = Reader::new(&file[..]).unwrap();
        assert_eq!(reader.next_frame().unwrap().unwrap().app(), None);
    }
}
