//! Percent-encoding and the `key=value&…` form of queries and form bodies (WHATWG URL §5.1).

/// Undoes percent-encoding; a `%` that no two hex digits follow stands for itself.
pub(crate) fn decode(text: &[u8]) -> Vec<u8> {
    let mut decoded = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((&byte, after)) = rest.split_first() {
        let escaped = match after {
            [high, low, ..] if byte == b'%' => hex_digit(*high).zip(hex_digit(*low)),
            _ => None,
        };
        if let Some((high, low)) = escaped {
            decoded.push(high << 4 | low);
            rest = &after[2..];
        } else {
            decoded.push(byte);
            rest = after;
        }
    }
    decoded
}

/// The decoded keys and values of a query or form, in order. A key without `=` has an empty value.
pub(crate) fn pairs(text: &[u8]) -> impl Iterator<Item = (String, String)> {
    text.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()).map(|pair| {
        let at = pair.iter().position(|byte| *byte == b'=').unwrap_or(pair.len());
        (decode_text(&pair[..at]), decode_text(pair.get(at + 1..).unwrap_or_default()))
    })
}

/// The query of a path: what follows the first `?`, without a fragment.
pub(crate) fn query(path_and_query: &str) -> &str {
    let query = path_and_query.split_once('?').map_or("", |(_, query)| query);
    query.split_once('#').map_or(query, |(query, _)| query)
}

/// Like [`decode`], with `+` for a blank, as text.
fn decode_text(text: &[u8]) -> String {
    let blanks: Vec<u8> = text.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    String::from_utf8_lossy(&decode(&blanks)).into_owned()
}

fn hex_digit(byte: u8) -> Option<u8> {
    char::from(byte).to_digit(16).map(|digit| digit as u8)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escapes_are_undone_once_and_broken_ones_kept() {
        assert_eq!(decode(b"02%3A00%3a%2500"), b"02:00:%00");
        assert_eq!(decode(b"100%"), b"100%");
        assert_eq!(decode(b"%zz%4"), b"%zz%4");
        assert_eq!(decode(b"a+b"), b"a+b");
    }

    #[test]
    fn pairs_are_split_before_they_are_decoded() {
        let read: Vec<_> = pairs(b"a=1%262&b&&%63=x+y%2B=z").collect();
        let expected = [("a", "1&2"), ("b", ""), ("c", "x y+=z")];
        assert_eq!(read, expected.map(|(key, value)| (key.to_owned(), value.to_owned())));
        assert_eq!(pairs(b"").count(), 0);
    }

    #[test]
    fn a_query_lies_between_question_mark_and_fragment() {
        assert_eq!(query("/x?a=b?c#d"), "a=b?c");
        assert_eq!(query("/x"), "");
    }
}
