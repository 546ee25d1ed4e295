//! Signing, with apksigner.
use super::{files, java::Java, program};
use crate::{TaskError, tools::ensure_each};
use std::{
    ffi::OsString,
    path::{Path, PathBuf},
    process::Command,
};

const KEYSTORE: &str = "CONSENTRY_KEYSTORE";
const PASSWORD: &str = "CONSENTRY_KEYSTORE_PASSWORD";
const ALIAS: &str = "CONSENTRY_KEY_ALIAS";
/// Of the key that is made where the environment names none. It protects nothing.
const DEBUG_PASSWORD: &str = "consentry";

/// The key a package is signed with.
pub(super) struct Key {
    keystore: PathBuf,
    password: OsString,
    alias: String,
    /// Whether it is a throw-away one.
    pub(super) debug: bool,
}

impl Key {
    /// The one the environment names, else a debug key that is made once and kept in the cache.
    pub(super) fn find(java: &Java) -> Result<Self, TaskError> {
        let Some(keystore) = std::env::var_os(KEYSTORE) else {
            return Self::debug(java);
        };
        let missing = |name: &str| TaskError::Missing(format!("{KEYSTORE} is set, but {name} is not"));
        let keystore = PathBuf::from(keystore);
        if !keystore.is_file() {
            return Err(TaskError::Missing(format!("{KEYSTORE}: there is no file {}", keystore.display())));
        }
        Ok(Self {
            keystore,
            password: std::env::var_os(PASSWORD).ok_or_else(|| missing(PASSWORD))?,
            alias: std::env::var(ALIAS).map_err(|_| missing(ALIAS))?,
            debug: false,
        })
    }

    fn debug(java: &Java) -> Result<Self, TaskError> {
        let keystore = files::cache()?.join("debug.p12");
        let key = Self { keystore, password: DEBUG_PASSWORD.into(), alias: "debug".into(), debug: true };
        files::once(&key.keystore, |unfinished| {
            let mut keytool = java.program("keytool");
            keytool
                .args(["-genkeypair", "-storetype", "PKCS12", "-keyalg", "RSA", "-keysize", "2048"])
                .args(["-validity", "10000", "-dname", "CN=Consentry debug", "-alias", &key.alias])
                .args(["-storepass:env", PASSWORD, "-keystore"])
                .arg(unfinished)
                .env(PASSWORD, &key.password);
            program::run(keytool)
        })?;
        Ok(key)
    }
}

/// apksigner, installed if need be.
pub(super) fn apksigner() -> Result<Command, TaskError> {
    ensure_each(&[("apksigner", "apksigner")])?;
    Ok(Command::new("apksigner"))
}

/// Signs by schemes 2 and 3. Scheme 1, which signs each file for Androids before 7, is left out.
pub(super) fn sign(key: &Key, unsigned: &Path, signed: &Path) -> Result<(), TaskError> {
    let mut command = apksigner()?;
    command
        .arg("sign")
        .arg("--ks")
        .arg(&key.keystore)
        // By the environment: what is on a command line, everybody on the machine can read.
        .args(["--ks-pass", &format!("env:{PASSWORD}"), "--ks-key-alias", &key.alias])
        .env(PASSWORD, &key.password)
        .args([
            "--v1-signing-enabled",
            "false",
            "--v2-signing-enabled",
            "true",
            "--v3-signing-enabled",
            "true",
        ])
        .args(["--v4-signing-enabled", "false"])
        .arg("--out")
        .arg(signed)
        .arg(unsigned);
    program::run(command)
}
