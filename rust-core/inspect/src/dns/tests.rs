use super::*;
use proptest::prelude::*;

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

/// A message from a header's six numbers and the bytes behind it.
fn message(header: [u16; 6], rest: &[&[u8]]) -> Vec<u8> {
    let mut bytes: Vec<u8> = header.iter().flat_map(|n| n.to_be_bytes()).collect();
    bytes.extend(rest.concat());
    bytes
}

const QUESTION: &[u8] = b"\x03API\x07aCCount\x06xiaomi\x03com\x00\x00\x01\x00\x01";

#[test]
fn a_query_is_read_with_its_name_in_lower_case() {
    let bytes = message([0x1234, 0x0100, 1, 0, 0, 0], &[QUESTION]);
    let read = parse(&bytes).unwrap();
    assert_eq!(read.id, 0x1234);
    assert!(!read.response && read.recursion_desired && !read.truncated);
    assert_eq!(read.questions, [Question { name: name("api.account.xiaomi.com"), rtype: A, class: IN }]);
    assert_eq!(read.udp_size, None);
    assert!(looks_like_query(&bytes));
}

#[test]
fn a_reply_repeats_the_spelling_of_the_question() {
    let query = parse(&message([7, 0x0100, 1, 0, 0, 0], &[QUESTION])).unwrap();
    let answer = Record {
        name: name("api.account.xiaomi.com"),
        rtype: A,
        class: IN,
        ttl: 5,
        data: Data::A([198, 18, 0, 1].into()),
    };
    let bytes = reply(&query, NOERROR, std::slice::from_ref(&answer));
    let address = b"\xC0\x0C\x00\x01\x00\x01\x00\x00\x00\x05\x00\x04\xC6\x12\x00\x01";
    assert_eq!(bytes, message([7, 0x8180, 1, 1, 0, 0], &[QUESTION, address]));
    assert_eq!(parse(&bytes).unwrap().answers, [answer]);
}

#[test]
fn edns_is_answered_with_edns_and_absence_with_absence() {
    let ours = query(9, &name("time.example"), AAAA);
    let read = parse(&ours).unwrap();
    assert_eq!(read.udp_size, Some(1232));
    assert_eq!(read.questions, [Question { name: name("time.example"), rtype: AAAA, class: IN }]);
    assert_eq!(parse(&reply(&read, NXDOMAIN, &[])).unwrap().udp_size, Some(1232));
    assert_eq!(parse(&reply(&read, NXDOMAIN, &[])).unwrap().rcode, NXDOMAIN);

    let plain = parse(&message([7, 0, 1, 0, 0, 0], &[QUESTION])).unwrap();
    let answered = parse(&reply(&plain, NOERROR, &[])).unwrap();
    assert_eq!((answered.udp_size, answered.recursion_desired), (None, false));
}

#[test]
fn a_chain_of_aliases_is_read_through_compression() {
    // Both names end in the question's `xiaomi.com`, 24 bytes into the message.
    let alias = b"\xC0\x0C\x00\x05\x00\x01\x00\x00\x00\x3C\x00\x06\x03edg\xC0\x18";
    let address =
        b"\x03edg\xC0\x18\x00\x1C\x00\x01\x00\x00\x00\x3C\x00\x10\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x07";
    let read = parse(&message([1, 0x8180, 1, 2, 0, 0], &[QUESTION, alias, address])).unwrap();
    assert_eq!(read.answers[0].data, Data::Cname(name("edg.xiaomi.com")));
    assert_eq!(read.answers[1].name, name("edg.xiaomi.com"));
    assert_eq!(read.answers[1].data, Data::Aaaa("2001:db8::7".parse().unwrap()));
}

#[test]
fn a_service_binding_gives_target_hints_and_ech() {
    let data: &[u8] = b"\x00\x01\x03cdn\x07example\x00\
        \x00\x01\x00\x03\x02h2\
        \x00\x04\x00\x04\xC0\x00\x02\x01\
        \x00\x05\x00\x02\xAA\xBB\
        \x00\x06\x00\x10\x20\x01\x0D\xB8\0\0\0\0\0\0\0\0\0\0\0\x01";
    let length = [0, data.len() as u8];
    let fixed = b"\xC0\x0C\x00\x41\x00\x01\x00\x00\x00\x3C";
    let read = parse(&message([1, 0x8180, 1, 1, 0, 0], &[QUESTION, fixed, &length, data])).unwrap();
    let hints = vec!["192.0.2.1".parse().unwrap(), "2001:db8::1".parse().unwrap()];
    assert_eq!(
        read.answers[0].data,
        Data::Service { priority: 1, target: name("cdn.example"), hints, ech: true }
    );
}

#[test]
fn addresses_are_taken_from_the_additional_section_and_nothing_else() {
    let ns = b"\xC0\x0C\x00\x02\x00\x01\x00\x00\x00\x3C\x00\x02\xC0\x0C";
    let a = b"\xC0\x0C\x00\x01\x00\x01\x00\x00\x00\x3C\x00\x04\xC0\x00\x02\x09";
    let txt = b"\xC0\x0C\x00\x10\x00\x01\x00\x00\x00\x3C\x00\x02\x01x";
    let read = parse(&message([1, 0x8180, 1, 0, 1, 2], &[QUESTION, ns, a, txt])).unwrap();
    assert_eq!(read.answers.len(), 1);
    assert_eq!(read.answers[0].data, Data::A([192, 0, 2, 9].into()));
}

#[test]
fn broken_messages_are_refused_by_cause() {
    let cut = |rest: &[u8]| parse(&message([1, 0, 1, 0, 0, 0], &[rest]));
    assert_eq!(parse(&[0; 11]), Err(DnsError::Truncated));
    assert_eq!(cut(b"\x03abc"), Err(DnsError::Truncated));
    assert_eq!(cut(b"\x03abc\x00\x00\x01\x00"), Err(DnsError::Truncated));
    assert_eq!(cut(b"\xC0\x0C\x00\x01\x00\x01"), Err(DnsError::BadPointer), "a pointer to itself");
    assert_eq!(cut(b"\x01a\xC0\x0C\x00\x01\x00\x01"), Err(DnsError::BadPointer), "a loop");
    // The header's flags and counts read as a name, too, and so does an id: another id, another name.
    let id_as_label = parse(&message([0x0161, 0, 1, 0, 0, 0], &[b"\xC0\x00\x00\x01\x00\x01"]));
    assert_eq!(id_as_label, Err(DnsError::BadPointer), "into the header");
    assert_eq!(cut(b"\x41a\x00\x00\x01\x00\x01"), Err(DnsError::BadLabel));
    assert_eq!(
        cut(&b"\x3F".iter().chain(&[b'a'; 63]).copied().collect::<Vec<_>>().repeat(4)),
        Err(DnsError::NameTooLong)
    );
    assert_eq!(parse(&message([1, 0, 65, 0, 0, 0], &[])), Err(DnsError::TooManyQuestions));
    assert_eq!(parse(&message([1, 0x8000, 0, 400, 100, 13], &[])), Err(DnsError::TooManyRecords));
    let short_a = b"\xC0\x0C\x00\x01\x00\x01\x00\x00\x00\x3C\x00\x03\xC0\x00\x02";
    assert_eq!(parse(&message([1, 0x8180, 1, 1, 0, 0], &[QUESTION, short_a])), Err(DnsError::BadRecord));
}

#[test]
fn a_long_chain_of_pointers_costs_no_more_than_its_limit() {
    // 8,000 pointers, each to the one before it; the question's name starts at the last.
    let mut bytes = message([1, 0, 1, 0, 0, 0], &[b"\x00\x00"]);
    for at in 0..8000_u16 {
        bytes.extend((0xC000 | (12 + 2 * at)).to_be_bytes());
    }
    let last = bytes.len() - 2;
    assert_eq!(Name::read(&bytes, last), Err(DnsError::BadPointer));
}

#[test]
fn a_response_that_says_it_was_cut_may_end_inside_a_record() {
    let a = b"\xC0\x0C\x00\x01\x00\x01\x00\x00\x00\x3C\x00\x04\xC0\x00\x02\x09";
    let bytes = message([1, 0x8380, 1, 2, 0, 0], &[QUESTION, a, &a[..7]]);
    assert_eq!(parse(&bytes).unwrap().answers.len(), 1);
    let mut whole = bytes;
    whole[2] &= !0x02;
    assert_eq!(parse(&whole), Err(DnsError::Truncated));
}

#[test]
fn what_claims_to_be_a_query_is_told_from_other_bytes() {
    let claim = |header| looks_like_query(&message(header, &[]));
    assert!(claim([1, 0x0100, 1, 0, 0, 0]), "even without the question it promises");
    assert!(!claim([1, 0x8100, 1, 0, 0, 0]), "a response");
    assert!(!claim([1, 0x7800, 1, 0, 0, 0]), "an operation that does not exist");
    assert!(!claim([1, 0x0100, 0, 0, 0, 0]), "no question");
    assert!(!claim([1, 0x0100, 17, 0, 0, 0]), "too many questions");
    assert!(!looks_like_query(&[0; 11]));
}

#[test]
fn names_are_read_from_text() {
    assert_eq!(name("Api.Account.Xiaomi.COM.").as_str(), "api.account.xiaomi.com");
    assert_eq!(name(".").as_str(), "");
    assert_eq!(name("").to_string(), ".");
    assert_eq!(name(r"a\.b.c*").as_str(), r"a\046b.c\042");
    assert_eq!(name(r"\065").as_str(), "a");
    assert_eq!("a..b".parse::<Name>(), Err(NameError::EmptyLabel));
    assert_eq!(".a".parse::<Name>(), Err(NameError::EmptyLabel));
    assert_eq!("a".repeat(64).parse::<Name>(), Err(NameError::LabelTooLong));
    assert_eq!("abc.".repeat(64).parse::<Name>(), Err(NameError::NameTooLong));
    assert_eq!("bücher.example".parse::<Name>(), Err(NameError::NotAscii));
    for broken in [r"a\", r"a\25", r"a\256", r"a\1x2"] {
        assert_eq!(broken.parse::<Name>(), Err(NameError::BadEscape), "{broken}");
    }
}

#[test]
fn reverse_look_ups_give_their_address() {
    assert_eq!(reverse_address(&name("211.141.13.111.in-addr.arpa")), Some([111, 13, 141, 211].into()));
    let v6 = format!("1.{}8.b.d.0.1.0.0.2.ip6.arpa", "0.".repeat(23));
    assert_eq!(reverse_address(&name(&v6)), Some("2001:db8::1".parse().unwrap()));
    for other in [
        "141.13.111.in-addr.arpa",
        "1.2.3.4.5.in-addr.arpa",
        "256.1.1.1.in-addr.arpa",
        "1.2.3.4.example",
        "in-addr.arpa",
        "1.ip6.arpa",
    ] {
        assert_eq!(reverse_address(&name(other)), None, "{other}");
    }
}

#[test]
fn a_reply_never_outgrows_a_message() {
    let query = parse(&query(1, &name("a.example"), A)).unwrap();
    let record = Record {
        name: name(&"long-label.".repeat(20)),
        rtype: A,
        class: IN,
        ttl: 1,
        data: Data::A([1; 4].into()),
    };
    let bytes = reply(&query, NOERROR, &vec![record; 2000]);
    assert!(bytes.len() <= 65_535);
    assert_eq!(bytes[2] & 0x02, 0x02, "TC is set");
}

#[test]
fn the_id_is_replaced_in_place() {
    let mut bytes = query(1, &name("a"), A);
    set_id(&mut bytes, 0xBEEF);
    assert_eq!(parse(&bytes).unwrap().id, 0xBEEF);
    set_id(&mut [0], 1);
}

fn any_name() -> impl Strategy<Value = Name> {
    prop::collection::vec(prop::collection::vec(any::<u8>(), 1..12), 0..6).prop_map(|labels| {
        let text: Vec<String> = labels
            .iter()
            .map(|label| label.iter().map(|b| format!("\\{b:03}")).collect::<Vec<_>>().concat())
            .collect();
        text.join(".").parse().unwrap()
    })
}

fn any_record() -> impl Strategy<Value = Record> {
    let data = prop_oneof![
        any::<Ipv4Addr>().prop_map(|a| (A, Data::A(a))),
        any::<Ipv6Addr>().prop_map(|a| (AAAA, Data::Aaaa(a))),
        any_name().prop_map(|n| (CNAME, Data::Cname(n))),
        any_name().prop_map(|n| (PTR, Data::Ptr(n))),
        (
            any::<u16>(),
            any_name(),
            prop::collection::vec(any::<Ipv4Addr>(), 0..3),
            prop::collection::vec(any::<Ipv6Addr>(), 0..3)
        )
            .prop_map(|(priority, target, v4, v6)| {
                let hints =
                    v4.into_iter().map(IpAddr::from).chain(v6.into_iter().map(IpAddr::from)).collect();
                (HTTPS, Data::Service { priority, target, hints, ech: false })
            }),
        Just((TXT, Data::Other)),
    ];
    (any_name(), any::<u32>(), data).prop_map(|(name, ttl, (rtype, data))| Record {
        name,
        rtype,
        class: IN,
        ttl,
        data,
    })
}

proptest! {
    #[test]
    fn reading_a_reply_gives_back_what_was_written(
        id: u16, asked in any_name(), rtype: u16, rcode in 0_u8..16, answers in prop::collection::vec(any_record(), 0..6)
    ) {
        let query = parse(&query(id, &asked, rtype)).unwrap();
        prop_assert_eq!(&query.questions[0].name, &asked);
        let read = parse(&reply(&query, rcode, &answers)).unwrap();
        prop_assert!(read.response);
        prop_assert_eq!((read.id, read.rcode, &read.questions), (id, rcode, &query.questions));
        prop_assert_eq!(read.answers, answers);
    }

    #[test]
    fn a_name_survives_its_text(asked in any_name()) {
        prop_assert_eq!(asked.as_str().parse::<Name>().unwrap(), asked);
    }

    #[test]
    fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        let _ = (parse(&bytes), looks_like_query(&bytes));
    }

    #[test]
    fn mutated_replies_are_read_or_refused(
        answers in prop::collection::vec(any_record(), 1..5), changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..8), cut: prop::sample::Index
    ) {
        let query = parse(&query(1, &name("a.example"), A)).unwrap();
        let mut bytes = reply(&query, NOERROR, &answers);
        for (at, value) in changes {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        let _ = parse(&bytes);
        let _ = parse(&bytes[..cut.index(bytes.len())]);
    }
}
