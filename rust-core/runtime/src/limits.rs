//! Limits of the process.
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Descriptors kept for other things than the outside sockets of flows: the TUN device, the store, the control socket and
/// its connections, the standard streams.
const KEPT_BACK: u64 = 128;

/// Raises the limit on open descriptors to the hard limit, and returns how many the sockets of flows may use.
///
/// A failure is not an error: the limit stays as it was.
pub fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    let wanted = Rlimit { current: limit.maximum, maximum: limit.maximum };
    let raised = if setrlimit(Resource::Nofile, wanted).is_ok() { limit.maximum } else { limit.current };
    raised.unwrap_or(u64::MAX).saturating_sub(KEPT_BACK)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_soft_limit_reaches_the_hard_one() {
        let usable = raise_descriptor_limit();
        let limit = getrlimit(Resource::Nofile);
        assert_eq!(limit.current, limit.maximum);
        assert!(limit.current.is_none_or(|current| usable <= current));
    }
}
