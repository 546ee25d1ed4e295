//! Which texts may stand as a host pattern.

use crate::error::Reason;
use crate::service::NameKind;
use crate::wide_domains::{is_public_suffix, is_whole_domain};

/// The longest host name in text form, RFC 1035 section 2.3.4 (255 bytes on the wire).
pub(crate) const MAX_HOST_BYTES: usize = 253;

/// The longest label, RFC 1035 section 2.3.4.
const MAX_LABEL_BYTES: usize = 63;

/// Checks a host pattern of the given kind.
pub(crate) fn check(pattern: &str, kind: NameKind) -> Result<(), Reason> {
    if let Some(problem) = problem(pattern) {
        return Err(Reason::InvalidHost { pattern: pattern.to_owned(), problem });
    }
    if is_public_suffix(pattern) {
        return Err(Reason::PublicSuffix(pattern.to_owned()));
    }
    if kind == NameKind::Suffix && is_whole_domain(pattern) {
        return Err(Reason::WholeDomain(pattern.to_owned()));
    }
    Ok(())
}

fn problem(pattern: &str) -> Option<&'static str> {
    if pattern.is_empty() {
        return Some("it is empty");
    }
    if pattern.contains('*') {
        return Some("wildcards are not used; `suffix` covers all hosts below a name");
    }
    if pattern.bytes().any(|byte| byte.is_ascii_uppercase()) {
        return Some("write it in lower case");
    }
    if pattern.ends_with('.') || pattern.starts_with('.') {
        return Some("remove the dot at its start or end");
    }
    if pattern.len() > MAX_HOST_BYTES {
        return Some("a host name has at most 253 characters");
    }
    let mut last = "";
    for label in pattern.split('.') {
        if label.is_empty() {
            return Some("it has an empty label");
        }
        if label.len() > MAX_LABEL_BYTES {
            return Some("a label has at most 63 characters");
        }
        if !label
            .bytes()
            .all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || matches!(byte, b'-' | b'_'))
        {
            return Some("only letters, digits, `-` and `_` are allowed (other scripts as xn--)");
        }
        if label.starts_with('-') || label.ends_with('-') {
            return Some("a label cannot start or end with `-`");
        }
        last = label;
    }
    if last.bytes().all(|byte| byte.is_ascii_digit()) {
        return Some("it looks like an address; list it under `addresses`");
    }
    None
}
