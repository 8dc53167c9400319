#include "cli/pull_command.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/cancel.h"
#include "cli/console.h"
#include "cli/hub_options.h"
#include "cli/model_options.h"
#include "cli/report.h"
#include "cli/stopwatch.h"
#include "cli/values.h"
#include "swan/hub.h"
#include "swan/progress.h"

namespace swan::cli {

namespace {

struct PullJob {
  std::vector<std::string> models;
  HubOptions hub;
  PullOptions options;
};

PullJob convert(const PullArguments& a) {
  check_report(a);
  PullJob job;
  job.models = a.models;
  if (job.models.empty()) {
    throw UsageError("the model is missing; for example: swan pull Efficient-Large-Model/Sana_600M_512px_diffusers");
  }
  job.hub = hub_options(a);
  job.hub.connections = connections_of(a.connections, job.hub.connections);
  if (a.variant) job.options.variant = *a.variant;
  job.options.include = check_patterns("--include", a.include);
  job.options.exclude = check_patterns("--exclude", a.exclude);
  job.options.dry_run = a.dry_run;
  return job;
}

std::string report_json(const std::vector<PullResult>& results, double seconds) {
  nlohmann::ordered_json json;
  json["models"] = nlohmann::ordered_json::array();
  for (const PullResult& result : results) {
    nlohmann::ordered_json files = nlohmann::ordered_json::array();
    for (const HubFile& file : result.files)
      files.push_back({{"path", file.path}, {"bytes", file.bytes}, {"cached", file.cached}});
    json["models"].push_back({{"repo", result.repo},
                              {"commit", result.commit},
                              {"path", result.path},
                              {"bytes", result.bytes()},
                              {"downloaded_bytes", result.missing_bytes()},
                              {"files", std::move(files)}});
  }
  json["seconds"] = {{"total", seconds}};
  return one_line(json);
}

std::string report_text(const PullResult& result, bool dry_run) {
  std::string out = fmt::format(
      "{}\n  {} at {}: {} file{}, {}; {} {}\n", result.path, result.repo, result.commit.substr(0, 12),
      result.files.size(), result.files.size() == 1 ? "" : "s", format_bytes(static_cast<double>(result.bytes())),
      format_bytes(static_cast<double>(result.missing_bytes())), dry_run ? "would be downloaded" : "downloaded");
  if (!dry_run) return out;
  for (const HubFile& file : result.files) {
    out += fmt::format("  {:>10}  {}{}\n", format_bytes(static_cast<double>(file.bytes)), file.path,
                       file.cached ? "  (in the cache)" : "");
  }
  return out;
}

}  // namespace

void run_pull(const PullArguments& arguments) {
  const Stopwatch total;
  const std::atomic<bool>& cancelled = cancel_on_signal(arguments.quiet);
  const PullJob job = for_command("pull", [&] { return convert(arguments); });
  Console console(arguments.quiet, arguments.verbose);
  const HubCallbacks callbacks = hub_callbacks(console, cancelled);
  std::vector<PullResult> results;
  for (const std::string& model : job.models) {
    results.push_back(pull_model(model, job.options, job.hub, callbacks));
    console.finish();
    if (!arguments.json && !arguments.quiet) print_out(report_text(results.back(), job.options.dry_run));
  }
  if (arguments.json) print_out(report_json(results, total.seconds()) + "\n");
}

}  // namespace swan::cli
