//! Packs the catalogue's files into one compressed block: an eighth of their length, in a library that lies unpacked on phones.
use std::{env, fs, path::Path};

/// The files, one per vendor; services are numbered and shown in this order.
const FILES: [&str; 21] = [
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
/// The strongest that the format knows.
const LEVEL: u8 = 10;

fn main() {
    println!("cargo::rerun-if-changed=services");
    let folder = Path::new("services");
    let found = fs::read_dir(folder).expect("the folder of services is beside this file").flatten();
    let unlisted = found.map(|entry| entry.file_name()).find(|name| {
        let name = name.to_string_lossy();
        name.strip_suffix(".toml").is_some_and(|stem| !FILES.contains(&stem))
    });
    assert!(unlisted.is_none(), "services/{unlisted:?} is not in the list of build.rs");

    // Name and text of each, each ended by a byte that neither has.
    let mut block = Vec::new();
    for stem in FILES {
        let name = format!("{stem}.toml");
        let text = fs::read(folder.join(&name)).expect("every file of the list is there");
        assert!(!text.contains(&0), "services/{name} has a zero byte");
        for part in [name.as_bytes(), &text] {
            block.extend_from_slice(part);
            block.push(0);
        }
    }
    let target = env::var_os("OUT_DIR").expect("cargo names the folder");
    let packed = miniz_oxide::deflate::compress_to_vec_zlib(&block, LEVEL);
    fs::write(Path::new(&target).join("services.zz"), packed).expect("the folder can be written to");
}
