// swift-tools-version: 6.2
import PackageDescription

// Bottom to top: a target may use what stands above it. `ci/check-layers` holds the imports to this picture.
let package = Package(
  name: "istio-cni",
  products: [
    .executable(name: "istio-cni", targets: ["istio-cni"]),
    .executable(name: "install-cni", targets: ["install-cni"]),
    .executable(name: "cni-conformance", targets: ["cni-conformance"]),
    .executable(name: "netns-sim", targets: ["netns-sim"]),
  ],
  dependencies: [
    .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    .package(url: "https://github.com/apple/swift-nio", from: "2.101.2"),
    .package(url: "https://github.com/apple/swift-nio-ssl", from: "2.37.6"),
    .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
    .package(url: "https://github.com/apple/swift-log", from: "1.16.2"),
    .package(url: "https://github.com/swift-server/async-http-client", from: "1.37.0"),
    .package(url: "https://github.com/swift-server/swift-service-lifecycle", from: "2.13.0"),
  ],
  targets: [
    // C: libnl through pkg-config, and what Glibc's overlay hides.
    .systemLibrary(
      name: "CNetlink", pkgConfig: "libnl-route-3.0",
      providers: [.apt(["libnl-3-dev", "libnl-route-3-dev"])]),
    .target(name: "CLinux"),
    // C: what must happen before the Swift runtime starts, for it to start in an empty root.
    .target(name: "CBareStart"),

    // Edges of the kernel.
    .target(
      name: "System",
      dependencies: ["CLinux", .product(name: "SystemPackage", package: "swift-system")]),
    .target(
      name: "Netlink",
      dependencies: [
        "CLinux", "CNetlink", "System", .product(name: "SystemPackage", package: "swift-system"),
      ]),

    // Pure cores: no I/O, no C.
    .target(name: "JSON"),
    .target(name: "CNI", dependencies: ["JSON"]),
    .target(name: "Redirect"),

    // Rulesets to and from the kernel.
    .target(
      name: "Netfilter",
      dependencies: [
        "CLinux", "Netlink", "Redirect", "System",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),

    // One pod, one GET, one deadline.
    .target(
      name: "Kubernetes",
      dependencies: [
        "JSON", "System",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "SystemPackage", package: "swift-system"),
      ]),

    // What plugin and agent both know of one pod: configuration, facts, records.
    .target(
      name: "MeshPod",
      dependencies: [
        "CNI", "JSON", "Kubernetes", "Netfilter", "Redirect", "System",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),

    // The verbs.
    .target(
      name: "Plugin",
      dependencies: [
        "CNI", "JSON", "Kubernetes", "MeshPod", "Netfilter", "Netlink", "Redirect", "System",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .executableTarget(name: "istio-cni", dependencies: ["CBareStart", "Plugin"]),

    // The agent's way to the API server: connections that stay, and watches.
    .target(
      name: "KubernetesClient",
      dependencies: [
        "JSON", "Kubernetes", "System",
        .product(name: "AsyncHTTPClient", package: "async-http-client"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
      ]),

    // What keeps the plugin on a node: observe, plan, execute; watches, health, metrics.
    .target(
      name: "NodeAgent",
      dependencies: [
        "CNI", "JSON", "Kubernetes", "KubernetesClient", "MeshPod", "Netfilter", "Netlink", "Redirect", "System",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
        .product(name: "SystemPackage", package: "swift-system"),
        .product(name: "UnixSignals", package: "swift-service-lifecycle"),
      ]),
    .executableTarget(
      name: "install-cni",
      dependencies: [
        "JSON", "MeshPod", "Netfilter", "NodeAgent", "Plugin", "Redirect", "System",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "Logging", package: "swift-log"),
        .product(name: "ServiceLifecycle", package: "swift-service-lifecycle"),
      ]),

    // The proving ground; product code never imports it.
    .target(
      name: "Harness",
      dependencies: [
        "CLinux", "CNI", "JSON", "Kubernetes", "Netlink", "System",
        .product(name: "NIOCore", package: "swift-nio"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "NIOHTTP1", package: "swift-nio"),
        .product(name: "NIOSSL", package: "swift-nio-ssl"),
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .target(name: "Conformance", dependencies: ["CNI", "Harness", "JSON", "Netlink", "System"]),
    .executableTarget(
      name: "cni-conformance",
      dependencies: [
        "CNI", "Conformance", "JSON", "System", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),
    .executableTarget(
      name: "netns-sim",
      dependencies: [
        "Harness", "JSON", "System", .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ]),

    // What becomes of packets: configurations, questions, and an oracle that knows no rules. Pure, for all suites.
    .target(name: "TruthTables", dependencies: ["Redirect"], path: "IntegrationTests/TruthTables"),

    // The same questions with real packets.
    .target(
      name: "Stage", dependencies: ["Harness", "Redirect", "System", "TruthTables"], path: "IntegrationTests/Stage"),

    // What tests of many modules need: folders of their own, fixtures, something beside them. Without Testing, of which
    // there is no static library.
    .target(
      name: "TestKit", dependencies: ["JSON", "System", .product(name: "SystemPackage", package: "swift-system")],
      path: "Tests/TestKit"),

    // No root, no network but loopback.
    .testTarget(
      name: "SystemTests",
      dependencies: ["CLinux", "System", "TestKit", .product(name: "SystemPackage", package: "swift-system")]),
    .testTarget(
      name: "NetlinkTests",
      dependencies: ["CLinux", "CNetlink", "Netlink", .product(name: "SystemPackage", package: "swift-system")]),
    .testTarget(name: "JSONTests", dependencies: ["JSON"]),
    .testTarget(name: "CNITests", dependencies: ["CNI", "JSON", "System", "TestKit"]),
    .testTarget(name: "RedirectTests", dependencies: ["Redirect", "TruthTables"]),
    .testTarget(
      name: "NetfilterTests",
      dependencies: [
        "CLinux", "Netfilter", "Netlink", "Redirect", "System",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .testTarget(
      name: "KubernetesTests",
      dependencies: [
        "Harness", "JSON", "Kubernetes", "System", "TestKit",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .testTarget(
      name: "HarnessTests",
      dependencies: ["CNI", "Harness", "JSON", "System", .product(name: "SystemPackage", package: "swift-system")]),
    .testTarget(
      name: "MeshPodTests",
      dependencies: [
        "CNI", "JSON", "MeshPod", "Netfilter", "Redirect", "System", "TestKit", "TruthTables",
        .product(name: "SystemPackage", package: "swift-system"),
      ]),
    .testTarget(
      name: "PluginTests",
      dependencies: [
        "CNI", "Harness", "JSON", "Kubernetes", "MeshPod", "Netfilter", "Plugin", "Redirect", "System", "TestKit",
        "TruthTables", .product(name: "SystemPackage", package: "swift-system"),
      ]),

    .testTarget(
      name: "KubernetesClientTests",
      dependencies: [
        "Harness", "JSON", "Kubernetes", "KubernetesClient", "System", "TestKit",
        .product(name: "Logging", package: "swift-log"),
      ]),
    .testTarget(
      name: "NodeAgentTests",
      dependencies: [
        "CNI", "Harness", "JSON", "Kubernetes", "KubernetesClient", "MeshPod", "Netfilter", "Netlink", "NodeAgent",
        "Plugin",
        "Redirect", "System", "TestKit",
        .product(name: "Logging", package: "swift-log"),
        .product(name: "NIOPosix", package: "swift-nio"),
        .product(name: "SystemPackage", package: "swift-system"),
      ]),

    .testTarget(name: "ConformanceTests", dependencies: ["CNI", "Conformance", "JSON", "System"]),

    // Root: real namespaces, live traffic, and the binaries as processes.
    .testTarget(
      name: "IntegrationTests",
      dependencies: [
        "CLinux", "CNI", "Conformance", "FaultTable", "Harness", "JSON", "MeshPod", "Netfilter", "Netlink", "NodeAgent",
        "Redirect", "Stage", "System", "TestKit", "TruthTables", "istio-cni", "install-cni", "cni-conformance",
        "model-cni",
        .product(name: "SystemPackage", package: "swift-system"),
      ], path: "IntegrationTests",
      exclude: ["Benchmarks", "FaultTable", "ModelPlugin", "Mutants", "Stage", "TruthTables"],
      sources: ["Traffic", "Conformance", "NodeLifecycle"]),
    .executableTarget(
      name: "bench",
      dependencies: [
        "CNI", "Harness", "JSON", "Netfilter", "Netlink", "Redirect", "System",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
        .product(name: "SystemPackage", package: "swift-system"),
      ], path: "IntegrationTests/Benchmarks", exclude: ["floor.c"]),
    .executableTarget(
      name: "mutants",
      dependencies: [
        "Harness", "Netfilter", "Redirect", "Stage", "System", "TruthTables",
        .product(name: "ArgumentParser", package: "swift-argument-parser"),
      ], path: "IntegrationTests/Mutants"),

    // The control of the conformance suite: a plugin that does right in every role, and one wrong at a time on request.
    .target(name: "FaultTable", path: "IntegrationTests/FaultTable"),
    .executableTarget(
      name: "model-cni",
      dependencies: [
        "CLinux", "CNI", "FaultTable", "JSON", "Netlink", "System",
        .product(name: "SystemPackage", package: "swift-system"),
      ], path: "IntegrationTests/ModelPlugin"),
  ]
)

let settings: [SwiftSetting] = [
  .swiftLanguageMode(.v6),
  .enableUpcomingFeature("ExistentialAny"),
  .enableUpcomingFeature("InternalImportsByDefault"),
  .enableUpcomingFeature("MemberImportVisibility"),
  .enableUpcomingFeature("NonisolatedNonsendingByDefault"),
  .treatAllWarnings(as: .error),
]
let memorySafe: Set = ["System", "Netlink", "Netfilter"]
let inC: Set = ["CLinux", "CBareStart", "CNetlink"]

for target in package.targets where !inC.contains(target.name) {
  target.swiftSettings = settings + (memorySafe.contains(target.name) ? [.strictMemorySafety()] : [])
}
