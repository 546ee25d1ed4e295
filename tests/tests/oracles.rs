//! Our parsers against independent ones: what rustls, quinn, hickory and an HPACK library write is read as it was meant; of bytes that
//! were changed on the way, nothing is read as something else than an independent reader reads.

use consentry_inspect::quic::InitialReader;
use consentry_inspect::tls::{ClientHello, ClientHelloReader};
use consentry_inspect::{Progress, dns, http1, http2};
use hickory_proto::op::{Message, MessageType, OpCode, Query};
use hickory_proto::rr::rdata::{A, AAAA, CNAME, HTTPS, SVCB};
use hickory_proto::rr::{Name, RData, Record, RecordType};
use httlib_hpack::Encoder;
use proptest::collection::vec;
use proptest::prelude::*;
use quinn::rustls::client::ClientConnection;
use quinn::rustls::pki_types::ServerName;
use quinn::rustls::server::Acceptor;
use quinn::rustls::{self, ClientConfig, RootCertStore};
use std::net::{Ipv4Addr, Ipv6Addr, UdpSocket};
use std::sync::Arc;
use std::time::Duration;

/// A host name: labels of letters, digits and hyphens.
fn host() -> impl Strategy<Value = String> {
    vec("[a-z][a-z0-9-]{0,14}[a-z0-9]", 2..5).prop_map(|labels| labels.join("."))
}

/// Changes of single bytes: place and value.
fn changes() -> impl Strategy<Value = Vec<(usize, u8)>> {
    vec((any::<usize>(), any::<u8>()), 0..4)
}

fn changed(mut bytes: Vec<u8>, changes: &[(usize, u8)]) -> Vec<u8> {
    for (place, value) in changes {
        let length = bytes.len();
        bytes[place % length] = *value;
    }
    bytes
}

fn client_config(protocols: &[String]) -> ClientConfig {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let mut config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .expect("the versions are those of the provider")
        .with_root_certificates(RootCertStore::empty())
        .with_no_client_auth();
    config.alpn_protocols = protocols.iter().map(|name| name.clone().into_bytes()).collect();
    config
}

/// The first bytes that rustls says to this server.
fn rustls_hello(host: &str, protocols: &[String]) -> Vec<u8> {
    let name = ServerName::try_from(host.to_owned()).expect("a host name");
    let mut connection = ClientConnection::new(Arc::new(client_config(protocols)), name).expect("a client");
    let mut said = Vec::new();
    connection.write_tls(&mut said).expect("memory takes anything");
    said
}

/// What rustls's server reads: name and protocols.
fn by_rustls(mut bytes: &[u8]) -> Option<(Option<String>, Vec<String>)> {
    let mut acceptor = Acceptor::default();
    while !bytes.is_empty() {
        acceptor.read_tls(&mut bytes).ok()?;
        if let Some(accepted) = acceptor.accept().ok()? {
            let hello = accepted.client_hello();
            let text = |name: &[u8]| name.escape_ascii().to_string();
            let protocols = hello.alpn().map(|names| names.map(text).collect()).unwrap_or_default();
            return Some((hello.server_name().map(str::to_ascii_lowercase), protocols));
        }
    }
    None
}

/// What tls-parser reads: the names, if there is a hello at all.
fn by_tls_parser(bytes: &[u8]) -> Option<Vec<String>> {
    use tls_parser::{TlsExtension, TlsMessage, TlsMessageHandshake, parse_tls_client_hello_extensions};
    let (_, record) = tls_parser::parse_tls_plaintext(bytes).ok()?;
    let hello = record.msg.iter().find_map(|message| match message {
        TlsMessage::Handshake(TlsMessageHandshake::ClientHello(hello)) => Some(hello),
        _ => None,
    })?;
    let (_, extensions) = parse_tls_client_hello_extensions(hello.ext.unwrap_or_default()).ok()?;
    let names = extensions.iter().find_map(|extension| match extension {
        TlsExtension::SNI(names) => Some(names),
        _ => None,
    });
    let lower = |name: &[u8]| String::from_utf8_lossy(name).to_ascii_lowercase();
    Some(names.map(|names| names.iter().map(|(_, name)| lower(name)).collect()).unwrap_or_default())
}

fn ours(bytes: &[u8]) -> Option<ClientHello> {
    match ClientHelloReader::new().push(bytes) {
        Progress::Done(hello) => Some(hello),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_hello_of_rustls_is_read_as_by_rustls_and_tls_parser(
        host in host(), protocols in vec("[a-z][a-z0-9/.]{0,8}", 0..4),
    ) {
        let said = rustls_hello(&host, &protocols);
        let hello = ours(&said).expect("a sound hello");
        prop_assert_eq!(hello.sni.as_deref(), Some(host.as_str()));
        prop_assert_eq!(&hello.alpn, &protocols);
        prop_assert_eq!(by_rustls(&said), Some((hello.sni, hello.alpn)));
        prop_assert_eq!(by_tls_parser(&said), Some(vec![host]));
    }

    /// No server may be made to read another name than the one that was judged.
    #[test]
    fn a_changed_hello_never_names_another_server_to_somebody_else(host in host(), changes in changes()) {
        let bytes = changed(rustls_hello(&host, &["h2".to_owned()]), &changes);
        let Some(hello) = ours(&bytes) else { return Ok(()) };
        if let Some((Some(name), _)) = by_rustls(&bytes) {
            prop_assert_eq!(Some(name.trim_end_matches('.').to_owned()), hello.sni.clone());
        }
        for name in by_tls_parser(&bytes).unwrap_or_default() {
            prop_assert_eq!(Some(name.trim_end_matches('.').to_owned()), hello.sni.clone());
        }
    }

    #[test]
    fn a_message_of_hickory_is_read_as_it_was_meant(
        asked in host(), alias in host(), target in host(), v4: u32, v6: u128, id: u16, size in 512_u16..,
    ) {
        let name = |host: &str| Name::from_ascii(format!("{host}.")).expect("a name");
        let mut message = Message::new(id, MessageType::Response, OpCode::Query);
        message.add_query(Query::query(name(&asked), RecordType::A));
        let records = [
            (name(&asked), RData::CNAME(CNAME(name(&alias)))),
            (name(&alias), RData::HTTPS(HTTPS(SVCB::new(1, name(&target), Vec::new())))),
            (name(&target), RData::A(A(Ipv4Addr::from(v4)))),
            (name(&target), RData::AAAA(AAAA(Ipv6Addr::from(v6)))),
        ];
        for (owner, data) in records {
            message.add_answer(Record::from_rdata(owner, 60, data));
        }
        let mut edns = hickory_proto::op::Edns::new();
        edns.set_max_payload(size);
        message.set_edns(edns);
        let read = dns::parse(&message.to_vec().expect("it is sound")).expect("a sound message");
        prop_assert_eq!(read.id, id);
        prop_assert_eq!(read.questions[0].name.as_str(), &asked);
        prop_assert_eq!(read.udp_size, Some(size));
        let data: Vec<&dns::Data> = read.answers.iter().map(|record| &record.data).collect();
        let [dns::Data::Cname(to), dns::Data::Service { target: service, .. }, dns::Data::A(a), dns::Data::Aaaa(aaaa)] = data[..]
        else {
            return Err(TestCaseError::fail(format!("{read:?}")));
        };
        prop_assert_eq!((to.as_str(), service.as_str()), (alias.as_str(), target.as_str()));
        prop_assert_eq!((*a, *aaaa), (Ipv4Addr::from(v4), Ipv6Addr::from(v6)));
    }

    /// What we forward, another server must not read as another question.
    #[test]
    fn a_changed_question_asks_others_for_the_same(host in host(), changes in changes()) {
        let mut message = Message::new(7, MessageType::Query, OpCode::Query);
        message.add_query(Query::query(Name::from_ascii(format!("{host}.")).expect("a name"), RecordType::A));
        let bytes = changed(message.to_vec().expect("it is sound"), &changes);
        let (Ok(ours), Ok(theirs)) = (dns::parse(&bytes), Message::from_vec(&bytes)) else { return Ok(()) };
        prop_assert_eq!(ours.questions.len(), theirs.queries.len());
        for (ours, theirs) in ours.questions.iter().zip(&theirs.queries) {
            let labels: Vec<String> =
                theirs.name().iter().map(|label| label.escape_ascii().to_string().to_ascii_lowercase()).collect();
            // Both escape odd bytes, each in its own way.
            if labels.iter().all(|label| label.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-')) {
                prop_assert_eq!(ours.name.as_str(), labels.join("."));
            }
            prop_assert_eq!(ours.rtype, u16::from(theirs.query_type()));
        }
    }

    #[test]
    fn headers_of_another_hpack_are_read_as_they_were_meant(
        requests in vec((host(), "/[a-z0-9/?=&%]{0,30}", vec(("[a-z][a-z0-9-]{0,12}", "[ -~]{0,30}"), 0..6), vec(0_u8..16, 10)), 1..6),
    ) {
        let mut encoder = Encoder::default();
        let mut bytes = http2::PREFACE.to_vec();
        let mut expected = Vec::new();
        for (place, (host, path, further, flags)) in requests.iter().enumerate() {
            let pseudo = [(":method", "GET"), (":scheme", "http"), (":authority", host.as_str()), (":path", path.as_str())];
            let headers: Vec<(&str, &str)> = further
                .iter()
                .map(|(name, value)| (name.as_str(), value.trim()))
                .filter(|(name, _)| *name != "host")
                .collect();
            let mut block = Vec::new();
            for ((name, value), flags) in pseudo.into_iter().chain(headers.iter().copied()).zip(flags) {
                // Plain or coded name and value; kept in the table, or not, or as short as can be.
                let kept = [Encoder::WITH_INDEXING, Encoder::NEVER_INDEXED, Encoder::BEST_FORMAT, 0][usize::from(flags >> 2)];
                let coded = if flags & 1 != 0 { Encoder::HUFFMAN_VALUE } else { 0 }
                    | if flags & 2 != 0 { Encoder::HUFFMAN_NAME } else { 0 };
                let field = (name.as_bytes().to_vec(), value.as_bytes().to_vec(), kept | coded);
                encoder.encode(field, &mut block).expect("it is sound");
            }
            bytes.extend(&(block.len() as u32).to_be_bytes()[1..]);
            bytes.extend([1, 5]);
            bytes.extend((1 + 2 * place as u32).to_be_bytes());
            bytes.extend(block);
            let headers: Vec<(String, Vec<u8>)> =
                headers.into_iter().map(|(name, value)| (name.to_owned(), value.as_bytes().to_vec())).collect();
            expected.push((host.clone(), path.clone(), headers));
        }
        let mut framer = http2::RequestFramer::new(true);
        let mut rest = &bytes[..];
        let mut found = Vec::new();
        while !rest.is_empty() {
            let (covered, piece) = framer.next(rest).expect("a sound connection");
            if let http2::Piece::Request(request) = piece {
                found.push((request.host.clone().unwrap_or_default(), request.path.clone(), request.headers.clone()));
            }
            rest = &rest[covered..];
        }
        prop_assert_eq!(found, expected);
    }

    /// httparse by itself, on what our framer took for a head.
    #[test]
    fn a_changed_request_is_the_same_to_httparse(host in host(), path in "/[a-z0-9/?=]{0,20}", changes in changes()) {
        let head = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\nContent-Length: 0\r\nX-A:  b \r\n\r\n");
        let bytes = changed(head.into_bytes(), &changes);
        let Ok((covered, http1::Piece::Head(request))) = http1::RequestFramer::new().next(&bytes) else { return Ok(()) };
        let mut headers = [httparse::EMPTY_HEADER; 16];
        let mut theirs = httparse::Request::new(&mut headers);
        prop_assert_eq!(theirs.parse(&bytes), Ok(httparse::Status::Complete(covered)));
        prop_assert_eq!(theirs.method, Some(request.method.as_str()));
        prop_assert_eq!(theirs.path, Some(request.target.as_str()));
        let hosts: Vec<&[u8]> =
            theirs.headers.iter().filter(|h| h.name.eq_ignore_ascii_case("host")).map(|h| h.value).collect();
        prop_assert!(hosts.len() <= 1 || hosts.windows(2).all(|two| two[0].eq_ignore_ascii_case(two[1])));
    }
}

#[test]
fn the_initials_of_quinn_are_opened_in_any_order() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().expect("a runtime");
    for host in ["a.example", "quite-a-long-name.of-a-host.somewhere.example.net"] {
        let server = UdpSocket::bind("127.0.0.1:0").expect("a port");
        server.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
        let address = server.local_addr().expect("bound");
        // So many protocols do not fit into one datagram.
        let protocols: Vec<String> =
            (0..40).map(|number| format!("protocol-number-{number}-of-forty-in-all")).collect();
        let quic = quinn::crypto::rustls::QuicClientConfig::try_from(client_config(&protocols))
            .expect("a suite for QUIC");
        let (_keep, datagrams) = runtime.block_on(async {
            let mut endpoint =
                quinn::Endpoint::client("127.0.0.1:0".parse().expect("an address")).expect("a socket");
            endpoint.set_default_client_config(quinn::ClientConfig::new(Arc::new(quic)));
            let connecting = endpoint.connect(address, host).expect("it begins");
            let read = tokio::task::spawn_blocking(move || {
                let mut datagrams: Vec<Vec<u8>> = Vec::new();
                let mut buffer = [0; 2048];
                while datagrams.len() < 2 {
                    let (length, _) = server.recv_from(&mut buffer).expect("quinn speaks at once");
                    datagrams.push(buffer[..length].to_vec());
                }
                datagrams
            });
            ((endpoint, connecting), read.await.expect("two datagrams"))
        });
        let read = |order: &[usize]| {
            let mut reader = InitialReader::new();
            order
                .iter()
                .map(|at| reader.push(&datagrams[*at]))
                .find(|progress| *progress != Progress::NeedMore)
        };
        let Some(Progress::Done(hello)) = read(&[0, 1]) else { panic!("not read") };
        assert_eq!(hello.sni.as_deref(), Some(host));
        assert_eq!(hello.alpn, protocols);
        assert_eq!(read(&[1, 0]), Some(Progress::Done(hello.clone())));
        assert_eq!(read(&[0, 0, 1, 1]), Some(Progress::Done(hello)));
        assert_eq!(read(&[0]), None, "half a hello");
    }
}
