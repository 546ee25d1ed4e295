//! `consentry run`: the firewall on a TUN device.

use crate::arguments;
use crate::failure::Failure;
use crate::{state, stderr_log};
use consentry_runtime::{Firewall, Options, TunSource};

/// Runs until a signal or a command ends it.
pub(crate) fn run(arguments: arguments::Run) -> Result<(), Failure> {
    stderr_log::start()?;
    let mut options = Options::new(TunSource::Name(arguments.tun), state::folder(arguments.state.folder)?);
    options.mtu = arguments.mtu.map(usize::from);
    options.resolvers = arguments.resolvers;
    options.packet_log = arguments.log_packets;
    let firewall = Firewall::start(options).map_err(Failure::bad_input)?;
    if let Some(name) = firewall.tun_name() {
        ::log::info!("running on {name}: nothing passes to a service that needs consent and has none");
    }
    firewall.run().map_err(Failure::bad_input)?;
    ::log::info!("ended; what was held back is on disk");
    Ok(())
}
