//! What clients say first.

fn with_u16_length(body: &[u8]) -> Vec<u8> {
    let mut framed = (body.len() as u16).to_be_bytes().to_vec();
    framed.extend_from_slice(body);
    framed
}

/// A TLS `ClientHello` in one record (RFC 8446 §4.1.2), naming `host`.
pub fn client_hello(host: &str) -> Vec<u8> {
    let mut name = vec![0];
    name.extend(with_u16_length(host.as_bytes()));
    let mut extension = vec![0, 0];
    extension.extend(with_u16_length(&with_u16_length(&name)));
    let mut hello = vec![3, 3];
    hello.extend([0x5a; 32]);
    hello.push(0);
    hello.extend(with_u16_length(&[0x13, 0x01]));
    hello.extend([1, 0]);
    hello.extend(with_u16_length(&extension));
    let mut message = vec![1, 0];
    message.extend(with_u16_length(&hello));
    let mut record = vec![22, 3, 1];
    record.extend(with_u16_length(&message));
    record
}

/// An HTTP/1.1 GET.
pub fn get(host: &str, path: &str) -> Vec<u8> {
    format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n").into_bytes()
}
