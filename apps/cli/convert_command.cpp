#include "cli/convert_command.h"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "cli/cancel.h"
#include "cli/console.h"
#include "cli/hub_options.h"
#include "cli/info_report.h"
#include "cli/model_options.h"
#include "cli/report.h"
#include "cli/stopwatch.h"
#include "cli/values.h"
#include "swan/convert.h"
#include "swan/progress.h"

namespace swan::cli {

namespace {

struct ConvertJob {
  std::string input, output;
  LoadOptions files;
  ConvertOptions options;
};

ConvertJob convert(const ConvertArguments& a) {
  check_report(a);
  ConvertJob job;
  set_model_files(a, job.files);
  if (a.variant) job.files.variant = *a.variant;
  const LoadOptions& f = job.files;
  const bool parts = !(f.transformer.empty() && f.text_encoder.empty() && f.vae.empty() && f.tokenizer.empty());
  // IN may be left out where its parts are given.
  if (a.paths.size() > 2 || a.paths.empty() || (a.paths.size() == 1 && !parts)) {
    throw UsageError(
        fmt::format("{}; for example: swan convert model.safetensors model/, or swan convert --vae FILE vae/",
                    a.paths.size() > 2 ? "there are too many names" : "it takes what to read and what to write"));
  }
  if (a.paths.size() == 2) job.input = a.paths.front();
  job.output = a.paths.back();
  if (job.output.empty() || (a.paths.size() == 2 && job.input.empty())) {
    throw UsageError("a name is empty; name a file or a folder");
  }
  if (a.dtype) job.options.dtype = parse_choice("--dtype", *a.dtype, {"auto", "f32", "bf16", "f16"});
  if (a.to) job.options.original = parse_choice("--to", *a.to, {"diffusers", "original"}) == "original";
  if (a.max_shard_size) {
    if (job.options.original) throw UsageError("--max-shard-size is for --to diffusers; leave it out");
    job.options.max_shard_bytes = parse_bytes("--max-shard-size", *a.max_shard_size, 1);
  }
  return job;
}

std::string report_json(const ConvertResult& result, const ConvertJob& job, double seconds) {
  nlohmann::ordered_json json;
  json["output"] = job.output;
  json["class_name"] = result.class_name;
  json["components"] = nlohmann::ordered_json::array();
  for (const ConvertedComponent& c : result.components) {
    json["components"].push_back({{"name", c.name},
                                  {"class_name", c.class_name},
                                  {"source", c.source},
                                  {"names", c.names},
                                  {"files", c.files},
                                  {"tensors", c.tensors},
                                  {"bytes", c.bytes}});
  }
  json["seconds"] = {{"total", seconds}};
  return one_line(json);
}

std::string report_text(const ConvertResult& result, const ConvertJob& job) {
  std::string out = job.output + "\n";
  if (!result.class_name.empty()) out += fmt::format("  {}\n", result.class_name);
  for (const ConvertedComponent& c : result.components) {
    out += fmt::format("  {:<12}  {}, {} tensors, {}, in {}; from {}\n", c.name, c.class_name, c.tensors,
                       format_bytes(static_cast<double>(c.bytes)), c.names, c.source);
  }
  return out;
}

}  // namespace

void run_convert(const ConvertArguments& arguments) {
  const Stopwatch total;
  const std::atomic<bool>& cancelled = cancel_on_signal(arguments.quiet);
  ConvertJob job = for_command("convert", [&] { return convert(arguments); });
  Console console(arguments.quiet, arguments.verbose);
  for_command("convert", [&] { fetch_models(arguments, console, cancelled, job.input, job.files); });
  Callbacks callbacks;
  callbacks.cancel = &cancelled;
  callbacks.progress = [&console](const std::string& stage, int done, int all) { console.progress(stage, done, all); };
  const ConvertResult result = convert_model(job.input, job.files, job.output, job.options, callbacks);
  console.finish();
  if (arguments.json) {
    print_out(report_json(result, job, total.seconds()) + "\n");
  } else if (!arguments.quiet) {
    print_out(report_text(result, job));
  }
}

}  // namespace swan::cli
