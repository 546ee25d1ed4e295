import org.jetbrains.kotlin.gradle.dsl.JvmTarget

plugins {
    alias(libs.plugins.android)
    alias(libs.plugins.kotlin)
}

val nativeLibraries = layout.buildDirectory.dir("native-libraries")

android {
    namespace = "org.consentry"
    compileSdk = libs.versions.compile.sdk.get().toInt()

    defaultConfig {
        minSdk = libs.versions.min.sdk.get().toInt()
        targetSdk = libs.versions.target.sdk.get().toInt()
        versionCode = libs.versions.app.code.get().toInt()
        versionName = libs.versions.app.name.get()
    }
    // As `cargo xtask apk` packs it: compressed, and unpacked by the phone.
    packaging {
        jniLibs.useLegacyPackaging = true
    }
    buildTypes {
        release {
            isMinifyEnabled = true
            proguardFiles(rootProject.file("gradle/rules.pro"))
        }
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_1_8
        targetCompatibility = JavaVersion.VERSION_1_8
    }
    sourceSets.named("main") { jniLibs.srcDir(nativeLibraries) }
    testOptions.unitTests {
        isIncludeAndroidResources = true
        all {
            // `cargo build -p consentry-android` puts the engine for this machine there.
            it.systemProperty("java.library.path", rootProject.file("target/debug").path)
            it.systemProperty("consentry.pictures", rootProject.file("build/pictures").path)
        }
    }
}

kotlin {
    compilerOptions {
        jvmTarget = JvmTarget.JVM_1_8
        allWarningsAsErrors = true
        freeCompilerArgs.add("-Xnullability-annotations=@android.annotation:ignore")
    }
}

// The engine, with the NDK and rustup's targets.
val buildNativeLibraries by tasks.registering(Exec::class) {
    workingDir = rootDir
    environment("ANDROID_NDK_HOME", android.ndkDirectory.path)
    commandLine("cargo", "xtask", "apk", "--libraries-only", nativeLibraries.get().asFile.path)
}
tasks.named("preBuild") { dependsOn(buildNativeLibraries) }

dependencies {
    testImplementation(libs.jna)
    testImplementation(libs.junit)
    testImplementation(libs.robolectric)
}
