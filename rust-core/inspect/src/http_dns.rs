//! Names asked for over HTTP.
use crate::http1::Request;

/// The name an HttpDNS request asks for, lower-case.
pub fn asked_name(_request: &Request) -> Option<String> {
    unimplemented!()
}
