//! What the app says about the tunnel, the network and the owners of flows.
use crate::error::{Code, EngineError};
use consentry_consent::Owner;
use consentry_engine::Network;
use serde::Deserialize;
use std::net::SocketAddr;

/// The longest text that is read, in bytes: real ones have some hundreds.
pub(crate) const LONGEST_TEXT: usize = 256 * 1024;
/// Packages under one user id; real ones share it by two or three.
const MOST_PACKAGES: usize = 64;
/// The longest package name, in bytes (Android's own limit on file names).
const LONGEST_PACKAGE: usize = 255;
/// Resolvers that are tried; a network has two or three.
const MOST_RESOLVERS: usize = 16;

/// How to run the engine.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Settings {
    /// The tunnel's MTU, in bytes.
    pub(crate) mtu: usize,
    /// What is behind the tunnel.
    #[serde(deserialize_with = "network")]
    pub(crate) network: Network,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct NetworkForm {
    resolvers: Vec<SocketAddr>,
    ipv4: bool,
    ipv6: bool,
    #[serde(default)]
    keeps_flows: bool,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct OwnerForm {
    uid: Option<u32>,
    #[serde(default)]
    packages: Vec<String>,
    shared: Option<u32>,
}

/// What has become of the network behind the tunnel.
#[derive(Debug)]
pub(crate) struct NetworkChange {
    pub(crate) network: Network,
    /// The phone is on the same network with the same addresses: connections through it go on.
    pub(crate) keeps_flows: bool,
}

impl From<NetworkForm> for Network {
    fn from(form: NetworkForm) -> Self {
        let mut resolvers = form.resolvers;
        resolvers.truncate(MOST_RESOLVERS);
        Self { resolvers, ipv4: form.ipv4, ipv6: form.ipv6 }
    }
}

fn network<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Network, D::Error> {
    NetworkForm::deserialize(deserializer).map(Network::from)
}

/// Reads JSON of a form, within bounds.
pub(crate) fn read<'a, T: Deserialize<'a>>(what: &str, json: &'a str) -> Result<T, EngineError> {
    read_within(LONGEST_TEXT, what, json)
}

/// The same, of at most so many bytes.
pub(crate) fn read_within<'a, T: Deserialize<'a>>(
    longest: usize,
    what: &str,
    json: &'a str,
) -> Result<T, EngineError> {
    if json.len() > longest {
        return Err(EngineError::new(Code::BadRequest, format!("{what} is too long: {} bytes", json.len())));
    }
    serde_json::from_str(json).map_err(|error| EngineError::unreadable(what, &error))
}

/// Reads `{"resolvers":["1.1.1.1:53"],"ipv4":true,"ipv6":false,"keeps_flows":true}`.
pub(crate) fn read_network(json: &str) -> Result<NetworkChange, EngineError> {
    let form: NetworkForm = read("the network", json)?;
    Ok(NetworkChange { keeps_flows: form.keeps_flows, network: form.into() })
}

/// Reads `{"uid":10050,"packages":["a.b"]}`, `{"shared":1000}`, or `{}` for a flow whose owner nobody knows.
pub(crate) fn read_owner(json: &str) -> Result<Owner, EngineError> {
    let bad =
        |why: &str| EngineError::new(Code::BadRequest, format!("the owner cannot be understood: {why}"));
    match read::<OwnerForm>("the owner", json)? {
        OwnerForm { uid: Some(uid), packages, shared: None } => {
            if packages.len() > MOST_PACKAGES || packages.iter().any(|name| name.len() > LONGEST_PACKAGE) {
                return Err(bad("too many packages, or too long a name"));
            }
            Ok(Owner::App { uid, packages })
        }
        OwnerForm { uid: None, packages, shared } if packages.is_empty() => {
            Ok(shared.map_or(Owner::Unknown, |uid| Owner::Shared { uid }))
        }
        _ => Err(bad("packages go with a uid, and a shared one goes alone")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn owners_are_apps_shared_or_unknown() {
        assert_eq!(read_owner("{}").unwrap(), Owner::Unknown);
        assert_eq!(read_owner(r#"{"shared":1000}"#).unwrap(), Owner::Shared { uid: 1000 });
        let app = Owner::App { uid: 10_050, packages: vec!["a.b".to_owned(), "c.d".to_owned()] };
        assert_eq!(read_owner(r#"{"uid":10050,"packages":["a.b","c.d"]}"#).unwrap(), app);
        assert_eq!(read_owner(r#"{"uid":10050}"#).unwrap(), Owner::App { uid: 10_050, packages: Vec::new() });
    }

    #[test]
    fn anything_else_is_no_owner() {
        let many = format!(r#"{{"uid":1,"packages":{:?}}}"#, vec!["a.b"; 65]);
        let long = format!(r#"{{"uid":1,"packages":["{}"]}}"#, "a".repeat(256));
        let endless = format!(r#"{{"uid":1,"packages":["{}"]}}"#, "a".repeat(LONGEST_TEXT));
        for text in [
            "",
            "null",
            "[]",
            "{",
            r#"{"uid":-1}"#,
            r#"{"uid":"10050"}"#,
            r#"{"uid":1,"shared":2}"#,
            r#"{"packages":["a.b"]}"#,
            r#"{"package":"a.b"}"#,
            &many,
            &long,
            &endless,
        ] {
            assert_eq!(read_owner(text).unwrap_err().code, Code::BadRequest, "{text:.40}");
        }
    }

    #[test]
    fn a_network_has_resolvers_with_ports_and_zones() {
        let NetworkChange { network, keeps_flows } =
            read_network(r#"{"resolvers":["192.0.2.1:53","[fe80::1%3]:53"],"ipv4":true,"ipv6":false}"#)
                .unwrap();
        assert!(!keeps_flows, "unless it says so");
        assert_eq!(network.resolvers, ["192.0.2.1:53".parse().unwrap(), "[fe80::1%3]:53".parse().unwrap()]);
        assert_eq!((network.ipv4, network.ipv6), (true, false));
        for text in [
            r#"{"resolvers":["192.0.2.1"],"ipv4":true,"ipv6":true}"#,
            r#"{"resolvers":["a name:53"],"ipv4":true,"ipv6":true}"#,
            r#"{"resolvers":[],"ipv4":1,"ipv6":true}"#,
            r#"{"ipv4":true,"ipv6":true}"#,
        ] {
            assert_eq!(read_network(text).unwrap_err().code, Code::BadRequest, "{text}");
        }
    }

    #[test]
    fn resolvers_are_bounded() {
        let resolvers = vec!["192.0.2.1:53"; 1000];
        let text = format!(r#"{{"resolvers":{resolvers:?},"ipv4":true,"ipv6":true}}"#);
        assert_eq!(read_network(&text).unwrap().network.resolvers.len(), MOST_RESOLVERS);
    }

    proptest! {
        #[test]
        fn any_text_is_understood_or_refused(text in ".{0,200}", form in 0..3) {
            let text = match form {
                0 => text,
                1 => format!(r#"{{"uid":1,"packages":[{text:?}]}}"#),
                _ => format!(r#"{{"resolvers":[{text:?}],"ipv4":true,"ipv6":true}}"#),
            };
            let refused = |error: EngineError| error.code == Code::BadRequest;
            prop_assert!(read_owner(&text).map_or_else(refused, |_| true));
            prop_assert!(read_network(&text).map_or_else(refused, |_| true));
        }
    }
}
