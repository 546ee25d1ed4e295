// Named here, applied in android-app: Gradle then loads each plugin once.
plugins {
    alias(libs.plugins.android) apply false
    alias(libs.plugins.kotlin) apply false
}
