//! What the matcher answers, on a small catalogue made for these tests.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use consentry_catalogue::{Catalogue, Certainty, NameMatch, PathMatch, SignatureMatch, Transport};

const FILE: &str = r#"
format = 1
vendor = "Example"

[sources]
DOC = "Developer pages of the maker, 2024"

[[service]]
id = "example.push"
name = "Example Push"
short_name = "Push"
category = "push"
does = "Brings notifications."
breaks = "Notifications."
breaks_short = "Stops: notifications"
default = "needs_consent"
dns_answer = "sinkhole"
sources = ["DOC"]
names = [
    { suffix = "push.example.net", certainty = "confirmed", sources = ["DOC"] },
    { exact = "both.example.net", certainty = "confirmed", sources = ["DOC"], shared_with = ["example.ads"] },
]
addresses = [{ address = "2001:db8::1", transport = "tcp", port = 443, purpose = "fallback", certainty = "inferred", sources = ["DOC"] }]
ports = [{ transport = "udp", port = 19000, certainty = "inferred", sources = ["DOC"] }]
paths = [
    { methods = ["GET"], path = "/user/*/state", certainty = "confirmed", sources = ["DOC"] },
    { methods = ["GET", "POST"], path = "/files/**", query = "*", certainty = "confirmed", sources = ["DOC"] },
    { methods = ["GET"], path = "/find@id", query = "type=A&phone=*", certainty = "confirmed", sources = ["DOC"] },
    { methods = ["GET"], path = "/more", query = "type=A&*", certainty = "confirmed", sources = ["DOC"] },
    { methods = ["GET"], path = "/x*ab*.bin", certainty = "confirmed", sources = ["DOC"] },
]
signatures = [
    { transport = "tcp", hex = "C2FE0005", certainty = "confirmed", sources = ["DOC"] },
    { transport = "udp", hex = "C2FE0006AA", certainty = "confirmed", sources = ["DOC"] },
]
packages = [{ name = "net.example.push", dedicated = true, certainty = "inferred", sources = ["DOC"] }]

[[service]]
id = "example.ads"
name = "Example Ads"
short_name = "Ads"
category = "ads"
does = "Shows adverts."
breaks = "Adverts."
breaks_short = "Stops: adverts"
default = "needs_consent"
dns_answer = "nodata"
sources = ["DOC"]
names = [
    { exact = "ads.push.example.net", certainty = "confirmed", sources = ["DOC"] },
    { exact = "push.example.net", certainty = "inferred", sources = ["DOC"] },
    { suffix = "deep.ads.push.example.net", certainty = "inferred", sources = ["DOC"] },
    { exact = "both.example.net", certainty = "inferred", sources = ["DOC"], shared_with = ["example.push"] },
    { suffix = "example.com", certainty = "inferred", sources = ["DOC"] },
]
signatures = [{ transport = "tcp", hex = "C2FE0006", certainty = "confirmed", sources = ["DOC"] }]
packages = [
    { name = "net.example.push", dedicated = true, certainty = "inferred", sources = ["DOC"] },
    { name = "net.example.shop", certainty = "inferred", sources = ["DOC"] },
]

[[service]]
id = "example.unlisted"
name = "Example: unlisted servers"
short_name = "Example unlisted"
category = "unlisted"
does = "Whatever else."
breaks = "New servers."
breaks_short = "May stop: new servers"
default = "needs_consent"
dns_answer = "sinkhole"
sources = ["DOC"]
"#;

fn catalogue() -> Catalogue {
    Catalogue::parse([("example.toml", FILE)]).expect("the file above is good")
}

/// What a name leads to: the ids joined by `+`, the pattern, and whether it is exact.
type Found = Option<(String, String, bool)>;

fn name(text: &str) -> Found {
    describe(&catalogue(), |catalogue| catalogue.match_name(text))
}

fn alias(text: &str) -> Found {
    describe(&catalogue(), |catalogue| catalogue.match_alias(text))
}

fn describe(catalogue: &Catalogue, find: impl Fn(&Catalogue) -> Option<NameMatch<'_>>) -> Found {
    let found = find(catalogue)?;
    let ids: Vec<_> = found.services.iter().map(|service| catalogue.service(*service).id.as_str()).collect();
    Some((ids.join("+"), found.pattern.to_owned(), found.exact))
}

fn hit(ids: &str, pattern: &str, exact: bool) -> (String, String, bool) {
    (ids.to_owned(), pattern.to_owned(), exact)
}

#[test]
fn exact_comes_before_suffix_and_longer_before_shorter() {
    assert_eq!(name("push.example.net"), Some(hit("example.ads", "push.example.net", true)));
    assert_eq!(name("a.push.example.net"), Some(hit("example.push", "push.example.net", false)));
    assert_eq!(name("ads.push.example.net"), Some(hit("example.ads", "ads.push.example.net", true)));
    assert_eq!(name("x.ads.push.example.net"), Some(hit("example.push", "push.example.net", false)));
    assert_eq!(
        name("deep.ads.push.example.net"),
        Some(hit("example.ads", "deep.ads.push.example.net", false))
    );
    assert_eq!(
        name("x.y.deep.ads.push.example.net"),
        Some(hit("example.ads", "deep.ads.push.example.net", false))
    );
}

#[test]
fn only_whole_labels_count() {
    assert_eq!(name("notpush.example.net"), None);
    assert_eq!(name("push.example.net.org"), None);
    assert_eq!(name("example.net"), None);
    assert_eq!(name("x.both.example.net"), None);
    assert_eq!(name("push-example.net"), None);
}

#[test]
fn case_and_a_trailing_dot_make_no_difference() {
    assert_eq!(name("X.PuSh.eXample.NET."), Some(hit("example.push", "push.example.net", false)));
    assert_eq!(name("BOTH.example.net."), Some(hit("example.push+example.ads", "both.example.net", true)));
    assert_eq!(name("both.example.net.."), None);
}

#[test]
fn a_shared_host_is_as_certain_as_its_weakest_claim() {
    let catalogue = catalogue();
    assert_eq!(catalogue.match_name("both.example.net").unwrap().certainty, Certainty::Inferred);
    assert_eq!(catalogue.match_name("x.push.example.net").unwrap().certainty, Certainty::Confirmed);
    assert_eq!(catalogue.shared_with(catalogue.find("example.unlisted").unwrap()), []);
}

#[test]
fn names_of_any_length_are_matched_by_their_end() {
    let label = "A".repeat(63);
    for count in [1, 3, 4, 100, 1000] {
        let long = format!("{}push.example.net", format!("{label}.").repeat(count));
        assert_eq!(name(&long), Some(hit("example.push", "push.example.net", false)), "{count} labels");
    }
    // No label boundary before the pattern.
    assert_eq!(name(&format!("{}push.example.net", "a".repeat(300))), None);
    // What is cut off for the look-up is not taken for the beginning of the name.
    assert_eq!(name(&format!("{}{}", "x".repeat(300), "both.example.net")), None);
}

#[test]
fn odd_texts_are_names_like_any_other() {
    for text in [
        "",
        ".",
        "..",
        "...",
        "*",
        "[::1]",
        "192.0.2.1",
        "\u{130}.example",
        "push.example.net\0",
        " push.example.net",
    ] {
        assert_eq!(name(text), None, "{text:?}");
        assert_eq!(alias(text), None, "{text:?}");
    }
    assert_eq!(name(".push.example.net"), Some(hit("example.push", "push.example.net", false)));
    assert_eq!(name("é.push.example.net"), Some(hit("example.push", "push.example.net", false)));
}

#[test]
fn an_alias_sees_through_service_labels() {
    assert_eq!(
        alias("_443._https.both.example.net"),
        Some(hit("example.push+example.ads", "both.example.net", true))
    );
    assert_eq!(
        alias("_dns.both.example.net."),
        Some(hit("example.push+example.ads", "both.example.net", true))
    );
    assert_eq!(name("_443._https.both.example.net"), None);
    assert_eq!(alias("x.both.example.net"), None);
}

#[test]
fn an_alias_sees_through_a_search_suffix() {
    let both = Some(hit("example.push+example.ads", "both.example.net", true));
    assert_eq!(alias("both.example.net.lan"), both);
    assert_eq!(alias("Both.Example.Net.corp.internal."), both);
    assert_eq!(alias("_443._https.both.example.net.fritz.box"), both);
    assert_eq!(alias("x.push.example.net.lan"), Some(hit("example.push", "push.example.net", false)));
    assert_eq!(alias("example.net.lan"), None);
    assert_eq!(name("both.example.net.lan"), None);
}

#[test]
fn a_countrys_domain_is_no_search_suffix() {
    assert_eq!(name("www.example.com"), Some(hit("example.ads", "example.com", false)));
    assert_eq!(alias("www.example.com.cn"), None);
    assert_eq!(alias("example.com.cn"), None);
    assert_eq!(alias("example.com.cn.lan"), Some(hit("example.ads", "example.com", false)));
}

#[test]
fn addresses_match_on_any_port() {
    let catalogue = catalogue();
    let found = catalogue.match_address("2001:db8::1".parse().unwrap()).unwrap();
    assert_eq!(
        (found.service, found.certainty),
        (catalogue.find("example.push").unwrap(), Certainty::Inferred)
    );
    assert_eq!(catalogue.match_address("2001:db8::2".parse().unwrap()), None);
}

#[test]
fn ports_count_with_their_transport() {
    assert!(catalogue().is_catalogue_port(Transport::Udp, 19000));
    assert!(!catalogue().is_catalogue_port(Transport::Tcp, 19000));
    assert!(!catalogue().is_catalogue_port(Transport::Icmp, 19000));
}

#[test]
fn packages_name_their_services() {
    let catalogue = catalogue();
    let id = |id| catalogue.find(id).unwrap();
    let push = catalogue.match_package("net.example.push").unwrap();
    assert_eq!(push.services, [id("example.push"), id("example.ads")]);
    assert_eq!(push.dedicated, Some(id("example.unlisted")));
    let shop = catalogue.match_package("net.example.shop").unwrap();
    assert_eq!((shop.services, shop.dedicated), (&[id("example.ads")][..], None));
    assert_eq!(catalogue.match_package("net.example"), None);
    assert_eq!(catalogue.match_package(""), None);
}

#[test]
fn signatures_are_told_apart_as_early_as_possible() {
    let catalogue = catalogue();
    let (push, ads) = (catalogue.find("example.push").unwrap(), catalogue.find("example.ads").unwrap());
    let tcp = |bytes: &[u8]| catalogue.match_signature(Transport::Tcp, bytes);
    assert_eq!(tcp(b""), SignatureMatch::NeedMore);
    assert_eq!(tcp(&[0xc2]), SignatureMatch::NeedMore);
    assert_eq!(tcp(&[0xc2, 0xfe, 0]), SignatureMatch::NeedMore);
    assert_eq!(tcp(&[0xc2, 0xfe, 0, 4]), SignatureMatch::No);
    assert_eq!(tcp(&[0xc2, 0xfe, 0, 5]), SignatureMatch::Service(push));
    assert_eq!(tcp(&[0xc2, 0xfe, 0, 6, 1, 2, 3]), SignatureMatch::Service(ads));
    assert_eq!(tcp(&[0xc3]), SignatureMatch::No);
    assert_eq!(tcp(&[0]), SignatureMatch::No);
    let udp = |bytes: &[u8]| catalogue.match_signature(Transport::Udp, bytes);
    assert_eq!(udp(&[0xc2, 0xfe, 0, 6]), SignatureMatch::NeedMore);
    assert_eq!(udp(&[0xc2, 0xfe, 0, 6, 0xaa]), SignatureMatch::Service(push));
    assert_eq!(catalogue.match_signature(Transport::Icmp, &[0xc2, 0xfe, 0, 5]), SignatureMatch::No);
}

#[test]
fn requests_are_compared_decoded_and_whole() {
    let catalogue = catalogue();
    let push = catalogue.find("example.push").unwrap();
    let listed = [
        ("GET", "/user/42/state"),
        ("GET", "/user/a%20b/state"),
        ("GET", "/%75ser/42/st%61te?"),
        ("GET", "/files/"),
        ("POST", "/files/a/b/c?x=1&y"),
        ("GET", "/find@id?type=A&phone=%2B44"),
        ("GET", "/find%40id?phone=&type=%41"),
        ("GET", "/more?a=1&type=A&b"),
        ("GET", "/x1aabab2.bin"),
    ];
    for (method, target) in listed {
        assert_eq!(catalogue.match_path(push, method, target), PathMatch::Listed, "{method} {target}");
    }
    let not_listed = [
        ("get", "/user/42/state"),
        ("POST", "/user/42/state"),
        ("GET", "/user//state"),
        ("GET", "/user/42/state/"),
        ("GET", "/user/42/state?x=1"),
        ("GET", "/user/4/2/state"),
        ("GET", "/user/4%2F2/state"),
        ("GET", "/user/../state"),
        ("GET", "/user/%2e%2E/state"),
        ("GET", "/user/4%zz/state"),
        ("GET", "/user/4%2/state"),
        ("GET", "/user/4\\2/state"),
        ("GET", "/user/4%0a/state"),
        ("GET", "/user/42/state#top"),
        ("GET", "/files"),
        ("GET", "/files/a/../../user"),
        ("GET", "/files/./a"),
        ("GET", "/find@id?type=B&phone=1"),
        ("GET", "/find@id?type=A"),
        ("GET", "/find@id?type=A&phone=1&imei=2"),
        ("GET", "/find@id?type=A&type=B&phone=1"),
        ("GET", "/more?a=1"),
        ("GET", "/xab1.bin"),
        ("GET", "/x1ab.bin"),
        ("GET", "/x1ab2.bin2"),
        ("GET", "user/42/state"),
        ("OPTIONS", "*"),
        ("GET", ""),
        ("", "/files/"),
    ];
    for (method, target) in not_listed {
        assert_eq!(catalogue.match_path(push, method, target), PathMatch::NotListed, "{method} {target}");
    }
    let ads = catalogue.find("example.ads").unwrap();
    assert_eq!(catalogue.match_path(ads, "GET", "/user/42/state"), PathMatch::NoRules);
    let rule = catalogue.listed_path(push, "GET", "/user/42/state").unwrap();
    assert_eq!(rule.path, "/user/*/state");
}

#[test]
fn ten_thousand_services_are_matched_as_fast_as_a_hundred() {
    let (small, large) = (synthetic(100), synthetic(10_000));
    // The best of several rounds, taken in turn, so that other work on the machine hits both alike. The factor leaves
    // room for cache misses; a matcher that looked at every service would be a hundred times slower.
    let (mut best_small, mut best_large) = (Duration::MAX, Duration::MAX);
    for _ in 0..7 {
        best_small = best_small.min(time(&small));
        best_large = best_large.min(time(&large));
    }
    assert!(best_large < best_small * 6, "100 services: {best_small:?}, 10,000 services: {best_large:?}");
}

fn time(catalogue: &Catalogue) -> Duration {
    let start = Instant::now();
    let mut hits = 0;
    for number in 0..2000 {
        let (hit, miss) =
            (format!("cdn.eu.host{}.example.net", number % 100), format!("cdn.eu.other{number}.example.org"));
        hits += usize::from(catalogue.match_name(&hit).is_some())
            + usize::from(catalogue.match_alias(&miss).is_some());
        let bytes = [0xc2, 0xfe, (number % 100) as u8, 0, 1, 2, 3, 4];
        hits += usize::from(matches!(
            catalogue.match_signature(Transport::Tcp, &bytes),
            SignatureMatch::Service(_)
        ));
    }
    assert_eq!(hits, 4000);
    start.elapsed()
}

fn synthetic(count: usize) -> Catalogue {
    let files: Vec<_> = (0..count).step_by(5000).map(|first| part(first, count.min(first + 5000))).collect();
    Catalogue::parse(files.iter().map(|text| ("many.toml", text.as_str()))).expect("made from valid parts")
}

fn part(first: usize, end: usize) -> String {
    let mut text = "format = 1\nvendor = \"Example\"\nsources.DOC = \"Made up\"\n".to_owned();
    for number in first..end {
        write!(
            text,
            r#"
[[service]]
id = "example.s{number}"
name = "Service {number}"
short_name = "Service {number}"
category = "push"
does = "Brings notifications."
breaks = "Notifications."
breaks_short = "Stops: notifications"
default = "needs_consent"
dns_answer = "sinkhole"
sources = ["DOC"]
names = [{{ suffix = "host{number}.example.net", certainty = "inferred", sources = ["DOC"] }}]
signatures = [{{ transport = "tcp", hex = "C2FE{:02X}{:02X}01", certainty = "inferred", sources = ["DOC"] }}]
"#,
            number % 100,
            number / 100,
        )
        .expect("writing to a string cannot fail");
    }
    text
}
