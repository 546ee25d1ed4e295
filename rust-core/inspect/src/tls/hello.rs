//! The body of a ClientHello message.

use crate::cursor::Cursor;
use std::collections::BTreeSet;

/// Extension numbers (IANA, TLS ExtensionType values).
const SERVER_NAME: u16 = 0;
const ALPN: u16 = 16;
const ENCRYPTED_CLIENT_HELLO: u16 = 0xFE0D;
/// The draft that came before ECH and hid the name likewise.
const ENCRYPTED_SERVER_NAME: u16 = 0xFFCE;
/// The only kind of server name there is (RFC 6066 §3).
const HOST_NAME: u8 = 0;
/// Longest host name (RFC 1035 §2.3.4), with a trailing dot.
const MAX_HOST: usize = 255;

/// What a ClientHello says in the clear.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ClientHello {
    /// The name in the server name extension (RFC 6066 §3), lower-case and without a trailing dot.
    pub sni: Option<String>,
    /// The application protocols offered (RFC 7301), in the client's order; bytes outside printable ASCII are escaped.
    pub alpn: Vec<String>,
    /// Whether an Encrypted ClientHello extension is present. Browsers send it always: it is no evidence. Where it
    /// is, the true name may be another than `sni`.
    pub ech: bool,
}

/// Why a ClientHello was refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TlsError {
    /// A field ends early, or bytes are left over.
    #[error("a field of the ClientHello does not have the length it promises")]
    BadLength,
    /// An extension stands there twice (forbidden by RFC 8446 §4.2).
    #[error("the ClientHello has the same extension twice")]
    RepeatedExtension,
    /// The server name extension does not hold exactly one host name of printable ASCII without empty labels.
    #[error("the ClientHello's server name is not one host name in printable ASCII")]
    BadServerName,
}

/// Reads the body of a ClientHello handshake message: what follows its type and length.
///
/// # Errors
/// Says which rule the message breaks. GREASE values (RFC 8701) break none.
pub fn parse_hello_message(body: &[u8]) -> Result<ClientHello, TlsError> {
    parse_body(body, Cookie::None)
}

/// Reads the body of a DTLS ClientHello, which differs by the cookie behind the session id (RFC 6347 §4.2.1, RFC 9147 §5.3).
///
/// # Errors
/// As [`parse_hello_message`].
pub fn parse_dtls_hello_message(body: &[u8]) -> Result<ClientHello, TlsError> {
    parse_body(body, Cookie::BehindSessionId)
}

/// Whether the fixed fields hold a cookie.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Cookie {
    None,
    BehindSessionId,
}

fn parse_body(body: &[u8], cookie: Cookie) -> Result<ClientHello, TlsError> {
    let mut fields = Cursor::new(body);
    let extensions = extensions(&mut fields, cookie).ok_or(TlsError::BadLength)?;
    if !fields.is_empty() {
        return Err(TlsError::BadLength);
    }
    let mut hello = ClientHello::default();
    let mut seen = BTreeSet::new();
    let mut rest = Cursor::new(extensions);
    while !rest.is_empty() {
        let kind = rest.u16().ok_or(TlsError::BadLength)?;
        let data = rest.vector16().ok_or(TlsError::BadLength)?;
        if !seen.insert(kind) {
            return Err(TlsError::RepeatedExtension);
        }
        match kind {
            SERVER_NAME => hello.sni = Some(server_name(data)?),
            ALPN => hello.alpn = protocols(data).ok_or(TlsError::BadLength)?,
            ENCRYPTED_CLIENT_HELLO | ENCRYPTED_SERVER_NAME => hello.ech = true,
            _ => {}
        }
    }
    Ok(hello)
}

/// Steps over the fixed fields (RFC 8446 §4.1.2) to the extensions, which TLS 1.2 may leave out altogether.
fn extensions<'a>(fields: &mut Cursor<'a>, cookie: Cookie) -> Option<&'a [u8]> {
    let _version_and_random = fields.take(2 + 32)?;
    let session_id = fields.vector8()?;
    if cookie == Cookie::BehindSessionId {
        fields.vector8()?;
    }
    let cipher_suites = fields.vector16()?;
    let compression_methods = fields.vector8()?;
    if session_id.len() > 32
        || cipher_suites.is_empty()
        || cipher_suites.len() % 2 != 0
        || compression_methods.is_empty()
    {
        return None;
    }
    if fields.is_empty() { Some(&[]) } else { fields.vector16() }
}

fn server_name(data: &[u8]) -> Result<String, TlsError> {
    let host = single_host_name(data).ok_or(TlsError::BadServerName)?;
    let host = host.strip_suffix(b".").unwrap_or(host);
    // Two dots in a row mean nothing; who drops all dots at the end would look up a name that was never judged.
    let any_empty = host.split(|byte| *byte == b'.').any(<[u8]>::is_empty);
    if any_empty || host.len() >= MAX_HOST || !host.iter().all(u8::is_ascii_graphic) {
        return Err(TlsError::BadServerName);
    }
    Ok(host.iter().map(|byte| char::from(byte.to_ascii_lowercase())).collect())
}

/// The one host name of a server name list. The list may hold one name of each kind, and there is only one kind.
fn single_host_name(data: &[u8]) -> Option<&[u8]> {
    let mut fields = Cursor::new(data);
    let mut list = Cursor::new(fields.vector16()?);
    let kind = list.u8()?;
    let host = list.vector16()?;
    (kind == HOST_NAME && list.is_empty() && fields.is_empty()).then_some(host)
}

fn protocols(data: &[u8]) -> Option<Vec<String>> {
    let mut fields = Cursor::new(data);
    let mut list = Cursor::new(fields.vector16()?);
    let mut protocols = Vec::new();
    while !list.is_empty() {
        let protocol = list.vector8().filter(|protocol| !protocol.is_empty())?;
        protocols.push(protocol.escape_ascii().to_string());
    }
    (!protocols.is_empty() && fields.is_empty()).then_some(protocols)
}
