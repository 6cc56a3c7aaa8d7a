import NodeAgent
import Testing

@Suite struct JournalTests {
  static let journal = Journal(
    marks: [
      .binary(path: "/host/opt/cni/bin/istio-cni"), .kubeconfig(path: "/var/run/istio-cni/istio-cni-kubeconfig"),
      .entry(file: "10-calico.conflist", original: "10-calico.conflist"),
      .entry(file: "20-old.conflist", original: nil), .ownFile(name: "02-istio-cni.conflist"),
    ], isLeaving: true)

  @Test("a journal is read as it was written")
  func roundTrip() throws {
    #expect(try Journal(parsing: Self.journal.text) == Self.journal)
    #expect(try Journal(parsing: Journal().text) == Journal())
  }

  @Test("a journal is text for people")
  func text() {
    let journal = Journal(marks: [.entry(file: "10-a.conflist", original: "10-a.conf")])
    #expect(
      String(decoding: journal.text, as: UTF8.self) == """
        {
          "version": 1,
          "leaving": false,
          "marks": [
            {
              "entry": "10-a.conflist",
              "original": "10-a.conf"
            }
          ]
        }

        """)
  }

  @Test(
    "a broken journal is refused with its reason",
    arguments: [
      ("", "it is not JSON: line 1 column 1: expected a value, but the text ends here"),
      ("{}", #"key "version" is missing"#),
      (#"{"version":2}"#, "it is of version 2, and this program reads version 1"),
      (#"{"version":1,"marks":[]}"#, #"key "leaving" or "marks" is missing"#),
      (#"{"version":1,"leaving":false,"marks":[{"binary":"/a"},{}]}"#, "mark 1 is of no kind that is known"),
    ])
  func faults(text: String, fault: String) throws {
    let error = #expect(throws: JournalFault.self) { try Journal(parsing: Array(text.utf8)) }
    #expect(error?.description == fault)
  }

  @Test("a step is marked before it, and unmarked once it is undone")
  func marks() {
    var node = FakeNode()
    node.write(#"{"name":"a","type":"b"}"#, to: "10-a.conf")
    let wanted = FakeNode.wanted(.chained(fileName: nil))
    node.execute(Plan(installing: wanted, found: node.found))
    let installed: [Journal.Mark] = [
      .binary(path: FakeNode.binary), .kubeconfig(path: FakeNode.layout.kubeconfig),
      .entry(file: "10-a.conflist", original: "10-a.conf"),
    ]
    #expect(node.journal.marks == installed)
    // The list becomes the primary's own.
    node.write(#"{"name":"a","plugins":[{"type":"b"},{"type":"c"}]}"#, to: "10-a.conflist")
    node.execute(Plan(installing: wanted, found: node.found))
    #expect(node.journal.marks == installed.dropLast() + [.entry(file: "10-a.conflist", original: "10-a.conflist")])
    node.execute(Plan(removing: FakeNode.layout, found: node.found))
    #expect(node.journal.marks == [])
  }
}
