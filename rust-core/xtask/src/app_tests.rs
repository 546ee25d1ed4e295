//! The app's tests: its Kotlin on this machine's JVM, on Android's own classes (Robolectric), with the real engine.
use crate::{
    TaskError,
    apk::{
        APPLICATION, archive, files,
        java::Java,
        kotlin::{Kotlin, Module},
        maven::{self, Wanted},
        platform,
        resources::{self, Resources},
        versions::Versions,
    },
    cargo::{command, root, succeeds, target_folder},
    isolation::Isolation,
};
use std::{
    fmt,
    path::{Path, PathBuf},
    process::Stdio,
};

/// Where Robolectric looks for the app's resources.
const CONFIGURATION: &str = "com/android/tools/test_config.properties";
/// The report on all tests.
const REPORT: &str = "TEST-junit-vintage.xml";
/// Libraries that Robolectric needs in the form Android's tools use: an archive with the classes in it.
const ARCHIVES: [&str; 3] = ["androidx-test-idling", "androidx-test-monitor", "androidx-tracing"];
/// Android itself, prepared by Robolectric, as the tests run on: our lowest and our target.
const PLATFORMS: [&str; 2] = ["android-all-instrumented", "android-all-instrumented-min"];

/// Builds the engine for this machine and the app, and runs the app's tests; false if one fails.
///
/// Tests that make a TUN device need namespaces. They learn from the system property `consentry.lab` whether there are any.
/// Pictures of screens go to the folder `consentry.pictures`. `class` is a regular expression for the names of the classes
/// to run, with their package; all if there is none.
pub(crate) fn run(isolation: &Isolation, class: Option<&str>) -> Result<bool, TaskError> {
    let began = std::time::Instant::now();
    if !succeeds(command(&["build", "--quiet", "--lib", "--package", "consentry-android"]))? {
        return Ok(false);
    }
    let versions = Versions::read()?;
    let java = Java::find()?;
    let folder = root().join("build/app-tests");
    files::create_empty_folder(&folder)?;
    let resources = resources::link(&versions, &java, &folder)?;
    let libraries = Libraries::fetch(&versions)?;
    let classes = compile(&versions, &java, &resources, &libraries, &folder)?;

    let pictures = root().join("build/pictures");
    files::create_empty_folder(&pictures)?;
    println!("running the app's tests; pictures of its screens go to {}", pictures.display());
    let mut tests = java.command(&classes, "2g");
    let property = |name: &str, value: &Path| format!("-D{name}={}", value.display());
    let lab = !matches!(isolation, Isolation::Impossible(_));
    // Options of the JVM stand before the main class.
    tests
        .arg(property("java.library.path", &target_folder().join("debug")))
        .arg(property("robolectric.dependency.dir", &libraries.platforms))
        .arg("-Drobolectric.offline=true")
        .arg(property("consentry.pictures", &pictures))
        .arg(property("consentry.source", &root().join("android-app/src/main")))
        .arg(format!("-Dconsentry.lab={lab}"))
        .arg("org.junit.platform.console.ConsoleLauncher")
        .args(["execute", "--disable-banner", "--disable-ansi-colors", "--fail-if-no-tests"])
        .args(["--details=summary", "--include-engine=junit-vintage"])
        .arg(format!("--include-classname={}", class.unwrap_or(".*")))
        .arg("--scan-classpath")
        .arg(folder.join("test-classes"))
        .arg("--reports-dir")
        .arg(folder.join("reports"))
        .current_dir(root())
        .stdin(Stdio::null());
    let passed = succeeds(isolation.wrap(tests))?;
    let report = files::read_text(&folder.join("reports").join(REPORT)).ok();
    let Some(counts) = report.as_deref().and_then(Counts::parse) else {
        println!("the app's tests FAILED: they left no report");
        return Ok(false);
    };
    println!("the app's tests: {counts}, {} s", began.elapsed().as_secs());
    Ok(passed && counts.failed == 0)
}

/// How the tests ended.
#[derive(Debug, PartialEq, Eq)]
struct Counts {
    passed: u32,
    failed: u32,
    /// Those that found this machine unfit for them, and those that are switched off.
    not_run: u32,
}

impl Counts {
    /// From the report, whose first `<testsuite>` sums up.
    fn parse(report: &str) -> Option<Self> {
        let tag = report.split("<testsuite ").nth(1)?.split('>').next()?;
        let count =
            |name: &str| tag.split(&format!(" {name}=\"")).nth(1)?.split('"').next()?.parse::<u32>().ok();
        let (tests, not_run) = (count("tests")?, count("skipped")?);
        let failed = count("failures")?.checked_add(count("errors")?)?;
        Some(Self { passed: tests.checked_sub(failed)?.checked_sub(not_run)?, failed, not_run })
    }
}

impl fmt::Display for Counts {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { passed, failed, not_run } = self;
        write!(f, "{passed} passed")?;
        if *failed > 0 {
            write!(f, ", {failed} FAILED")?;
        }
        if *not_run > 0 {
            write!(f, ", {not_run} NOT RUN")?;
        }
        Ok(())
    }
}

/// What the tests are compiled against and run with.
struct Libraries {
    kotlin: Kotlin,
    /// Robolectric, `JUnit` and what they need.
    testing: Vec<PathBuf>,
    /// The folder Robolectric takes platforms from.
    platforms: PathBuf,
}

impl Libraries {
    fn fetch(versions: &Versions) -> Result<Self, TaskError> {
        let library = |name: &str| versions.library(name);
        let archives = ARCHIVES.iter().map(|name| library(name)).collect::<Result<Vec<_>, _>>()?;
        let jars = [
            // Maven takes the archives for jars when it follows Robolectric to them.
            Wanted::whole(library("robolectric")?).without(archives.clone()),
            Wanted::whole(library("junit")?),
            // Tests make a TUN device and sockets that Java cannot.
            Wanted::whole(library("jna")?),
            Wanted::alone(library("console-launcher")?, "jar"),
        ];
        let mut testing = files::files_below(&maven::fetch(versions, "testing", &jars)?)?;
        let wanted: Vec<Wanted> =
            archives.iter().map(|library| Wanted::alone(library.clone(), "aar")).collect();
        let folder = maven::fetch(versions, "testing-archives", &wanted)?;
        for archive in archives {
            testing.push(classes_of(&folder.join(archive.file_name("aar")))?);
        }
        let mut platforms = PathBuf::new();
        for name in PLATFORMS {
            // One by one: Maven takes two versions of a library for a choice.
            let platform = library(name)?;
            let file = platform.file_name("jar");
            let fetched = maven::fetch(versions, name, &[Wanted::alone(platform, "jar")])?.join(&file);
            platforms = files::cache()?.join("platforms");
            files::link(&fetched, &platforms.join(file))?;
        }
        Ok(Self { kotlin: Kotlin::fetch(versions)?, testing, platforms })
    }
}

/// The classes in one of Android's archives, unpacked beside it.
fn classes_of(path: &Path) -> Result<PathBuf, TaskError> {
    let jar = path.with_extension("classes.jar");
    if !jar.exists() {
        files::write(&jar, archive::read_one(path, "classes.jar")?)?;
    }
    Ok(jar)
}

/// Compiles the app and its tests; gives the class path to run them with.
fn compile(
    versions: &Versions,
    java: &Java,
    resources: &Resources,
    libraries: &Libraries,
    folder: &Path,
) -> Result<Vec<PathBuf>, TaskError> {
    let source = root().join("android-app/src");
    let (app, tests) = (folder.join("classes"), folder.join("test-classes"));
    println!("compiling the app");
    let module = Module {
        name: "app",
        source: &source.join("main/kotlin"),
        class_path: &[platform::slim(versions)?, resources.classes.clone()],
        friend: None,
        java_8_only: true,
    };
    libraries.kotlin.compile(java, &module, &app)?;

    println!("compiling its tests");
    let mut class_path = vec![app.clone(), resources.classes.clone()];
    class_path.extend(libraries.testing.iter().cloned());
    // After Robolectric, whose own versions of some classes come first.
    class_path.push(platform::whole(versions)?);
    let module = Module {
        name: "app-tests",
        source: &source.join("test/kotlin"),
        class_path: &class_path,
        friend: Some(&app),
        java_8_only: false,
    };
    libraries.kotlin.compile(java, &module, &tests)?;

    let assets = folder.join("assets");
    files::create_folder(&assets)?;
    let configuration = [
        ("android_merged_assets", &assets),
        ("android_merged_manifest", &resources.manifest),
        ("android_resource_apk", &resources.package),
    ];
    let configuration = configuration.map(|(name, path)| format!("{name}={}\n", path.display())).concat();
    let package = format!("android_custom_package={APPLICATION}\n");
    files::write(&tests.join(CONFIGURATION), configuration + &package)?;

    let mut run_path = vec![tests, source.join("test/resources"), libraries.kotlin.library.clone()];
    run_path.extend(class_path);
    Ok(run_path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_report_is_summed_up() {
        let report = "<?xml version=\"1.0\"?>\n<testsuite name=\"JUnit Vintage\" tests=\"9\" skipped=\"2\" \
                      failures=\"1\" errors=\"1\" time=\"3.1\">\n<testcase name=\"a\"/>\n</testsuite>";
        let counts = Counts::parse(report).unwrap();
        assert_eq!(counts, Counts { passed: 5, failed: 2, not_run: 2 });
        assert_eq!(counts.to_string(), "5 passed, 2 FAILED, 2 NOT RUN");
        assert_eq!(
            Counts::parse("<testsuite name=\"x\" tests=\"1\" skipped=\"2\" failures=\"0\" errors=\"0\">"),
            None
        );
        assert_eq!(Counts::parse(""), None);
    }
}
