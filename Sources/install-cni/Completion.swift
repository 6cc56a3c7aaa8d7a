import ArgumentParser

/// `install-cni completion`: a script that completes commands and flags in a shell.
struct Completion: ParsableCommand {
  enum Shell: String, ExpressibleByArgument, CaseIterable {
    case bash
    case zsh
    case fish
  }

  static let configuration = CommandConfiguration(
    abstract: "Print a script that completes commands and flags in a shell.",
    discussion: "For example: source <(install-cni completion bash)")

  @Argument(help: "The shell.")
  var shell: Shell

  func run() {
    let shell: CompletionShell =
      switch shell {
      case .bash: .bash
      case .zsh: .zsh
      case .fish: .fish
      }
    print(InstallCNI.completionScript(for: shell))
  }
}
