#include "cli/model_options.h"

#include <fmt/format.h>

#include "cli/values.h"

namespace swan::cli {

void set_model(const ModelArguments& a, std::string& model, LoadOptions& load, int& threads) {
  if (a.model) {
    if (a.model->empty()) throw UsageError("--model is empty; name a folder, or leave it out for the embedded model");
    model = *a.model;
  }
  if (a.variant) load.variant = *a.variant;
  if (a.dtype) load.dtype = parse_choice("--dtype", *a.dtype, {"auto", "f32", "bf16", "f16"});
  if (a.device) {
    if (a.device->starts_with("cuda") || *a.device == "gpu") {
      throw UsageError(
          fmt::format("--device is '{}', but this build has no CUDA; leave --device out, or give cpu", *a.device));
    }
    load.device = parse_choice("--device", *a.device, {"auto", "cpu"});
  }
  if (a.threads) threads = parse_int("--threads", *a.threads, 1, 4096);

  load.embed_cache = default_embed_cache();
  if (a.embed_cache) {
    if (a.embed_cache->empty()) throw UsageError("--embed-cache is empty; name a folder, or give off");
    load.embed_cache.directory = *a.embed_cache == "off" ? "" : *a.embed_cache;
  }
}

void check_report(const ReportArguments& a) {
  if (a.quiet && a.verbose) throw UsageError("--quiet and --verbose contradict each other; give one");
}

}  // namespace swan::cli
