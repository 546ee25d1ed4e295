//! Going through a message, and through what is hidden inside its texts.

use super::decode::{self, Compression, MAX_INFLATED};
use super::key::Key;
use super::own::OwnValues;
use super::{Form, Identifier, Kind, json, loose, multipart, user_agent, value};
use crate::{http1, urlencoded};

/// How deep texts inside texts are followed: a form field in base64 that holds JSON with a field that holds JSON.
const MAX_DEPTH: usize = 6;
/// Most keys and values looked at in one message.
const MAX_VALUES: usize = 20_000;

/// What has been found so far, and what was undone to get where the search is.
pub(super) struct Search<'o> {
    found: Vec<Identifier>,
    own: Option<&'o OwnValues>,
    /// What was undone, the outermost first.
    undone: Vec<&'static str>,
    depth: usize,
    /// Bytes that may still be inflated.
    inflatable: usize,
    values_left: usize,
}

/// What kind of place a key stands in.
#[derive(Clone, Copy)]
enum Place<'p> {
    /// In a list of keys and values that has a name.
    Of(&'static str),
    /// In a header of this name.
    Header(&'p str),
    /// This very place, whatever the key.
    Here(&'p str),
}

impl Place<'_> {
    fn named(self, key: &str) -> String {
        match self {
            Self::Of(list) => format!("{list} {}", presentable(key)),
            Self::Header(name) => format!("header {}", presentable(name)),
            Self::Here(place) => place.to_owned(),
        }
    }
}

impl<'o> Search<'o> {
    pub(super) fn new(own: Option<&'o OwnValues>) -> Self {
        Self {
            found: Vec::new(),
            own: own.filter(|own| !own.is_empty()),
            undone: Vec::new(),
            depth: 0,
            inflatable: MAX_INFLATED,
            values_left: MAX_VALUES,
        }
    }

    pub(super) fn finish(mut self) -> Vec<Identifier> {
        self.found.sort_unstable();
        self.found.dedup();
        self.found
    }

    pub(super) fn add(&mut self, kind: Kind, form: Form, place: &str) {
        let mut place = place.to_owned();
        if !self.undone.is_empty() {
            place = format!("{place} ({})", self.undone.join(", "));
        }
        self.found.push(Identifier { kind, form, place });
    }

    /// Path and query of a request.
    pub(super) fn target(&mut self, target: &str) {
        self.pairs(urlencoded::query(target), Place::Of("query parameter"));
        let path = target.split(['?', '#']).next().unwrap_or_default();
        let segments: Vec<String> = path
            .split('/')
            .map(|segment| String::from_utf8_lossy(&urlencoded::decode(segment.as_bytes())).into_owned())
            .collect();
        // Each segment is taken for the key of the one behind it: `/dev/ID/activating`.
        for pair in segments.windows(2) {
            if self.own_value(&pair[1], "path") {
                continue;
            }
            if let Some(key) = Key::of_path_segment(&pair[0])
                && let Some((kind, form)) = value::recognise(key, &pair[1])
            {
                self.add(kind, form, "path");
            }
        }
    }

    pub(super) fn header(&mut self, name: &str, value: &str) {
        let place = Place::Header(name);
        if name.eq_ignore_ascii_case("cookie") {
            for (key, value) in value.split(';').filter_map(|pair| pair.split_once('=')) {
                let value = urlencoded::decode(value.trim().as_bytes());
                let value = String::from_utf8_lossy(&value);
                self.keyed(key.trim(), value.trim_matches('"'), place);
            }
        } else if name.eq_ignore_ascii_case("user-agent") {
            for kind in user_agent::shown(value) {
                self.add(kind, Form::Plain, &place.named(""));
            }
            self.own_value(value, &place.named(""));
        } else if name.eq_ignore_ascii_case("referer") {
            self.pairs(urlencoded::query(value), place);
        } else {
            self.keyed(name, value, place);
        }
    }

    /// A request's body, as it was before framing.
    pub(super) fn body(&mut self, request: &http1::Request, body: &[u8]) {
        let compression = request.header("content-encoding").next().and_then(Compression::named);
        let content_type = request.header("content-type").next().unwrap_or_default();
        let place = Place::Of("body field");
        if let Some(text) = compression.and_then(|how| self.inflate(how, body)) {
            self.inside("gzip", |search| search.contents(&text, content_type, place));
        } else {
            self.contents(body, content_type, place);
        }
    }

    /// Bytes of an unknown protocol.
    pub(super) fn unknown(&mut self, bytes: &[u8]) {
        let text = String::from_utf8_lossy(bytes);
        loose::for_each_pair(&text, |key, value| self.keyed(key, value, Place::Here("clear text")));
        self.own_value(&text, "clear text");
    }

    /// A value under a key that stands in a place of its own.
    pub(super) fn value(&mut self, key: &str, value: &str, place: &str) {
        self.keyed(key, value, Place::Here(place));
    }

    /// Follows something deeper.
    fn inside(&mut self, undone: &'static str, search: impl FnOnce(&mut Self)) {
        if self.depth == MAX_DEPTH {
            return;
        }
        self.depth += 1;
        let is_news = !undone.is_empty() && !self.undone.contains(&undone);
        if is_news {
            self.undone.push(undone);
        }
        search(self);
        if is_news {
            self.undone.pop();
        }
        self.depth -= 1;
    }

    fn inflate(&mut self, how: Compression, bytes: &[u8]) -> Option<Vec<u8>> {
        let text = how.undo(bytes, self.inflatable)?;
        self.inflatable -= text.len().min(self.inflatable);
        Some(text)
    }

    /// Bytes of any kind: compressed, a form in parts, or a text.
    fn contents(&mut self, bytes: &[u8], content_type: &[u8], place: Place<'_>) {
        if let Some(how) = Compression::of(bytes)
            && let Some(text) = self.inflate(how, bytes)
        {
            return self.inside("gzip", |search| search.contents(&text, content_type, place));
        }
        if let Some(boundary) = multipart::boundary(content_type) {
            return multipart::for_each_part(bytes, &boundary, |name, part| {
                self.inside("", |search| search.part(name, part, place));
            });
        }
        let text = String::from_utf8_lossy(bytes);
        self.text(&text, place);
    }

    fn part(&mut self, name: &str, part: &[u8], place: Place<'_>) {
        if Compression::of(part).is_some() {
            self.contents(part, b"", place);
        } else {
            self.keyed(name, &String::from_utf8_lossy(part), place);
        }
    }

    /// A text with keys and values in it, or in base64 as a whole.
    fn text(&mut self, text: &str, place: Place<'_>) {
        let trimmed = text.trim();
        let found_before = self.found.len();
        if is_json(trimmed) {
            self.json(trimmed, place);
        } else if let Some(bytes) = decode::base64(trimmed) {
            self.inside("base64", |search| search.contents(&bytes, b"", place));
        } else if is_form(trimmed) {
            self.pairs(trimmed, place);
        } else {
            loose::for_each_pair(trimmed, |key, value| self.keyed(key, value, place));
        }
        // The owner's values count without any key; one that was found by its key is not told twice.
        if let Some(own) = self.own {
            let mut further = Vec::new();
            own.find_in(trimmed, |kind, form| further.push((kind, form)));
            for (kind, form) in further {
                let known = |found: &Identifier| found.kind == kind && found.form == form;
                if !self.found[found_before..].iter().any(known) {
                    self.add(kind, form, &format!("{}, your own", place.named("").trim()));
                }
            }
        }
    }

    fn pairs(&mut self, text: &str, place: Place<'_>) {
        for (key, value) in urlencoded::pairs(text.as_bytes()) {
            self.keyed(&key, &value, place);
        }
    }

    fn json(&mut self, text: &str, place: Place<'_>) {
        json::for_each_pair(text, |key, value| self.keyed(key, value, place));
    }

    /// A value and the key beside it.
    fn keyed(&mut self, key: &str, value: &str, place: Place<'_>) {
        if self.values_left == 0 {
            return;
        }
        self.values_left -= 1;
        let value = value.trim();
        if is_json(value) {
            return self.inside("", |search| search.json(value, place));
        }
        if self.own_value(value, &place.named(key)) {
            return;
        }
        let recognised = Key::of(key)
            .and_then(|known| value::recognise(known, value))
            .or_else(|| value::needs_no_key(value));
        if let Some((kind, form)) = recognised {
            return self.add(kind, form, &place.named(key));
        }
        if let Some(bytes) = decode::base64(value) {
            self.inside("base64", |search| search.hidden(key, &bytes, place));
        } else if value.contains('%') {
            let decoded = urlencoded::decode(value.as_bytes());
            if decoded.len() < value.len() {
                let decoded = String::from_utf8_lossy(&decoded).into_owned();
                self.inside("percent-encoding", |search| search.keyed(key, &decoded, place));
            }
        } else if let Some((_, query)) = value.split_once('?').filter(|(start, _)| start.starts_with("http"))
        {
            self.inside("", |search| search.pairs(query, place));
        } else if is_form(value) {
            self.inside("", |search| search.pairs(value, place));
        }
    }

    /// What a value in base64 holds: the identifier itself, or a text with more.
    fn hidden(&mut self, key: &str, bytes: &[u8], place: Place<'_>) {
        match str::from_utf8(bytes) {
            Ok(text) if !is_json(text.trim()) && !text.contains('=') => self.keyed(key, text, place),
            _ => self.contents(bytes, b"", place),
        }
    }

    /// Whether the owner's own values are in a text; they are noted.
    fn own_value(&mut self, text: &str, place: &str) -> bool {
        let Some(own) = self.own else { return false };
        let mut found = Vec::new();
        own.find_in(text, |kind, form| found.push((kind, form)));
        for (kind, form) in &found {
            self.add(*kind, *form, &format!("{place}, your own"));
        }
        !found.is_empty()
    }
}

fn is_json(text: &str) -> bool {
    text.starts_with(['{', '['])
}

/// Whether a text is made of `key=value` and nothing else.
fn is_form(text: &str) -> bool {
    let is_pair = |pair: &str| {
        pair.split_once('=').is_some_and(|(key, _)| {
            (1..=64).contains(&key.len())
                && key.bytes().all(|b| b.is_ascii_alphanumeric() || b"_-.%[]".contains(&b))
        })
    };
    !text.is_empty() && text.split('&').filter(|pair| !pair.is_empty()).all(is_pair)
}

/// A key as it may be shown: it comes from the wire like everything else.
fn presentable(key: &str) -> String {
    key.chars().filter(char::is_ascii_graphic).take(40).collect()
}
