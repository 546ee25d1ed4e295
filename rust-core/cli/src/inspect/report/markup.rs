//! Text, numbers and bars as HTML.

use consentry_consent::export::printable;

/// Text as HTML, whatever it holds: usable between tags and in attributes.
pub(super) fn escaped(text: &str) -> String {
    let mut escaped = String::with_capacity(text.len());
    for c in printable(text).chars() {
        match c {
            '&' => escaped.push_str("&amp;"),
            '<' => escaped.push_str("&lt;"),
            '>' => escaped.push_str("&gt;"),
            '"' => escaped.push_str("&quot;"),
            '\'' => escaped.push_str("&#39;"),
            c => escaped.push(c),
        }
    }
    escaped
}

/// A number of bytes as people read it.
pub(super) fn bytes(number: u64) -> String {
    const UNITS: [&str; 5] = ["kB", "MB", "GB", "TB", "PB"];
    if number < 1000 {
        return format!("{number} B");
    }
    let mut value = number as f64 / 1000.0;
    let mut unit = 0;
    // 999.95 would be shown as 1000.0.
    while value >= 999.95 && unit + 1 < UNITS.len() {
        value /= 1000.0;
        unit += 1;
    }
    format!("{value:.1} {}", UNITS[unit])
}

/// A number with the word for what is counted.
pub(super) fn count(number: u64, one: &str, many: &str) -> String {
    format!("{number} {}", if number == 1 { one } else { many })
}

/// A table's start: caption and heads. Its region can be scrolled by keyboard.
pub(super) fn table(id: &str, caption: &str, heads: &[&str]) -> String {
    let heads: String = heads.iter().map(|head| ["<th scope=col>", head].concat()).collect();
    format!(
        "<div class=scroll tabindex=0 role=region aria-labelledby={id}><table><caption id={id}>{caption}</caption>\
         <thead><tr>{heads}</thead><tbody>\n"
    )
}

/// The end of a [`table`].
pub(super) const TABLE_END: &str = "</tbody></table></div>\n";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_from_a_capture_becomes_markup() {
        assert_eq!(
            escaped("<script>alert('a & \"b\"')</script>\u{1b}"),
            "&lt;script&gt;alert(&#39;a &amp; &quot;b&quot;&#39;)&lt;/script&gt;\u{fffd}"
        );
    }

    #[test]
    fn bytes_are_shown_in_the_unit_that_fits() {
        for (number, shown) in [
            (0, "0 B"),
            (999, "999 B"),
            (1000, "1.0 kB"),
            (999_949, "999.9 kB"),
            (999_950, "1.0 MB"),
            (123_456_789, "123.5 MB"),
            (u64::MAX, "18446.7 PB"),
        ] {
            assert_eq!(bytes(number), shown);
        }
    }
}
