import Testing

@testable import NodeAgent

@Suite struct SelectorTests {
  private static let labels = ["app": "cart", "tier": "front", "example.com/rank": "7", "empty": ""]

  @Test(
    "labels are selected as by kubectl",
    arguments: [
      ("", true), (" ", true), ("app=cart", true), ("app==cart", true), ("app = cart", true), ("app=till", false),
      ("app!=cart", false), ("app!=till", true), ("other!=x", true), ("app", true), ("other", false), ("!other", true),
      ("! app", false), ("app in (till, cart)", true), ("app in (till)", false), ("other in (x)", false),
      ("app notin (till)", true), ("app notin (cart,till)", false), ("other notin (x)", true), ("empty=", true),
      ("app=", false), ("empty in (,a)", true), ("example.com/rank>6", true), ("example.com/rank<7", false),
      ("app>1", false), ("app=cart,tier=front", true), ("app=cart,tier=back", false), ("in=x", false),
      ("app in (cart),!other , tier", true),
    ])
  func labels(text: String, isMatched: Bool) throws {
    #expect(try LabelSelector(text).matches(Self.labels) == isMatched)
  }

  @Test(
    "what is no selector of labels is told",
    arguments: [
      ("app cart", "has \"cart\" where a comma should be"), ("app=a=b", "has \"=\" where a comma should be"),
      ("=cart", "has \"=\" where a label's key should be"), ("app,", "has its end where a label's key should be"),
      ("app in cart", "has \"cart\" where a list in parentheses should be"),
      ("app in (cart", "has its end where a closing parenthesis should be"),
      ("rank>high", "compares with what is no integer: high"), ("rank>", "has its end where a number should be"),
      ("-app", "has an item that is no label's key: -app"), ("a/b/c", "has an item that is no label's key: a/b/c"),
      ("Example.com/a=b", "has an item that is no label's key: Example.com/a"),
      ("app=ca$t", "has an item that is no label's value: ca$t"),
    ])
  func labelFaults(text: String, problem: String) {
    #expect { try LabelSelector(text) } throws: { ($0 as? SelectorFault)?.problem == problem }
  }

  private static let fields: [FieldSelector.Field: String] = [
    .name: "cart", .namespace: "shop", .nodeName: "node-a", .phase: "Pending",
  ]

  @Test(
    "fields are selected as by kubectl",
    arguments: [
      ("", true), ("metadata.name=cart", true), ("metadata.namespace==shop", true), ("metadata.namespace!=shop", false),
      ("spec.nodeName = node-a , status.phase!=Running", true), ("status.phase=Running", false),
      ("metadata.name=cart,metadata.namespace=mall", false), ("metadata.name=", false),
    ])
  func fields(text: String, isMatched: Bool) throws {
    #expect(try FieldSelector(text).matches(Self.fields) == isMatched)
  }

  @Test(
    "what is no selector of fields, or one of fields that are not kept, is told",
    arguments: [
      ("metadata.name", "has an item that is no condition: metadata.name"),
      ("spec.restartPolicy=Never", "has a condition on the field spec.restartPolicy, which is not kept of pods"),
      ("metadata.name=a=b", "compares metadata.name with what no pod has there: a=b"),
      ("metadata.name in (a)", "has an item that is no condition: metadata.name in (a)"),
    ])
  func fieldFaults(text: String, problem: String) {
    #expect { try FieldSelector(text) } throws: { ($0 as? SelectorFault)?.problem == problem }
  }

  @Test("keys and values of labels have their limits")
  func syntax() {
    let long = String(repeating: "a", count: 63)
    #expect(LabelSyntax.isKey(long) && LabelSyntax.isKey("cni.istio.io/uninitialized"))
    for key in ["", "a-", "/a", "a/", long + "a", "a b", ".a/b", "\(String(repeating: "a.", count: 127))/b"] {
      #expect(!LabelSyntax.isKey(key), "\(key)")
    }
    #expect(LabelSyntax.isValue("") && LabelSyntax.isValue(long) && LabelSyntax.isValue("A_b.c-1"))
    for value in [long + "a", "-a", "a/b", "a b"] { #expect(!LabelSyntax.isValue(value), "\(value)") }
  }
}
