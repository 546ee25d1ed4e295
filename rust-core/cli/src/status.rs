//! `consentry status`: whether the firewall runs, and how it does.

use crate::arguments;
use crate::failure::Failure;
use crate::output::stdout;
use crate::state;
use crate::table::table;
use consentry_consent::receipt;
use consentry_runtime::control::Status;
use std::io::Write;

/// Runs the command.
pub(crate) fn status(arguments: &arguments::Status) -> Result<(), Failure> {
    let folder = state::folder(arguments.state.folder.clone())?;
    let mut state = state::open_folder(&folder)?;
    let running = state.status().map_err(Failure::bad_input)?;
    let grants = state.grants().map_err(Failure::bad_input)?;
    let receipts = state.receipts(None).map_err(Failure::bad_input)?;
    let ledger = receipt::verify(&receipts, None).map_err(Failure::bad_input)?;

    let mut output = stdout();
    let mut rows = table(&[]);
    let mut row = |name: &str, value: String| {
        rows.add([name, &value]);
    };
    match &running {
        None => row("Firewall", "not running, so nothing is held back".to_owned()),
        Some(status) => running_rows(status, &mut row),
    }
    row("State folder", folder.display().to_string());
    row(
        "Granted",
        match grants.len() {
            0 => "nothing".to_owned(),
            1 => "1 grant".to_owned(),
            number => format!("{number} grants"),
        },
    );
    row(
        "Ledger",
        match ledger.changes.len() {
            1 => "whole, 1 change of consent".to_owned(),
            number => format!("whole, {number} changes of consent"),
        },
    );
    row("Ledger's key", ledger.receipts.fingerprint.to_string());
    write!(output, "{}", rows.into_text())?;
    Ok(output.flush()?)
}

fn running_rows(status: &Status, row: &mut dyn FnMut(&str, String)) {
    let state = match &status.failure {
        Some(failure) => format!("failed, and keeps everything closed: {failure}"),
        None => format!("running for {}", length(status.uptime_s)),
    };
    row("Firewall", format!("{state} (process {}, version {})", status.pid, status.version));
    let device = status.tun.as_deref().unwrap_or("a descriptor");
    row("Device", format!("{device}, packets of up to {} bytes", status.mtu));
    let families = match (status.ipv4, status.ipv6) {
        (true, true) => "IPv4 and IPv6",
        (true, false) => "IPv4",
        (false, true) => "IPv6",
        (false, false) => "none: there is no way out",
    };
    row("Network", families.to_owned());
    let resolvers: Vec<String> = status.resolvers.iter().map(ToString::to_string).collect();
    row("DNS servers", if resolvers.is_empty() { "none".to_owned() } else { resolvers.join(", ") });
    let counters = &status.counters;
    row(
        "Denied",
        format!("{} flows and questions; {} more not understood", counters.denied, counters.ambiguous),
    );
    row(
        "Flows",
        format!(
            "{} TCP ({} now), {} UDP ({} now), {} pings",
            counters.tcp_flows,
            counters.tcp_alive,
            counters.udp_mappings,
            counters.udp_alive,
            counters.echo_requests
        ),
    );
    row("DNS questions", counters.dns_questions.to_string());
    row("Bytes", format!("{} out, {} in", counters.bytes_out, counters.bytes_in));
    row(
        "Packets",
        format!(
            "{} from apps, {} to apps, {} dropped",
            counters.packets_in, counters.packets_out, counters.packets_dropped
        ),
    );
    if !status.drops.is_empty() {
        let reasons: Vec<String> =
            status.drops.iter().map(|(name, count)| format!("{count} {}", name.replace('_', " "))).collect();
        row("Malformed", reasons.join(", "));
    }
    if counters.cut > 0 {
        row("Cut by a revoke", format!("{} flows", counters.cut));
    }
    if let Some(error) = &status.store_error {
        row("Store", format!("attempts wait in memory: {error}"));
    }
    let lost = status.attempts_lost + counters.attempts_lost;
    if lost > 0 {
        row("Attempts lost", lost.to_string());
    }
    if status.unsaved_changes > 0 {
        row("Not stored yet", format!("{} withdrawals, which are in force", status.unsaved_changes));
    }
}

/// A length of time in its two largest units.
fn length(seconds: u64) -> String {
    let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60);
    match (days, hours, minutes) {
        (0, 0, 0) => format!("{seconds} s"),
        (0, 0, minutes) => format!("{minutes} min"),
        (0, hours, minutes) => format!("{hours} h {minutes} min"),
        (days, hours, _) => format!("{days} d {hours} h"),
    }
}

#[cfg(test)]
mod tests {
    use super::length;

    #[test]
    fn a_length_is_told_in_its_largest_units() {
        assert_eq!(length(59), "59 s");
        assert_eq!(length(60), "1 min");
        assert_eq!(length(3 * 3600 + 120), "3 h 2 min");
        assert_eq!(length(2 * 86_400 + 3600 + 59), "2 d 1 h");
    }
}
