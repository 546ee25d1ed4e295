//! What the demonstration looks like: 80 columns, colours only on a terminal.
use std::io::{IsTerminal, Stdout, Write};

const WIDTH: usize = 80;
const GREEN: &str = "32";
const RED: &str = "31";
const BOLD: &str = "1";
const DIM: &str = "2";

pub(super) struct Screen {
    out: Stdout,
    colours: bool,
}

impl Screen {
    pub(super) fn new() -> Self {
        let wanted = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        let out = std::io::stdout();
        Self { colours: wanted && out.is_terminal(), out }
    }

    pub(super) fn title(&mut self, text: &str) {
        self.line(&format!("\n{}\n{}", self.paint(BOLD, text), "-".repeat(text.chars().count())));
    }

    pub(super) fn text(&mut self, text: &str) {
        self.line(text);
    }

    pub(super) fn blank(&mut self) {
        self.line("");
    }

    pub(super) fn picture(&mut self) {
        self.line("");
        self.line("  phone ------ TUN ------ gateway ------ captured ------ internet");
        self.line("  curl, openssl, dig      consentry run  by tcpdump      nginx, dnsmasq, sinks");
    }

    pub(super) fn step(&mut self, number: usize, owner: &str) {
        self.line(&format!("\n{}", self.paint(BOLD, &format!("step {number}: the owner {owner}"))));
    }

    pub(super) fn command(&mut self, text: &str) {
        self.line(&format!("\n$ {}", self.paint(BOLD, text)));
    }

    pub(super) fn outcome(&mut self, passed: bool, about: &str, target: &str) {
        let word = if passed { self.paint(GREEN, "passed ") } else { self.paint(RED, "held   ") };
        self.line(&format!("  {word} {about:<32} {target}"));
    }

    pub(super) fn cut(&mut self, about: &str, when: &str) {
        let word = self.paint(RED, "cut    ");
        self.line(&format!("  {word} {about:<32} {when}"));
    }

    pub(super) fn note(&mut self, text: &str) {
        for line in wrap(text, WIDTH - 10) {
            self.line(&format!("          {}", self.paint(DIM, &line)));
        }
    }

    pub(super) fn count(&mut self, what: &str, packets: usize) {
        let number = self.paint(if packets == 0 { GREEN } else { RED }, &packets.to_string());
        self.line(&format!("  {what:<44} {number} packets"));
    }

    pub(super) fn verdict(&mut self, right: bool) {
        if right {
            self.line(&self.paint(GREEN, "Everything was as it has to be."));
        } else {
            self.line(&self.paint(RED, "Something was not as it has to be: see above."));
        }
    }

    fn line(&mut self, text: &str) {
        // Nobody is looking any more once this fails; the demonstration still has a verdict to reach.
        let _ = writeln!(self.out, "{text}");
    }

    fn paint(&self, code: &str, text: &str) -> String {
        if self.colours { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
    }
}

/// Breaks a text at spaces into lines of at most `width` characters; longer words stay whole.
fn wrap(text: &str, width: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split_whitespace() {
        let last = lines.last_mut().expect("there is always a line");
        if last.is_empty() {
            last.push_str(word);
        } else if last.chars().count() + 1 + word.chars().count() <= width {
            last.push(' ');
            last.push_str(word);
        } else {
            lines.push(word.to_owned());
        }
    }
    lines
}

#[cfg(test)]
mod tests {
    use super::wrap;

    #[test]
    fn wrapping_keeps_every_word_in_order() {
        let text = "a question for api.account.xiaomi.com was answered from inside";
        let lines = wrap(text, 20);
        assert_eq!(lines.join(" "), text);
        assert!(lines.iter().all(|line| line.chars().count() <= 22), "{lines:?}");
    }
}
