//! The same engine with its rules switched off, inside the test process. Only for the test that shows that the others can
//! fail: the command has no such switch.
use super::{
    MTU,
    addresses::{RESOLVER_V4, RESOLVER_V6},
    error::{LabError, Result},
    firewall::DEVICE,
    namespace::Namespace,
};
use consentry_runtime::{Firewall, Handle, Options, TunSource};
use std::{path::PathBuf, sync::mpsc, thread::JoinHandle};

/// A firewall that allows everything.
#[derive(Debug)]
pub(super) struct Unruled {
    handle: Handle,
    thread: Option<JoinHandle<()>>,
}

impl Unruled {
    /// Starts it in the gateway; its device is there when this returns.
    pub(super) fn start(gateway: &Namespace, state: PathBuf) -> Result<Self> {
        let gateway = gateway.clone();
        let (ready, started) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let run = || {
                let mut options = Options::new(TunSource::Name(DEVICE.to_owned()), state);
                options.mtu = Some(MTU);
                options.resolvers = vec![(RESOLVER_V4, 53).into(), (RESOLVER_V6, 53).into()];
                options.stop_on_signals = false;
                options.rules_off = true;
                match Firewall::start(options) {
                    Ok(firewall) => {
                        // The lab waits for this message.
                        let _ = ready.send(Ok(firewall.handle()));
                        if let Err(error) = firewall.run() {
                            panic!("the firewall without rules broke down: {error}");
                        }
                    }
                    Err(error) => {
                        let _ = ready.send(Err(LabError::FirewallEnded(error.to_string())));
                    }
                }
            };
            if let Err(error) = gateway.enter(run) {
                panic!("the gateway cannot be entered: {error}");
            }
        });
        let ended = |_| LabError::FirewallEnded("its thread broke down".into());
        let handle = started.recv().map_err(ended)??;
        Ok(Self { handle, thread: Some(thread) })
    }
}

impl Drop for Unruled {
    fn drop(&mut self) {
        self.handle.stop();
        if let Some(thread) = self.thread.take() {
            // If it panicked, it has said so on stderr.
            let _ = thread.join();
        }
    }
}
