#include "cli/config_command.h"

#include <fmt/format.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>
#include <nlohmann/json.hpp>

#include "cli/config_template.h"
#include "cli/configuration.h"
#include "cli/console.h"
#include "cli/values.h"
#include "config/print.h"
#include "swan/error.h"

namespace swan::cli {

namespace {

using Arguments = ConfigCommandArguments;

void refuse(bool given, const char* option, const char* action) {
  if (given) throw UsageError(fmt::format("{} is for 'swan config {}'; leave it out", option, action), "config");
}

void validate(const Arguments& a, const config::Schema& schema) {
  std::vector<std::string> files = a.files;
  files.insert(files.end(), a.config.begin(), a.config.end());
  if (files.empty()) {
    throw UsageError("a file is missing; for example: swan config validate swan.yaml", "config");
  }
  config::check_files(files, presets_folder(), schema);
  if (a.env || !a.set.empty()) {  // the whole, as a command would have it
    config::Inputs inputs = inputs_of(a);
    inputs.files = files;
    static_cast<void>(config::resolve(inputs, schema));
  }
  for (const std::string& file : files) print_out(fmt::format("{}: good\n", file));
}

void show(const Arguments& a, const config::Schema& schema) {
  if (!a.files.empty()) {
    throw UsageError(fmt::format("unexpected argument '{}'; name files with --config", a.files.front()), "config");
  }
  const std::string format = a.format ? parse_choice("--format", *a.format, {"yaml", "json"}) : "yaml";
  const config::Configuration c = config::resolve(inputs_of(a), schema);
  print_out(format == "json" ? config::to_json_text(c, schema, a.origin) : config::to_yaml(c, schema, a.origin));
}

// Writes a new file; one that is there stays as it is.
void init(const Arguments& a, const config::Schema& schema) {
  if (a.files.size() > 1) {
    throw UsageError(fmt::format("unexpected argument '{}'; init writes one file", a.files[1]), "config");
  }
  const std::string path = a.files.empty() ? "swan.yaml" : a.files.front();
  const std::string text = config_template(schema);
  const auto fail = [&path](ErrorCode code, const std::string& reason) {
    throw Error(code, fmt::format("cannot write '{}': {}.", path, reason));
  };
  std::FILE* file = std::fopen(path.c_str(), "wxe");
  if (file == nullptr && errno == EEXIST) {
    fail(ErrorCode::kInvalidArgument, "it is there already; name another file, or move it away");
  }
  if (file == nullptr) fail(errno == ENOENT ? ErrorCode::kNotFound : ErrorCode::kIo, std::strerror(errno));
  const bool written = std::fwrite(text.data(), 1, text.size(), file) == text.size();
  const int reason = errno;
  if (std::fclose(file) != 0 || !written) {
    const std::string why = std::strerror(written ? errno : reason);
    std::remove(path.c_str());
    fail(ErrorCode::kIo, why);
  }
  print_out(path + "\n");
}

}  // namespace

void run_config(const ConfigCommandArguments& a, const config::Schema& schema) {
  if (!a.action) throw UsageError("what to do is missing: validate, show, schema or init", "config");
  const std::string action = for_command("config", [&] {
    return parse_choice("ACTION", *a.action, {"validate", "show", "schema", "init"});
  });
  if (action != "show") {
    refuse(a.origin, "--origin", "show");
    refuse(a.format.has_value(), "--format", "show");
  }
  if (action == "schema" || action == "init") {
    refuse(!a.config.empty(), "--config", "show");
    refuse(!a.set.empty(), "--set", "show");
    refuse(a.env.has_value(), "--env", "show");
  }
  if (action == "validate") return validate(a, schema);
  if (action == "show") return for_command("config", [&] { show(a, schema); });
  if (action == "init") return init(a, schema);
  if (!a.files.empty()) throw UsageError(fmt::format("unexpected argument '{}'", a.files.front()), "config");
  print_out(schema.json().dump(2) + "\n");
}

}  // namespace swan::cli
