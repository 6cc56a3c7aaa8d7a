extension JSONObject {
  /// This object as a merge patch changes it: members replace members, null removes, objects are merged.
  ///
  /// Source: RFC 7396.
  package func patched(with patch: JSONObject) -> JSONObject {
    var result = self
    for (key, value) in patch.members {
      switch value {
      case .null: result[key] = nil
      case .object(let inner): result[key] = .object((self[key]?.object ?? [:]).patched(with: inner))
      default: result[key] = value
      }
    }
    return result
  }
}
