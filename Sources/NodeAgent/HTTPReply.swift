/// What an endpoint answers.
package struct HTTPReply: Sendable, Equatable {
  package let status: Int
  package let contentType: String
  package let body: String

  package init(status: Int = 200, contentType: String = "text/plain; charset=utf-8", _ body: String) {
    self.status = status
    self.contentType = contentType
    self.body = body
  }
}

/// The names of the parameters behind a path: `verbose` of `/readyz?verbose`.
package struct HTTPQuery: Sendable, Equatable {
  private let names: Set<Substring>

  /// - Parameter text: what stands behind the question mark.
  package init(_ text: Substring) {
    names = Set(text.split(separator: "&").compactMap { $0.split(separator: "=").first })
  }

  package func contains(_ name: String) -> Bool { names.contains(Substring(name)) }
}
