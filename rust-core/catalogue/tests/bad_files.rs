//! Every way in which a catalogue file can be wrong gives file, line and reason.
//!
//! Each file in `tests/bad` has one fault. The line with the fault ends in a comment that says what the reason has to
//! begin with: `# <- the reason`.

use std::fmt::Write as _;
use std::path::Path;

use consentry_catalogue::{Catalogue, CatalogueError, MAX_FILE_BYTES, Reason};

#[test]
fn each_bad_file_is_refused_at_its_line_and_for_its_reason() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/bad");
    let mut names: Vec<_> =
        folder.read_dir().unwrap().map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    names.sort();
    assert!(!names.is_empty());
    for name in names {
        let text = std::fs::read_to_string(folder.join(&name)).unwrap();
        let faults: Vec<_> = text
            .lines()
            .enumerate()
            .filter_map(|(number, line)| Some((number + 1, line.split_once("# <- ")?.1)))
            .collect();
        let [(line, reason)] = faults[..] else {
            panic!("{name}: one fault is marked with `# <- `, not {}", faults.len())
        };
        let error = refused(&[(&name, &text)]);
        assert_eq!((error.file.as_str(), error.line), (name.as_str(), line), "{error}");
        assert!(error.reason.to_string().starts_with(reason), "{error}\nexpected: {reason}");
        assert!(error.to_string().starts_with(&format!("{name}, line {line}: {reason}")), "{error}");
    }
}

fn refused(files: &[(&str, &str)]) -> CatalogueError {
    match Catalogue::parse(files.iter().copied()) {
        Err(error) => error,
        Ok(_) => panic!("{} was accepted", files[0].0),
    }
}

const GOOD: &str = r#"
format = 1
vendor = "Example"

[sources]
DOC = "Developer pages of the maker, 2024"

[[service]]
id = "example.push"
name = "Example Push"
short_name = "Example Push"
category = "push"
does = "Brings notifications."
breaks = "Notifications of Example apps."
breaks_short = "Stops: notifications of Example apps"
default = "needs_consent"
dns_answer = "sinkhole"
sources = ["DOC"]
names = [{ suffix = "push.example.net", certainty = "confirmed", sources = ["DOC"] }]
"#;

#[test]
fn the_file_that_the_bad_ones_are_made_from_is_good() {
    let catalogue = Catalogue::parse([("good.toml", GOOD)]).unwrap();
    assert_eq!(catalogue.services().len(), 1);
    assert_eq!(catalogue.services()[0].sources[0].reference, "Developer pages of the maker, 2024");
}

#[test]
fn a_catalogue_without_files_is_empty() {
    let catalogue = Catalogue::parse([]).unwrap();
    assert!(catalogue.services().is_empty());
    assert_eq!(catalogue.match_name("push.example.net"), None);
    assert_eq!(catalogue.match_alias("push.example.net.lan"), None);
}

#[test]
fn an_empty_file_is_refused() {
    let error = refused(&[("empty.toml", "")]);
    assert_eq!((error.line, error.reason), (1, Reason::Syntax("missing field `format`".to_owned())));
}

#[test]
fn faults_between_two_files_name_both() {
    let error = refused(&[("one.toml", GOOD), ("two.toml", GOOD)]);
    let reason = Reason::DuplicateId { id: "example.push".to_owned(), file: "one.toml".to_owned(), line: 9 };
    assert_eq!(error, CatalogueError { file: "two.toml".to_owned(), line: 9, reason });
}

#[test]
fn a_file_over_the_limit_is_refused_unread() {
    let mut text = GOOD.to_owned();
    text.push('#');
    text.extend(std::iter::repeat_n(' ', MAX_FILE_BYTES - text.len()));
    assert!(Catalogue::parse([("full.toml", text.as_str())]).is_ok());
    text.push(' ');
    let error = refused(&[("over.toml", &text)]);
    assert_eq!(error.reason, Reason::FileTooLarge { bytes: MAX_FILE_BYTES + 1, limit: MAX_FILE_BYTES });
    assert_eq!(MAX_FILE_BYTES, 4 * 1024 * 1024);
}

#[test]
fn more_services_than_positions_are_refused() {
    // 65,535 fit. One file may not hold as many, so several do.
    let files: Vec<(String, String)> =
        (0..8).map(|part| (format!("{part}.toml"), many(part * 8192, 8192))).collect();
    let error = refused(&files.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect::<Vec<_>>());
    assert_eq!((error.file.as_str(), error.reason), ("7.toml", Reason::TooManyServices { limit: 65535 }));
}

fn many(first: usize, count: usize) -> String {
    let mut text = "format = 1\nvendor = \"E\"\nsources.D = \"d\"\n".to_owned();
    for number in first..first + count {
        write!(
            text,
            "[[service]]\nid=\"e.s{number}\"\nname=\"e\"\nshort_name=\"e\"\ncategory=\"ads\"\ndoes=\"e\"\nbreaks=\"e\"\nbreaks_short=\"e\"\n\
             default=\"needs_consent\"\ndns_answer=\"nodata\"\nsources=[\"D\"]\n\
             names=[{{exact=\"s{number}.example.net\",certainty=\"inferred\",sources=[\"D\"]}}]\n"
        )
        .expect("writing to a string cannot fail");
    }
    text
}

#[test]
fn deep_nesting_is_an_error_and_not_a_crash() {
    for (open, close) in [("[", "]"), ("{a=", "}")] {
        let text = format!("format = {}1{}", open.repeat(100_000), close.repeat(100_000));
        assert_eq!(refused(&[("deep.toml", &text)]).line, 1);
    }
}
