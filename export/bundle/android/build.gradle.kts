// Not run here: it needs the Android SDK. As a module of an application, leave out settings.gradle.kts and the versions.
plugins {
    id("com.android.library") version "8.7.3"
    kotlin("android") version "2.0.21"
}

android {
    namespace = "inkport.android"
    compileSdk = 35
    defaultConfig {
        // From Android 7.0 on JPEG files are decoded with the accurate transform.
        minSdk = 24
        testInstrumentationRunner = "androidx.test.runner.AndroidJUnitRunner"
    }
    compileOptions {
        sourceCompatibility = JavaVersion.VERSION_1_8
        targetCompatibility = JavaVersion.VERSION_1_8
    }
    kotlinOptions {
        jvmTarget = "1.8"
    }
    sourceSets {
        getByName("main").assets.srcDir(layout.buildDirectory.dir("bundle/main"))
        getByName("androidTest").assets.srcDir(layout.buildDirectory.dir("bundle/test"))
    }
}

dependencies {
    implementation("com.microsoft.onnxruntime:onnxruntime-android:1.22.0")
    androidTestImplementation("androidx.test.ext:junit:1.2.1")
    androidTestImplementation("androidx.test:runner:1.6.2")
}

// The bundle lies around this file: model and specification go into the application, golden/ only into its test.
val modelAssets = tasks.register<Sync>("modelAssets") {
    from(projectDir) { include("specification.txt", "model/**", "ATTRIBUTION.md", "LICENSE") }
    into(layout.buildDirectory.dir("bundle/main"))
}
val goldenAssets = tasks.register<Sync>("goldenAssets") {
    from(projectDir) { include("golden/**") }
    into(layout.buildDirectory.dir("bundle/test"))
}
tasks.named("preBuild") { dependsOn(modelAssets, goldenAssets) }
