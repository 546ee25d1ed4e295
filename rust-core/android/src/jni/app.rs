//! The app's `EngineHost`, called from threads of the engine's.
use crate::error::{Code, EngineError};
use crate::host::Host;
use jni::objects::{JObject, JValue};
use jni::refs::Global;
use jni::strings::JNIStr;
use jni::vm::{AttachConfig, JavaVM};
use jni::{DEFAULT_LOCAL_FRAME_CAPACITY, Env, jni_sig, jni_str};
use std::os::fd::RawFd;

/// The object that the app gave.
pub(super) struct App {
    vm: JavaVM,
    host: Global<JObject<'static>>,
}

impl App {
    pub(super) fn new(env: &mut Env<'_>, host: &JObject<'_>) -> Result<Self, super::Failure> {
        if host.is_null() {
            return Err(EngineError::new(Code::BadRequest, "null is no host").into());
        }
        Ok(Self { vm: env.get_java_vm()?, host: env.new_global_ref(host)? })
    }

    /// Calls the app. The thread becomes one of the JVM's, under a name: for good, so that the next call is cheap, or
    /// (`once`) for this call, so that it does not keep the JVM from ending. `None`: the app threw something.
    fn call<T>(
        &self,
        thread: &'static JNIStr,
        once: bool,
        call: impl FnOnce(&mut Env<'_>) -> jni::errors::Result<T>,
    ) -> Option<T> {
        let config = || AttachConfig::new().thread_name(thread).scoped(once);
        let result =
            self.vm.attach_current_thread_with_config(config, Some(DEFAULT_LOCAL_FRAME_CAPACITY), call);
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                // Exceptions may name hosts.
                log::warn!("the app failed in a call of the engine's");
                log::debug!("it failed with: {error}");
                None
            }
        }
    }
}

impl Host for App {
    fn protect(&self, socket: RawFd) -> bool {
        self.call(jni_str!("consentry-packets"), false, |env| {
            env.call_method(&self.host, jni_str!("protect"), jni_sig!("(I)Z"), &[JValue::Int(socket)])?.z()
        })
        .unwrap_or(false)
    }

    fn owner(&self, question: i64, transport: i32, app: &str, remote: &str) {
        // Without an answer the engine waits a moment, and then nobody knows.
        let _ = self.call(jni_str!("consentry-asking"), false, |env| {
            let app = env.new_string(app)?;
            let remote = env.new_string(remote)?;
            let arguments = [
                JValue::Long(question),
                JValue::Int(transport),
                JValue::Object(&app),
                JValue::Object(&remote),
            ];
            let signature = jni_sig!("(JILjava/lang/String;Ljava/lang/String;)V");
            env.call_method(&self.host, jni_str!("owner"), signature, &arguments).map(drop)
        });
    }

    fn event(&self, event: &str) {
        let _ = self.call(jni_str!("consentry-events"), true, |env| {
            let event = env.new_string(event)?;
            let arguments = [JValue::Object(&event)];
            env.call_method(&self.host, jni_str!("event"), jni_sig!("(Ljava/lang/String;)V"), &arguments)
                .map(drop)
        });
    }
}
