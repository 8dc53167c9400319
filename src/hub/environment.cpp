#include "hub/environment.h"

#include <pwd.h>
#include <unistd.h>

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <filesystem>

#include "core/error.h"
#include "hub/headers.h"
#include "hub/names.h"
#include "io/system.h"

namespace swan::hub {

namespace {

namespace fs = std::filesystem;

constexpr const char* kPublicHub = "https://huggingface.co";

std::string value_of(const Variables& variables, const std::string& name) { return variables(name).value_or(""); }

bool is_true(std::string text) {
  std::transform(text.begin(), text.end(), text.begin(), [](unsigned char c) { return std::toupper(c); });
  return text == "1" || text == "ON" || text == "YES" || text == "TRUE";
}

// Services and containers may have no HOME: then it is what the system's list of users says, as in Python.
std::string home_of(const Variables& variables) {
  if (std::string home = value_of(variables, "HOME"); !home.empty()) return home;
  constexpr size_t kMost = size_t{16} << 10;
  std::string buffer(kMost, '\0');
  passwd entry{};
  passwd* found = nullptr;
  if (::getpwuid_r(::getuid(), &entry, buffer.data(), buffer.size(), &found) != 0 || found == nullptr) return "";
  return found->pw_dir;
}

// The certificates that this system trusts, where libcurl may not look for them: it knows the place of the system that
// it was built on, and the archive of Swan brings Debian's along. Empty: none are found.
std::string system_certificates() {
  for (const char* path : {
           "/etc/ssl/certs/ca-certificates.crt",                 // Debian, Arch, Gentoo
           "/etc/pki/tls/certs/ca-bundle.crt",                   // Fedora, RHEL
           "/etc/pki/ca-trust/extracted/pem/tls-ca-bundle.pem",  // RHEL 9 and newer
           "/etc/ssl/ca-bundle.pem",                             // openSUSE
           "/etc/ssl/cert.pem"                                   // Alpine
       }) {
    std::error_code error;
    if (fs::is_regular_file(path, error)) return path;
  }
  return "";
}

// "~" and "$NAME" in a path, as Python's expanduser and expandvars.
std::string expanded(std::string path, const Variables& variables) {
  if (path == "~" || path.starts_with("~/")) path = home_of(variables) + path.substr(1);
  std::string out;
  for (size_t i = 0; i < path.size();) {
    const bool braced = path.compare(i, 2, "${") == 0;
    const size_t begin = i + (braced ? 2 : 1);
    size_t end = begin;
    while (end < path.size() && (std::isalnum(static_cast<unsigned char>(path[end])) != 0 || path[end] == '_')) ++end;
    const bool closed = !braced || (end < path.size() && path[end] == '}');
    const auto value =
        path[i] == '$' && end > begin && closed ? variables(path.substr(begin, end - begin)) : std::nullopt;
    if (value) {
      out += *value;
      i = end + (braced ? 1 : 0);
    } else {
      out += path[i++];
    }
  }
  return out;
}

std::string folder_of(const char* variable, const std::string& otherwise, const Variables& variables) {
  const auto value = variables(variable);
  return value && !value->empty() ? expanded(*value, variables) : otherwise;
}

// Without what an editor or a shell puts around it. @throws Error naming where it is from, never the token
std::string clean_token(std::string token, const std::string& source) {
  const auto is_blank = [](char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; };
  while (!token.empty() && is_blank(token.back())) token.pop_back();
  while (!token.empty() && is_blank(token.front())) token.erase(token.begin());
  const bool plain = std::all_of(token.begin(), token.end(), [](char c) { return c > ' ' && c < '\x7f'; });
  if (!plain)
    fail(ErrorCode::kInvalidArgument,
         "the token of {} holds characters that no token has; write it again, alone on one line.", source);
  return token;
}

void read_token(const Variables& variables, const std::string& home, Environment& env) {
  // As in huggingface_hub, where it means those of variables too: Swan has no other way to be given one.
  if (is_true(value_of(variables, "HF_HUB_DISABLE_IMPLICIT_TOKEN"))) return;
  for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {  // the latter is the older name
    if (const auto value = variables(name); value && !value->empty()) {
      env.token = clean_token(*value, name);
      env.token_source = name;
      if (!env.token.empty()) return;
    }
  }
  // The last one is where tokens were before huggingface_hub 0.8.
  std::vector<std::string> paths = {folder_of("HF_TOKEN_PATH", home + "/token", variables)};
  if (const std::string user = home_of(variables); !user.empty()) paths.push_back(user + "/.huggingface/token");
  for (const std::string& path : paths) {
    std::error_code error;
    if (!fs::is_regular_file(path, error)) continue;
    constexpr size_t kLongest = 4096;
    env.token = clean_token(io::read_file(path, kLongest), path);
    env.token_source = path;
    if (!env.token.empty()) return;
  }
}

std::chrono::seconds seconds_of(const char* variable, std::chrono::seconds otherwise, const Variables& variables) {
  const std::string text = value_of(variables, variable);
  if (text.empty()) return otherwise;
  constexpr uint64_t kMost = 86'400;
  const auto value = parse_size(text);
  if (!value || *value == 0 || *value > kMost)
    fail(ErrorCode::kInvalidArgument, "{} is '{}', but must be a whole number of seconds from 1 to {}.", variable, text,
         kMost);
  return std::chrono::seconds(*value);
}

Url endpoint_of(const HubOptions& options, const Variables& variables) {
  const std::string variable = value_of(variables, "HF_ENDPOINT");
  std::string text = !options.endpoint.empty() ? options.endpoint : !variable.empty() ? variable : kPublicHub;
  while (text.ends_with('/')) text.pop_back();
  const auto url = parse_url(text);
  if (!url || url->path.find('?') != std::string::npos)
    fail(ErrorCode::kInvalidArgument,
         "the endpoint '{}' ({}) is not the address of a hub; it should be like {}, http:// or https:// and a host, "
         "with "
         "neither user nor password.",
         text, options.endpoint.empty() ? "HF_ENDPOINT" : "--endpoint", kPublicHub);
  return *url;
}

}  // namespace

Environment read_environment(const HubOptions& options, const Variables& variables) {
  Environment env;
  env.endpoint = endpoint_of(options, variables);
  const std::string cache_home = folder_of("XDG_CACHE_HOME", home_of(variables) + "/.cache", variables);
  const std::string home = folder_of("HF_HOME", cache_home + "/huggingface", variables);
  const std::string legacy = folder_of("HUGGINGFACE_HUB_CACHE", home + "/hub", variables);
  env.cache = options.cache.empty() ? folder_of("HF_HUB_CACHE", legacy, variables) : options.cache;
  env.cache = fs::absolute(env.cache).lexically_normal().string();
  while (env.cache.size() > 1 && env.cache.ends_with('/')) env.cache.pop_back();
  read_token(variables, home, env);
  env.offline = options.offline.value_or(is_true(value_of(variables, "HF_HUB_OFFLINE")) ||
                                         is_true(value_of(variables, "TRANSFORMERS_OFFLINE")));
  env.symlinks = !is_true(value_of(variables, "HF_HUB_DISABLE_SYMLINKS"));
  for (const char* name : {"SSL_CERT_FILE", "CURL_CA_BUNDLE", "REQUESTS_CA_BUNDLE"})
    if (env.certificates.empty()) env.certificates = value_of(variables, name);
  if (env.certificates.empty()) env.certificates = system_certificates();
  constexpr int kMostConnections = 64;
  if (options.connections < 1 || options.connections > kMostConnections)
    fail(ErrorCode::kInvalidArgument, "{} connections were asked for, but there can be 1 to {}.", options.connections,
         kMostConnections);
  env.connections = options.connections;
  env.answer_timeout = seconds_of("HF_HUB_ETAG_TIMEOUT", env.answer_timeout, variables);
  env.silence_timeout = seconds_of("HF_HUB_DOWNLOAD_TIMEOUT", env.silence_timeout, variables);
  if (const std::string text = value_of(variables, "SWAN_HUB_RETRY_MS"); !text.empty()) {
    constexpr uint64_t kMost = 60'000;
    const auto value = parse_size(text);
    if (!value || *value > kMost)
      fail(ErrorCode::kInvalidArgument, "SWAN_HUB_RETRY_MS is '{}', but must be milliseconds, 0 to {}.", text, kMost);
    env.retry_delay = std::chrono::milliseconds(*value);
  }
  return env;
}

Environment read_environment(const HubOptions& options) {
  return read_environment(options, [](const std::string& name) -> std::optional<std::string> {
    const char* value = std::getenv(name.c_str());
    return value == nullptr ? std::nullopt : std::optional<std::string>(value);
  });
}

}  // namespace swan::hub
