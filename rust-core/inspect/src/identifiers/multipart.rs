//! Forms in parts (RFC 7578): each part has a name and a value.

/// Most parts that are looked at.
const MOST_PARTS: usize = 256;

/// The boundary that a Content-Type names, if it is that of a form in parts.
pub(super) fn boundary(content_type: &[u8]) -> Option<String> {
    let text = String::from_utf8_lossy(content_type);
    if !text.get(..10)?.eq_ignore_ascii_case("multipart/") {
        return None;
    }
    let boundary = parameter(&text, "boundary")?;
    (1..=70).contains(&boundary.len()).then_some(boundary)
}

/// A parameter of a header, with or without quotation marks.
fn parameter(header: &str, wanted: &str) -> Option<String> {
    header.split(';').skip(1).find_map(|part| {
        let (name, value) = part.split_once('=')?;
        name.trim().eq_ignore_ascii_case(wanted).then(|| value.trim().trim_matches('"').to_owned())
    })
}

/// Calls `visit` with the name and contents of each part, as far as they go.
pub(super) fn for_each_part(body: &[u8], boundary: &str, mut visit: impl FnMut(&str, &[u8])) {
    let delimiter = [b"--", boundary.as_bytes()].concat();
    let mut rest = body;
    for _ in 0..MOST_PARTS {
        let Some(start) = find(rest, &delimiter) else { return };
        let part = &rest[start + delimiter.len()..];
        if part.starts_with(b"--") {
            return;
        }
        let end = find(part, &delimiter).unwrap_or(part.len());
        rest = &part[end..];
        let part = &part[..end];
        let (head, contents) = match find(part, b"\r\n\r\n") {
            Some(at) => (&part[..at], &part[at + 4..]),
            None => continue,
        };
        let contents = contents.strip_suffix(b"\r\n").unwrap_or(contents);
        let head = String::from_utf8_lossy(head);
        let name = head.lines().find_map(|line| {
            let is_disposition =
                line.get(..20).is_some_and(|start| start.eq_ignore_ascii_case("content-disposition:"));
            if is_disposition { parameter(line, "name") } else { None }
        });
        visit(name.as_deref().unwrap_or_default(), contents);
    }
}

fn find(bytes: &[u8], wanted: &[u8]) -> Option<usize> {
    bytes.windows(wanted.len()).position(|window| window == wanted)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_part_is_given_with_its_name() {
        let boundary = boundary(b"multipart/form-data; charset=utf-8; boundary=\"x-1\"").expect("a boundary");
        let body = b"preamble\r\n--x-1\r\nContent-Disposition: form-data; name=\"imei\"\r\n\r\n4901\r\n--x-1\r\n\
            content-disposition: form-data; name=file; filename=\"a\"\r\nContent-Type: text/plain\r\n\r\na\r\nb\r\n--x-1--\r\nend";
        let mut parts = Vec::new();
        for_each_part(body, &boundary, |name, contents| parts.push((name.to_owned(), contents.to_vec())));
        assert_eq!(parts, [("imei".to_owned(), b"4901".to_vec()), ("file".to_owned(), b"a\r\nb".to_vec())]);
        for_each_part(&body[..67], &boundary, |_, contents| {
            assert_eq!(contents, b"490", "as far as it goes");
        });
    }

    #[test]
    fn other_content_types_have_no_boundary() {
        for other in [&b"text/plain; boundary=x"[..], b"multipart/form-data", b"", "multipart/é".as_bytes()]
        {
            assert_eq!(boundary(other), None);
        }
    }
}
