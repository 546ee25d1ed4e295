//! What a User-Agent header shows of an Android phone.

use super::Kind;

/// The kinds that a User-Agent shows: model and build.
///
/// Known shapes are Android's own, `… (Linux; U; Android 10; MODEL Build/ID)` with `MIUI/VERSION` in the build's place or
/// behind it, and that of Xiaomi's cloud services, `MODEL/DEVICE; MIUI/VERSION E/… B/… L/…`.
pub(super) fn shown(user_agent: &str) -> Vec<Kind> {
    let mut kinds = Vec::new();
    if let Some((before, version)) = user_agent.split_once("MIUI/") {
        if starts_with_word(version) {
            kinds.push(Kind::Build);
        }
        let cloud_shape = before.strip_suffix("; ").and_then(|device| device.split_once('/'));
        if cloud_shape.is_some_and(|(model, device)| is_model(model) && !device.contains(['(', ';', ' '])) {
            kinds.push(Kind::Model);
        }
    }
    let inside =
        user_agent.split_once('(').map_or("", |(_, rest)| rest.split(')').next().unwrap_or_default());
    let behind_version =
        inside.split(';').map(str::trim).skip_while(|part| !part.starts_with("Android")).skip(1);
    for part in behind_version {
        let (model, build) = part.split_once("Build/").unwrap_or((part, ""));
        let model = model.split("MIUI/").next().unwrap_or_default().trim();
        if is_model(model) {
            kinds.push(Kind::Model);
            if starts_with_word(build) {
                kinds.push(Kind::Build);
            }
            break;
        }
    }
    kinds
}

fn starts_with_word(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_alphanumeric())
}

/// Tells a model from the other parts that stand in its place: a language (`en-us`), `Mobile`, `wv`, a version, and the
/// letter that Chrome gives in place of the model.
fn is_model(part: &str) -> bool {
    let is_language = matches!(part.len(), 2 | 5)
        && part.bytes().all(|b| b.is_ascii_lowercase() || b"-_".contains(&b))
        || part.len() == 5
            && part.is_ascii()
            && part[..2].bytes().all(|b| b.is_ascii_lowercase())
            && matches!(&part[2..3], "-" | "_");
    let other = ["Mobile", "Tablet", "wv", "Android"].contains(&part) || part.starts_with("rv:");
    part.len() > 1 && !is_language && !other
}
