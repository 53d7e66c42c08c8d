import Fetch
import OCI
import Posix
import SystemPackage
import Synchronization

/// Speaks to one repository of one registry: OCI distribution 1.1.
/// <https://github.com/opencontainers/distribution-spec/blob/v1.1.0/spec.md>
final class RegistryClient: Sendable {
  let endpoint: Endpoint
  let settings: RegistrySettings
  /// The reference, for messages.
  let place: String
  private let http: HTTPClient
  private let authorizer: Authorizer
  private let origin = Mutex<ServerURL.Origin?>(nil)

  private static let redirects = 5

  init(_ endpoint: Endpoint, _ settings: RegistrySettings, _ http: HTTPClient, place: String) {
    self.endpoint = endpoint
    self.settings = settings
    self.http = http
    self.place = place
    authorizer = Authorizer(endpoint, CredentialFiles(settings.credentialFiles), http, place: place)
  }

  func error(_ reason: RegistryError.Reason) -> RegistryError { RegistryError(reason, at: place) }

  /// A failed request as an error of ours, without the query of its URL: that may hold secrets.
  func error(_ failure: FetchError) -> RegistryError {
    var failure = failure
    failure.url = String(failure.url.prefix { $0 != "?" })
    return error(.fetch(failure))
  }

  // MARK: The way to the registry

  /// Finds out by which scheme the registry is reached, and what it asks for.
  private func base() throws -> ServerURL.Origin {
    try origin.withLock { origin in
      if let origin { return origin }
      guard let (host, port) = ServerURL.hostAndPort(endpoint.host) else {
        throw error(.refusedURL("\(endpoint.host) is no host"))
      }
      var candidates = [ServerURL.Origin(isSecure: true, host: host, port: port ?? 443)]
      if endpoint.allowsPlain {
        candidates.append(ServerURL.Origin(isSecure: false, host: host, port: port ?? 80))
      }
      var retry = 0
      while true {
        var failure: FetchError?
        for candidate in candidates {
          do {
            let response = try http.send(
              HTTPRequest("GET", "\(candidate)/v2/"), verifiesPeer: !endpoint.isInsecure)
            if response.status == 401 {
              authorizer.note(Challenge.parse(response.fields("www-authenticate")))
            }
            _ = try? response.readAll(limit: 64 << 10)
            origin = candidate
            return candidate
          } catch let error as FetchError {
            // The certificate of a server that speaks TLS counts: there is no way around it.
            if case .untrusted = error.reason { throw self.error(error) }
            if case .noTLS = failure?.reason {} else { failure = error }
            if case .noTLS = error.reason { failure = error }
          }
        }
        // Who was never there is not waited for as long.
        guard let failure, failure.isTransient, retry < min(3, settings.retries) else {
          throw error(.fetch(failure ?? FetchError(endpoint.host, .connection("there is no way to it"))))
        }
        if case .noTLS = failure.reason, candidates.count == 1 { throw error(failure) }
        note(failure, http.options.pause(retry, serverAsks: nil))
        retry += 1
      }
    }
  }

  /// The URL of something in the repository.
  func url(_ rest: String, _ query: [(name: String, value: String)] = []) throws -> ServerURL {
    ServerURL(try base(), "/v2/\(endpoint.repository)/\(rest)").adding(query)
  }

  private func note(_ failure: FetchError, _ delay: Duration) {
    settings.notice("\(failure); trying again")
  }

  // MARK: Requests

  /// Sends a request: with the credentials that it needs, through redirects, and again after failures that
  /// may pass.
  ///
  /// - Parameters:
  ///   - body: makes what is sent, once for each attempt.
  ///   - retries: how often it is tried again; nil for as often as the settings say.
  /// - Returns: an answer of any status that nothing can be done about here.
  func send(
    _ method: String, _ url: ServerURL, _ fields: [(name: String, value: String)] = [], scopes: Set<Scope>,
    retries: Int? = nil, body: (() throws -> HTTPRequest.Body)? = nil
  ) throws -> HTTPResponse {
    var retry = 0
    while true {
      var failed: HTTPResponse?
      var failure: FetchError
      do {
        let response = try sendOnce(method, url, fields, scopes, body)
        guard [408, 429, 500, 502, 503, 504].contains(response.status), retry < retries ?? settings.retries
        else {
          return response
        }
        failed = response
        failure = FetchError(url.shown, .status(response.status))
      } catch let error as FetchError where error.isTransient && retry < retries ?? settings.retries {
        failure = error
      } catch let error as FetchError {
        throw self.error(error)
      }
      failure.url = url.shown
      let delay = http.options.pause(retry, serverAsks: failed?.retryAfter)
      if Ending.isUnderway { throw PosixError("send to", url.shown, .canceled) }
      note(failure, delay)
      retry += 1
    }
  }

  private func sendOnce(
    _ method: String, _ first: ServerURL, _ fields: [(name: String, value: String)], _ scopes: Set<Scope>,
    _ body: (() throws -> HTTPRequest.Body)?
  ) throws -> HTTPResponse {
    let home = try base()
    var url = first
    var authorization = url.origin == home ? try authorizer.field(scopes, origin: home) : nil
    var answers = 0
    var redirects = 0
    while true {
      var request = HTTPRequest(method, url.description)
      for field in fields { request.add(field.name, field.value) }
      if let authorization { request.add("Authorization", authorization) }
      request.body = try body?()
      let verifies = !(endpoint.isInsecure && url.origin.host == home.host)
      let response = try http.send(request, verifiesPeer: verifies)
      if response.status == 401 {
        // Only the registry itself is answered: nobody else gets its credentials, or learns that there are some.
        guard url.origin == home else {
          throw error(.unauthorized("\(url.origin), to which the registry leads, asks for credentials"))
        }
        let challenges = Challenge.parse(response.fields("www-authenticate"))
        let words = refusal(response)
        guard answers < 5,
          let next = try authorizer.answer(challenges, scopes, rejected: authorization, origin: home)
        else {
          let why =
            authorizer.hasCredentials
            ? "the registry doesn't take the credentials that there are for \(endpoint.host)"
            : "the registry wants credentials, and there are none for \(endpoint.host)"
          throw error(.unauthorized(why + (words.isEmpty ? "" : ": \(words)")))
        }
        // One of our own that is refused is the last; another thread's may have ended on the way.
        answers = next.isNew ? 5 : answers + 1
        authorization = next.field
        continue
      }
      let isRead = method == "GET" || method == "HEAD"
      guard [307, 308].contains(response.status) || (isRead && [301, 302, 303].contains(response.status)),
        let location = response.field("location")
      else { return response }
      redirects += 1
      if redirects > Self.redirects { throw error(.refusedURL("the registry redirects too often")) }
      let next = try follow(location, from: url)
      if next.origin != url.origin { authorization = nil }
      if next.origin == home, authorization == nil {
        authorization = try authorizer.field(scopes, origin: home)
      }
      url = next
    }
  }

  /// Judges where a server leads: bounded, and never from TLS to plain HTTP.
  func follow(_ location: String, from url: ServerURL) throws -> ServerURL {
    guard let next = url.resolving(location) else {
      throw error(.refusedURL("the registry leads to a URL that isn't followed"))
    }
    if url.origin.isSecure && !next.origin.isSecure {
      throw error(.refusedURL("the registry leads from TLS to plain HTTP (\(next.origin))"))
    }
    return next
  }

  /// The error of an answer that is not what was wanted.
  func refused(_ request: String, _ response: HTTPResponse) -> RegistryError {
    let words = refusal(response)
    if response.status == 404 {
      return error(.notFound("there is no such image or repository" + (words.isEmpty ? "" : ": \(words)")))
    }
    if response.status == 403 {
      return error(.unauthorized("this is not allowed" + (words.isEmpty ? "" : ": \(words)")))
    }
    return error(.refused(request: request, status: response.status, words: words))
  }

  /// What the registry says in an error's content, in one line.
  private func refusal(_ response: HTTPResponse) -> String {
    guard let bytes = try? response.readAll(limit: 64 << 10),
      let json = try? JSONValue(parsing: bytes).object,
      let errors = json["errors"]?.array
    else { return "" }
    let words = errors.prefix(3).compactMap { $0.object?["message"]?.string ?? $0.object?["code"]?.string }
    return displayed(Array(words.joined(separator: "; ").utf8.prefix(300)))
  }
}
