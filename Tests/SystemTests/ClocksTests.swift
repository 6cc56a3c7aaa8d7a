import System
import Testing

struct ClocksTests {
  @Test("the node has been up for a while, and 2020 is over")
  func plausible() {
    let first = timeSinceBoot()
    #expect(first > .zero)
    #expect(timeSinceBoot() >= first)
    #expect(timeSinceEpoch() > .seconds(1_577_836_800))
    #expect(timeSinceEpoch() > timeSinceBoot())
  }
}
