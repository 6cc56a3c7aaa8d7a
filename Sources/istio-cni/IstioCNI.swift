import Plugin

/// The CNI plugin. Its main is synchronous: an `async` one takes 6 to 10 ms to end in a static binary.
@main
enum IstioCNI {
  static func main() {
    PluginProcess.run()
  }
}
