#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/error.h"
#include "hub/environment.h"
#include "hub/headers.h"
#include "hub/stop.h"

namespace swan::hub {

/// The hub gives nothing, for a reason that is not the model's: what is cached of it may serve.
class UnavailableError : public Error {
 public:
  using Error::Error;
};

/// As fail(), with an UnavailableError.
template <typename... Args>
[[noreturn]] void fail_unavailable(ErrorCode code, fmt::format_string<Args...> format, Args&&... args) {
  throw UnavailableError(code, printable_utf8(fmt::format(format, std::forward<Args>(args)...)));
}

/// The hub cannot be reached, or an answer was cut off: trying again may help.
class ConnectionError : public UnavailableError {
 public:
  explicit ConnectionError(const std::string& message) : UnavailableError(ErrorCode::kIo, message) {}
};

struct HttpAnswer {
  int status = 0;
  std::string url;  ///< that was answered, after redirects
  Headers headers;  ///< of the last answer, beneath those x-* of the redirects that led to it
  std::string body;
  /// 408, 429 and the 5xx that pass: trying again may help.
  [[nodiscard]] bool retryable() const;
};

struct HttpRequest {
  std::string method = "GET";
  std::string url;
  std::vector<std::pair<std::string, std::string>> headers;  ///< the token is added where it belongs
  std::string body;                                          ///< of POST and PUT
  /// Instead of body: fills a buffer, with `upload_bytes` in all. It is called from the start again for a retry.
  std::function<void(uint64_t offset, char* data, size_t bytes)> upload;
  uint64_t upload_bytes = 0;
  size_t max_body_bytes = size_t{64} << 20;  ///< of an answer that is kept in memory
  std::chrono::seconds timeout{0};           ///< in all; 0: as long as bytes come
  std::chrono::seconds silence{0};           ///< that is waited for; 0: the environment's
  bool answer_soon = false;                  ///< the shorter timeout, of small requests
  bool signed_address = false;               ///< messages do not show its query, which lets anyone in

  /// For answers that go elsewhere. `begin` is called with status and headers of an answer that is no error and no
  /// redirect; false: it is not wanted, and send returns. `data` gets what comes then; false ends the request likewise.
  std::function<bool(const HttpAnswer&)> begin;
  std::function<bool(const char* data, size_t bytes)> data;
};

/// One connection that is kept open between requests, for one thread.
class HttpClient {
 public:
  /// @param env, stop  live as long as the client; `stop` ends a request with kCancelled
  HttpClient(const Environment& env, const Stop& stop);
  ~HttpClient();
  HttpClient(const HttpClient&) = delete;
  HttpClient& operator=(const HttpClient&) = delete;

  /// One request, with redirects followed: at most 10, never from https to http, and the token goes to the endpoint
  /// alone. @return the answer, whatever its status
  /// @throws ConnectionError; Error kCancelled, kIo for redirects that are refused and answers that are too large, and
  ///         what the callbacks throw
  [[nodiscard]] HttpAnswer send(const HttpRequest& request);

 private:
  struct Exchange;
  HttpAnswer send_once(const HttpRequest& request, const Url& url);

  const Environment& env_;
  const Stop& stop_;
  void* handle_;
};

/// When to try again.
class Retries {
 public:
  /// @param delay  before the first; doubled for each that follows, up to 60 times that or a minute
  Retries(std::chrono::milliseconds delay, int attempts) : delay_(delay), attempts_(attempts) {}
  /// How long to wait before the next attempt, or nothing when there have been enough.
  /// @param asked  by the server; one that asks for more than five minutes is not waited for
  [[nodiscard]] std::optional<std::chrono::milliseconds> next(std::optional<std::chrono::seconds> asked = {});
  /// Something was achieved: counts from the start again.
  void reset() { failed_ = 0; }

 private:
  std::chrono::milliseconds delay_;
  int attempts_;
  int failed_ = 0;
};

constexpr int kAttempts = 5;

/// Sleeps, but no longer than until `stop` is set. @throws Error kCancelled then
void wait_unless(const Stop& stop, std::chrono::milliseconds time);

/// Sends until an answer comes that is not retryable, or attempts are used up: then the last answer, or the last
/// ConnectionError. @param waiting  hears why there is a pause
[[nodiscard]] HttpAnswer send_patiently(HttpClient& client, const HttpRequest& request, const Environment& env,
                                        const Stop& stop, const std::function<void(const std::string&)>& waiting = {});

}  // namespace swan::hub
