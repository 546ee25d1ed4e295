//! The machine's clocks, read for [`Clock`].
use consentry_consent::Clock;
use rustix::time::{ClockId, clock_gettime};
use std::sync::OnceLock;
use std::time::{SystemTime, UNIX_EPOCH};

/// Where Linux names the present run of the machine (random(4)).
const BOOT_ID: &str = "/proc/sys/kernel/random/boot_id";

/// The clocks as they are now. Cheap: no system call but those that the vDSO answers.
pub fn now() -> Clock {
    let boot = clock_gettime(ClockId::Boottime);
    let boot_ms =
        u64::try_from(boot.tv_sec).unwrap_or(0) * 1000 + u64::try_from(boot.tv_nsec).unwrap_or(0) / 1_000_000;
    Clock { wall_ms: wall_ms(), boot_ms, boot_id: boot_id() }
}

/// The wall clock alone, in milliseconds since 1970-01-01T00:00:00Z.
pub fn wall_ms() -> i64 {
    match SystemTime::now().duration_since(UNIX_EPOCH) {
        Ok(since) => i64::try_from(since.as_millis()).unwrap_or(i64::MAX),
        Err(before) => i64::try_from(before.duration().as_millis()).map_or(i64::MIN, |ms| -ms),
    }
}

/// Names this run of the machine. Read once: it cannot change while this process lives.
///
/// Where the system does not tell it, a random one stands in, so that grants which depend on it end with this process:
/// earlier than asked, never later.
fn boot_id() -> [u8; 16] {
    static BOOT: OnceLock<[u8; 16]> = OnceLock::new();
    *BOOT.get_or_init(|| {
        std::fs::read_to_string(BOOT_ID).ok().and_then(|text| parse_boot_id(&text)).unwrap_or_else(random)
    })
}

fn parse_boot_id(text: &str) -> Option<[u8; 16]> {
    let digits: String = text.trim().chars().filter(|c| *c != '-').collect();
    if digits.len() != 32 || !digits.is_ascii() {
        return None;
    }
    u128::from_str_radix(&digits, 16).ok().map(u128::to_be_bytes)
}

fn random() -> [u8; 16] {
    use ring::rand::SecureRandom;
    let mut bytes = [0; 16];
    if ring::rand::SystemRandom::new().fill(&mut bytes).is_err() {
        // Any two runs must differ; the clock sees to that too.
        bytes[..8].copy_from_slice(&wall_ms().to_be_bytes());
    }
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clocks_do_not_run_backwards_and_the_run_stays_the_same() {
        let first = now();
        let second = now();
        assert!(second.boot_ms >= first.boot_ms);
        assert_eq!(first.boot_id, second.boot_id);
        // 2020-09-13: the wall clock of anything that runs this test is later.
        assert!(first.wall_ms > 1_600_000_000_000);
    }

    #[test]
    fn a_boot_id_is_sixteen_bytes_of_hexadecimal() {
        let id = parse_boot_id("00112233-4455-6677-8899-aabbccddeeff\n").unwrap();
        assert_eq!((id[0], id[1], id[15]), (0x00, 0x11, 0xff));
        for broken in
            ["", "0011", "00112233-4455-6677-8899-aabbccddeegg", "00112233445566778899aabbccddeeff00"]
        {
            assert_eq!(parse_boot_id(broken), None, "{broken:?}");
        }
    }
}
