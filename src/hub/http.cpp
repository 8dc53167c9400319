#include "hub/http.h"

#include <algorithm>
#include <array>
#include <condition_variable>
#include <cstring>
#include <ctime>
#include <exception>
#include <thread>

#include "core/error.h"
#include "core/log.h"
#include "core/text.h"
#include "hub/libraries.h"
#include "swan/version.h"

namespace swan::hub {

namespace {

constexpr int kMostRedirects = 10;
constexpr size_t kMostHeaderBytes = size_t{1} << 20;
constexpr size_t kMostErrorBytes = size_t{64} << 10;

bool is_redirect(int status) {
  return status == 301 || status == 302 || status == 303 || status == 307 || status == 308;
}

bool is_loopback(const std::string& host) { return host == "localhost" || host == "[::1]" || host.starts_with("127."); }

std::string without_query(const std::string& url) { return url.substr(0, url.find('?')); }

[[noreturn]] void cancelled() { fail(ErrorCode::kCancelled, "cancelled; what has been transferred is kept."); }

}  // namespace

bool HttpAnswer::retryable() const {
  return status == 408 || status == 429 || status == 500 || status == 502 || status == 503 || status == 504;
}

// What libcurl's callbacks see of a request. Nothing is thrown through libcurl: errors wait in `error`.
struct HttpClient::Exchange {
  const HttpRequest& request;
  const Stop& stop;
  HttpAnswer answer;
  size_t header_bytes = 0;
  uint64_t sent = 0;
  bool begun = false, unwanted = false;
  std::exception_ptr error;

  // Runs part of a callback. @return what the callback returns when all is well, else 0
  template <typename Work>
  size_t guarded(size_t done, const Work& work) {
    if (error) return 0;
    try {
      if (work()) return done;
      unwanted = true;
    } catch (...) {
      error = std::current_exception();
    }
    return 0;
  }

  [[nodiscard]] bool is_content() const { return answer.status >= 200 && answer.status < 300; }

  // The headers are complete: who takes the content is told.
  bool begin() {
    if (begun) return true;
    begun = true;
    return !request.begin || !is_content() || request.begin(answer);
  }

  bool take_header(std::string_view line) {
    header_bytes += line.size();
    if (header_bytes > kMostHeaderBytes) fail(ErrorCode::kIo, "the headers of an answer are larger than 1 MiB.");
    while (!line.empty() && (line.back() == '\n' || line.back() == '\r')) line.remove_suffix(1);
    if (line.starts_with("HTTP/")) {  // another answer follows an interim one, such as 100 Continue
      answer.headers.clear();
      const size_t space = line.find(' ');
      answer.status = space == std::string_view::npos ? 0 : std::atoi(std::string(line.substr(space + 1, 3)).c_str());
      return true;
    }
    const size_t colon = line.find(':');
    if (colon == std::string_view::npos) return true;
    const std::string name = in_lower_case(std::string(line.substr(0, colon)));
    line.remove_prefix(colon + 1);
    while (!line.empty() && line.front() == ' ') line.remove_prefix(1);
    std::string& value = answer.headers[name];
    // What stands between us and a hub has links of its own, in lines of their own.
    value = name == "link" && !value.empty() ? value.append(", ").append(line) : std::string(line);
    return true;
  }

  bool take_data(const char* data, size_t bytes) {
    if (!begin()) return false;
    if (is_content() && request.data) return request.data(data, bytes);
    // What an error says is read as far as it is useful; a redirect's page is not.
    const size_t most = is_content() ? request.max_body_bytes : kMostErrorBytes;
    if (answer.body.size() + bytes > most) {
      if (!is_content()) return false;
      fail(ErrorCode::kIo, "an answer is larger than the {} bytes that it may have.", most);
    }
    answer.body.append(data, bytes);
    return true;
  }
};

HttpClient::HttpClient(const Environment& env, const Stop& stop)
    : env_(env), stop_(stop), handle_(curl().f_curl_easy_init()) {
  if (handle_ == nullptr) throw std::bad_alloc();
  static std::once_flag warned;
  if (env.endpoint.scheme == "http" && !env.token.empty() && !is_loopback(env.endpoint.host))
    std::call_once(warned, [&] {
      log(LogLevel::kWarning, "{} is not encrypted, and is sent the token of {}; use an https:// address.",
          env.endpoint.origin(), env.token_source);
    });
}

HttpClient::~HttpClient() { curl().f_curl_easy_cleanup(static_cast<CURL*>(handle_)); }

HttpAnswer HttpClient::send_once(const HttpRequest& request, const Url& url) {
  const Curl& api = curl();
  auto* handle = static_cast<CURL*>(handle_);
  const std::string address = url.str();
  const std::string shown =
      request.signed_address || !url.same_origin(env_.endpoint) ? without_query(address) : address;
  Exchange exchange{.request = request, .stop = stop_, .answer = {}, .error = {}};
  exchange.answer.url = address;

  const auto set = [&](CURLoption option, auto value) {
    if (const CURLcode code = api.f_curl_easy_setopt(handle, option, value); code != CURLE_OK)
      fail(ErrorCode::kInternal, "internal error: libcurl refuses option {} ({}); please report it.",
           static_cast<int>(option), api.f_curl_easy_strerror(code));
  };
  api.f_curl_easy_reset(handle);  // options alone: the connection stays
  set(CURLOPT_URL, address.c_str());
  set(CURLOPT_PROTOCOLS_STR, "http,https");
  set(CURLOPT_NOSIGNAL, 1L);
  set(CURLOPT_FOLLOWLOCATION, 0L);
  set(CURLOPT_SUPPRESS_CONNECT_HEADERS, 1L);
  const std::string agent = std::string("swan/") + version();
  set(CURLOPT_USERAGENT, agent.c_str());
  set(CURLOPT_CONNECTTIMEOUT, 10L);
  // Slower than this for so long is silence.
  const auto usual = request.answer_soon ? env_.answer_timeout : env_.silence_timeout;
  const auto silence = request.silence.count() > 0 ? request.silence : usual;
  set(CURLOPT_LOW_SPEED_LIMIT, 1L);
  set(CURLOPT_LOW_SPEED_TIME, static_cast<long>(silence.count()));
  // 16 KiB unless said: sixteen times as many calls for a gigabyte. These are wishes: after a host that could not be
  // found libcurl 7.88 keeps its buffer and refuses another.
  constexpr long kBuffer = 256L << 10;
  (void)api.f_curl_easy_setopt(handle, CURLOPT_BUFFERSIZE, kBuffer);
  (void)api.f_curl_easy_setopt(handle, CURLOPT_UPLOAD_BUFFERSIZE, kBuffer);
  if (request.timeout.count() > 0) set(CURLOPT_TIMEOUT, static_cast<long>(request.timeout.count()));
  if (!env_.certificates.empty()) set(CURLOPT_CAINFO, env_.certificates.c_str());

  // The size of what is asked for, not of a compressed form of it; no "Expect: 100-continue", which servers ignore.
  curl_slist* lines = api.f_curl_slist_append(nullptr, "Accept-Encoding: identity");
  const auto add = [&](const std::string& line) { lines = api.f_curl_slist_append(lines, line.c_str()); };
  add("Expect:");
  for (const auto& [name, value] : request.headers) add(fmt::format("{}: {}", name, value));
  if (!env_.token.empty() && url.same_origin(env_.endpoint)) add("Authorization: Bearer " + env_.token);
  const std::unique_ptr<curl_slist, void (*)(curl_slist*)> owned(
      lines, [](curl_slist* list) { curl().f_curl_slist_free_all(list); });
  set(CURLOPT_HTTPHEADER, lines);

  if (request.method == "HEAD") {
    set(CURLOPT_NOBODY, 1L);
  } else if (request.upload) {
    set(CURLOPT_UPLOAD, 1L);
    set(CURLOPT_INFILESIZE_LARGE, static_cast<curl_off_t>(request.upload_bytes));
  } else if (request.method != "GET") {
    set(CURLOPT_POSTFIELDSIZE_LARGE, static_cast<curl_off_t>(request.body.size()));
    set(CURLOPT_POSTFIELDS, request.body.c_str());
  }
  if (request.method != "GET" && request.method != "HEAD") set(CURLOPT_CUSTOMREQUEST, request.method.c_str());

  using Callback = size_t (*)(char*, size_t, size_t, void*);
  const Callback take_header = [](char* data, size_t size, size_t count, void* user) -> size_t {
    auto& e = *static_cast<Exchange*>(user);
    return e.guarded(size * count, [&] { return e.take_header({data, size * count}); });
  };
  const Callback take_data = [](char* data, size_t size, size_t count, void* user) -> size_t {
    auto& e = *static_cast<Exchange*>(user);
    return e.guarded(size * count, [&] { return e.take_data(data, size * count); });
  };
  const Callback give_data = [](char* data, size_t size, size_t count, void* user) -> size_t {
    auto& e = *static_cast<Exchange*>(user);
    const size_t bytes = static_cast<size_t>(std::min<uint64_t>(size * count, e.request.upload_bytes - e.sent));
    if (bytes == 0) return 0;
    const size_t given = e.guarded(bytes, [&] { return e.request.upload(e.sent, data, bytes), true; });
    e.sent += given;
    return given == bytes ? given : CURL_READFUNC_ABORT;
  };
  using Progress = int (*)(void*, curl_off_t, curl_off_t, curl_off_t, curl_off_t);
  const Progress look_up = [](void* user, curl_off_t, curl_off_t, curl_off_t, curl_off_t) {
    return static_cast<Exchange*>(user)->stop ? 1 : 0;
  };
  set(CURLOPT_HEADERFUNCTION, take_header);
  set(CURLOPT_HEADERDATA, &exchange);
  set(CURLOPT_WRITEFUNCTION, take_data);
  set(CURLOPT_WRITEDATA, &exchange);
  set(CURLOPT_READFUNCTION, give_data);
  set(CURLOPT_READDATA, &exchange);
  set(CURLOPT_XFERINFOFUNCTION, look_up);
  set(CURLOPT_XFERINFODATA, &exchange);
  set(CURLOPT_NOPROGRESS, 0L);
  std::array<char, CURL_ERROR_SIZE> reason{};
  set(CURLOPT_ERRORBUFFER, reason.data());

  const CURLcode code = api.f_curl_easy_perform(handle);
  if (stop_) cancelled();
  if (exchange.error) std::rethrow_exception(exchange.error);
  if (exchange.unwanted) return std::move(exchange.answer);
  if (code == CURLE_OK) {
    (void)exchange.guarded(1, [&] { return exchange.begin(); });  // of an answer without content
    if (exchange.error) std::rethrow_exception(exchange.error);
    return std::move(exchange.answer);
  }
  const std::string why = reason[0] != '\0' ? reason.data() : api.f_curl_easy_strerror(code);
  if (code == CURLE_PEER_FAILED_VERIFICATION || code == CURLE_SSL_CACERT_BADFILE || code == CURLE_SSL_ISSUER_ERROR)
    fail_unavailable(
        ErrorCode::kIo,
        "{} cannot be trusted: {}. Behind a proxy that re-encrypts, name its certificates in SSL_CERT_FILE.",
        url.origin(), why);
  throw ConnectionError(printable_utf8(fmt::format("{} {}: {}", request.method, shown, why)));
}

HttpAnswer HttpClient::send(const HttpRequest& request) {
  std::optional<Url> url = parse_url(request.url);
  if (!url) fail(ErrorCode::kIo, "'{}' is not an address that Swan asks.", without_query(request.url));
  HttpRequest current = request;
  Headers passed;
  for (int redirects = 0; redirects <= kMostRedirects; ++redirects) {
    HttpAnswer answer = send_once(current, *url);
    for (const auto& [name, value] : passed) answer.headers.emplace(name, value);
    if (!is_redirect(answer.status)) return answer;
    const std::string location(header(answer.headers, "location"));
    const std::optional<Url> next = location.empty() ? std::nullopt : resolve_url(*url, location);
    if (!next || (url->scheme == "https" && next->scheme != "https"))
      fail(ErrorCode::kIo, "{} leads to '{}', where Swan does not follow.", without_query(url->str()),
           without_query(location));
    // A HEAD asks about the repository's file, not about where its content lies.
    if (request.method == "HEAD" && !next->same_origin(env_.endpoint)) return answer;
    for (const auto& [name, value] : answer.headers)
      if (name.starts_with("x-")) passed.emplace(name, value);
    if (answer.status == 303) {
      current.method = "GET";
      current.body.clear();
      current.upload = {};
    }
    url = next;
  }
  fail(ErrorCode::kIo, "{} leads from one address to the next more than {} times.", without_query(request.url),
       kMostRedirects);
}

std::optional<std::chrono::milliseconds> Retries::next(std::optional<std::chrono::seconds> asked) {
  constexpr std::chrono::minutes kLongestAsked(5), kLongest(1);
  if (++failed_ >= attempts_) return std::nullopt;
  if (asked && *asked > kLongestAsked) return std::nullopt;
  if (asked) return *asked;
  const auto delay = delay_ * (int64_t{1} << std::min(failed_ - 1, 16));
  return std::min<std::chrono::milliseconds>(delay, kLongest);
}

void wait_unless(const Stop& stop, std::chrono::milliseconds time) {
  constexpr std::chrono::milliseconds kLook(50);
  const auto end = std::chrono::steady_clock::now() + time;
  while (!stop) {
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(end - std::chrono::steady_clock::now());
    if (left.count() <= 0) return;
    std::this_thread::sleep_for(std::min(left, kLook));
  }
  cancelled();
}

HttpAnswer send_patiently(HttpClient& client, const HttpRequest& request, const Environment& env, const Stop& stop,
                          const std::function<void(const std::string&)>& waiting) {
  Retries retries(env.retry_delay, kAttempts);
  while (true) {
    std::optional<std::chrono::milliseconds> pause;
    std::string why;
    try {
      HttpAnswer answer = client.send(request);
      if (!answer.retryable()) return answer;
      pause = retries.next(retry_after(answer.headers, std::time(nullptr)));
      if (!pause) return answer;
      why = fmt::format("{} answered {}", env.endpoint.origin(), answer.status);
    } catch (const ConnectionError& e) {
      pause = retries.next();
      if (!pause) throw;
      why = e.what();
    }
    if (waiting && *pause >= std::chrono::seconds(2))
      waiting(fmt::format("{}; trying again in {} s", why, pause->count() / 1000));
    wait_unless(stop, *pause);
  }
}

}  // namespace swan::hub
