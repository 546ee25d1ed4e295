package org.consentry

import org.junit.runners.model.FrameworkMethod
import org.robolectric.RobolectricTestRunner
import org.robolectric.internal.bytecode.InstrumentationConfiguration

/**
 * Robolectric with the real engine. A JVM loads a native library into one class loader only, and Robolectric makes one for
 * each version of Android: so the classes at the boundary stay outside of them all, and so does JNA, which has a library of its own.
 */
class AppRunner(type: Class<*>) : RobolectricTestRunner(type) {
    override fun createClassLoaderConfig(method: FrameworkMethod): InstrumentationConfiguration =
        BOUNDARY.fold(InstrumentationConfiguration.Builder(super.createClassLoaderConfig(method))) { builder, name ->
            builder.doNotAcquireClass("org.consentry.engine.$name")
        }.doNotAcquirePackage("com.sun.jna.").build()

    private companion object {
        val BOUNDARY = listOf("NativeEngine", "EngineHost", "EngineException")
    }
}
