#include "cli/serve_settings.h"

#include <fmt/format.h>
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>

#include "cli/limits.h"
#include "cli/model_options.h"
#include "cli/text_file.h"
#include "cli/values.h"
#include "server/auth.h"
#include "server/http/text.h"
#include "server/serve.h"
#include "swan/file_info.h"
#include "swan/video_pipeline.h"

namespace swan::cli {

namespace {

using server::ServerSettings;
using Fetch = std::function<void(std::string& model, LoadOptions& load)>;

template <typename T>
void set_integer(const char* option, const std::optional<std::string>& text, int64_t low, int64_t high, T& value) {
  if (text) value = static_cast<T>(parse_integer(option, *text, low, high));
}

bool is_name(const std::string& name) {
  const auto letter = [](char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'); };
  return !name.empty() && name.size() <= 64 && letter(name.front()) &&
         std::all_of(name.begin(), name.end(), [&](char c) { return letter(c) || c == '_' || c == '.' || c == '-'; });
}

// "NAME=PATH", or a path whose last part is the name.
std::pair<std::string, std::string> name_and_path(const char* option, const std::string& text) {
  const size_t equals = text.find('=');
  std::pair<std::string, std::string> parts;
  if (equals != std::string::npos && is_name(text.substr(0, equals))) {
    parts = {text.substr(0, equals), text.substr(equals + 1)};
  } else {
    std::filesystem::path path = text.substr(0, text.find('@'));  // of "org/name@revision"
    if (path.filename().empty()) path = path.parent_path();       // "folder/"
    parts = {is_single_file(text) ? path.stem().string() : path.filename().string(), text};
  }
  if (!is_name(parts.first) || parts.second.empty()) {
    throw UsageError(
        fmt::format("{} must be NAME=PATH, with a name of letters, digits, '_', '-' and '.', not '{}'", option, text));
  }
  return parts;
}

template <typename Source>
void check_names(const char* option, const std::vector<Source>& sources) {
  for (size_t i = 0; i < sources.size(); ++i) {
    for (size_t k = 0; k < i; ++k) {
      if (sources[k].name != sources[i].name) continue;
      throw UsageError(
          fmt::format("{} gives the name '{}' twice; give each its own, as NAME=PATH", option, sources[i].name));
    }
  }
}

void set_sources(const ServeArguments& a, ServerSettings& settings, const Fetch& fetch) {
  for (const std::string& text : a.models) {
    auto [name, path] = name_and_path("--model", text);
    LoadOptions load = settings.load;  // which files are needed follows from it
    fetch(path, load);
    settings.models.push_back({.name = name, .path = path, .kind = model_kind(path, settings.load)});
  }
  if (a.models.empty()) {
    for (const bool video : {false, true}) {
      const std::filesystem::path path = video ? default_video_model() : default_image_model();
      // Opened without a path, as by `swan image` without --model: results then say that it is the embedded one.
      settings.models.push_back({.name = path.filename().string(), .path = "", .kind = video ? "video" : "image"});
    }
  }
  check_names("--model", settings.models);
  for (const std::string& text : a.loras) {
    const auto [name, path] = name_and_path("--lora", text);
    settings.loras.push_back({.name = name, .path = path});
  }
  check_names("--lora", settings.loras);
}

void set_keys(const ServeArguments& a, ServerSettings& settings) {
  const auto add = [&](const std::vector<server::ApiKey>& keys) {
    settings.api_keys.insert(settings.api_keys.end(), keys.begin(), keys.end());
  };
  if (a.api_key_file) {
    struct stat status = {};
    if (stat(a.api_key_file->c_str(), &status) == 0 && S_ISREG(status.st_mode) && (status.st_mode & 077) != 0) {
      throw UsageError(fmt::format("--api-key-file: others may read '{}'; run chmod 600 on it", *a.api_key_file));
    }
    std::string text;
    for (const std::string& line :
         read_lines("--api-key-file", *a.api_key_file, "name a text file with a key a line")) {
      text += line + "\n";
    }
    add(server::parse_api_keys(text, '\n', *a.api_key_file));
    if (settings.api_keys.empty()) {
      throw UsageError(fmt::format("--api-key-file: there is no key in '{}'", *a.api_key_file));
    }
  }
  if (const char* keys = std::getenv("SWAN_API_KEYS"); keys != nullptr) {
    add(server::parse_api_keys(keys, ',', "SWAN_API_KEYS"));
  }
}

void set_network(const ServeArguments& a, ServerSettings& settings) {
  if (a.host) settings.host = *a.host;
  if (settings.host.empty()) throw UsageError("--host is empty; name an address, such as 127.0.0.1");
  set_integer("--port", a.port, 0, 65535, settings.port);
  const bool loopback = server::is_loopback(settings.host);
  const bool alone = loopback && !a.behind_proxy;  // whether this machine alone is served
  if (!alone && settings.api_keys.empty() && !a.insecure) {
    throw UsageError(
        fmt::format("{} lets other machines in, and there are no API keys; give --api-key-file FILE or "
                    "SWAN_API_KEYS, or --insecure to let everybody use this server",
                    loopback ? "the proxy of --behind-proxy" : "--host " + settings.host));
  }
  settings.allowed_hosts = a.allowed_hosts;
  for (std::string& name : settings.allowed_hosts) name = server::lower_case(name);
  // A name of the network's may stand for this machine in ways that only its owner knows; loopback has three names.
  settings.check_host = loopback || !settings.allowed_hosts.empty();
  settings.behind_proxy = a.behind_proxy;
  if (a.cors_origin) {
    settings.cors_origin = *a.cors_origin;
    const bool origin = settings.cors_origin.starts_with("http://") || settings.cors_origin.starts_with("https://");
    const size_t slash = origin ? settings.cors_origin.find('/', settings.cors_origin.find("//") + 2) : 0;
    if (settings.cors_origin != "*" && (!origin || slash != std::string::npos)) {
      throw UsageError(fmt::format("--cors-origin must be * or an origin such as https://example.org, not '{}'",
                                   settings.cors_origin));
    }
    if (settings.cors_origin == "*" && settings.api_keys.empty() && !a.insecure) {
      throw UsageError(
          "--cors-origin * lets every page that a browser shows use this server, and there are no API keys; name an "
          "origin, give --api-key-file FILE, or --insecure");
    }
  }
  // Of one's own machine nobody needs to be kept away; others get a job a second.
  settings.rate_limit = alone && settings.api_keys.empty() ? 0 : 60;
  if (a.rate_limit) settings.rate_limit = parse_number("--rate-limit", *a.rate_limit, 0, 1e6);
}

std::string default_data_dir() {
  if (const char* state = std::getenv("XDG_STATE_HOME"); state != nullptr && *state == '/') {
    return std::string(state) + "/swan/server";
  }
  const char* home = std::getenv("HOME");
  if (home == nullptr || *home != '/') {
    throw UsageError("there is no home folder to keep results in; name a folder with --data-dir");
  }
  return std::string(home) + "/.local/state/swan/server";
}

void set_storage(const ServeArguments& a, ServerSettings& settings) {
  settings.data_dir = a.data_dir ? *a.data_dir : default_data_dir();
  if (settings.data_dir.empty()) throw UsageError("--data-dir is empty; name a folder, or leave it out");
  int64_t seconds = settings.result_ttl.count();
  set_integer("--result-ttl", a.result_ttl, 1, 10LL * 365 * 86400, seconds);
  settings.result_ttl = std::chrono::seconds(seconds);
  if (a.result_size) settings.result_bytes = parse_bytes("--result-size", *a.result_size, uint64_t{1} << 20);
}

void set_limits(const ServeArguments& a, ServerSettings& settings) {
  server::RequestLimits& limits = settings.limits;
  set_integer("--max-width", a.max_width, 64, kMaxSide, limits.max_width);
  set_integer("--max-height", a.max_height, 64, kMaxSide, limits.max_height);
  limits.max_pixels = limits.max_width * limits.max_height;
  set_integer("--max-pixels", a.max_pixels, 4096, int64_t{kMaxSide} * kMaxSide, limits.max_pixels);
  set_integer("--max-frames", a.max_frames, 1, kMaxFrames, limits.max_frames);
  set_integer("--max-video-pixels", a.max_video_pixels, 4096, int64_t{kMaxSide} * kMaxSide * kMaxFrames,
              limits.max_video_pixels);
  set_integer("--max-steps", a.max_steps, 1, kMaxSteps, limits.max_steps);
  set_integer("--max-n", a.max_n, 1, 64, limits.max_n);
  set_integer("--max-queue", a.max_queue, 1, 10000, settings.max_queue);
  settings.max_queue_per_client = std::min(settings.max_queue_per_client, settings.max_queue);
  set_integer("--max-queue-per-client", a.max_queue_per_client, 1, 10000, settings.max_queue_per_client);
  set_integer("--max-batch", a.max_batch, 1, 64, settings.max_batch);
  set_integer("--max-connections", a.max_connections, 8, 4096, settings.http.connections);
  settings.http.connections_of_one_address = std::max(4, settings.http.connections / 2);
  settings.max_streams = std::min(settings.max_streams, settings.http.connections / 2);
  set_integer("--max-streams", a.max_streams, 1, settings.http.connections - 4, settings.max_streams);
  if (a.max_body) settings.http.body_bytes = parse_bytes("--max-body", *a.max_body, 1024);
  const auto set_seconds = [](const char* option, const std::optional<std::string>& text, int64_t low,
                              std::chrono::seconds& value) {
    if (text) value = std::chrono::seconds(parse_integer(option, *text, low, int64_t{7} * 86400));
  };
  set_seconds("--request-timeout", a.request_timeout, 1, settings.request_timeout);
  set_seconds("--drain-timeout", a.drain_timeout, 0, settings.drain_timeout);
  if (a.preview_interval) {
    settings.preview_seconds =
        *a.preview_interval == "off" ? 0 : parse_number("--preview-interval", *a.preview_interval, 0.05, 3600);
  }
  if (a.models_memory) settings.models_memory = parse_bytes("--models-memory", *a.models_memory, 1 << 20);
}

LogLevel log_level(const std::optional<std::string>& text) {
  const std::string level = parse_choice("--log-level", text.value_or("info"), {"debug", "info", "warning", "error"});
  if (level == "debug") return LogLevel::kDebug;
  if (level == "warning") return LogLevel::kWarning;
  return level == "error" ? LogLevel::kError : LogLevel::kInfo;
}

}  // namespace

ServeJob make_serve_job(const ServeArguments& arguments, const Fetch& fetch) {
  return for_command("serve", [&] {
    ServeJob job;
    std::string no_model;
    set_model(arguments, no_model, job.settings.load, job.threads);
    job.log_level = log_level(arguments.log_level);
    set_keys(arguments, job.settings);
    set_network(arguments, job.settings);
    set_storage(arguments, job.settings);
    set_limits(arguments, job.settings);
    set_sources(arguments, job.settings, fetch);
    return job;
  });
}

}  // namespace swan::cli
