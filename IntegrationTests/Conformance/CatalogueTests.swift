import Conformance
import Testing

@Suite struct CatalogueTests {
  @Test("case ids are unique")
  func ids() {
    let ids = Catalogue.cases.map(\.id)
    #expect(Set(ids).count == ids.count)
  }
}
