#include "cli/hub_options.h"

#include <fmt/format.h>

#include "cli/limits.h"
#include "cli/values.h"
#include "swan/progress.h"

namespace swan::cli {

HubOptions hub_options(const HubArguments& a) {
  HubOptions hub;
  if (a.revision) {
    if (a.revision->empty()) throw UsageError("--revision is empty; name a branch, a tag or a commit, or leave it out");
    hub.revision = *a.revision;
  }
  if (a.endpoint) {
    if (a.endpoint->empty()) throw UsageError("--endpoint is empty; give a hub's address, or leave it out");
    hub.endpoint = *a.endpoint;
  }
  if (a.offline) hub.offline = true;
  return hub;
}

int connections_of(const std::optional<std::string>& given, int otherwise) {
  return given ? parse_int("--connections", *given, 1, kMaxConnections) : otherwise;
}

const std::vector<std::string>& check_patterns(const char* option, const std::vector<std::string>& patterns) {
  for (const std::string& pattern : patterns) {
    if (pattern.empty()) throw UsageError(fmt::format("{} is empty; give a pattern, such as *.json", option));
  }
  return patterns;
}

HubCallbacks hub_callbacks(Console& console, const std::atomic<bool>& cancelled) {
  HubCallbacks callbacks;
  callbacks.cancel = &cancelled;
  callbacks.progress = [&console](const HubProgress& progress) { console.transfer(progress); };
  callbacks.waiting = [&console](const std::string& why) { console.say(why); };
  callbacks.begin = [&console](const PullResult& pull) {
    size_t missing = 0;
    for (const HubFile& file : pull.files) missing += file.cached ? 0 : 1;
    console.say(fmt::format("downloading {}@{}: {} of {} files, {}, to {}", pull.repo, pull.commit.substr(0, 12),
                            missing, pull.files.size(), format_bytes(static_cast<double>(pull.missing_bytes())),
                            pull.path));
  };
  return callbacks;
}

void fetch_models(const HubArguments& arguments, Console& console, const std::atomic<bool>& cancelled,
                  std::string& model, LoadOptions& load) {
  const HubOptions hub = hub_options(arguments);
  if (!hub.revision.empty() && !is_hub_name(model, hub))
    throw UsageError(fmt::format("--revision is for a model of a hub, such as --model org/name, but {}",
                                 model.empty() ? "none is given" : fmt::format("'{}' is none, or is on disk", model)));
  pull_models(model, load, hub, hub_callbacks(console, cancelled));
  console.finish();
}

}  // namespace swan::cli
