//! Domains that no suffix rule may cover as a whole.

/// Domains of makers and hosting companies that hold many unrelated services, among them updates and sign-in checks.
/// An entry that ends in `.*` stands for every public suffix in that place.
const WHOLE_DOMAINS: &[&str] = &[
    // Xiaomi
    "xiaomi.com",
    "xiaomi.net",
    "xiaomi.eu",
    "miui.com",
    "mi.com",
    "mi.eu",
    "mi-img.com",
    "mi-idc.com",
    "mi-fds.com",
    "xiaomixiaoai.com",
    // Google
    "google.*",
    "googleapis.com",
    "googleapis.cn",
    "gstatic.com",
    "gstatic.cn",
    "googleusercontent.com",
    "gvt1.com",
    "gvt2.com",
    "android.com",
    // Samsung
    "samsung.*",
    "samsungdm.com",
    "samsungosp.*",
    "samsungcloud.com",
    "samsungapps.com",
    "ospserver.net",
    // Huawei and Honor
    "huawei.*",
    "hicloud.*",
    "dbankcloud.*",
    "dbankcdn.*",
    "huaweicloud.com",
    "hihonor.*",
    "hihonorcloud.*",
    // OPPO, realme, OnePlus
    "oppo.*",
    "oppomobile.com",
    "heytap.*",
    "heytapmobi.com",
    "heytapmobile.com",
    "heytapimage.com",
    "coloros.com",
    "realme.*",
    "realmemobile.com",
    "oneplus.*",
    "oplus.com",
    "nearme.com.cn",
    "wanyol.com",
    // vivo, Meizu
    "vivo.*",
    "vivoglobal.com",
    "vivo.xyz",
    "meizu.*",
    "flyme.*",
    // Other makers and large operators
    "qualcomm.com",
    "izatcloud.net",
    "apple.com",
    "icloud.com",
    "microsoft.com",
    "windows.com",
    "live.com",
    "office.com",
    "amazon.*",
    "facebook.com",
    "taobao.com",
    "m.taobao.com",
    "alibaba.com",
    "aliyun.com",
    "alipay.com",
    "amap.com",
    "baidu.com",
    "qq.com",
    "tencent.com",
    "wechat.com",
    "360safe.com",
    "avast.com",
    "cloudflare.com",
    "opendns.com",
    "mozilla.org",
    "mozilla.com",
    // Hosting and content delivery: customers' hosts of every kind
    "aliyuncs.com",
    "alicdn.com",
    "amazonaws.com",
    "cloudfront.net",
    "azure.com",
    "azurewebsites.net",
    "windows.net",
    "appspot.com",
    "web.app",
    "firebaseapp.com",
    "firebaseio.com",
    "herokuapp.com",
    "github.io",
    "akamai.net",
    "akamaized.net",
    "akamaiedge.net",
    "edgekey.net",
    "edgesuite.net",
    "fastly.net",
    "cdngc.net",
    "cdn20.com",
    "cloudflare.net",
    "workers.dev",
    "pages.dev",
    "myqcloud.com",
    "ksyna.net",
    "ksyuncdn.com",
    "kunlunca.com",
    "wscdns.com",
];

/// Second labels under which a country's registry hands out names, as in `com.cn` or `co.uk`.
const REGISTRY_LABELS: &[&str] = &[
    "ac", "co", "com", "edu", "gob", "gov", "go", "id", "info", "mil", "ne", "net", "nom", "or", "org",
    "ltd", "plc",
];

/// Whether everybody can register names directly below this one: a top-level domain, or a registry label below a
/// country's two letters. The full public suffix list is not carried: a catalogue is written by people, and this
/// catches their slips.
pub(crate) fn is_public_suffix(name: &str) -> bool {
    match name.split_once('.') {
        None => true,
        Some((label, country)) => country.len() == 2 && REGISTRY_LABELS.contains(&label),
    }
}

/// Whether a suffix rule for `name` would cover a whole domain that holds unrelated services.
pub(crate) fn is_whole_domain(name: &str) -> bool {
    WHOLE_DOMAINS.iter().any(|entry| match entry.strip_suffix(".*") {
        Some(label) => {
            name.split_once('.').is_some_and(|(first, rest)| first == label && is_public_suffix(rest))
        }
        None => *entry == name,
    })
}
