//! One request's head: from raw bytes to what it asks for and how its body is framed.

use super::{FramingError, MAX_HEADERS};
use crate::http2;

/// One request's head.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Request {
    /// The method, as sent: methods are case-sensitive.
    pub method: String,
    /// The request target, as sent.
    pub target: String,
    /// The host asked for, lower-case, without port and trailing dot; an IPv6 address without brackets. The authority
    /// of an absolute-form or CONNECT target wins over the Host header. `None` if the request names none.
    pub host: Option<String>,
    /// The port stated with the host.
    pub port: Option<u16>,
    /// Path and query: the target itself, or what follows the authority in an absolute-form target; `*` for the
    /// server as a whole, empty for CONNECT.
    pub path: String,
    /// Whether this is a CONNECT request: a tunnel to `host` and `port` begins behind the head.
    pub connect: bool,
    /// The Upgrade header's value, lower-case, if the request has one.
    pub upgrade: Option<String>,
    /// All headers in order, names as sent, values without surrounding blanks.
    pub headers: Vec<(String, Vec<u8>)>,
    /// Length of the head in bytes, from any empty lines before it to the empty line that ends it.
    pub head_len: usize,
    /// The stream it was made on, if the connection speaks HTTP/2. Its body is then cut into frames.
    pub http2: Option<http2::Stream>,
}

impl Request {
    /// The values of all headers of this name, in any case, in order.
    pub fn header<'a>(&'a self, name: &'a str) -> impl Iterator<Item = &'a [u8]> {
        self.headers
            .iter()
            .filter(move |(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_slice())
    }
}

/// How the bytes behind a head are framed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum BodyFraming {
    Length(u64),
    Chunked,
}

/// Reads a complete head, its closing empty line included.
pub(super) fn parse_head(head: &[u8]) -> Result<(Request, BodyFraming), FramingError> {
    let mut headers = [httparse::EMPTY_HEADER; MAX_HEADERS];
    let mut parsed = httparse::Request::new(&mut headers);
    match parsed.parse(head) {
        Ok(httparse::Status::Complete(length)) if length == head.len() => {}
        Err(httparse::Error::TooManyHeaders) => return Err(FramingError::TooManyHeaders),
        _ => return Err(FramingError::Malformed),
    }
    let (Some(method), Some(target), Some(version)) = (parsed.method, parsed.path, parsed.version) else {
        return Err(FramingError::Malformed);
    };
    let mut request = Request {
        method: method.to_owned(),
        target: target.to_owned(),
        host: None,
        port: None,
        path: String::new(),
        connect: method == "CONNECT",
        upgrade: None,
        headers: parsed.headers.iter().map(|h| (h.name.to_owned(), h.value.to_vec())).collect(),
        head_len: head.len(),
        http2: None,
    };
    resolve_target(&mut request)?;
    // An Upgrade in HTTP/1.0 is ignored by servers (RFC 9110 §7.8).
    if version >= 1 {
        let upgrade = request.header("upgrade").next().map(String::from_utf8_lossy);
        request.upgrade = upgrade.map(|value| value.to_ascii_lowercase());
    }
    let framing = body_framing(&request, version)?;
    Ok((request, framing))
}

/// Fills in host, port and path from the target and the Host header (RFC 9112 §3.2, §3.3).
fn resolve_target(request: &mut Request) -> Result<(), FramingError> {
    let mut stated: Option<Authority> = None;
    for value in request.header("host") {
        let value = str::from_utf8(value).map_err(|_| FramingError::BadHost)?;
        let authority = if value.is_empty() { Authority::default() } else { Authority::parse(value)? };
        if stated.as_ref().is_some_and(|earlier| *earlier != authority) {
            return Err(FramingError::AmbiguousHost);
        }
        stated = Some(authority);
    }
    let stated = stated.unwrap_or_default();

    let target = request.target.as_str();
    let (authority, path) = if request.connect {
        let authority = Authority::parse(target).map_err(|_| FramingError::BadTarget)?;
        if authority.port.is_none() {
            return Err(FramingError::BadTarget);
        }
        (authority, String::new())
    } else if target.starts_with('/') || (target == "*" && request.method == "OPTIONS") {
        (stated, target.to_owned())
    } else {
        let (authority, path) = split_absolute(target)?;
        if stated.host.is_some() && stated.host != authority.host {
            return Err(FramingError::AmbiguousHost);
        }
        (authority, path)
    };
    request.host = authority.host;
    request.port = authority.port;
    request.path = path;
    Ok(())
}

/// Splits an absolute-form target (`http://host:port/path?query`) into authority and path.
fn split_absolute(target: &str) -> Result<(Authority, String), FramingError> {
    let (scheme, rest) = target.split_once("://").ok_or(FramingError::BadTarget)?;
    let known_scheme = ["http", "https", "ws", "wss"].iter().any(|known| scheme.eq_ignore_ascii_case(known));
    if !known_scheme {
        return Err(FramingError::BadTarget);
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, path) = rest.split_at(end);
    let path = if path.starts_with('/') { path.to_owned() } else { format!("/{path}") };
    Ok((Authority::parse(authority)?, path))
}

/// The host, in lower case, and port of an authority.
pub(crate) fn authority(text: &str) -> Result<(String, Option<u16>), FramingError> {
    let Authority { host, port } = Authority::parse(text)?;
    host.map(|host| (host, port)).ok_or(FramingError::BadHost)
}

/// A host and its port.
#[derive(Debug, Default, PartialEq, Eq)]
struct Authority {
    host: Option<String>,
    port: Option<u16>,
}

impl Authority {
    /// Reads `host`, `host:port` or `[v6]:port`. User names (`user@host`) are refused: they serve to disguise hosts.
    fn parse(text: &str) -> Result<Self, FramingError> {
        let (host, port) = if let Some(rest) = text.strip_prefix('[') {
            let (address, port) = rest.split_once(']').ok_or(FramingError::BadHost)?;
            let address: std::net::Ipv6Addr = address.parse().map_err(|_| FramingError::BadHost)?;
            let port = if port.is_empty() {
                None
            } else {
                Some(port.strip_prefix(':').ok_or(FramingError::BadHost)?)
            };
            (address.to_string(), port)
        } else {
            let (host, port) = text.split_once(':').map_or((text, None), |(host, port)| (host, Some(port)));
            let host = host.strip_suffix('.').unwrap_or(host);
            let allowed = |b: u8| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'.' | b'_');
            let any_empty = host.split('.').any(str::is_empty);
            if any_empty || host.len() > 253 || !host.bytes().all(allowed) {
                return Err(FramingError::BadHost);
            }
            (host.to_ascii_lowercase(), port)
        };
        // "host:" with nothing behind the colon is legal and means the default port (RFC 3986 §3.2.3).
        let port = match port.filter(|port| !port.is_empty()) {
            None => None,
            Some(port) if port.bytes().all(|b| b.is_ascii_digit()) => {
                Some(port.parse().map_err(|_| FramingError::BadHost)?)
            }
            Some(_) => return Err(FramingError::BadHost),
        };
        Ok(Self { host: Some(host), port })
    }
}

/// Decides how the body is framed (RFC 9112 §6.3, for requests).
fn body_framing(request: &Request, version: u8) -> Result<BodyFraming, FramingError> {
    let mut length = None;
    for value in request.header("content-length").flat_map(|value| value.split(|b| *b == b',')) {
        let value = content_length(value.trim_ascii())?;
        if length.is_some_and(|earlier| earlier != value) {
            return Err(FramingError::BadLength);
        }
        length = Some(value);
    }
    let mut encodings = request.header("transfer-encoding");
    let Some(encoding) = encodings.next() else {
        let length = length.unwrap_or(0);
        // A CONNECT request has no body (RFC 9110 §9.3.6): servers would differ on whose bytes these are.
        return if request.connect && length != 0 {
            Err(FramingError::BadLength)
        } else {
            Ok(BodyFraming::Length(length))
        };
    };
    let single_chunked = encoding.eq_ignore_ascii_case(b"chunked") && encodings.next().is_none();
    if single_chunked && length.is_none() && version >= 1 && !request.connect {
        Ok(BodyFraming::Chunked)
    } else {
        Err(FramingError::AmbiguousLength)
    }
}

fn content_length(digits: &[u8]) -> Result<u64, FramingError> {
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return Err(FramingError::BadLength);
    }
    str::from_utf8(digits).ok().and_then(|digits| digits.parse().ok()).ok_or(FramingError::BadLength)
}
