use super::*;
use proptest::prelude::*;

/// A protobuf field that holds bytes.
fn field(number: u8, value: &[u8]) -> Vec<u8> {
    [&[number << 3 | 2, value.len() as u8], value].concat()
}

fn blob(payload: &[u8]) -> Vec<u8> {
    let mut blob = [&MAGIC[..], &(payload.len() as u32).to_be_bytes(), payload].concat();
    // The sum as RFC 1950 §8.2 defines it, without shortcuts.
    let (a, b) = blob.iter().fold((1_u64, 0_u64), |(a, b), byte| {
        let a = (a + u64::from(*byte)) % 65_521;
        (a, (b + a) % 65_521)
    });
    blob.extend((b as u16).to_be_bytes());
    blob.extend((a as u16).to_be_bytes());
    blob
}

fn payload(command: &[u8], body: &[u8]) -> Vec<u8> {
    let header = [&[0x08, 0][..], &field(3, b"xiaomi.com"), &field(5, command), &[0x48, 0]].concat();
    let lengths =
        [&[0, 2][..], &(header.len() as u16).to_be_bytes(), &(body.len() as u32).to_be_bytes()].concat();
    [lengths, header, body.to_vec()].concat()
}

fn client_body() -> Vec<u8> {
    [
        &[0x08, 106][..],
        &field(2, b"Test Phone 1"),
        &field(3, b"V1.2.3.0.TEST"),
        &field(4, b"a-0123456789ABCDEF0123456789ABCDEF01234567"),
        &[0x28, 50],
        &field(6, b"mobile-lte-test"),
        &field(7, b"Push.Example:5222"),
        &field(8, b"en_GB"),
        &field(9, &[0x18, 0]),
        &[0x50, 30],
    ]
    .concat()
}

fn read(bytes: &[u8]) -> Progress<Hello> {
    HelloReader::new().push(bytes)
}

#[test]
fn the_clients_hello_says_all_but_the_device_id() {
    let expected = Hello {
        command: "CONN".into(),
        from_client: true,
        model: Some("Test Phone 1".into()),
        build: Some("V1.2.3.0.TEST".into()),
        device_id: true,
        host: Some("push.example".into()),
        port: Some(5222),
        network: Some("mobile-lte-test".into()),
        locale: Some("en_GB".into()),
    };
    let hello = blob(&payload(b"CONN", &client_body()));
    assert_eq!(read(&hello), Progress::Done(expected.clone()));
    let with_more_behind = [&hello[..], &MAGIC].concat();
    assert_eq!(read(&with_more_behind), Progress::Done(expected));
}

#[test]
fn the_servers_answer_says_nothing_about_the_phone() {
    let body = [field(1, b"1234567890"), field(2, b"7f04"), field(3, &[8, 0]), field(4, b"")].concat();
    let expected = Hello { command: "CONN".into(), ..Hello::default() };
    assert_eq!(read(&blob(&payload(b"CONN", &body))), Progress::Done(expected));
}

#[test]
fn hosts_are_split_from_their_ports() {
    for (server, host, port) in [
        ("192.0.2.7:5222", "192.0.2.7", Some(5222)),
        ("push.example", "push.example", None),
        ("[2001:db8::1]:443", "2001:db8::1", Some(443)),
        ("2001:db8::1", "2001:db8::1", None),
        ("push.example:x", "push.example", None),
    ] {
        assert_eq!(split_port(server), (Some(host.into()), port), "{server}");
    }
    assert_eq!(split_port(":1"), (None, Some(1)));
}

#[test]
fn blobs_that_cannot_be_read_are_told_from_other_bytes() {
    let sound = blob(&payload(b"CONN", &client_body()));
    let mut bad_sum = sound.clone();
    *bad_sum.last_mut().unwrap() ^= 1;
    let ping = blob(&[]);
    assert_eq!(ping[8..], [0x0D, 0x23, 0x01, 0xC6], "the sum of a real ping");
    let encrypted = blob(&[0xA5; 60]);
    let other_command = blob(&payload(b"PING", &[]));
    let cut_field = blob(&payload(b"CONN", &[0x12, 9, b'x']));
    let endless_number = blob(&payload(b"CONN", &[&[0x08][..], &[0xFF; 11]].concat()));
    let too_long = [&MAGIC[..], &[0, 1, 0, 0]].concat();
    for bytes in [bad_sum, ping, encrypted, other_command, cut_field, endless_number, too_long] {
        let mut reader = HelloReader::new();
        assert_eq!(reader.push(&bytes), Progress::Not, "{bytes:02x?}");
        assert!(reader.has_magic());
    }
    let mut reader = HelloReader::new();
    assert_eq!(reader.push(b"\xC2\xFE\x00\x06"), Progress::Not);
    assert!(!reader.has_magic());
}

proptest! {
    #[test]
    fn the_split_never_changes_the_answer(
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..9),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..2)
    ) {
        let mut stream = blob(&payload(b"CONN", &client_body()));
        for (at, value) in changes {
            let at = at.index(stream.len());
            stream[at] = value;
        }
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(stream.len())).collect();
        cuts.extend([0, stream.len()]);
        cuts.sort_unstable();
        let mut reader = HelloReader::new();
        let answer = cuts.windows(2).map(|pair| reader.push(&stream[pair[0]..pair[1]])).find(|p| *p != Progress::NeedMore);
        prop_assert_eq!(answer.unwrap_or(Progress::NeedMore), read(&stream));
    }

    #[test]
    fn any_payload_is_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = read(&bytes);
        let _ = read(&blob(&bytes));
        let _ = read(&blob(&payload(b"CONN", &bytes)));
    }
}
