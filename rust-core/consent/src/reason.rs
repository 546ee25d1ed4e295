//! The chain of reasons in plain words: signal, service, rule, consent record.
use crate::verdict::{Rule, Verdict};
use crate::{End, Grant, Signal, rfc3339};
use consentry_catalogue::Catalogue;

impl Verdict {
    /// The chain of reasons in plain words, for example "DNS question for api.account.xiaomi.com; belongs to MIUI Cloud
    /// Messaging (confirmed), which needs your consent; none given".
    pub fn reason(&self, catalogue: &Catalogue) -> String {
        let host = self.host.as_deref();
        match self.rule {
            Rule::RulesOff => "the rules are switched off".to_owned(),
            Rule::Unmatched => "nothing in the catalogue matches".to_owned(),
            Rule::MixedNames => {
                "DNS gave this address for names with and without consent; what the flow says first decides"
                    .to_owned()
            }
            Rule::UnmappedSinkhole => "an address that was kept for a name, but stands for none".to_owned(),
            Rule::Strict => {
                let what = host.map_or_else(|| "an address without a name".to_owned(), str::to_owned);
                format!("the app is in strict mode; {what} is nothing that is listed and allowed")
            }
            _ => format!("{}; {}", self.signal_words(), self.service_words(catalogue)),
        }
    }

    fn signal_words(&self) -> String {
        let host = self.host.as_deref();
        let of = |what: &str| host.map_or_else(|| what.to_owned(), |host| format!("{what} {host}"));
        match self.signal {
            None => "no signal".to_owned(),
            Some(Signal::DnsQuestion) => {
                host.map_or_else(|| "DNS question".to_owned(), |h| format!("DNS question for {h}"))
            }
            Some(Signal::TlsSni) => of("TLS server name"),
            Some(Signal::QuicSni) => of("QUIC server name"),
            Some(Signal::HttpHost) => {
                host.map_or_else(|| "HTTP request".to_owned(), |h| format!("HTTP request to {h}"))
            }
            Some(Signal::DnsAnswer) => host.map_or_else(
                || "address learnt from DNS".to_owned(),
                |h| format!("address that DNS gave for {h}"),
            ),
            Some(Signal::Signature) => "first bytes of a protocol of its own".to_owned(),
            Some(Signal::Address) => "address that apps carry in their code".to_owned(),
            Some(Signal::App) => host.map_or_else(
                || "app of its maker's own services, to an address without a name".to_owned(),
                |h| format!("app of its maker's own services, to {h}, which is not listed"),
            ),
        }
    }

    fn service_words(&self, catalogue: &Catalogue) -> String {
        let Some(service) = self.service.map(|index| catalogue.service(index)) else {
            return "belongs to no service".to_owned();
        };
        let certainty = self.certainty.map(|certainty| format!(" ({certainty})")).unwrap_or_default();
        let rule = match self.rule {
            Rule::NeedsConsent => "which needs your consent; none given".to_owned(),
            Rule::GrantedToOthers if self.signal == Some(Signal::DnsQuestion) => {
                "which needs your consent; given to single apps only, and a DNS answer is kept for all".to_owned()
            }
            Rule::GrantedToOthers => "which needs your consent; given to other apps only".to_owned(),
            Rule::NotCovered => "which you granted before this was part of it, or before it did what it does now".to_owned(),
            Rule::SwitchedOff => "which you switched off".to_owned(),
            Rule::EssentialRequest => {
                "which is essential, but in clear text may make only its listed requests; this is none of them".to_owned()
            }
            Rule::SharedRequest => {
                "which shares this host with others; the request in clear text is not known as any of theirs".to_owned()
            }
            Rule::Dedicated => "which would hide names; denied to an app of its maker's own services".to_owned(),
            Rule::Essential => "which is essential and on".to_owned(),
            Rule::NotDedicated => "which is allowed to apps that do more than their maker's own services".to_owned(),
            Rule::Granted => self.grant.as_deref().map_or_else(|| "which you granted".to_owned(), grant_words),
            Rule::Unmatched | Rule::MixedNames | Rule::RulesOff | Rule::UnmappedSinkhole | Rule::Strict => String::new(),
        };
        // The name without its explanation in brackets: the certainty stands in brackets here.
        let name = service.name.split_once(" (").map_or(service.name.as_str(), |(name, _)| name);
        format!("belongs to {name}{certainty}, {rule}")
    }
}

/// The consent record in words.
fn grant_words(grant: &Grant) -> String {
    let end = match grant.end {
        End::Never => String::new(),
        End::Restart => " until the next restart".to_owned(),
        End::At { wall_ms, .. } => format!(" until {}", rfc3339::format(wall_ms)),
    };
    let given = rfc3339::format(grant.given.wall_ms);
    format!("which you granted to {} on {given} by {}{end}", grant.scope, grant.via)
}
