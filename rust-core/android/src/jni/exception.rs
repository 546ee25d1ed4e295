//! Failures and panics as `org.consentry.engine.EngineException`.
use crate::error::{Code, EngineError};
use crate::session::words_of;
use jni::errors::ErrorPolicy;
use jni::objects::{JThrowable, JValue};
use jni::{Env, jni_sig, jni_str};
use std::any::Any;

/// Why a native method has no result.
#[derive(Debug)]
pub(super) enum Failure {
    /// The engine says why.
    Engine(EngineError),
    /// The JVM did not do its part; an exception may be pending, which then is what the app sees.
    Jvm(jni::errors::Error),
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Self {
        Self::Engine(error)
    }
}

impl From<jni::errors::Error> for Failure {
    fn from(error: jni::errors::Error) -> Self {
        Self::Jvm(error)
    }
}

/// Throws them, and returns 0 or null, which the app never sees.
#[derive(Debug)]
pub(super) struct Throw;

impl<T: Default> ErrorPolicy<T, Failure> for Throw {
    type Captures<'unowned_env_local: 'native_method, 'native_method> = ();

    fn on_error<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        (): &mut (),
        failure: Failure,
    ) -> jni::errors::Result<T> {
        match failure {
            Failure::Engine(error) => throw(env, &error)?,
            Failure::Jvm(error) => throw(env, &EngineError::new(Code::Internal, error.to_string()))?,
        }
        Ok(T::default())
    }

    fn on_panic<'unowned_env_local: 'native_method, 'native_method>(
        env: &mut Env<'unowned_env_local>,
        (): &mut (),
        panic: Box<dyn Any + Send + 'static>,
    ) -> jni::errors::Result<T> {
        let message =
            format!("Consentry has a fault in it: {}. Please report this", words_of(panic.as_ref()));
        throw(env, &EngineError::new(Code::Panic, message))?;
        Ok(T::default())
    }
}

fn throw(env: &mut Env<'_>, error: &EngineError) -> jni::errors::Result<()> {
    if env.exception_check() {
        return Ok(());
    }
    let class = env.find_class(jni_str!("org/consentry/engine/EngineException"))?;
    let code = env.new_string(error.code.as_str())?;
    let message = env.new_string(&error.message)?;
    let arguments = [JValue::Object(&code), JValue::Object(&message)];
    let exception = env.new_object(class, jni_sig!("(Ljava/lang/String;Ljava/lang/String;)V"), &arguments)?;
    match env.throw(env.cast_local::<JThrowable>(exception)?) {
        // Thrown, that is.
        Ok(()) | Err(jni::errors::Error::JavaException) => Ok(()),
        Err(error) => Err(error),
    }
}
