#include "cli/push_command.h"

#include <fmt/format.h>

#include <algorithm>
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

struct PushJob {
  std::string folder, name;
  HubOptions hub;
  PushOptions options;
};

PushJob convert(const PushArguments& a) {
  check_report(a);
  PushJob job;
  if (!a.folder || !a.name || a.folder->empty() || a.name->empty()) {
    throw UsageError("it takes a folder and a repository; for example: swan push out/ org/name");
  }
  job.folder = *a.folder;
  job.name = *a.name;
  job.hub = hub_options(a);
  job.hub.connections = connections_of(a.connections, job.hub.connections);
  job.options = {.make_private = a.make_private, .create_pr = a.create_pr, .message = a.message.value_or("")};
  job.options.include = check_patterns("--include", a.include);
  job.options.exclude = check_patterns("--exclude", a.exclude);
  return job;
}

std::string report_json(const PushResult& result, double seconds) {
  nlohmann::ordered_json files = nlohmann::ordered_json::array();
  for (const HubFile& file : result.files)
    files.push_back({{"path", file.path}, {"bytes", file.bytes}, {"present", file.cached}});
  nlohmann::ordered_json json = {
      {"repo", result.repo},       {"commit", result.commit},       {"url", result.url},
      {"created", result.created}, {"unchanged", result.unchanged}, {"uploaded_bytes", result.uploaded_bytes},
      {"files", std::move(files)}};
  if (!result.pull_request.empty()) json["pull_request"] = result.pull_request;
  json["seconds"] = {{"total", seconds}};
  return one_line(json);
}

std::string report_text(const PushResult& result) {
  const auto sent = std::count_if(result.files.begin(), result.files.end(), [](const HubFile& f) { return !f.cached; });
  std::string out = result.pull_request.empty() ? result.url + "\n" : result.pull_request + "\n";
  if (result.unchanged) return out + fmt::format("  {}: nothing has changed\n", result.repo);
  return out + fmt::format("  {} at {}: {} of {} files committed, {} of large files uploaded{}\n", result.repo,
                           result.commit.substr(0, 12), sent, result.files.size(),
                           format_bytes(static_cast<double>(result.uploaded_bytes)),
                           result.created ? "; the repository is new" : "");
}

}  // namespace

void run_push(const PushArguments& arguments) {
  const Stopwatch total;
  const std::atomic<bool>& cancelled = cancel_on_signal(arguments.quiet);
  const PushJob job = for_command("push", [&] { return convert(arguments); });
  Console console(arguments.quiet, arguments.verbose);
  const PushResult result = push_model(job.folder, job.name, job.options, job.hub, hub_callbacks(console, cancelled));
  console.finish();
  const bool card = std::any_of(result.files.begin(), result.files.end(),
                                [](const HubFile& file) { return file.path == "README.md"; });
  if (!card) console.say(fmt::format("{} has no README.md; swan card {} writes one", job.folder, job.folder));
  if (arguments.json) {
    print_out(report_json(result, total.seconds()) + "\n");
  } else if (!arguments.quiet) {
    print_out(report_text(result));
  }
}

}  // namespace swan::cli
