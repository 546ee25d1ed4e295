//! HTTP path and query patterns.
//!
//! A request is compared after percent-decoding, piece by piece and without copying. What a server might read in
//! another way than we do (dot segments, encoded slashes, back-slashes, fragments, raw control bytes) is never listed.

use crate::error::Reason;
use crate::service::PathRule;

/// The longest path or query pattern, in bytes.
const MAX_PATTERN_BYTES: usize = 256;

/// The most parameters in a query pattern.
const MAX_PARAMETERS: usize = 16;

/// Checks the patterns of a rule.
pub(crate) fn check(methods: &[String], path: &str, query: Option<&str>) -> Result<(), Reason> {
    if methods.is_empty() {
        return Err(Reason::Empty { field: "methods" });
    }
    for method in methods {
        if method.is_empty() || !method.bytes().all(|byte| byte.is_ascii_uppercase()) {
            return Err(invalid(method, "a method is a word in upper case, such as GET"));
        }
    }
    if let Some(problem) = path_problem(path) {
        return Err(invalid(path, problem));
    }
    if let Some(query) = query
        && let Some(problem) = query_problem(query)
    {
        return Err(invalid(query, problem));
    }
    Ok(())
}

/// A request's target, taken apart once for all the rules it is compared with.
pub(crate) struct Target<'a> {
    path: &'a str,
    query: &'a str,
    /// The path has escapes: what it says shows only when they are undone.
    escaped: bool,
}

impl<'a> Target<'a> {
    /// `None` if not every server reads its path as we do: no rule lists it then.
    pub(crate) fn read(path_and_query: &'a str) -> Option<Self> {
        let (path, query) = path_and_query.split_once('?').unwrap_or((path_and_query, ""));
        let plain = path.strip_prefix('/')?.split('/').all(is_plain_segment);
        plain.then(|| Self { path, query, escaped: path.contains('%') })
    }

    /// Whether a rule lists it.
    pub(crate) fn is_listed_by(&self, rule: &PathRule, method: &str) -> bool {
        // Methods are case-sensitive, RFC 9110 section 9.1.
        rule.methods.iter().any(|known| known == method)
            && self.may_match(&rule.path)
            && path_matches(&rule.path, self.path)
            && query_matches(rule.query.as_deref(), self.query)
    }

    /// Most rules differ in their first letters, which is quicker to see.
    fn may_match(&self, pattern: &str) -> bool {
        let literal = pattern.split('*').next().unwrap_or_default();
        self.escaped || self.path.starts_with(literal)
    }
}

fn invalid(pattern: &str, problem: &'static str) -> Reason {
    Reason::InvalidPath { pattern: pattern.to_owned(), problem }
}

fn path_problem(path: &str) -> Option<&'static str> {
    if !path.starts_with('/') {
        return Some("a path starts with `/`");
    }
    if path.len() > MAX_PATTERN_BYTES {
        return Some("it has more than 256 characters");
    }
    if !path.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'%' | b'\\')) {
        return Some("write it decoded, without query, in visible ASCII characters");
    }
    let mut segments = path[1..].split('/').peekable();
    while let Some(segment) = segments.next() {
        if matches!(segment, "." | "..") {
            return Some("it has a dot segment");
        }
        if segment.contains("**") && (segment != "**" || segments.peek().is_some()) {
            return Some("`**` can only be the whole last segment");
        }
    }
    None
}

fn query_problem(query: &str) -> Option<&'static str> {
    if query.len() > MAX_PATTERN_BYTES {
        return Some("it has more than 256 characters");
    }
    if !query.bytes().all(|byte| byte.is_ascii_graphic() && !matches!(byte, b'?' | b'#' | b'%')) {
        return Some("write it decoded, in visible ASCII characters");
    }
    if query.split('&').count() > MAX_PARAMETERS {
        return Some("it has more than 16 parameters");
    }
    let mut items = query.split('&').peekable();
    while let Some(item) = items.next() {
        match item.split_once('=') {
            Some((key, value)) => {
                if key.is_empty() || key.contains('*') || (value.contains('*') && value != "*") {
                    return Some("a parameter is `key=value` or `key=*`");
                }
            }
            None if item == "*" && items.peek().is_none() => {}
            None => return Some("a parameter is `key=value` or `key=*`, and a `*` can only be the last"),
        }
    }
    None
}

fn path_matches(pattern: &str, path: &str) -> bool {
    let mut wanted = pattern.split('/');
    let mut found = path.split('/');
    loop {
        match (wanted.next(), found.next()) {
            (Some("**"), Some(_)) | (None, None) => return true,
            (Some(pattern), Some(segment)) if glob(pattern.as_bytes(), segment.as_bytes()) => {}
            _ => return false,
        }
    }
}

/// Whether every server reads the segment as we do.
fn is_plain_segment(segment: &str) -> bool {
    let mut decoded = Decoded(segment.as_bytes());
    let mut only_dots = true;
    let mut length = 0_usize;
    while let Some(byte) = decoded.next() {
        let Ok(byte) = byte else { return false };
        if byte.is_ascii_control() || matches!(byte, b'/' | b'\\') {
            return false;
        }
        only_dots &= byte == b'.';
        length += 1;
    }
    let dot_segment = only_dots && (1..=2).contains(&length);
    !dot_segment && !segment.contains('#')
}

fn query_matches(pattern: Option<&str>, query: &str) -> bool {
    let parameters = || query.split('&').filter(|parameter| !parameter.is_empty());
    let Some(pattern) = pattern else { return parameters().next().is_none() };
    let items = || pattern.split('&').filter(|item| *item != "*");
    let further_allowed = pattern.split('&').next_back() == Some("*");
    items().all(|item| parameters().any(|parameter| parameter_matches(item, parameter)))
        && (further_allowed
            || parameters().all(|parameter| items().any(|item| parameter_matches(item, parameter))))
}

fn parameter_matches(item: &str, parameter: &str) -> bool {
    let (wanted_key, wanted_value) = item.split_once('=').unwrap_or((item, ""));
    let (key, value) = parameter.split_once('=').unwrap_or((parameter, ""));
    glob(wanted_key.as_bytes(), key.as_bytes())
        && (wanted_value == "*" || glob(wanted_value.as_bytes(), value.as_bytes()))
}

/// Compares percent-encoded text with a pattern in which `*` stands for one or more bytes.
fn glob(pattern: &[u8], text: &[u8]) -> bool {
    let mut wanted = pattern;
    let mut rest = Decoded(text);
    // Where to go on when the run of the latest `*` has to be longer: the pattern after it, and the text after what it has.
    let mut retry: Option<(&[u8], Decoded<'_>)> = None;
    loop {
        let mut ahead = rest;
        match (wanted.split_first(), ahead.next()) {
            (None, None) => return true,
            (_, Some(Err(BrokenEscape))) => return false,
            (Some((b'*', after)), Some(Ok(_))) => {
                retry = Some((after, ahead));
                wanted = after;
                rest = ahead;
            }
            (Some((expected, after)), Some(Ok(byte))) if *expected == byte => {
                wanted = after;
                rest = ahead;
            }
            _ => {
                let Some((after, mut longer)) = retry else { return false };
                if !matches!(longer.next(), Some(Ok(_))) {
                    return false;
                }
                retry = Some((after, longer));
                wanted = after;
                rest = longer;
            }
        }
    }
}

/// A `%` without two hexadecimal digits after it.
struct BrokenEscape;

/// Percent-decoding, RFC 3986 section 2.1, one byte at a time.
#[derive(Clone, Copy)]
struct Decoded<'a>(&'a [u8]);

impl Decoded<'_> {
    fn next(&mut self) -> Option<Result<u8, BrokenEscape>> {
        match *self.0 {
            [] => None,
            [b'%', high, low, ref rest @ ..] => {
                self.0 = rest;
                let digits = hex_digit(high).zip(hex_digit(low));
                Some(digits.map(|(high, low)| high << 4 | low).ok_or(BrokenEscape))
            }
            [b'%', ..] => {
                self.0 = &[];
                Some(Err(BrokenEscape))
            }
            [byte, ref rest @ ..] => {
                self.0 = rest;
                Some(Ok(byte))
            }
        }
    }
}

/// The value of a hexadecimal digit.
pub(crate) fn hex_digit(digit: u8) -> Option<u8> {
    char::from(digit).to_digit(16).map(|value| value as u8)
}
