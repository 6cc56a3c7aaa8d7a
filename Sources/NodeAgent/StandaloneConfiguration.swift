import JSON

extension JSONObject {
  /// The text of a file that has only this entry, for Multus.
  ///
  /// - Parameter isList: whether the file is a list.
  func standalone(isList: Bool) -> [UInt8] {
    var members: [(String, JSONValue)] = [("cniVersion", "0.3.1"), ("name", .string(NodeLayout.pluginName))]
    if isList {
      members.append(("plugins", [.object(self)]))
    } else {
      members += self.members.filter { $0.key != "cniVersion" && $0.key != "name" }.map { ($0.key, $0.value) }
    }
    return JSONValue.object(JSONObject(members)).serialized(.indented(2)) + [UInt8(ascii: "\n")]
  }
}
