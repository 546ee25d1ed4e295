//! TCP streams: any order, repeats, losses.

use crate::capture::Piece;
use crate::capture::stream::Stream;
use proptest::prelude::*;

/// What a stream hands on: bytes, with a `_` for each one that is missing.
fn heard(stream: &mut Stream, segments: &[(u32, &[u8], u32)]) -> Vec<u8> {
    let mut heard = Vec::new();
    {
        let mut sink = |piece: Piece<'_>| match piece {
            Piece::Bytes(bytes) => heard.extend_from_slice(bytes),
            Piece::Gap(missing) => heard.resize(heard.len() + missing as usize, b'_'),
        };
        for (sequence, bytes, missing) in segments {
            stream.segment(*sequence, bytes, *missing, &mut sink);
        }
        stream.flush(&mut sink);
    }
    heard
}

fn hear(start: u32, segments: &[(u32, &[u8], u32)]) -> Vec<u8> {
    let mut stream = Stream::default();
    stream.starts_at(start);
    let heard = heard(&mut stream, segments);
    assert_eq!(stream.pending_bytes(), 0);
    heard
}

#[test]
fn segments_are_put_in_order_across_the_wrap_of_the_sequence_number() {
    let start = u32::MAX - 2;
    let segments: [(u32, &[u8], u32); 4] = [
        (start, b"ab", 0),
        (start.wrapping_add(4), b"ef", 0),
        (start.wrapping_add(2), b"cd", 0),
        (start, b"ab", 0),
    ];
    assert_eq!(hear(start, &segments), b"abcdef");
}

#[test]
fn a_lost_segment_and_snapped_bytes_are_gaps() {
    assert_eq!(hear(10, &[(10, b"ab", 0), (15, b"fg", 0)]), b"ab___fg");
    assert_eq!(hear(10, &[(10, b"ab", 3), (15, b"fg", 0)]), b"ab___fg");
    // A later copy may hold what an earlier one lacked, but what was handed on is not taken back.
    assert_eq!(hear(10, &[(10, b"ab", 3), (10, b"abcde", 0), (15, b"fg", 0)]), b"ab___fg");
}

#[test]
fn overlaps_keep_what_came_first() {
    assert_eq!(hear(0, &[(0, b"abcd", 0), (2, b"XXef", 0)]), b"abcdef");
}

#[test]
fn a_segment_from_elsewhere_is_ignored_unless_the_stream_goes_on_there() {
    let far = 1 << 30;
    assert_eq!(hear(0, &[(0, b"ab", 0), (far, b"stray", 0), (2, b"cd", 0)]), b"abcd");
    let mut stream = Stream::default();
    let mut bytes = Vec::new();
    let segments = [(0, "a"), (far, "-"), (far + 1, "-"), (far + 2, "-"), (far + 3, "x"), (far + 4, "y")];
    for (sequence, text) in segments {
        stream.segment(sequence, text.as_bytes(), 0, &mut |piece| {
            if let Piece::Bytes(piece) = piece {
                bytes.extend_from_slice(piece);
            }
        });
    }
    assert_eq!(bytes, b"axy");
}

#[test]
fn waiting_for_a_lost_segment_is_bounded() {
    let mut stream = Stream::default();
    stream.starts_at(0);
    let mut gaps = 0;
    for place in 1..=2000 {
        stream.segment(place * 1000 + 1, &[7; 1000], 0, &mut |piece| {
            gaps += usize::from(matches!(piece, Piece::Gap(_)));
        });
        assert!(stream.pending_bytes() <= 257 * 1024);
    }
    assert_eq!(gaps, 1);
}

#[test]
fn a_stopped_stream_hands_on_nothing_and_holds_nothing() {
    let mut stream = Stream::default();
    stream.starts_at(0);
    stream.segment(5, b"later", 0, &mut |_| panic!("not in order yet"));
    stream.stop();
    stream.segment(0, b"first", 0, &mut |_| panic!("stopped"));
    assert_eq!(stream.pending_bytes(), 0);
}

proptest! {
    #[test]
    fn order_repeats_and_overlaps_never_change_the_stream(
        start in any::<u32>(),
        text in proptest::collection::vec(any::<u8>(), 1..2000),
        cuts in proptest::collection::vec((any::<prop::sample::Index>(), 1_usize..200), 1..60),
        seed in any::<u64>(),
    ) {
        // Pieces anywhere, then the whole text in order: together they cover everything.
        let mut pieces: Vec<(usize, usize)> = cuts
            .iter()
            .map(|(index, length)| {
                let from = index.index(text.len());
                (from, (from + length).min(text.len()))
            })
            .collect();
        let mut random = seed;
        let mut from = 0;
        while from < text.len() {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            let to = (from + 1 + (random >> 33) as usize % 90).min(text.len());
            let place = (random >> 20) as usize % (pieces.len() + 1);
            pieces.insert(place, (from, to));
            from = to;
        }
        let segments: Vec<(u32, &[u8], u32)> =
            pieces.iter().map(|(from, to)| (start.wrapping_add(*from as u32), &text[*from..*to], 0)).collect();
        prop_assert_eq!(hear(start, &segments), text);
    }

    #[test]
    fn any_segments_are_survived(
        segments in proptest::collection::vec((any::<u32>(), proptest::collection::vec(any::<u8>(), 0..20), 0_u32..2000), 0..60),
    ) {
        let mut stream = Stream::default();
        for (sequence, bytes, missing) in &segments {
            stream.segment(*sequence, bytes, *missing, &mut |_| {});
        }
        stream.flush(&mut |_| {});
        prop_assert_eq!(stream.pending_bytes(), 0);
    }
}
