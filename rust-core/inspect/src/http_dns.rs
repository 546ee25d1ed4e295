//! Names asked for over HTTP instead of DNS, as vendors' libraries do to get around the network's resolver.

use crate::{http1::Request, urlencoded};

/// The name that an HttpDNS request asks for, lower-case and without a trailing dot; the first one if it asks for
/// several. `None` if the request is no HttpDNS request that is known here, or hides the name.
///
/// Known forms, with `name` standing for what is asked:
/// * `/ACCOUNT/d?host=name`, `/ACCOUNT/sign_d?host=name`, `/resolve?host=name` (Alibaba Cloud and who licenses it);
/// * `/d?dn=name` (Tencent), `/v1/resolve?dn=name` and later versions (Baidu);
/// * `…/getbucket.asp?list=name,name` and `/gslb/?list=name` (Xiaomi).
pub fn asked_name(request: &Request) -> Option<String> {
    let path = request.path.split(['?', '#']).next().unwrap_or_default();
    let last = path.rsplit('/').find(|segment| !segment.is_empty())?;
    let keys: &[&str] = match last {
        "d" | "sign_d" | "resolve" | "sign_resolve" => &["host", "dn"],
        "getbucket.asp" | "gslb" => &["list"],
        _ => return None,
    };
    let query = urlencoded::query(&request.path);
    let (_, value) = urlencoded::pairs(query.as_bytes()).find(|(key, _)| keys.contains(&key.as_str()))?;
    let first = value.split([',', ';', ' ']).next().unwrap_or_default();
    let name = first.strip_suffix('.').unwrap_or(first);
    is_host_name(name).then(|| name.to_ascii_lowercase())
}

/// Whether this can be the name of a host, rather than an encrypted value or something else again.
fn is_host_name(name: &str) -> bool {
    let allowed = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    name.len() <= 253
        && name.contains('.')
        && name.split('.').all(|label| (1..=63).contains(&label.len()) && label.bytes().all(allowed))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http1::{Piece, RequestFramer};

    fn asked(target: &str) -> Option<String> {
        let head = format!("GET {target} HTTP/1.1\r\nHost: 192.0.2.1\r\n\r\n");
        match RequestFramer::new().next(head.as_bytes()) {
            Ok((_, Piece::Head(request))) => asked_name(&request),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn the_known_forms_give_the_name() {
        for target in [
            "/16456/sign_d?host=App.Example.NET.&sdk=android_1.3.3&t=1",
            "/1000/d?ip=1.2.3.4&host=app.example.net",
            "http://192.0.2.1/resolve?host=app%2Eexample.net",
            "/d?dn=app.example.net.&ttl=1",
            "/v4/resolve?dn=app.example.net",
            "/gslb/gslb/getbucket.asp?ver=3.0&type=wifi&list=app.example.net%2Cother.example",
            "/gslb/?protocol=x&list=app.example.net",
        ] {
            assert_eq!(asked(target).as_deref(), Some("app.example.net"), "{target}");
        }
    }

    #[test]
    fn other_requests_and_hidden_names_give_none() {
        for target in [
            "/",
            "/d",
            "/d?dn=0AB14FE2",
            "/search?host=app.example.net",
            "/d?host=a..b",
            "/psc/?t=a",
            "/d?host=%FF.x",
        ] {
            assert_eq!(asked(target), None, "{target}");
        }
    }
}
