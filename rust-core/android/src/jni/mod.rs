//! The native methods of `org.consentry.engine.NativeEngine`. They convert, and call a [`Session`].
//!
//! Every entry point catches panics. What went wrong becomes an `EngineException` in the app.
#![allow(unsafe_code, reason = "the names of native methods are exported as they are")]
mod app;
mod exception;
mod logging;

use crate::error::{Code, EngineError};
use crate::handles::Handles;
use crate::session::Session;
use app::App;
use exception::{Failure, Throw};
use jni::objects::{JObject, JString};
use jni::sys::{JNI_VERSION_1_6, jint, jlong};
use jni::{Env, EnvUnowned};
use std::ffi::c_void;
use std::sync::Arc;

/// The sessions that the app has open, by handle.
static SESSIONS: Handles<Session> = Handles::new();

/// Called by the JVM when the app loads the library.
#[unsafe(no_mangle)]
extern "system" fn JNI_OnLoad(_vm: *mut jni::sys::JavaVM, _reserved: *mut c_void) -> jint {
    // Nothing may unwind into the JVM. Without a log the engine works all the same.
    let _ = std::panic::catch_unwind(logging::start);
    JNI_VERSION_1_6
}

/// `external fun open(folder: String, host: EngineHost): Long`
#[unsafe(no_mangle)]
extern "system" fn Java_org_consentry_engine_NativeEngine_open<'local>(
    mut env: EnvUnowned<'local>,
    _this: JObject<'local>,
    folder: JString<'local>,
    host: JObject<'local>,
) -> jlong {
    env.with_env(|env| -> Result<jlong, Failure> {
        let folder = text(env, &folder)?;
        let host = App::new(env, &host)?;
        Ok(SESSIONS.add(Session::open(&folder, Arc::new(host))?))
    })
    .resolve::<Throw>()
}

/// `external fun start(handle: Long, tun: Int, settings: String)`
#[unsafe(no_mangle)]
extern "system" fn Java_org_consentry_engine_NativeEngine_start<'local>(
    mut env: EnvUnowned<'local>,
    _this: JObject<'local>,
    handle: jlong,
    tun: jint,
    settings: JString<'local>,
) {
    env.with_env(|env| -> Result<(), Failure> {
        let session = SESSIONS.get(handle)?;
        Ok(session.start(tun, &text(env, &settings)?)?)
    })
    .resolve::<Throw>();
}

/// `external fun stop(handle: Long)`
#[unsafe(no_mangle)]
extern "system" fn Java_org_consentry_engine_NativeEngine_stop<'local>(
    mut env: EnvUnowned<'local>,
    _this: JObject<'local>,
    handle: jlong,
) {
    env.with_env(|_| -> Result<(), Failure> {
        SESSIONS.get(handle)?.stop();
        Ok(())
    })
    .resolve::<Throw>();
}

/// `external fun network(handle: Long, network: String)`
#[unsafe(no_mangle)]
extern "system" fn Java_org_consentry_engine_NativeEngine_network<'local>(
    mut env: EnvUnowned<'local>,
    _this: JObject<'local>,
    handle: jlong,
    network: JString<'local>,
) {
    env.with_env(|env| -> Result<(), Failure> {
        let session = SESSIONS.get(handle)?;
        Ok(session.network(&text(env, &network)?)?)
    })
    .resolve::<Throw>();
}

/// `external fun owner(handle: Long, flow: Long, owner: String)`
#[unsafe(no_mangle)]
extern "system" fn Java_org_consentry_engine_NativeEngine_owner<'local>(
    mut env: EnvUnowned<'local>,
    _this: JObject<'local>,
    handle: jlong,
    flow: jlong,
    owner: JString<'local>,
) {
    env.with_env(|env| -> Result<(), Failure> {
        let session = SESSIONS.get(handle)?;
        Ok(session.owner(flow, &text(env, &owner)?)?)
    })
    .resolve::<Throw>();
}

/// `external fun request(handle: Long, request: String): String`
#[unsafe(no_mangle)]
extern "system" fn Java_org_consentry_engine_NativeEngine_request<'local>(
    mut env: EnvUnowned<'local>,
    _this: JObject<'local>,
    handle: jlong,
    request: JString<'local>,
) -> JString<'local> {
    env.with_env(|env| -> Result<JString<'local>, Failure> {
        let session = SESSIONS.get(handle)?;
        let answer = session.request(&text(env, &request)?)?;
        Ok(env.new_string(answer)?)
    })
    .resolve::<Throw>()
}

/// `external fun close(handle: Long)`
#[unsafe(no_mangle)]
extern "system" fn Java_org_consentry_engine_NativeEngine_close<'local>(
    mut env: EnvUnowned<'local>,
    _this: JObject<'local>,
    handle: jlong,
) {
    env.with_env(|_| -> Result<(), Failure> {
        SESSIONS.remove(handle)?.close();
        Ok(())
    })
    .resolve::<Throw>();
}

/// A text that the app gave.
fn text(env: &Env<'_>, text: &JString<'_>) -> Result<String, Failure> {
    if text.is_null() {
        return Err(EngineError::new(Code::BadRequest, "null is no text").into());
    }
    Ok(text.try_to_string(env)?)
}
