//! What the engine asks of the app.
use std::os::fd::RawFd;

/// The app's side (`EngineHost` in Kotlin). Called from threads of the engine's; a call that fails has a safe answer.
pub(crate) trait Host: Send + Sync {
    /// Keeps a socket out of the tunnel. False: it may not be used.
    fn protect(&self, socket: RawFd) -> bool;

    /// Asks who owns a flow: a question by number, to be answered later. `transport` is the protocol number (6 TCP, 17 UDP,
    /// 1 ICMP), the ends are `ip:port` or `[ip]:port`.
    fn owner(&self, question: i64, transport: i32, app: &str, remote: &str);

    /// Tells something: a JSON object.
    fn event(&self, event: &str);
}
