//! Keys and values in texts of no known form: XML elements and attributes, lines of a log, plain `key: value`.

/// Longest key and value that are looked at.
const LONGEST_KEY: usize = 40;
const LONGEST_VALUE: usize = 120;

/// Calls `visit` with each word that a `=`, `:` or `>` follows, and what stands behind that up to the next thing that ends a
/// value.
pub(super) fn for_each_pair(text: &str, mut visit: impl FnMut(&str, &str)) {
    let is_word = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
    let bytes = text.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        if !is_word(bytes[at]) {
            at += 1;
            continue;
        }
        let start = at;
        while at < bytes.len() && is_word(bytes[at]) {
            at += 1;
        }
        let (key, behind) = (&text[start..at], &text[at..]);
        if key.len() > LONGEST_KEY {
            continue;
        }
        let value = behind.trim_start_matches(['"', '\'', ' ']);
        let Some(value) = value.strip_prefix(['=', ':', '>']) else { continue };
        let value = value.trim_start_matches([' ', '"', '\'', '>', '=']);
        let ends =
            |c: char| c.is_control() || matches!(c, '"' | '\'' | '<' | '>' | '&' | ',' | ';' | ' ' | '|');
        let end = value.find(ends).unwrap_or(value.len());
        if (1..=LONGEST_VALUE).contains(&end) {
            visit(key, &value[..end]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_are_found_in_xml_logs_and_lines() {
        for (text, expected) in [
            ("<info><imei>4901</imei></info>", ("imei", "4901")),
            ("<phone imei=\"4901\" x='y'/>", ("imei", "4901")),
            ("imei: 4901\nserial: 7", ("imei", "4901")),
            ("2014 start [imei=4901, serial=7]", ("imei", "4901]")),
            ("imei = '4901'", ("imei", "4901")),
        ] {
            let mut found = Vec::new();
            for_each_pair(text, |key, value| found.push((key.to_owned(), value.to_owned())));
            let (key, value) = expected;
            let value = value.trim_end_matches(']');
            assert!(
                found.iter().any(|(k, v)| k == key && v.trim_end_matches(']') == value),
                "{text}: {found:?}"
            );
        }
    }
}
