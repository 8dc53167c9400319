#include "cli/serve_options.h"

#include "cli/limits.h"

namespace swan::cli {

namespace {
ValueHint file() { return {.kind = ValueHint::Kind::kFile, .choices = {}}; }
ValueHint folder() { return {.kind = ValueHint::Kind::kFolder, .choices = {}}; }
ValueHint choice(std::vector<std::string> choices) {
  return {.kind = ValueHint::Kind::kChoice, .choices = std::move(choices)};
}
// In a configuration, "server." and the option's name.
ConfigKey text(const char* name) { return {.path = std::string("server.") + name}; }
ConfigKey size(const char* name, const char* standard = "") {
  return {.path = std::string("server.") + name, .type = config::Type::kSize, .standard = standard};
}
ConfigKey integer(const char* name, double low, double high, const char* standard) {
  return {.path = std::string("server.") + name,
          .type = config::Type::kInteger,
          .minimum = low,
          .maximum = high,
          .standard = standard};
}
ConfigKey flag(const char* name) { return {.path = std::string("server.") + name, .type = config::Type::kFlag}; }
ConfigKey texts(const char* name) { return {.path = std::string("server.") + name, .type = config::Type::kTexts}; }

}  // namespace

void add_served_models(OptionSet& o, ServeArguments& a) {
  o.list("--model", a.models, "[NAME=]PATH|ID",
         "Model that requests may name, as --model of 'swan image' takes it; repeat it for several, the first of its "
         "kind being what a request without a model gets (default: the embedded emoji models)",
         texts("model"), file());
  o.list("--lora", a.loras, "[NAME=]FILE", "LoRA that requests may name; may be repeated", texts("lora"), file());
  o.text("--models-memory", a.models_memory, "SIZE",
         "Keep models open up to this many bytes of weights, such as 24GiB, and close those used least recently "
         "(default: all stay open)",
         size("models_memory"));
}

void add_serve_options(OptionSet& o, ServeArguments& a) {
  o.group("Network");
  o.text("--host", a.host, "ADDRESS", "Address to serve on (default 127.0.0.1: this machine alone)",
         {.path = "server.host", .standard = "127.0.0.1"});
  o.text("--port", a.port, "N", "Port (default 7860); 0: one that is free", integer("port", 0, 65535, "7860"));
  o.text("--api-key-file", a.api_key_file, "FILE",
         "API keys, [NAME:]KEY a line, one of which requests must have; more may be in $SWAN_API_KEYS, with commas "
         "between them",
         text("api_key_file"), file());
  o.flag("--insecure", a.insecure, "Let other machines in without API keys", flag("insecure"));
  o.list("--allowed-host", a.allowed_hosts, "NAME",
         "Name of this server that requests may use besides localhost; may be repeated", texts("allowed_host"));
  o.flag("--behind-proxy", a.behind_proxy, "Clients are who the proxy in front says, in X-Forwarded-For",
         flag("behind_proxy"));
  o.text("--cors-origin", a.cors_origin, "ORIGIN",
         "Let pages of this origin, such as https://example.org, use the API (default: none)", text("cors_origin"));
  o.text("--max-connections", a.max_connections, "N", "Connections at a time (default 256)",
         integer("max_connections", 8, 4096, "256"));
  o.text("--max-streams", a.max_streams, "N", "Listeners to events at a time (default 64)",
         integer("max_streams", 1, 4092, "64"));
  o.text("--max-body", a.max_body, "SIZE", "Most bytes of a request's body (default 1MiB)", size("max_body", "1MiB"));

  o.group("Queue");
  o.text("--max-queue", a.max_queue, "N", "Jobs that may wait (default 128); others are told to try again later",
         integer("max_queue", 1, 10000, "128"));
  o.text("--max-queue-per-client", a.max_queue_per_client, "N", "Jobs of one client that may wait (default 64)",
         integer("max_queue_per_client", 1, 10000, "64"));
  o.text("--max-batch", a.max_batch, "N", "Pictures of alike requests that are computed together (default 4)",
         integer("max_batch", 1, 64, "4"));
  o.text("--rate-limit", a.rate_limit, "N",
         "Jobs a minute that a client may queue; 0: any number (default 60, and 0 for this machine alone without keys)",
         {.path = "server.rate_limit", .type = config::Type::kNumber, .minimum = 0, .maximum = 1e6});
  o.text("--request-timeout", a.request_timeout, "SECONDS", "Most time that a job may be computed (default 3600)",
         integer("request_timeout", 1, 604800, "3600"));
  o.text("--drain-timeout", a.drain_timeout, "SECONDS",
         "How long running jobs may take to finish when the server is told to stop (default 120)",
         integer("drain_timeout", 0, 604800, "120"));
  o.text("--preview-interval", a.preview_interval, "SECONDS|off",
         "Least time between the previews of a job (default 1)",
         {.path = "server.preview_interval",
          .type = config::Type::kNumber,
          .minimum = 0.05,
          .maximum = 3600,
          .standard = "1"},
         choice({"off"}));

  o.group("Results");
  o.text("--data-dir", a.data_dir, "DIR",
         "Where results are kept (default: swan/server in $XDG_STATE_HOME or ~/.local/state)", text("data_dir"),
         folder());
  o.text("--result-ttl", a.result_ttl, "SECONDS", "How long (default 86400, a day)",
         integer("result_ttl", 1, 315360000, "86400"));
  o.text("--result-size", a.result_size, "SIZE", "How much of them; the oldest go first (default 4GiB)",
         size("result_size", "4GiB"));

  o.group("Limits of a request");
  o.text("--max-width", a.max_width, "PIXELS", "Widest picture (default 2048)",
         integer("max_width", 64, kMaxSide, "2048"));
  o.text("--max-height", a.max_height, "PIXELS", "Highest picture (default 2048)",
         integer("max_height", 64, kMaxSide, "2048"));
  o.text("--max-pixels", a.max_pixels, "N", "Most pixels of a picture (default: widest times highest)",
         integer("max_pixels", 4096, double{kMaxSide} * kMaxSide, ""));
  o.text("--max-frames", a.max_frames, "N", "Longest video (default 161)", integer("max_frames", 1, kMaxFrames, "161"));
  o.text("--max-video-pixels", a.max_video_pixels, "N",
         "Most pixels of a video, in all of its frames (default 80000000: 81 of 1280 x 720)",
         integer("max_video_pixels", 4096, double{kMaxSide} * kMaxSide * kMaxFrames, "80000000"));
  o.text("--max-steps", a.max_steps, "N", "Most denoising steps (default 100)",
         integer("max_steps", 1, kMaxSteps, "100"));
  o.text("--max-n", a.max_n, "N", "Most pictures of one request (default 8)", integer("max_n", 1, 64, "8"));

  o.group("Reports");
  o.text("--log-level", a.log_level, "LEVEL",
         "What is logged, as JSON on standard error: debug, info (default), warning or error",
         {.path = "server.log_level", .standard = "info"}, choice({"debug", "info", "warning", "error"}));
}

}  // namespace swan::cli
