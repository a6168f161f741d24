// swift-tools-version:5.6
// Not compiled here: inkport's own tests compile CInkport and test it through C; Swift needs Xcode.
import PackageDescription

let package = Package(
    name: "Inkport",
    platforms: [.iOS(.v13)],
    products: [.library(name: "Inkport", targets: ["Inkport"])],
    dependencies: [
        .package(url: "https://github.com/microsoft/onnxruntime-swift-package-manager", from: "1.20.0")
    ],
    targets: [
        .target(
            name: "CInkport",
            dependencies: [.product(name: "onnxruntime", package: "onnxruntime-swift-package-manager")]
        ),
        // The bundle lies around this file: its model and golden/ are resources where they are.
        .target(
            name: "Inkport",
            dependencies: ["CInkport"],
            path: ".",
            exclude: [
                "Sources/CInkport", "Tests", "golden", "README.md", "SHA256SUMS", "bundle.json",
            ],
            sources: ["Sources/Inkport"],
            resources: [
                .copy("specification.txt"), .copy("model"), .copy("ATTRIBUTION.md"), .copy("LICENSE"),
            ]
        ),
        .testTarget(
            name: "InkportTests",
            dependencies: ["Inkport"],
            path: ".",
            exclude: [
                "Sources", "model", "specification.txt", "README.md", "SHA256SUMS", "bundle.json", "ATTRIBUTION.md",
                "LICENSE",
            ],
            sources: ["Tests/InkportTests"],
            resources: [.copy("golden")]
        ),
    ],
    cxxLanguageStandard: .cxx17
)
