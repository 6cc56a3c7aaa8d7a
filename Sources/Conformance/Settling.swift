extension LabNode {
  /// Waits until nothing changes by itself any more, such as links of a namespace that ends.
  func settle() throws {
    var last = try state()
    _ = try lab.eventually(within: .seconds(2)) {
      let now = try state()
      defer { last = now }
      return now == last
    }
  }
}
