//! `consentry catalogue`.

use crate::program::{Folder, json_lines, run};
use std::ffi::OsStr;

const GOOD: &str = include_str!("../../../catalogue/services/xiaomi.toml");

#[test]
fn the_list_has_every_service_at_eighty_columns() {
    let table = run(["catalogue", "list"]).fine();
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
    for id in ["xiaomi.cloud_messaging", "xiaomi.push", "xiaomi.httpdns"] {
        assert!(table.contains(id), "{id}");
    }
    let services = json_lines(&run(["catalogue", "list", "--format", "jsonl"]).fine());
    assert!(services.len() >= 105);
    assert!(services.iter().all(|service| service["id"].is_string() && service["does"].is_string()));
}

#[test]
fn one_service_is_shown_with_all_that_is_known() {
    let page = run(["catalogue", "show", "xiaomi.push"]).fine();
    for word in [
        "Mi Push",
        "app.chat.xiaomi.net",
        "111.13.141.211",
        "C2FE0005",
        "com.xiaomi.xmsf",
        "5222",
        "confirmed",
    ] {
        assert!(page.contains(word), "{word}: {page}");
    }
    let service = &json_lines(&run(["catalogue", "show", "xiaomi.push", "--format", "jsonl"]).fine())[0];
    assert_eq!(service["id"], "xiaomi.push");
    let line = run(["catalogue", "show", "no.such"]).failed(2);
    assert!(line.contains("no.such"), "{line}");
}

#[test]
fn a_file_is_checked_and_the_fault_is_told_with_its_line() {
    let folder = Folder::new();
    let check = |name: &str, bytes: &[u8]| {
        let path = folder.file(name, bytes);
        run([OsStr::new("catalogue"), OsStr::new("check"), path.as_os_str()])
    };
    assert!(check("good.toml", GOOD.as_bytes()).fine().contains("is fine"));
    let line = check("bad.toml", b"format = 1\nvendor = \"X\"\nnonsense = true\n").failed(1);
    assert!(line.contains("bad.toml, line 3"), "{line}");
    check("syntax.toml", b"format = = 1").failed(1);
    check("binary.toml", b"\xff\xfe").failed(1);
    let missing = folder.path("missing.toml");
    run([OsStr::new("catalogue"), OsStr::new("check"), missing.as_os_str()]).failed(2);
}
