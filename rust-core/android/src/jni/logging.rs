//! The phone's log (logcat). Elsewhere whoever loads the library sees to its log.

/// Starts to log. Above DEBUG, which is off, no host names are logged.
#[cfg(target_os = "android")]
pub(super) fn start() {
    android_logger::init_once(
        android_logger::Config::default().with_tag("consentry").with_max_level(log::LevelFilter::Info),
    );
    // The usual hook writes to the standard error stream, which leads nowhere on a phone. Only the place is logged: what a panic
    // says may name a host.
    std::panic::set_hook(Box::new(|panic| match panic.location() {
        Some(place) => log::error!("a fault at {}:{}", place.file(), place.line()),
        None => log::error!("a fault somewhere"),
    }));
}

/// Nothing to start.
#[cfg(not(target_os = "android"))]
pub(super) fn start() {}
