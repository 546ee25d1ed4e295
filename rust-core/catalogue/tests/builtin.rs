//! The catalogue that is part of the program: what it must hold, and what it must never match.

use std::collections::BTreeSet;
use std::net::IpAddr;

use consentry_catalogue::{
    Catalogue, Category, Certainty, DnsAnswer, NameKind, PathMatch, ServiceIndex, SignatureMatch, Standing,
    Transport,
};

/// The ids that were published first. They never change and none is ever dropped.
const IDS: &[&str] = &[
    "amazon.adm",
    "generic.ntp_cn",
    "google.ads",
    "google.analytics",
    "google.captive_portal",
    "google.fcm",
    "google.installations",
    "google.play_log",
    "google.time",
    "honor.analytics",
    "huawei.ads",
    "huawei.analytics",
    "huawei.captive_portal",
    "huawei.push",
    "huawei.routing",
    "huawei.scanners",
    "meizu.push",
    "oppo.ads",
    "oppo.captive_portal",
    "oppo.httpdns",
    "oppo.push",
    "oppo.telemetry",
    "preload.microsoft",
    "qualcomm.gnss_assist",
    "samsung.ads",
    "samsung.captive_portal",
    "samsung.diagnostics",
    "samsung.hiya",
    "samsung.push",
    "samsung.sim_log",
    "samsung.system_update",
    "sdk.adjust",
    "sdk.aliyun_push",
    "sdk.aliyun_push_stats",
    "sdk.amap_location",
    "sdk.baidu_push",
    "sdk.getui",
    "sdk.jpush",
    "sdk.onesignal",
    "sdk.pushy",
    "sdk.tencent_push",
    "sdk.umeng_analytics",
    "sdk.umeng_push",
    "unifiedpush.ntfy",
    "vivo.ads",
    "vivo.captive_portal",
    "vivo.push",
    "vivo.telemetry",
    "vivo.time",
    "xiaomi.account",
    "xiaomi.ads",
    "xiaomi.ads_security_feed",
    "xiaomi.analytics_browser",
    "xiaomi.analytics_mistat",
    "xiaomi.analytics_tracking",
    "xiaomi.antivirus",
    "xiaomi.app_list_policy",
    "xiaomi.app_scan",
    "xiaomi.app_vault",
    "xiaomi.assistant",
    "xiaomi.assistant_telemetry",
    "xiaomi.bootloader_unlock",
    "xiaomi.browser",
    "xiaomi.captive_portal",
    "xiaomi.cloud_calllog",
    "xiaomi.cloud_cards_music",
    "xiaomi.cloud_contacts",
    "xiaomi.cloud_control",
    "xiaomi.cloud_core",
    "xiaomi.cloud_files",
    "xiaomi.cloud_gallery",
    "xiaomi.cloud_messaging",
    "xiaomi.cloud_notes",
    "xiaomi.cloud_sms",
    "xiaomi.cloud_wifi",
    "xiaomi.community",
    "xiaomi.crash_feedback",
    "xiaomi.developer_sdk",
    "xiaomi.device_registry",
    "xiaomi.file_storage",
    "xiaomi.find_device",
    "xiaomi.games",
    "xiaomi.getapps",
    "xiaomi.httpdns",
    "xiaomi.input",
    "xiaomi.interconnect",
    "xiaomi.location",
    "xiaomi.pay",
    "xiaomi.power_profiles",
    "xiaomi.privacy_record",
    "xiaomi.push",
    "xiaomi.quick_apps",
    "xiaomi.remote_profiles",
    "xiaomi.search",
    "xiaomi.security_center",
    "xiaomi.security_telemetry",
    "xiaomi.sim_activation",
    "xiaomi.smart_home",
    "xiaomi.stat_legacy",
    "xiaomi.store_ads_stats",
    "xiaomi.system_update",
    "xiaomi.themes",
    "xiaomi.video",
    "xiaomi.weather",
    "xiaomi.yellow_pages_sms",
];

/// Services that are allowed until switched off.
const ESSENTIAL: &[&str] = &[
    "generic.ntp_cn",
    "google.captive_portal",
    "google.time",
    "huawei.captive_portal",
    "oppo.captive_portal",
    "qualcomm.gnss_assist",
    "samsung.captive_portal",
    "samsung.system_update",
    "vivo.captive_portal",
    "vivo.time",
    "xiaomi.captive_portal",
    "xiaomi.system_update",
];

/// Entries for whatever else the dedicated packages of a maker reach.
const UNLISTED: &[&str] = &[
    "amazon.unlisted",
    "huawei.unlisted",
    "meizu.unlisted",
    "oppo.unlisted",
    "samsung.unlisted",
    "vivo.unlisted",
    "xiaomi.unlisted",
];

fn catalogue() -> &'static Catalogue {
    Catalogue::builtin()
}

fn index(id: &str) -> ServiceIndex {
    catalogue().find(id).unwrap_or_else(|| panic!("no service {id}"))
}

/// The ids of the services that a name belongs to.
fn owners(name: &str) -> Vec<&'static str> {
    let services = catalogue().match_name(name).map_or(&[][..], |found| found.services);
    services.iter().map(|service| catalogue().service(*service).id.as_str()).collect()
}

#[test]
fn holds_every_published_service_and_nothing_unexpected() {
    assert_eq!(IDS.len(), 105);
    let expected: BTreeSet<_> =
        IDS.iter().chain(UNLISTED).copied().chain(["generic.encrypted_dns"]).collect();
    let found: BTreeSet<_> = catalogue().services().iter().map(|service| service.id.as_str()).collect();
    assert_eq!(found, expected);
}

#[test]
fn an_id_leads_to_its_service() {
    for (position, service) in catalogue().services().iter().enumerate() {
        assert_eq!(index(&service.id).as_usize(), position);
    }
    assert_eq!(catalogue().find("xiaomi.Push"), None);
}

#[test]
fn exactly_the_essential_services_are_on_from_the_start() {
    let essential: Vec<_> = sorted_ids(Standing::Essential);
    assert_eq!(essential, ESSENTIAL);
    assert_eq!(sorted_ids(Standing::DeniedToDedicated), ["generic.encrypted_dns"]);
}

fn sorted_ids(standing: Standing) -> Vec<&'static str> {
    let with = catalogue().services().iter().filter(|service| service.standing == standing);
    with.map(|service| service.id.as_str()).collect::<BTreeSet<_>>().into_iter().collect()
}

#[test]
fn one_host_is_shared_and_it_says_so() {
    let mut shared = BTreeSet::new();
    for service in catalogue().services() {
        let rules = service.names.iter().filter(|rule| !rule.shared_with.is_empty());
        shared.extend(rules.map(|rule| (rule.pattern.as_str(), rule.kind)));
    }
    assert_eq!(shared, BTreeSet::from([("api.account.xiaomi.com", NameKind::Exact)]));
    assert_eq!(owners("api.account.xiaomi.com"), ["xiaomi.cloud_messaging", "xiaomi.account"]);
    let (messaging, account) = (index("xiaomi.cloud_messaging"), index("xiaomi.account"));
    assert_eq!(catalogue().shared_with(messaging), [account]);
    assert_eq!(catalogue().shared_with(account), [messaging]);
    for service in catalogue().services().iter().filter(|service| service.names.len() > 1) {
        if service.id != "xiaomi.account" {
            assert!(catalogue().shared_with(index(&service.id)).is_empty(), "{}", service.id);
        }
    }
}

#[test]
fn whole_vendor_domains_never_match() {
    let domains = [
        "xiaomi.com",
        "xiaomi.net",
        "miui.com",
        "mi.com",
        "mi-img.com",
        "mi-idc.com",
        "hicloud.com",
        "dbankcloud.com",
        "dbankcloud.cn",
        "dbankcloud.eu",
        "dbankcloud.asia",
        "hihonorcloud.com",
        "huawei.com",
        "samsungdm.com",
        "samsung.com",
        "samsungosp.com",
        "google.com",
        "googleapis.com",
        "gstatic.com",
        "android.com",
        "heytapmobi.com",
        "heytapmobile.com",
        "oppomobile.com",
        "coloros.com",
        "vivo.com.cn",
        "vivo.com",
        "vivoglobal.com",
        "meizu.com",
        "taobao.com",
        "aliyuncs.com",
        "aliyun.com",
        "baidu.com",
        "qq.com",
        "tencent.com",
        "amazon.com",
        "microsoft.com",
        "amap.com",
        "izatcloud.net",
        "com",
        "net",
        "cn",
        "com.cn",
    ];
    for domain in domains {
        assert_eq!(owners(domain), [""; 0], "{domain}");
        assert_eq!(owners(&format!("some-other-host.{domain}")), [""; 0], "below {domain}");
    }
}

#[test]
fn the_most_specific_rule_wins() {
    assert_eq!(owners("account.xiaomi.com"), ["xiaomi.account"]);
    assert_eq!(owners("ac.account.xiaomi.com"), ["xiaomi.sim_activation"]);
    assert_eq!(owners("micloud.xiaomi.net"), ["xiaomi.cloud_core"]);
    assert_eq!(owners("contactapi.micloud.xiaomi.net"), ["xiaomi.cloud_contacts"]);
    assert_eq!(owners("eu.contactapi.micloud.xiaomi.net"), ["xiaomi.cloud_contacts"]);
    assert_eq!(owners("update.miui.com"), ["xiaomi.system_update"]);
    assert_eq!(owners("unlock.update.miui.com"), ["xiaomi.bootloader_unlock"]);
    assert_eq!(owners("tracker.ai.xiaomi.com"), ["xiaomi.assistant_telemetry"]);
    assert_eq!(owners("httpdns.push.heytapmobi.com"), ["oppo.httpdns"]);
    assert_eq!(owners("idmb.app.chat.global.xiaomi.net"), ["xiaomi.push"]);
}

#[test]
fn neighbours_of_a_service_stay_ordinary_hosts() {
    // Probed for connectivity, but home of everything else that Google does.
    assert_eq!(owners("www.google.com"), [""; 0]);
    assert_eq!(owners("www.gstatic.com"), [""; 0]);
    assert_eq!(owners("connectivitycheck.gstatic.com"), ["google.captive_portal"]);
    assert_eq!(owners("notaccount.xiaomi.com"), [""; 0]);
    assert_eq!(owners("www.mi.com"), [""; 0]);
}

#[test]
fn addresses_from_client_code_are_listed() {
    let listed = [
        ("xiaomi.push", ["111.13.141.211", "39.156.81.172", "111.202.1.250", "123.125.102.213"].as_slice()),
        (
            "xiaomi.httpdns",
            &["111.13.142.153", "111.202.1.252", "161.117.97.14", "161.117.180.178", "203.107.1.65"],
        ),
        ("sdk.jpush", &["123.196.118.23", "103.229.215.60", "117.121.49.100"]),
        ("sdk.getui", &["43.231.145.10", "42.62.120.14"]),
    ];
    let mut count = 0;
    for (id, addresses) in listed {
        for address in addresses {
            let found = catalogue().match_address(address.parse().unwrap()).unwrap();
            assert_eq!((found.service, found.certainty), (index(id), Certainty::Confirmed), "{address}");
            count += 1;
        }
    }
    assert_eq!(catalogue().services().iter().map(|service| service.addresses.len()).sum::<usize>(), count);
    assert_eq!(catalogue().match_address(IpAddr::from([8, 8, 8, 8])), None);
}

#[test]
fn mi_push_is_known_by_its_first_bytes() {
    let find = |bytes: &[u8]| catalogue().match_signature(Transport::Tcp, bytes);
    assert_eq!(find(&[0xc2, 0xfe, 0, 5, 0, 0, 1, 0]), SignatureMatch::Service(index("xiaomi.push")));
    assert_eq!(find(&[0xc2, 0xfe, 0]), SignatureMatch::NeedMore);
    assert_eq!(find(b""), SignatureMatch::NeedMore);
    assert_eq!(find(b"GET / HTTP/1.1"), SignatureMatch::No);
    assert_eq!(catalogue().match_signature(Transport::Udp, &[0xc2, 0xfe, 0, 5]), SignatureMatch::No);
}

#[test]
fn ports_of_services_are_read_before_dialling() {
    for port in [80, 443, 853, 3000, 5222, 5223, 5224, 5228, 5229, 5230] {
        assert!(catalogue().is_catalogue_port(Transport::Tcp, port), "tcp {port}");
    }
    assert!(catalogue().is_catalogue_port(Transport::Udp, 19000));
    assert!(catalogue().is_catalogue_port(Transport::Udp, 123));
    // Servers that speak first must not wait for bytes of the client.
    for port in [21, 22, 25, 110, 143, 3306] {
        assert!(!catalogue().is_catalogue_port(Transport::Tcp, port), "tcp {port}");
    }
}

#[test]
fn essential_clear_text_is_limited_to_its_requests() {
    let path = |id, method, target| catalogue().match_path(index(id), method, target);
    for id in ESSENTIAL.iter().filter(|id| id.ends_with("captive_portal")) {
        assert_eq!(path(id, "GET", "/generate_204"), PathMatch::Listed, "{id}");
        assert_eq!(path(id, "POST", "/generate_204"), PathMatch::NotListed, "{id}");
        assert_eq!(path(id, "GET", "/generate_204?imei=490154203237518"), PathMatch::NotListed, "{id}");
        assert_eq!(path(id, "GET", "/"), PathMatch::NotListed, "{id}");
    }
    let update = "xiaomi.system_update";
    assert_eq!(path(update, "POST", "/updates/miotaV3.php"), PathMatch::Listed);
    assert_eq!(path(update, "GET", "/V14.0.3.0.TKOMIXM/miui_UPDATE_14.zip?s=1"), PathMatch::Listed);
    assert_eq!(path(update, "POST", "/V14.0.3.0.TKOMIXM/miui_UPDATE_14.zip"), PathMatch::NotListed);
    assert_eq!(path(update, "GET", "/collect"), PathMatch::NotListed);
    assert_eq!(path("qualcomm.gnss_assist", "GET", "/xtra3grc.bin"), PathMatch::Listed);
    assert_eq!(path("google.time", "GET", "/"), PathMatch::NoRules);
}

#[test]
fn the_shared_host_is_told_apart_by_path() {
    let requests = [
        ("GET", "/pass/user@id?type=MXPH&externalId=%2B447700900456", "xiaomi.cloud_messaging"),
        (
            "GET",
            "/pass/activate/dev/l6IQUjLsyHVvA6Ap/activating?imsi=vJ8H9jlWWHulkqhm",
            "xiaomi.cloud_messaging",
        ),
        ("GET", "/pass/v3/user@id?type=MXPH&externalId=447700900789", "xiaomi.cloud_messaging"),
        ("GET", "/pass/configuration?keys=idc", "xiaomi.cloud_messaging"),
        ("GET", "/pass/usersCard?ids=1,2", "xiaomi.account"),
    ];
    for (method, target, owner) in requests {
        for id in ["xiaomi.cloud_messaging", "xiaomi.account"] {
            let expected = if id == owner { PathMatch::Listed } else { PathMatch::NotListed };
            assert_eq!(catalogue().match_path(index(id), method, target), expected, "{id} {target}");
        }
    }
}

#[test]
fn http_dns_of_the_capture_is_listed() {
    let found = catalogue()
        .listed_path(index("xiaomi.httpdns"), "GET", "/139450/sign_d?host=api.example.net&sdk=x&bssid=y")
        .unwrap();
    assert_eq!(found.path, "/*/sign_d");
}

#[test]
fn dedicated_packages_lead_to_their_makers_unlisted_entry() {
    let dedicated = |package| {
        let found = catalogue().match_package(package).unwrap_or_else(|| panic!("{package} is not listed"));
        found.dedicated.map(|service| catalogue().service(service).id.as_str())
    };
    assert_eq!(dedicated("com.xiaomi.xmsf"), Some("xiaomi.unlisted"));
    assert_eq!(dedicated("com.miui.msa.global"), Some("xiaomi.unlisted"));
    assert_eq!(dedicated("com.miui.systemAdSolution"), Some("xiaomi.unlisted"));
    assert_eq!(dedicated("com.miui.analytics"), Some("xiaomi.unlisted"));
    assert_eq!(dedicated("com.miui.daemon"), Some("xiaomi.unlisted"));
    assert_eq!(dedicated("com.sec.spp.push"), Some("samsung.unlisted"));
    assert_eq!(dedicated("com.huawei.android.pushagent"), Some("huawei.unlisted"));
    assert_eq!(dedicated("com.heytap.mcs"), Some("oppo.unlisted"));
    assert_eq!(dedicated("com.vivo.pushservice"), Some("vivo.unlisted"));
    assert_eq!(dedicated("com.meizu.cloud"), Some("meizu.unlisted"));
    for serves_more in [
        "com.google.android.gms",
        "com.android.mms",
        "com.miui.securitycenter",
        "com.android.browser",
        "android",
    ] {
        assert_eq!(dedicated(serves_more), None, "{serves_more}");
    }
    assert_eq!(catalogue().match_package("org.mozilla.firefox"), None);
    let of_xmsf = catalogue().match_package("com.xiaomi.xmsf").unwrap().services;
    assert!(of_xmsf.contains(&index("xiaomi.push")) && of_xmsf.contains(&index("xiaomi.cloud_messaging")));
}

#[test]
fn every_unlisted_entry_is_reached_by_a_package() {
    let reached: BTreeSet<_> = catalogue()
        .services()
        .iter()
        .flat_map(|service| &service.packages)
        .filter_map(|rule| catalogue().match_package(&rule.name)?.dedicated)
        .map(|service| catalogue().service(service).id.as_str())
        .collect();
    assert_eq!(reached, UNLISTED.iter().copied().collect());
}

#[test]
fn well_known_encrypted_resolvers_are_one_entry() {
    for name in [
        "dns.google",
        "mozilla.cloudflare-dns.com",
        "dns.quad9.net",
        "a1b2c3.dns.nextdns.io",
        "one.one.one.one",
    ] {
        assert_eq!(owners(name), ["generic.encrypted_dns"], "{name}");
    }
    assert!(catalogue().service(index("generic.encrypted_dns")).addresses.is_empty());
}

#[test]
fn connectivity_checks_that_are_off_fail_instead_of_meeting_the_sinkhole() {
    for service in catalogue().services() {
        if service.category == Category::ConnectivityCheck {
            assert_ne!(service.dns_answer, DnsAnswer::Sinkhole, "{}", service.id);
        }
    }
    assert_eq!(catalogue().service(index("xiaomi.httpdns")).dns_answer, DnsAnswer::Sinkhole);
}

#[test]
fn texts_read_well_where_they_are_shown() {
    let (mut names, mut short_names) = (BTreeSet::new(), BTreeSet::new());
    for service in catalogue().services() {
        let id = &service.id;
        assert!(
            service.does.ends_with('.') && service.breaks.ends_with('.'),
            "{id}: sentences end in a full stop"
        );
        let opening = ["Stops: ", "May stop: ", "Slower: ", "Nothing visible", "Nothing known"];
        assert!(
            opening.iter().any(|words| service.breaks_short.starts_with(words)),
            "{id}: {}",
            service.breaks_short
        );
        assert!(names.insert(&service.name), "{id}: two services are called {}", service.name);
        assert!(
            short_names.insert(&service.short_name),
            "{id}: two services are called {}",
            service.short_name
        );
        let references = service.sources.iter().map(|source| &source.reference);
        for text in [&service.does, &service.breaks, &service.name]
            .into_iter()
            .chain(&service.notes)
            .chain(references)
        {
            assert!(!text.contains("../") && !text.contains("data/") && !text.contains("  "), "{id}: {text}");
        }
    }
}

#[test]
fn every_fact_has_a_source_that_is_spelled_out() {
    for service in catalogue().services() {
        let known: BTreeSet<_> = service.sources.iter().map(|source| source.key.as_str()).collect();
        let keys = (service.names.iter().map(|rule| &rule.sources))
            .chain(service.addresses.iter().map(|rule| &rule.sources))
            .chain(service.ports.iter().map(|rule| &rule.sources))
            .chain(service.paths.iter().map(|rule| &rule.sources))
            .chain(service.signatures.iter().map(|rule| &rule.sources))
            .chain(service.packages.iter().map(|rule| &rule.sources));
        for keys in keys {
            assert!(
                !keys.is_empty() && keys.iter().all(|key| known.contains(key.as_str())),
                "{}",
                service.id
            );
        }
        assert!(!known.is_empty(), "{}", service.id);
    }
}
