//! What can be asked of the command, as clap reads it and `--help` shows it.
#![allow(clippy::doc_markdown, reason = "what is written here is shown on a terminal")]

use clap::{Args, Parser, Subcommand, ValueEnum};
use consentry_consent::Term;
use consentry_consent::ledger::Fingerprint;
use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

/// Lets nothing reach a cloud-messaging, push or telemetry service before you consent to it by name, and says what was held
/// back and why.
#[derive(Debug, Parser)]
#[command(
    name = "consentry",
    version,
    arg_required_else_help = true,
    disable_help_subcommand = true,
    max_term_width = 80,
    after_help = "Examples:\n  \
        consentry inspect phone.pcap          what a recorded phone told whom\n  \
        consentry catalogue list              the services you can decide about\n  \
        consentry consent grant xiaomi.push   let Mi Push through\n  \
        consentry log --since 1h              what was held back in the last hour\n\n\
        Exit status: 0 fine, 1 the thing asked about is not so, 2 bad usage or unreadable input."
)]
pub(crate) struct Arguments {
    #[command(subcommand)]
    pub(crate) command: Command,
}

#[derive(Debug, Subcommand)]
pub(crate) enum Command {
    Run(Run),
    Inspect(Inspect),
    #[command(subcommand)]
    Consent(Consent),
    Log(Log),
    #[command(subcommand)]
    Receipts(Receipts),
    Status(Status),
    #[command(subcommand)]
    Catalogue(Catalogue),
}

/// Where the state is.
#[derive(Debug, Args)]
pub(crate) struct StateFolder {
    /// State folder [default: $XDG_STATE_HOME/consentry, or ~/.local/state/consentry]
    #[arg(long = "state", value_name = "DIR")]
    pub(crate) folder: Option<PathBuf>,
}

/// Run the firewall on a TUN device
///
/// Attaches to the TUN device NAME, or creates it, and reads and writes whole IP packets there. Whatever is routed to the
/// device is judged; what may pass goes out through ordinary sockets. The device may be moved to another network namespace
/// afterwards. Ends cleanly on SIGINT and SIGTERM. Set CONSENTRY_LOG=debug to see more on stderr.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        consentry run --tun phone0\n  \
        consentry run --tun phone0 --dns 9.9.9.9 --dns 2620:fe::fe --state /var/lib/consentry")]
pub(crate) struct Run {
    /// Name of the TUN device
    #[arg(long, value_name = "NAME")]
    pub(crate) tun: String,
    /// Largest packet the device carries, in bytes [default: 65535 for a device that is created, else what it has]
    ///
    /// TCP ends here and is made anew outside, so the size never reaches the network; large packets are cheaper.
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u16).range(1280..))]
    pub(crate) mtu: Option<u16>,
    #[command(flatten)]
    pub(crate) state: StateFolder,
    /// DNS server to ask, with or without a port; repeatable [default: the system's]
    #[arg(long = "dns", value_name = "ADDR", value_parser = resolver)]
    pub(crate) resolvers: Vec<SocketAddr>,
    /// Write every packet of the device to this capture file
    #[arg(long, value_name = "FILE.pcap")]
    pub(crate) log_packets: Option<PathBuf>,
}

/// An address, on port 53 unless it says otherwise.
fn resolver(text: &str) -> Result<SocketAddr, String> {
    let address = text.parse::<IpAddr>().map(|address| SocketAddr::new(address, 53));
    address.or_else(|_| text.parse()).map_err(|_| "not an IP address, nor one with a port".to_owned())
}

/// Judge every flow of a capture file
///
/// Reads a pcap or pcapng file ("-" is standard input) and judges each flow in it as the firewall would: who was contacted,
/// what service that is, whether it would have passed and why, and which identifiers it carried in the clear (by kind, never
/// their values). Without --state nothing counts as granted.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        consentry inspect phone.pcap\n  \
        consentry inspect phone.pcapng --format jsonl | jq 'select(.verdict == \"deny\")'\n  \
        consentry inspect phone.pcap --report phone.html\n  \
        tcpdump -w - -i wlan0 -c 1000 | consentry inspect -")]
pub(crate) struct Inspect {
    /// The capture file, or - for standard input
    #[arg(value_name = "CAPTURE")]
    pub(crate) capture: PathBuf,
    /// Judge by the consent in this state folder
    #[arg(long, value_name = "DIR")]
    pub(crate) state: Option<PathBuf>,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    /// Also write a report: one self-contained HTML page
    #[arg(long, value_name = "FILE.html")]
    pub(crate) report: Option<PathBuf>,
    /// Also look for your own values: a file with lines such as "imei 490154203237518"; reports never repeat them
    #[arg(long, value_name = "FILE")]
    pub(crate) own: Option<PathBuf>,
}

/// A table for people, or JSON lines.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table to read
    Table,
    /// One JSON object per line
    Jsonl,
}

/// A table for people, or something for programs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum LogFormat {
    /// A table to read
    Table,
    /// Comma-separated values with a head line, safe to open in a spreadsheet
    Csv,
    /// One JSON object per line
    Jsonl,
}

/// Show and change what may pass
#[derive(Debug, Subcommand)]
pub(crate) enum Consent {
    /// List the services that are granted, for whom and until when
    List(ConsentView),
    /// Let a service through
    #[command(after_help = "Examples:\n  \
        consentry consent grant xiaomi.cloud_messaging\n  \
        consentry consent grant xiaomi.push --for 15m\n  \
        consentry consent grant xiaomi.weather --app com.miui.weather2 --for restart\n\n\
        'consentry catalogue list' shows the services.")]
    Grant(Grant),
    /// Stop letting a service through; what is under way ends at once
    #[command(after_help = "Example:\n  consentry consent revoke xiaomi.push")]
    Revoke(Revoke),
    /// List every change of consent, oldest first
    History(ConsentView),
}

#[derive(Debug, Args)]
pub(crate) struct ConsentView {
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
    #[command(flatten)]
    pub(crate) state: StateFolder,
}

#[derive(Debug, Args)]
pub(crate) struct Grant {
    /// The service's id, for example xiaomi.push
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,
    /// Only for this app (its package name) [default: all apps]
    #[arg(long, value_name = "APP")]
    pub(crate) app: Option<String>,
    /// Only for so long: 6s, 15m, 1h, 2d, or 'restart' [default: until revoked]
    #[arg(long = "for", value_name = "TIME")]
    pub(crate) term: Option<Term>,
    #[command(flatten)]
    pub(crate) state: StateFolder,
}

#[derive(Debug, Args)]
pub(crate) struct Revoke {
    /// The service's id, for example xiaomi.push
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,
    /// Only the grant to this app (its package name) [default: every grant of the service]
    #[arg(long, value_name = "APP")]
    pub(crate) app: Option<String>,
    #[command(flatten)]
    pub(crate) state: StateFolder,
}

/// Show what was held back, and why
///
/// Repeats of an attempt within ten minutes are one row with a count.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
        consentry log --since 1h\n  \
        consentry log --service xiaomi.push --format csv > push.csv\n  \
        consentry log --follow --search imei")]
pub(crate) struct Log {
    /// Only this service (its id); repeatable
    #[arg(long, value_name = "ID")]
    pub(crate) service: Vec<String>,
    /// Only this app (its package name); repeatable
    #[arg(long, value_name = "APP")]
    pub(crate) app: Vec<String>,
    /// Only since then: 15m, 2h, 3d ago, 2014-08-07, or 2014-08-07T09:30:00Z
    #[arg(long, value_name = "T")]
    pub(crate) since: Option<String>,
    /// Only with this text, in any case, in service, host, app, address, path or reason
    #[arg(long, value_name = "TEXT")]
    pub(crate) search: Option<String>,
    /// How to print
    #[arg(long, value_enum, default_value_t = LogFormat::Table)]
    pub(crate) format: LogFormat,
    /// Go on printing attempts as they are logged, until interrupted
    #[arg(long)]
    pub(crate) follow: bool,
    #[command(flatten)]
    pub(crate) state: StateFolder,
}

/// Export and verify signed copies of the consent ledger
#[derive(Debug, Subcommand)]
pub(crate) enum Receipts {
    /// Write a signed copy of every change of consent, which anybody can verify ("-" is standard output)
    Export(Export),
    /// Check that a receipt is whole and unchanged, and whose it is
    #[command(after_help = "Exit status: 0 the receipt holds, 1 it does not, 2 it cannot be read.")]
    Verify(Verify),
}

#[derive(Debug, Args)]
pub(crate) struct Export {
    /// Where to write it
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Only what was decided about this service (its id); nothing is told of the others
    #[arg(long, value_name = "ID")]
    pub(crate) service: Option<String>,
    #[command(flatten)]
    pub(crate) state: StateFolder,
}

#[derive(Debug, Args)]
pub(crate) struct Verify {
    /// The receipt ("-" is standard input)
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
    /// Also check that the key of this fingerprint signed it ('consentry status' shows a state folder's own)
    #[arg(long, alias = "key", value_name = "FINGERPRINT")]
    pub(crate) fingerprint: Option<Fingerprint>,
}

/// Show whether the firewall runs, and how it does
#[derive(Debug, Args)]
pub(crate) struct Status {
    #[command(flatten)]
    pub(crate) state: StateFolder,
}

/// Show and check the services a person can decide about
#[derive(Debug, Subcommand)]
pub(crate) enum Catalogue {
    /// List every service
    List(CatalogueView),
    /// Show all that is known about one service
    Show(Show),
    /// Check a catalogue file
    #[command(after_help = "Exit status: 0 the file is fine, 1 it is not, 2 it cannot be read.")]
    Check(Check),
}

#[derive(Debug, Args)]
pub(crate) struct CatalogueView {
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Show {
    /// The service's id, for example xiaomi.push
    #[arg(value_name = "SERVICE")]
    pub(crate) service: String,
    /// How to print
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub(crate) format: Format,
}

#[derive(Debug, Args)]
pub(crate) struct Check {
    /// The catalogue file (TOML)
    #[arg(value_name = "FILE")]
    pub(crate) file: PathBuf,
}
