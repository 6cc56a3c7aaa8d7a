import System

/// A certificate in PEM with its private key. Made for one run, stored nowhere.
package struct TestCertificate: Sendable {
  package let certificatePEM: String
  package let privateKeyPEM: String

  /// Takes the two from what `openssl` printed, certificate first.
  fileprivate init(_ output: String) {
    let key = output.start(of: "-----BEGIN PRIVATE KEY-----")
    certificatePEM = String(output[..<key])
    privateKeyPEM = String(output[key...])
  }
}

/// A certificate authority that lives as long as this value, made with the `openssl` program.
package struct TestCertificateAuthority: Sendable {
  /// `openssl` is missing or refused to work.
  package struct Failure: Error, CustomStringConvertible {
    package let description: String
  }

  private let authority: TestCertificate

  /// What a client has to trust.
  package var certificatePEM: String { authority.certificatePEM }

  package init() throws {
    authority = TestCertificate(try Self.run(Self.authorityScript))
  }

  /// Makes a server's certificate, on the curve P-256.
  ///
  /// - Parameters:
  ///   - addresses: numeric; what clients that connect to an address look for.
  ///   - names: what clients that were told a name look for.
  ///   - isExpired: whether its time was over in 2020.
  package func serverCertificate(
    addresses: [String], names: [String] = ["kubernetes.default.svc"], isExpired: Bool = false
  ) throws -> TestCertificate {
    let subjects = addresses.map { "IP:\($0)" } + names.map { "DNS:\($0)" }
    return TestCertificate(
      try Self.run(
        Self.serverScript, subjects.joined(separator: ","), isExpired ? "20200102000000Z" : "20491231000000Z",
        input: authority.certificatePEM + authority.privateKeyPEM))
  }

  private static let authorityScript = """
    set -eu
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    cd "$folder"
    openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=test-authority -days 2 \
      -addext keyUsage=critical,keyCertSign -keyout key.pem -out certificate.pem
    cat certificate.pem key.pem
    """

  /// `openssl ca` because it alone takes dates of the past.
  private static let serverScript = """
    set -eu
    folder=$(mktemp -d)
    trap 'rm -rf "$folder"' EXIT
    cd "$folder"
    cat > authority.pem
    : > index.txt
    cat > ca.cnf <<END
    [ca]
    default_ca = authority
    [authority]
    certificate = authority.pem
    private_key = authority.pem
    database = index.txt
    new_certs_dir = .
    default_md = sha256
    rand_serial = yes
    policy = any
    x509_extensions = server
    [any]
    commonName = supplied
    [server]
    basicConstraints = critical,CA:FALSE
    extendedKeyUsage = serverAuth
    subjectAltName = $1
    END
    openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=kube-apiserver \
      -keyout key.pem -out request.pem
    openssl ca -batch -notext -config ca.cnf -startdate 20200101000000Z -enddate "$2" \
      -in request.pem -out certificate.pem
    cat certificate.pem key.pem
    """

  private static func run(_ script: String, _ arguments: String..., input: String = "") throws -> String {
    let path = CurrentProcess.environment["PATH"] ?? "/usr/bin:/bin"
    let outcome = try runChild(
      "/bin/sh", arguments: ["-c", script, "test-authority"] + arguments, environment: ["PATH": path],
      standardInput: Array(input.utf8), timeLimit: .seconds(30))
    guard outcome.status == .exited(0) else {
      throw Failure(description: "openssl failed: \(String(decoding: outcome.standardError, as: UTF8.self))")
    }
    return String(decoding: outcome.standardOutput, as: UTF8.self)
  }
}

extension String {
  /// Where `text` first begins; the end if it does not occur.
  fileprivate func start(of text: String) -> Index {
    indices.first { self[$0...].hasPrefix(text) } ?? endIndex
  }
}
