//! Dialogues in clear text that may turn into TLS: SMTP, IMAP, POP3, NNTP, FTP, IRC and the like line by line (RFC 3207, RFC 9051
//! §6.2.1, RFC 2595, RFC 4642, RFC 4217), XMPP tag by tag (RFC 6120 §5).
//!
//! [`Reader`] covers what the client says up to the word that starts TLS; the ClientHello that follows is a stream of its own.
//! It stops where nothing can follow that starts TLS: at a login, at a message, or when it has read enough.

/// Longest line or tag that is read, in bytes (RFC 5321 §4.5.3.1.4 asks for 512, IMAP for some more).
const MAX_MESSAGE: usize = 4096;
/// Most lines or tags before TLS; real clients need two or three.
const MAX_MESSAGES: usize = 64;

/// Words with which such a dialogue begins.
const FIRST_WORDS: [&str; 9] =
    ["EHLO", "HELO", "LHLO", "CAPA", "STLS", "STARTTLS", "CAPABILITIES", "CAP", "AUTH"];
/// Commands behind an IMAP tag with which it begins.
const IMAP_COMMANDS: [&str; 3] = ["CAPABILITY", "STARTTLS", "ID"];
/// Words after which no client starts TLS any more.
const LAST_WORDS: [&str; 11] =
    ["DATA", "BDAT", "USER", "PASS", "APOP", "LOGIN", "AUTHENTICATE", "SELECT", "QUIT", "LOGOUT", "ARTICLE"];

/// Whether a client's first line begins a dialogue that may turn into TLS.
pub(crate) fn begins_with(line: &[u8]) -> bool {
    let mut words = words(line);
    let (first, second) = (words.next(), words.next());
    let is = |word: Option<&[u8]>, list: &[&str]| {
        word.is_some_and(|word| list.iter().any(|known| word.eq_ignore_ascii_case(known.as_bytes())))
    };
    match first {
        // "AUTH PLAIN" is a login, and "CAP" alone is no command.
        Some(word) if word.eq_ignore_ascii_case(b"AUTH") => is(second, &["TLS", "SSL"]),
        Some(word) if word.eq_ignore_ascii_case(b"CAP") => is(second, &["LS"]),
        _ => is(first, &FIRST_WORDS) || is(second, &IMAP_COMMANDS),
    }
}

fn words(line: &[u8]) -> impl Iterator<Item = &[u8]> {
    line.split(u8::is_ascii_whitespace).filter(|word| !word.is_empty())
}

/// The protocol that a dialogue's first line or tag belongs to, as far as that tells.
fn protocol(message: &[u8]) -> &'static str {
    let mut words = words(message);
    let first = words.next().unwrap_or_default().to_ascii_uppercase();
    match &first[..] {
        b"EHLO" | b"HELO" => "smtp",
        b"LHLO" => "lmtp",
        b"CAPA" | b"STLS" => "pop3",
        b"CAPABILITIES" => "nntp",
        b"AUTH" => "ftp",
        b"CAP" => "irc",
        [b'<', ..] => "xmpp",
        _ if words.next().is_some() => "imap",
        _ => "starttls",
    }
}

/// What one step of [`Reader::next`] covered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Piece {
    /// All bytes were taken in; they belong to a line or tag that is not complete.
    NeedMore,
    /// The covered bytes complete a line or tag that says nothing about where the connection leads.
    Line,
    /// The covered bytes complete an XMPP stream header that names the domain it is for, in lower case.
    StreamTo(String),
    /// The covered bytes complete the word that starts TLS. What follows starts anew.
    StartTls,
    /// The covered bytes are the last that matter: TLS will not follow.
    Over,
}

/// Reads what a client says up to the start of TLS. Keeps at most 4 KiB; how the bytes are split changes nothing.
#[derive(Debug, Default)]
pub struct Reader {
    message: Vec<u8>,
    complete: Vec<u8>,
    /// The quotation mark that an XML attribute waits for.
    quote: Option<u8>,
    messages: usize,
    over: bool,
    protocol: Option<&'static str>,
}

impl Reader {
    /// A reader at the start of a stream.
    pub fn new() -> Self {
        Self::default()
    }

    /// Looks at the next bytes of the stream. Returns how many of them this step covers, and what they are. After
    /// [`Piece::Over`] everything is.
    #[allow(clippy::should_implement_trait, reason = "it takes bytes, so it is no iterator")]
    pub fn next(&mut self, bytes: &[u8]) -> (usize, Piece) {
        if self.over {
            self.complete = bytes.to_vec();
            return (bytes.len(), Piece::Over);
        }
        for (at, byte) in bytes.iter().enumerate() {
            self.message.push(*byte);
            if self.ends_with(*byte) || self.message.len() == MAX_MESSAGE {
                let piece = self.what_it_says();
                self.over = piece == Piece::Over;
                self.complete = std::mem::take(&mut self.message);
                return (at + 1, piece);
            }
        }
        (bytes.len(), Piece::NeedMore)
    }

    /// The raw bytes of the last complete line or tag; empty if they were taken before.
    pub fn take_message(&mut self) -> Vec<u8> {
        std::mem::take(&mut self.complete)
    }

    /// The protocol that is spoken, once its first line or tag is complete: `smtp`, `imap`, `pop3`, `xmpp` and so on.
    pub fn protocol(&self) -> Option<&'static str> {
        self.protocol
    }

    fn is_xml(&self) -> bool {
        self.message.trim_ascii_start().first() == Some(&b'<')
    }

    /// Whether the message is complete with this byte, its last.
    fn ends_with(&mut self, byte: u8) -> bool {
        if !self.is_xml() {
            return byte == b'\n';
        }
        match (self.quote, byte) {
            (None, b'\'' | b'"') => self.quote = Some(byte),
            (Some(quote), byte) if quote == byte => self.quote = None,
            (None, b'>') => return true,
            _ => {}
        }
        false
    }

    fn what_it_says(&mut self) -> Piece {
        self.messages += 1;
        self.protocol.get_or_insert_with(|| protocol(&self.message));
        let ended = matches!(self.message.last(), Some(b'\n' | b'>'));
        if !ended || self.messages == MAX_MESSAGES {
            return Piece::Over;
        }
        if self.is_xml() { tag(&self.message) } else { line(&self.message) }
    }
}

fn line(line: &[u8]) -> Piece {
    let words: Vec<&[u8]> = words(line).take(3).collect();
    let is =
        |at: usize, word: &str| words.get(at).is_some_and(|said| said.eq_ignore_ascii_case(word.as_bytes()));
    let alone = |at: usize| words.len() == at + 1;
    let starts = (is(0, "STARTTLS") && alone(0))
        || (is(0, "STLS") && alone(0))
        || (is(1, "STARTTLS") && alone(1))
        || (is(0, "AUTH") && (is(1, "TLS") || is(1, "SSL")) && alone(1));
    if starts {
        Piece::StartTls
    } else if is(0, "AUTH") || LAST_WORDS.iter().any(|word| is(0, word) || is(1, word)) {
        Piece::Over
    } else {
        Piece::Line
    }
}

/// The XML declaration, a stream header, `<starttls/>`, or something that comes after them.
fn tag(tag: &[u8]) -> Piece {
    let text = String::from_utf8_lossy(tag.trim_ascii());
    let inside = text.trim_start_matches('<').trim_end_matches('>').trim_end_matches('/');
    let name = inside.split_ascii_whitespace().next().unwrap_or_default();
    match name.rsplit(':').next() {
        Some("starttls") => Piece::StartTls,
        Some("stream") => attribute(inside, "to").map_or(Piece::Line, Piece::StreamTo),
        _ if name.starts_with(['?', '!']) => Piece::Line,
        // `</starttls>` and the like.
        _ if name.starts_with('/') => Piece::Line,
        _ => Piece::Over,
    }
}

/// An attribute's value, if it can be a host name.
fn attribute(tag: &str, wanted: &str) -> Option<String> {
    let mut rest = tag;
    while let Some(at) = rest.find('=') {
        let name = rest[..at].trim_end().rsplit(|c: char| c.is_ascii_whitespace()).next()?;
        let value = rest[at + 1..].trim_start();
        let quote = value.chars().next().filter(|c| matches!(c, '\'' | '"'))?;
        let (value, after) = value[1..].split_once(quote)?;
        if name == wanted {
            let host = value.strip_suffix('.').unwrap_or(value);
            let sound = host.len() <= 253
                && host.bytes().all(|b| b.is_ascii_graphic())
                && host.split('.').all(|label| !label.is_empty());
            return sound.then(|| host.to_ascii_lowercase());
        }
        rest = after;
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(mut bytes: &[u8], cut: usize) -> (Vec<Piece>, Vec<u8>) {
        let mut reader = Reader::new();
        let mut pieces = Vec::new();
        let mut raw = Vec::new();
        while !bytes.is_empty() {
            let (covered, piece) = reader.next(&bytes[..cut.min(bytes.len())]);
            raw.extend(reader.take_message());
            bytes = &bytes[covered..];
            if piece != Piece::NeedMore {
                let ends = matches!(piece, Piece::StartTls | Piece::Over);
                pieces.push(piece);
                if ends {
                    break;
                }
            }
        }
        (pieces, raw)
    }

    #[test]
    fn the_word_that_starts_tls_is_found_in_each_protocol() {
        for (said, before, protocol) in [
            ("EHLO phone\r\nSTARTTLS\r\n", 1, "smtp"),
            ("helo phone\r\nehlo phone\r\nstarttls\r\n", 2, "smtp"),
            ("a1 CAPABILITY\r\na2 STARTTLS\r\n", 1, "imap"),
            (". CAPABILITY\r\n. STARTTLS\r\n", 1, "imap"),
            ("CAPA\r\nSTLS\r\n", 1, "pop3"),
            ("AUTH TLS\r\n", 0, "ftp"),
            ("<stream:stream><starttls/>", 1, "xmpp"),
        ] {
            let mut reader = Reader::new();
            reader.next(said.as_bytes());
            assert_eq!(reader.protocol(), Some(protocol));
            if protocol == "xmpp" {
                continue;
            }
            assert!(begins_with(said.lines().next().unwrap().as_bytes()), "{said}");
            let (pieces, raw) = read(format!("{said}\x16\x03\x01").as_bytes(), 1000);
            assert_eq!(pieces.len(), before + 1, "{said}");
            assert_eq!(pieces.last(), Some(&Piece::StartTls), "{said}");
            assert_eq!(raw, said.as_bytes(), "nothing behind the word is covered");
        }
    }

    #[test]
    fn xmpp_names_its_domain_and_then_starts_tls() {
        let said = "<?xml version='1.0'?>\n<stream:stream from='me@x.example' to=\"Chat.Example.NET\" a='>' \
                    xmlns='jabber:client'><starttls xmlns='urn:ietf:params:xml:ns:xmpp-tls'/>";
        let (pieces, raw) = read(said.as_bytes(), 1000);
        // The line's end behind the declaration is a line of its own.
        assert_eq!(
            pieces,
            [Piece::Line, Piece::Line, Piece::StreamTo("chat.example.net".into()), Piece::StartTls]
        );
        assert_eq!(raw, said.as_bytes());
    }

    #[test]
    fn a_login_or_a_message_is_the_end() {
        for said in ["EHLO x\r\nAUTH PLAIN AGE=\r\n", "EHLO x\r\nDATA\r\n", "a LOGIN me secret\r\n", "<auth>"]
        {
            assert_eq!(read(said.as_bytes(), 1000).0.last(), Some(&Piece::Over), "{said}");
        }
        assert_eq!(read(&[b'x'; 5000], 1000).0, [Piece::Over], "a line without end");
        assert_eq!(read("NOOP\r\n".repeat(80).as_bytes(), 1000).0.len(), MAX_MESSAGES);
        let (pieces, _) = read(b"MAIL FROM:<a@b.example>\r\nSubject: STARTTLS please\r\n", 1000);
        assert_eq!(pieces, [Piece::Line, Piece::Line], "the word inside a line is no command");
    }

    #[test]
    fn other_protocols_do_not_begin_so() {
        for line in
            ["SSH-2.0-x", "GET / HTTP/1.1", "USER anonymous", "AUTH PLAIN x", "a LOGIN b c", "", "CAP"]
        {
            assert!(!begins_with(line.as_bytes()), "{line}");
        }
    }

    proptest! {
        #[test]
        fn how_it_is_split_changes_nothing(cut in 1_usize..20, said in "(<[a-z:]{1,8}( to='[a-z.>]{0,8}')?/?>|[A-Za-z ]{0,9}\r?\n){0,6}") {
            prop_assert_eq!(read(said.as_bytes(), cut), read(said.as_bytes(), 10_000));
        }

        #[test]
        fn any_bytes_give_an_answer(bytes: Vec<u8>) {
            let (_, raw) = read(&bytes, 7);
            prop_assert!(bytes.starts_with(&raw));
        }
    }
}
