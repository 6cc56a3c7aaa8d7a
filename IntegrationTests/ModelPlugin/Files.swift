import CLinux
import CNI
import FaultTable
import Glibc
import System
import SystemPackage

/// Makes a folder and those above it.
func makeFolders(_ path: String) throws(Failure) {
  var folder = ""
  for part in path.split(separator: "/") {
    folder += "/\(part)"
    let folder = folder
    try attempting("make the folder \(folder)", code: .io) { try makeFolder(folder) }
  }
}

/// The names in a folder, in the order of the alphabet; none when there is no folder.
func fileNames(_ folder: String) throws(Failure) -> [String] {
  try attempting("read the folder \(folder)", code: .io) {
    try exists(folder) ? names(inFolder: folder).sorted() : []
  }
}

/// Removes a file of ours; that there is none is fine.
func removeState(_ path: String) throws(Failure) {
  _ = try attempting("remove \(path)", code: .io) { try removeFile(path) }
}

/// Waits for a lock that goes with its holder.
///
/// A delegate whose parent is killed meanwhile gives up: nobody waits for its work, and the DEL that comes next must not
/// be overtaken by it.
func lock(_ descriptor: borrowing OwnedDescriptor, _ path: String) throws(SystemError) {
  let parent = getppid()
  while descriptor.withRawValue({ flock($0, LOCK_EX | LOCK_NB) }) != 0 {
    let errno = Errno(rawValue: Glibc.errno)
    guard errno == .wouldBlock || errno == .interrupted else { throw SystemError("flock", path, errno) }
    if fault == .failsOnHeldLocks { throw SystemError("flock", path, errno) }
    pause(milliseconds: 5)
    if getppid() != parent { CurrentProcess.exit(1) }
  }
}

/// Whether `path` still names the open file.
func isFile(_ descriptor: CInt, at path: String) -> Bool {
  var opened = stat()
  var named = stat()
  return fstat(descriptor, &opened) == 0 && stat(path, &named) == 0
    && opened.st_ino == named.st_ino && opened.st_dev == named.st_dev
}
