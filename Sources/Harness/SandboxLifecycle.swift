package import JSON

/// What containerd does with the network of a pod from its start to its removal.
extension CNIRuntime {
  /// Gives a sandbox its network. If that fails, DEL is run over the whole chain, also for plugins that saw no ADD; what
  /// fails in that is lost.
  ///
  /// - Throws: What made ADD fail. The namespace is still bound.
  package func setUp(_ sandbox: Sandbox, interface: String = "eth0") throws(RuntimeError) -> JSONObject {
    do throws(RuntimeError) {
      return try add(sandbox, interface: interface)
    } catch {
      // As lost as containerd's: it reports what made ADD fail and removes the namespace.
      try? delete(sandbox, interface: interface)
      throw error
    }
  }

  /// Stops a pod: DEL with the namespace and the result of the ADD. The namespace is there until the caller removes the
  /// sandbox.
  package func stop(_ sandbox: Sandbox, with age: ConfigurationAge = .current) throws(RuntimeError) {
    try delete(sandbox, with: age)
  }

  /// Removes a stopped pod, whose namespace is gone by then: a second DEL, which knows neither the namespace nor the
  /// result.
  package func remove(_ sandbox: Sandbox, with age: ConfigurationAge = .current) throws(RuntimeError) {
    try delete(sandbox, isGone: true, with: age)
  }
}
