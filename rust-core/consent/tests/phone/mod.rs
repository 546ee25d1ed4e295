//! A phone to judge for: clocks, choices and facts in few words.
#![allow(dead_code, reason = "each test file uses its own part")]
use consentry_catalogue::{Catalogue, ServiceIndex, Transport};
use consentry_consent::{
    Change, Clock, Consents, Facts, Owner, Policy, Scope, Signal, Stated, Term, Verdict, Via, judge,
};
use std::net::IpAddr;
use std::sync::Arc;

pub(crate) const MESSAGING: &str = "xiaomi.cloud_messaging";
pub(crate) const ACCOUNT: &str = "xiaomi.account";
pub(crate) const PUSH: &str = "xiaomi.push";
pub(crate) const UNLISTED: &str = "xiaomi.unlisted";
pub(crate) const SHARED_HOST: &str = "api.account.xiaomi.com";
pub(crate) const PUSH_HOST: &str = "app.chat.xiaomi.net";
pub(crate) const PUSH_LITERAL: &str = "111.13.141.211";
pub(crate) const ADS_HOST: &str = "api.ad.xiaomi.com";
pub(crate) const ESSENTIAL_HOST: &str = "connect.rom.miui.com";
pub(crate) const DEDICATED: &str = "com.xiaomi.xmsf";
pub(crate) const CATALOGUED: &str = "com.android.mms";
pub(crate) const ORDINARY: &str = "org.example.reader";
pub(crate) const LOOK_UP: (&str, &str) = ("GET", "/pass/user@id?type=MXPH&externalId=%2B447700900456");
pub(crate) const USERS_CARD: (&str, &str) = ("GET", "/pass/usersCard?ids=1");

/// 2026-01-01T00:00:00Z, an hour after the phone started.
pub(crate) fn now() -> Clock {
    Clock { wall_ms: 1_767_225_600_000, boot_ms: 3_600_000, boot_id: [7; 16] }
}

/// The same run of the phone, later.
pub(crate) fn later(ms: i64) -> Clock {
    let clock = now();
    Clock { wall_ms: clock.wall_ms + ms, boot_ms: clock.boot_ms.saturating_add_signed(ms), ..clock }
}

pub(crate) fn catalogue() -> &'static Catalogue {
    Catalogue::builtin()
}

pub(crate) fn index(id: &str) -> ServiceIndex {
    catalogue().find(id).unwrap_or_else(|| panic!("no service {id}"))
}

pub(crate) fn id(index: Option<ServiceIndex>) -> Option<&'static str> {
    index.map(|index| catalogue().service(index).id.as_str())
}

pub(crate) fn app(package: &str) -> Owner {
    Owner::App { uid: 10_123, packages: vec![package.to_owned()] }
}

pub(crate) fn grant(consents: &mut Consents, service: &str, scope: Scope) -> Change {
    let change = consents.grant(catalogue(), service, scope, Term::Forever, Via::Screen, &now()).unwrap();
    consents.apply(&change);
    change
}

pub(crate) fn revoke(consents: &mut Consents, service: &str) -> Change {
    let change = consents.revoke(catalogue(), service, Scope::AllApps, Via::Screen, &now()).unwrap();
    consents.apply(&change);
    change
}

pub(crate) fn policy(consents: &Consents) -> Policy {
    Policy::new(catalogue(), consents, &now())
}

/// A policy with these services granted to all apps.
pub(crate) fn granted(services: &[&str]) -> Policy {
    let mut consents = Consents::new();
    for service in services {
        grant(&mut consents, service, Scope::AllApps);
    }
    policy(&consents)
}

/// What a flow states: where, the host, and of a request the method and path.
pub(crate) type Claim = (Signal, String, Option<(String, String)>);

/// A flow, described step by step. Ordinary app, TCP 443 to an ordinary address, first bytes seen.
#[derive(Clone, Debug)]
pub(crate) struct Flow {
    pub(crate) transport: Transport,
    pub(crate) address: IpAddr,
    pub(crate) sinkhole: Option<String>,
    pub(crate) unmapped: bool,
    pub(crate) names: Vec<Arc<str>>,
    pub(crate) owner: Owner,
    pub(crate) stated: Option<Claim>,
    pub(crate) signature: Option<ServiceIndex>,
    pub(crate) seen: bool,
}

pub(crate) fn flow() -> Flow {
    Flow {
        transport: Transport::Tcp,
        address: "192.0.2.1".parse().unwrap(),
        sinkhole: None,
        unmapped: false,
        names: Vec::new(),
        owner: app(ORDINARY),
        stated: None,
        signature: None,
        seen: true,
    }
}

impl Flow {
    pub(crate) fn to(mut self, address: &str) -> Self {
        self.address = address.parse().unwrap();
        self
    }
    pub(crate) fn named(mut self, names: &[&str]) -> Self {
        self.names = names.iter().map(|name| Arc::from(*name)).collect();
        self
    }
    pub(crate) fn sinkhole(mut self, name: &str) -> Self {
        self.address = "198.18.0.9".parse().unwrap();
        self.sinkhole = Some(name.to_owned());
        self
    }
    pub(crate) fn of(mut self, package: &str) -> Self {
        self.owner = app(package);
        self
    }
    pub(crate) fn owner(mut self, owner: Owner) -> Self {
        self.owner = owner;
        self
    }
    pub(crate) fn tls(mut self, host: &str) -> Self {
        self.stated = Some((Signal::TlsSni, host.to_owned(), None));
        self
    }
    pub(crate) fn quic(mut self, host: &str) -> Self {
        self.transport = Transport::Udp;
        self.stated = Some((Signal::QuicSni, host.to_owned(), None));
        self
    }
    pub(crate) fn http(mut self, host: &str, (method, path): (&str, &str)) -> Self {
        self.stated = Some((Signal::HttpHost, host.to_owned(), Some((method.to_owned(), path.to_owned()))));
        self
    }
    pub(crate) fn speaks(mut self, service: &str) -> Self {
        self.signature = Some(index(service));
        self
    }
    /// Judged at the SYN.
    pub(crate) fn syn(mut self) -> Self {
        self.seen = false;
        self
    }
    pub(crate) fn judge(&self, policy: &Policy) -> Verdict {
        judge(
            catalogue(),
            policy,
            &Facts {
                transport: self.transport,
                address: self.address,
                port: 443,
                sinkhole: self.sinkhole.as_deref(),
                unmapped_sinkhole: self.unmapped,
                names: &self.names,
                owner: &self.owner,
                stated: self.stated.as_ref().map(|(signal, host, request)| Stated {
                    signal: *signal,
                    host,
                    request: request.as_ref().map(|(method, path)| (method.as_str(), path.as_str())),
                    ech: false,
                }),
                signature: self.signature,
                first_bytes_seen: self.seen,
            },
        )
    }
    #[track_caller]
    pub(crate) fn denied(&self, policy: &Policy, service: &str, signal: Signal) {
        let verdict = self.judge(policy);
        assert!(!verdict.allow, "allowed: {self:?}: {}", verdict.reason(catalogue()));
        assert_eq!((id(verdict.service), verdict.signal), (Some(service), Some(signal)), "{self:?}");
    }
    #[track_caller]
    pub(crate) fn allowed(&self, policy: &Policy) {
        let verdict = self.judge(policy);
        assert!(verdict.allow, "denied: {self:?}: {}", verdict.reason(catalogue()));
    }
}
