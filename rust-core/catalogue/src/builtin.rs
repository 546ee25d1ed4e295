//! The catalogue files that are part of the program, one per vendor.

macro_rules! files {
    ($($name:literal),* $(,)?) => { &[$((concat!($name, ".toml"), include_str!(concat!("../services/", $name, ".toml")))),*] };
}

/// File name and text of each file.
pub(crate) const FILES: &[(&str, &str)] = files![
    "xiaomi",
    "google",
    "samsung",
    "huawei",
    "honor",
    "oppo",
    "vivo",
    "meizu",
    "aurora_mobile",
    "getui",
    "alibaba",
    "baidu",
    "tencent",
    "onesignal",
    "pushy",
    "amazon",
    "ntfy",
    "microsoft",
    "adjust",
    "qualcomm",
    "various",
];
