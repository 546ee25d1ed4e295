// For Android Studio. `cargo xtask apk` builds the same sources without Gradle.
pluginManagement { repositories { google(); mavenCentral(); gradlePluginPortal() } }

dependencyResolutionManagement {
    repositoriesMode = RepositoriesMode.FAIL_ON_PROJECT_REPOS
    repositories { google(); mavenCentral() }
}

rootProject.name = "consentry"
include(":android-app")
