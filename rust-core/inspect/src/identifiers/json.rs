//! The keys and values in JSON text, without building a tree: broken or cut JSON gives what stands before the break.

/// Calls `visit` with each member whose value is a string or a number, strings with their escapes undone, and with each string or
/// number of a list under the list's key.
pub(super) fn for_each_pair(text: &str, mut visit: impl FnMut(&str, &str)) {
    let mut rest = text;
    while let Some(quote) = rest.find('"') {
        let (key, after) = string(&rest[quote + 1..]);
        rest = after;
        let Some(value) = after.trim_start().strip_prefix(':').map(str::trim_start) else { continue };
        rest = match value.strip_prefix('[') {
            None => one_value(&key, value, &mut visit).unwrap_or(value),
            Some(mut items) => {
                while let Some(after) = one_value(&key, items.trim_start(), &mut visit) {
                    items = after.trim_start();
                    match items.strip_prefix(',') {
                        Some(next) => items = next,
                        None => break,
                    }
                }
                items
            }
        };
    }
}

/// Reads a string or a number; gives what follows it, or `None` if it is neither.
fn one_value<'t>(key: &str, text: &'t str, visit: &mut impl FnMut(&str, &str)) -> Option<&'t str> {
    if let Some(inside) = text.strip_prefix('"') {
        let (value, after) = string(inside);
        visit(key, &value);
        return Some(after);
    }
    let end = text.find(|c: char| !(c.is_ascii_digit() || "+-.eE".contains(c))).unwrap_or(text.len());
    if end == 0 {
        return None;
    }
    visit(key, &text[..end]);
    Some(&text[end..])
}

/// Reads a string behind its opening quote; gives its contents and what follows the closing quote.
fn string(text: &str) -> (String, &str) {
    let mut contents = String::new();
    let mut rest = text;
    while let Some(at) = rest.find(['"', '\\']) {
        contents.push_str(&rest[..at]);
        let special = &rest[at..];
        if let Some(after) = special.strip_prefix('"') {
            return (contents, after);
        }
        let (letter, after) = unescape(&special[1..]);
        contents.push(letter);
        rest = after;
    }
    contents.push_str(rest);
    (contents, "")
}

/// Reads an escape behind its backslash (RFC 8259 §7). Halves of surrogate pairs become the replacement character: no
/// identifier has such letters.
fn unescape(text: &str) -> (char, &str) {
    let mut letters = text.chars();
    let letter = match letters.next() {
        Some('n') => '\n',
        Some('t') => '\t',
        Some('r') => '\r',
        Some('b') => '\u{8}',
        Some('f') => '\u{c}',
        Some('u') => {
            let digits = text.get(1..5).filter(|digits| digits.bytes().all(|b| b.is_ascii_hexdigit()));
            let Some(code) = digits.and_then(|digits| u32::from_str_radix(digits, 16).ok()) else {
                return (char::REPLACEMENT_CHARACTER, letters.as_str());
            };
            return (char::from_u32(code).unwrap_or(char::REPLACEMENT_CHARACTER), &text[5..]);
        }
        Some(other) => other,
        None => char::REPLACEMENT_CHARACTER,
    };
    (letter, letters.as_str())
}
