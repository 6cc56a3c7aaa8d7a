import Testing

/// Runs of the conformance suite, one after the other: each of them fills the machine, and much of what they judge is how
/// calls that overlap get along.
@Suite(.requires(.namespaces), .tags(.root), .serialized, .timeLimit(.minutes(40)))
enum ConformanceRuns {}
