//! `consentry consent` and `consentry status`.

use crate::program::{Folder, json_lines};

#[test]
fn a_grant_is_listed_and_a_revoke_ends_it() {
    let folder = Folder::new();
    assert!(folder.on_state(&["consent", "list"]).fine().contains("Nothing is granted"));
    let said = folder.on_state(&["consent", "grant", "xiaomi.push"]).fine();
    assert!(said.contains("xiaomi.push") && said.contains("all apps"), "{said}");
    folder
        .on_state(&["consent", "grant", "xiaomi.weather", "--app", "com.miui.weather2", "--for", "15m"])
        .fine();

    let table = folder.on_state(&["consent", "list"]).fine();
    assert!(table.contains("xiaomi.push") && table.contains("when revoked"), "{table}");
    let grants = json_lines(&folder.on_state(&["consent", "list", "--format", "jsonl"]).fine());
    assert_eq!(grants.len(), 2);
    assert_eq!(
        (grants[0]["service"].as_str(), grants[0]["scope"].as_str()),
        (Some("xiaomi.push"), Some("all apps"))
    );
    assert_eq!((grants[0]["end"].as_str(), grants[0]["via"].as_str()), (Some("never"), Some("command")));
    assert_eq!(grants[1]["scope"], "com.miui.weather2");
    assert!(grants[1]["end"].as_str().unwrap().ends_with('Z'));

    folder.on_state(&["consent", "revoke", "xiaomi.push"]).fine();
    let grants = json_lines(&folder.on_state(&["consent", "list", "--format", "jsonl"]).fine());
    assert_eq!(grants.len(), 1);
}

#[test]
fn history_prints_one_line_per_change() {
    let folder = Folder::new();
    assert!(folder.on_state(&["consent", "history"]).fine().contains("No change"));
    folder.on_state(&["consent", "grant", "xiaomi.cloud_messaging", "--for", "restart"]).fine();
    folder.on_state(&["consent", "revoke", "xiaomi.cloud_messaging"]).fine();
    let table = folder.on_state(&["consent", "history"]).fine();
    let lines: Vec<&str> = table.lines().skip(2).collect();
    assert_eq!(lines.len(), 2, "{table}");
    for (line, change) in lines.iter().zip(["grant", "revoke"]) {
        let words: Vec<&str> = line.split_whitespace().collect();
        assert!(words[0].ends_with('Z'), "{line}");
        assert_eq!(words[1..3], [change, "xiaomi.cloud_messaging"]);
        assert!(words.contains(&"command"), "{line}");
    }
    let changes = json_lines(&folder.on_state(&["consent", "history", "--format", "jsonl"]).fine());
    assert_eq!((changes[0]["change"].as_str(), changes[0]["end"].as_str()), (Some("grant"), Some("restart")));
    assert_eq!((changes[1]["change"].as_str(), changes[1].get("end")), (Some("revoke"), None));
}

#[test]
fn granting_one_of_two_that_share_a_host_warns_about_the_other_and_does_not_grant_it() {
    let folder = Folder::new();
    let said = folder.on_state(&["consent", "grant", "xiaomi.cloud_messaging"]).fine();
    assert!(said.contains("xiaomi.account") && said.contains("api.account.xiaomi.com"), "{said}");
    let grants = json_lines(&folder.on_state(&["consent", "list", "--format", "jsonl"]).fine());
    assert_eq!(grants.len(), 1);
    // With both granted there is nothing to warn about; with one left, the host stays open.
    let said = folder.on_state(&["consent", "grant", "xiaomi.account"]).fine();
    assert!(!said.contains("Note"), "{said}");
    let said = folder.on_state(&["consent", "revoke", "xiaomi.account"]).fine();
    assert!(said.contains("xiaomi.cloud_messaging") && said.contains("stays open"), "{said}");
    assert!(!folder.on_state(&["consent", "revoke", "xiaomi.cloud_messaging"]).fine().contains("Note"));
}

#[test]
fn changes_that_make_no_sense_are_refused_in_one_line() {
    let folder = Folder::new();
    let line = folder.on_state(&["consent", "grant", "xiaomi.pusch"]).failed(2);
    assert!(line.contains("xiaomi.pusch") && line.contains("did you mean 'xiaomi.push'"), "{line}");
    folder.on_state(&["consent", "revoke", "xiaomi.push"]).failed(2);
    folder.on_state(&["consent", "grant", "xiaomi.push", "--app", "not an app"]).failed(2);
    let line = folder.on_state(&["consent", "grant", "xiaomi.push", "--for", "soon"]).failed(2);
    assert!(line.contains("15m"), "{line}");
    assert_eq!(folder.on_state(&["consent", "list", "--format", "jsonl"]).fine(), "");
}

#[test]
fn an_essential_service_can_be_switched_off_and_on_again() {
    let folder = Folder::new();
    folder.on_state(&["consent", "revoke", "xiaomi.captive_portal"]).fine();
    assert!(folder.on_state(&["consent", "list"]).fine().contains("switched off"));
    folder.on_state(&["consent", "grant", "xiaomi.captive_portal"]).fine();
    assert!(!folder.on_state(&["consent", "list"]).fine().contains("switched off"));
}

#[test]
fn a_state_folder_that_cannot_be_used_is_told() {
    let folder = Folder::new();
    folder.file("state", b"a file, not a folder");
    for words in [["consent", "list"].as_slice(), &["log"], &["status"], &["consent", "grant", "xiaomi.push"]]
    {
        folder.on_state(words).failed(2);
    }
}

#[test]
fn status_says_that_nothing_runs_and_that_the_ledger_is_whole() {
    let folder = Folder::new();
    folder.on_state(&["consent", "grant", "xiaomi.push"]).fine();
    let said = folder.on_state(&["status"]).fine();
    assert!(said.contains("not running") && said.contains("1 grant") && said.contains("whole"), "{said}");
}
