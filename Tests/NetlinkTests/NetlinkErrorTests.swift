import Netlink
import System
import SystemPackage
import Testing

struct NetlinkErrorTests {
  @Test("each kind of error has its text")
  func texts() {
    let system = NetlinkError(SystemError("sendto", "table, 9 bytes", .messageTooLong))
    #expect(system.description == "sendto(table, 9 bytes) = EMSGSIZE (90)")
    let refused = NetlinkError(.kernel, operation: "netlink", object: "chain x", errno: .fileExists)
    #expect(refused.description == "chain x = EEXIST (17)")
    let late = NetlinkError(.timedOut, operation: "recvmsg", object: "chain x")
    #expect(late.description == "chain x: no answer from the kernel in time")
    let torn = NetlinkError(.interrupted, operation: "dump", object: "get links")
    #expect(torn.description == "get links: changed each time it was read")
  }
}
