import Fetch
import OCI
import Synchronization

/// What a token is asked for: actions on one repository.
struct Scope: Hashable, Sendable {
  var repository: String
  /// `pull`, or `pull,push`.
  var actions: String

  var text: String { "repository:\(repository):\(actions)" }

  static func pull(_ repository: String) -> Scope { Scope(repository: repository, actions: "pull") }
  static func push(_ repository: String) -> Scope { Scope(repository: repository, actions: "pull,push") }
}

/// Answers what one registry asks for before it lets somebody in: basic and bearer authentication.
/// <https://distribution.github.io/distribution/spec/auth/token/>
///
/// Credentials go to the registry's own origin, and to the token server that it names there when that one is
/// reached by TLS, or is on the same host as a registry that is itself spoken to in plain HTTP. They follow no
/// redirect to another origin.
final class Authorizer: Sendable {
  private struct Token {
    var value: String
    var expires: ContinuousClock.Instant
  }

  private struct State {
    var challenge: Challenge?
    var tokens: [Set<Scope>: Token] = [:]
    var credentials: Credentials??
    /// Newer than what the file says: token servers may hand out another one.
    var identity: String?
  }

  private let endpoint: Endpoint
  private let files: CredentialFiles
  private let http: HTTPClient
  private let state = Mutex(State())
  private let place: String
  /// One thread asks; the others wait and take what it got.
  private let asking = Mutex(())

  init(_ endpoint: Endpoint, _ files: CredentialFiles, _ http: HTTPClient, place: String) {
    self.endpoint = endpoint
    self.files = files
    self.http = http
    self.place = place
  }

  private func refused(_ words: String) -> RegistryError { RegistryError(.unauthorized(words), at: place) }

  /// Notes what the registry asks for, so that the next request has it already.
  func note(_ challenges: [Challenge]) {
    // Bearer before basic, as everybody does.
    let known = challenges.first { $0.scheme == "bearer" } ?? challenges.first { $0.scheme == "basic" }
    if let known { state.withLock { $0.challenge = known } }
  }

  /// The `Authorization` field for a request to the registry's own origin; nil when nothing is asked for.
  func field(_ scopes: Set<Scope>, origin: ServerURL.Origin) throws -> String? {
    guard let challenge = state.withLock({ $0.challenge }) else { return nil }
    if challenge.scheme == "basic" {
      guard case .basic(let user, let password)? = try credentials() else { return nil }
      return Credentials.basicField(user, password)
    }
    return try asking.withLock { _ in
      if let token = state.withLock({ $0.tokens[scopes] }), token.expires > .now {
        return "Bearer " + token.value
      }
      return "Bearer " + (try newToken(challenge, scopes, origin))
    }
  }

  /// Answers a 401: what was sent before is forgotten. Nil when there is nothing else to send; `isNew` when it
  /// was got for this answer, and not by another thread meanwhile.
  ///
  /// - Parameter rejected: the field that was refused; nil for none.
  func answer(
    _ challenges: [Challenge], _ scopes: Set<Scope>, rejected: String?, origin: ServerURL.Origin
  ) throws -> (field: String, isNew: Bool)? {
    note(challenges)
    guard challenges.contains(where: { ["basic", "bearer"].contains($0.scheme) }) else {
      throw refused("the registry asks for credentials in a way that isn't known")
    }
    let isNew = state.withLock { state in
      guard let token = state.tokens[scopes] else { return true }
      // Another thread may have got a new one meanwhile.
      guard rejected == "Bearer " + token.value else { return rejected == nil }
      state.tokens[scopes] = nil
      return true
    }
    guard let field = try field(scopes, origin: origin), field != rejected else { return nil }
    return (field, isNew)
  }

  /// Whether there are credentials for the registry.
  var hasCredentials: Bool { (try? credentials()) != nil }

  private func credentials() throws -> Credentials? {
    if let known = state.withLock({ $0.credentials }) { return known }
    let found = try files.find(host: endpoint.host, repository: endpoint.repository)
    state.withLock { $0.credentials = .some(found) }
    return found
  }

  // MARK: Tokens

  private func newToken(_ challenge: Challenge, _ scopes: Set<Scope>, _ origin: ServerURL.Origin) throws
    -> String
  {
    guard let text = challenge.parameters["realm"], let realm = ServerURL(text) else {
      throw refused("the registry names no token server that can be asked")
    }
    var credentials = try credentials()
    if let identity = state.withLock({ $0.identity }) { credentials = .identityToken(identity) }
    if credentials != nil { try checkRealm(realm, origin) }
    let service = challenge.parameters["service"]
    var wanted = Set(scopes.map(\.text))
    // What the registry asks for may be named otherwise than we do; only of the kind that we need.
    if let asked = challenge.parameters["scope"] {
      wanted.formUnion(
        asked.split(separator: " ").map(String.init).filter { $0.hasPrefix("repository:") }.prefix(8))
    }
    let response: HTTPResponse
    if case .identityToken(let token)? = credentials {
      response = try exchange(token, realm, service, wanted.sorted())
    } else {
      response = try ask(realm, service, wanted.sorted(), credentials)
    }
    let body = try response.readAll(limit: 1 << 20)
    guard response.status == 200 else {
      let who = realm.origin.description
      throw refused(
        credentials == nil
          ? "\(who) gives no token without credentials (\(FetchError.phrase(response.status)))"
          : "\(who) doesn't take the credentials for \(endpoint.host) (\(FetchError.phrase(response.status)))"
      )
    }
    guard let answer = try? JSONValue(parsing: body).object,
      let token = answer["token"]?.string ?? answer["access_token"]?.string, !token.isEmpty,
      token.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f })
    else { throw refused("\(realm.origin) answered without a token") }
    // Without a word it is a minute; and renewed before it ends.
    let seconds = max(1, min(answer["expires_in"]?.integer ?? 60, 86_400))
    state.withLock { state in
      state.tokens[scopes] = Token(
        value: token, expires: .now + .seconds(seconds) - .seconds(min(10, seconds / 4)))
      if case .identityToken? = credentials, let next = answer["refresh_token"]?.string, !next.isEmpty {
        state.identity = next
      }
    }
    return token
  }

  /// Refuses to send credentials to a token server that may not have them.
  private func checkRealm(_ realm: ServerURL, _ origin: ServerURL.Origin) throws {
    if realm.origin.isSecure { return }
    if !origin.isSecure, realm.origin.host == origin.host { return }
    throw refused(
      "the registry names the token server \(realm.origin), to which credentials are not sent: it is reached "
        + "without TLS" + (origin.isSecure ? "" : " and is another host"))
  }

  private func ask(
    _ realm: ServerURL, _ service: String?, _ scopes: [String], _ credentials: Credentials?
  ) throws -> HTTPResponse {
    var fields: [(name: String, value: String)] = []
    if let service { fields.append(("service", service)) }
    fields += scopes.map { ("scope", $0) }
    var authorization: String?
    if case .basic(let user, let password)? = credentials {
      fields.append(("account", user))
      authorization = Credentials.basicField(user, password)
    }
    fields.append(("client_id", "garboard"))
    var url = realm.adding(fields)
    for _ in 0..<4 {
      var request = HTTPRequest("GET", url.description)
      if let authorization { request.add("Authorization", authorization) }
      let response = try send(request, to: url)
      guard (301...308).contains(response.status), let location = response.field("location") else {
        return response
      }
      guard let next = url.resolving(location), next.origin == realm.origin else {
        throw refused("the token server \(realm.origin) leads elsewhere, where nobody is asked")
      }
      url = next
    }
    throw refused("the token server \(realm.origin) redirects too often")
  }

  private func exchange(
    _ token: String, _ realm: ServerURL, _ service: String?, _ scopes: [String]
  ) throws -> HTTPResponse {
    var form = [
      ("grant_type", "refresh_token"), ("client_id", "garboard"), ("scope", scopes.joined(separator: " ")),
      ("refresh_token", token),
    ]
    if let service { form.append(("service", service)) }
    var request = HTTPRequest("POST", realm.description)
    request.add("Content-Type", "application/x-www-form-urlencoded")
    request.body = .bytes(
      Array(form.map { $0.0 + "=" + ServerURL.escaped($0.1) }.joined(separator: "&").utf8))
    return try send(request, to: realm)
  }

  private func send(_ request: HTTPRequest, to url: ServerURL) throws -> HTTPResponse {
    let verifies = !(endpoint.isInsecure && ServerURL.hostAndPort(endpoint.host)?.host == url.origin.host)
    var retry = 0
    while true {
      var failed: HTTPResponse?
      do {
        let response = try http.send(request, verifiesPeer: verifies)
        guard [429, 500, 502, 503, 504].contains(response.status), retry < http.options.retries else {
          return response
        }
        failed = response
      } catch let error as FetchError where error.isTransient && retry < http.options.retries {}
      http.options.pause(retry, serverAsks: failed?.retryAfter)
      retry += 1
    }
  }
}
