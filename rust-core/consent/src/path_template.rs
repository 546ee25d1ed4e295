/// The longest template, in characters.
const LONGEST: usize = 256;
/// More segments or parameters than this are left out.
const MOST_PARTS: usize = 24;
/// Stands for a value, or for what was left out.
const VALUE: &str = "*";

/// A path with its query, every value in it replaced by `*`: what was asked for, without whom it was about.
///
/// Query parameters keep their names only. A segment of the path is kept where it looks like a word that a programmer
/// chose (`user@id`, `v3`, `generate_204`, `getbucket.asp`), and replaced where it may be a number, an id, a hash, an
/// address or encoded text. When in doubt it is replaced.
///
/// ```
/// # use consentry_consent::attempt::path_template;
/// assert_eq!(path_template("/pass/user@id?type=MXPH&externalId=%2B447700900456"), "/pass/user@id?type=*&externalId=*");
/// ```
pub fn path_template(path_and_query: &str) -> String {
    let without_fragment = path_and_query.split('#').next().unwrap_or_default();
    let (path, query) = match without_fragment.split_once('?') {
        Some((path, query)) => (path, Some(query)),
        None => (without_fragment, None),
    };
    let mut parts: Vec<&str> =
        path.split('/').take(MOST_PARTS).map(|s| if is_word(s) { s } else { VALUE }).collect();
    if path.split('/').nth(MOST_PARTS).is_some() {
        parts.push(VALUE);
    }
    let mut template = parts.join("/");
    if let Some(query) = query {
        let parameters: Vec<String> = query.split('&').take(MOST_PARTS).map(parameter).collect();
        template.push('?');
        template.push_str(&parameters.join("&"));
        if query.split('&').nth(MOST_PARTS).is_some() {
            template.push_str("&*");
        }
    }
    // Every character kept is ASCII, so any place is a character boundary.
    template.truncate(LONGEST);
    template
}

fn parameter(text: &str) -> String {
    match text.split_once('=') {
        Some((name, _)) if is_word(name) => format!("{name}={VALUE}"),
        Some(_) => format!("{VALUE}={VALUE}"),
        // Without a sign of equality it may be the value itself.
        None if text.is_empty() => String::new(),
        None => VALUE.to_owned(),
    }
}

/// Whether a segment is made of words and small numbers, joined by `_`, `-`, `.` or `@`.
fn is_word(segment: &str) -> bool {
    let is_joint = |c: char| matches!(c, '_' | '-' | '.' | '@');
    let mail_address = segment.split_once('@').is_some_and(|(_, domain)| domain.contains('.'));
    let digits = segment.bytes().filter(u8::is_ascii_digit).count();
    segment.len() <= 40 && !mail_address && digits <= 3 && segment.split(is_joint).all(is_plain)
}

/// Whether it is a run of letters in an order of capitals that people write, then at most three digits. Random text of
/// eight and more letters changes between capitals and small letters at every second one.
fn is_plain(run: &str) -> bool {
    let letters = run.trim_end_matches(|c: char| c.is_ascii_digit());
    let changes = letters
        .as_bytes()
        .windows(2)
        .filter(|pair| pair[0].is_ascii_uppercase() != pair[1].is_ascii_uppercase())
        .count();
    let has_number = letters.len() < run.len();
    letters.bytes().all(|b| b.is_ascii_alphabetic())
        && letters.len() <= if has_number { 12 } else { 24 }
        && changes <= 1 + letters.len() / 3
        && !(letters.len() >= 8 && letters.bytes().all(|b| b.is_ascii_hexdigit()))
}

#[cfg(test)]
mod tests {
    use super::path_template;
    use proptest::prelude::*;

    #[test]
    fn keeps_what_a_programmer_named() {
        for path in [
            "/",
            "/generate_204",
            "/gslb/gslb/getbucket.asp",
            "/cms/interface/v1/checkpackages.php",
            "/pass/v3/user@id",
            "/pass/serviceLoginAuth",
            "/logNotificationAdActions",
            "/psc/",
        ] {
            assert_eq!(path_template(path), path);
        }
    }

    #[test]
    fn replaces_values() {
        for (path, template) in [
            (
                "/pass/activate/dev/l6IQUjLsyHVvA6Ap/activating?imsi=vJ8H9jlWWHulkqhm",
                "/pass/activate/dev/*/activating?imsi=*",
            ),
            (
                "/203107/sign_d?host=app.chat.xiaomi.net&sdk=&bssid=02:00:00:00:00:00",
                "/*/sign_d?host=*&sdk=*&bssid=*",
            ),
            ("/d/490154203237518", "/d/*"),
            ("/d/0eaed834a1e6f4b2bf0c024e0013dea1", "/d/*"),
            ("/d/MyYmw34mJNlqgoLv", "/d/*"),
            ("/d/%2B447700900123", "/d/*"),
            ("/d/deadbeefcafe", "/d/*"),
            ("/u/jane.doe@mail.example", "/u/*"),
            ("/u;imei=490154203237518/x", "/*/x"),
            ("/x?490154203237518", "/x?*"),
            ("/x?490154203237518=1", "/x?*=*"),
            ("/x#490154203237518", "/x"),
            ("/\u{fc}ber", "/*"),
        ] {
            assert_eq!(path_template(path), template, "{path}");
        }
    }

    proptest! {
        #[test]
        fn no_number_survives(number in "[0-9]{6,20}", before in "[a-z]{0,6}", after in "[a-z]{0,6}") {
            for path in [
                format!("/{before}{number}{after}"),
                format!("/a/{before}/{number}/{after}"),
                format!("/a?{before}={number}{after}"),
                format!("/a?{number}{before}={after}"),
            ] {
                prop_assert!(!path_template(&path).contains(&number), "{path}");
            }
        }

        #[test]
        fn any_text_gives_a_short_ascii_template(path in "\\PC{0,600}") {
            let template = path_template(&path);
            prop_assert!(template.len() <= 256 && template.is_ascii());
            prop_assert_eq!(path_template(&template), template.clone());
        }
    }
}
