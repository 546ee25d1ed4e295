//! Looking at the finished package as a phone would.
use super::{
    APPLICATION, abi_names, archive, bytecode, files, native::LIBRARY, package::WORD, program, resources,
    sign, versions::Versions,
};
use crate::{TaskError, cargo::root};
use std::{collections::BTreeSet, path::Path, process::Command};

/// What the package may weigh, with three kinds of processor in it.
const BUDGET: u64 = 8_000_000;

/// Refuses a package that a phone would refuse, or that is not what it should be.
pub(super) fn check(
    versions: &Versions,
    package: &Path,
    abis: &[super::native::abi::Abi],
    resource_rules: &Path,
) -> Result<(), TaskError> {
    signature(versions, package)?;
    let mut badging = Command::new(resources::aapt2(versions)?);
    badging.args(["dump", "badging"]).arg(package);
    let badging = program::output(badging)?;
    let refused = |reason: String| TaskError::Refused(format!("{}: {reason}", package.display()));
    manifest(versions, &badging, abis).map_err(refused)?;
    let mut tree = Command::new(resources::aapt2(versions)?);
    tree.args(["dump", "xmltree", "--file", "AndroidManifest.xml"]).arg(package);
    if !has_libraries_unpacked(&program::output(tree)?) {
        return Err(refused("it does not ask for its compressed libraries to be unpacked".into()));
    }
    contents(package, abis, &files::read_text(resource_rules)?)?;
    let size = std::fs::metadata(package).map_err(|source| files::failure("reading", package, source))?.len();
    if size > BUDGET {
        return Err(refused(format!("{size} bytes are more than the budget of {BUDGET}")));
    }
    Ok(())
}

fn signature(versions: &Versions, package: &Path) -> Result<(), TaskError> {
    let mut verify = sign::apksigner()?;
    verify.args(["verify", "--verbose", "--min-sdk-version", versions.get("min-sdk")?]).arg(package);
    let said = program::output(verify)?;
    for scheme in ["v2", "v3"] {
        let line = said.lines().find(|line| line.starts_with(&format!("Verified using {scheme} scheme")));
        if !line.is_some_and(|line| line.ends_with(": true")) {
            return Err(TaskError::Refused(format!(
                "{}: it is not signed by scheme {scheme}",
                package.display()
            )));
        }
    }
    Ok(())
}

/// Name, versions, permissions and processors, from what aapt2 tells of the package.
fn manifest(versions: &Versions, badging: &str, abis: &[super::native::abi::Abi]) -> Result<(), String> {
    let get = |name: &str| versions.get(name).map_err(|error| error.to_string());
    let header = format!(
        "package: name='{APPLICATION}' versionCode='{}' versionName='{}'",
        get("app-code")?,
        get("app-name")?
    );
    if !badging.lines().any(|line| line.starts_with(&header)) {
        return Err(format!("it is not {header}"));
    }
    for (key, name) in [("minSdkVersion", "min-sdk"), ("targetSdkVersion", "target-sdk")] {
        let value = get(name)?;
        // Older ones call the first sdkVersion.
        let short = key.strip_prefix("minS").map_or_else(|| key.to_owned(), |rest| format!("s{rest}"));
        let lines = [format!("{key}:'{value}'"), format!("{short}:'{value}'")];
        if !badging.lines().any(|line| lines.iter().any(|wanted| line == wanted)) {
            return Err(format!("{key} is not {value}"));
        }
    }
    if badging.lines().any(|line| line == "application-debuggable") {
        return Err("it can be debugged".into());
    }
    let expected = permissions(
        &files::read_text(&root().join("android-app/permissions.txt")).map_err(|e| e.to_string())?,
    );
    let asked: BTreeSet<String> = badging
        .lines()
        .filter(|line| line.starts_with("uses-permission"))
        .filter_map(|line| Some(line.split("name='").nth(1)?.split('\'').next()?.to_owned()))
        .collect();
    if asked != expected {
        let only = |one: &BTreeSet<String>, other: &BTreeSet<String>| {
            one.difference(other).cloned().collect::<Vec<_>>().join(" ")
        };
        return Err(format!(
            "its permissions are not those of android-app/permissions.txt; too many: [{}], missing: [{}]",
            only(&asked, &expected),
            only(&expected, &asked)
        ));
    }
    let code = badging.lines().find_map(|line| line.strip_prefix("native-code: ")).unwrap_or_default();
    let found: BTreeSet<&str> = code.split_whitespace().map(|name| name.trim_matches('\'')).collect();
    if found != abi_names(abis) {
        return Err(format!("it has libraries for {code:?}"));
    }
    Ok(())
}

/// Whether the manifest, as aapt2 shows it, lets the phone unpack the libraries: Android loads a compressed one no other way.
fn has_libraries_unpacked(tree: &str) -> bool {
    tree.lines().any(|line| line.contains(":extractNativeLibs(") && line.trim_end().ends_with("=true"))
}

/// One permission a line, comments after `#`.
fn permissions(list: &str) -> BTreeSet<String> {
    let lines = list.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    lines.filter(|line| !line.is_empty()).map(ToOwned::to_owned).collect()
}

/// Libraries and tables lie where they can be mapped; the bytecode is whole and has every class the manifest names.
fn contents(package: &Path, abis: &[super::native::abi::Abi], resource_rules: &str) -> Result<(), TaskError> {
    let refused = |reason: String| TaskError::Refused(format!("{}: {reason}", package.display()));
    let mut classes = BTreeSet::new();
    let mut missing: BTreeSet<String> =
        abis.iter().map(|abi| format!("lib/{}/{LIBRARY}", abi.name)).collect();
    missing.extend(["AndroidManifest.xml", "classes.dex", "resources.arsc"].map(ToOwned::to_owned));
    archive::read_each(
        package,
        |_| true,
        |entry| {
            missing.remove(&entry.name);
            let ends = |end: &str| entry.name.ends_with(end);
            if ends(".arsc") && !(entry.stored && entry.data_start.is_multiple_of(WORD.into())) {
                return Err(refused(format!("{} is not stored at a multiple of {WORD} bytes", entry.name)));
            }
            if ends(".so") && entry.stored {
                return Err(refused(format!("{} is not compressed", entry.name)));
            }
            if ends(".dex") {
                let found = bytecode::classes(&entry.contents)
                    .map_err(|reason| refused(format!("{}: {reason}", entry.name)))?;
                classes.extend(found);
            }
            Ok(())
        },
    )?;
    if !missing.is_empty() {
        return Err(refused(format!("it has no {missing:?}")));
    }
    let absent: Vec<&str> = named_classes(resource_rules).filter(|class| !classes.contains(*class)).collect();
    if absent.is_empty() {
        return Ok(());
    }
    Err(refused(format!("manifest or layouts name classes that do not exist: {}", absent.join(" "))))
}

/// The app's own classes that aapt2 found in manifest and layouts, from the rules it wrote for R8.
fn named_classes(rules: &str) -> impl Iterator<Item = &str> {
    let classes =
        rules.lines().filter_map(|line| line.strip_prefix("-keep class ")?.split_whitespace().next());
    classes.filter(|class| class.starts_with(APPLICATION))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::apk::native::abi::ABIS;

    fn badging(change: impl Fn(&mut Vec<String>)) -> Result<(), String> {
        let versions = Versions::read().unwrap();
        let mut lines = vec![
            format!(
                "package: name='org.consentry' versionCode='{}' versionName='{}' platformBuildVersionName='15'",
                versions.get("app-code").unwrap(),
                versions.get("app-name").unwrap()
            ),
            "minSdkVersion:'24'".to_owned(),
            "targetSdkVersion:'35'".to_owned(),
            "native-code: 'arm64-v8a' 'armeabi-v7a' 'x86_64'".to_owned(),
        ];
        let list = files::read_text(&root().join("android-app/permissions.txt")).unwrap();
        lines.extend(permissions(&list).iter().map(|name| format!("uses-permission: name='{name}'")));
        change(&mut lines);
        manifest(&versions, &lines.join("\n"), &ABIS)
    }

    #[test]
    fn the_manifest_is_as_it_should_be_or_refused() {
        assert_eq!(badging(|_| ()), Ok(()));
        assert_eq!(badging(|lines| lines[1] = "sdkVersion:'24'".into()), Ok(()));
        let asks = |name: &str| format!("uses-permission: name='android.permission.{name}'");
        let more = badging(|lines| lines.push(asks("READ_CONTACTS"))).unwrap_err();
        assert!(more.contains("too many: [android.permission.READ_CONTACTS]"), "{more}");
        let newer =
            badging(|lines| lines.push(asks("X").replace("permission:", "permission-sdk-23:"))).unwrap_err();
        assert!(newer.contains("android.permission.X"), "{newer}");
        let fewer = badging(|lines| lines.retain(|line| !line.ends_with(".INTERNET'"))).unwrap_err();
        assert!(fewer.contains("missing: [android.permission.INTERNET]"), "{fewer}");
        assert!(badging(|lines| lines[0] = lines[0].replace("consentry", "other")).is_err());
        assert!(badging(|lines| lines[1] = "minSdkVersion:'21'".into()).is_err());
        assert!(badging(|lines| lines[3] = "native-code: 'x86_64'".into()).is_err());
        assert!(badging(|lines| lines.push("application-debuggable".into())).is_err());
    }

    #[test]
    fn compressed_libraries_need_a_word_in_the_manifest() {
        let line = |value: &str| {
            format!("  A: http://schemas.android.com/apk/res/android:extractNativeLibs(0x010104ea)={value}\n")
        };
        assert!(has_libraries_unpacked(&line("true")));
        assert!(!has_libraries_unpacked(&line("false")));
        assert!(!has_libraries_unpacked("E: application\n"));
    }

    #[test]
    fn only_our_own_classes_are_looked_for() {
        let rules = "# Referenced at a:1\n-keep class org.consentry.ui.Home { <init>(); }\n\
                     -keep class android.widget.Space { <init>(android.content.Context); }\n";
        assert_eq!(named_classes(rules).collect::<Vec<_>>(), ["org.consentry.ui.Home"]);
    }
}
