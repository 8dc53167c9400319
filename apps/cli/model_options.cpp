#include "cli/model_options.h"

#include <fmt/format.h>

#include "cli/limits.h"
#include "cli/values.h"

namespace swan::cli {

namespace {
// auto, cpu, cuda or cuda:N; whether that GPU is there is known when the model is opened.
std::string parse_device(const std::string& text) {
  constexpr std::string_view kNumbered = "cuda:";
  if (text.starts_with(kNumbered)) {
    (void)parse_int("--device cuda:N", text.substr(kNumbered.size()), 0, 63);
    return text;
  }
  return text == "gpu" ? "cuda" : parse_choice("--device", text, {"auto", "cpu", "cuda"});
}
// FILE or FILE:SCALE. What follows the last colon is a scale where it is a number, and else a part of the name.
Lora parse_lora(const std::string& text) {
  constexpr double kMost = 1000;
  Lora lora{.path = text};
  if (const size_t colon = text.rfind(':'); colon != std::string::npos) {
    const std::string scale = text.substr(colon + 1);
    const bool number = !scale.empty() && scale.find_first_not_of("+-.0123456789eE") == std::string::npos;
    if (number)
      lora = {.path = text.substr(0, colon), .scale = parse_number("--lora FILE:SCALE", scale, -kMost, kMost)};
  }
  if (lora.path.empty()) throw UsageError("--lora is empty; name a file, or leave it out");
  return lora;
}

void set_file(const char* option, const std::optional<std::string>& given, std::string& path) {
  if (!given) return;
  if (given->empty()) throw UsageError(fmt::format("{} is empty; name a file or a folder, or leave it out", option));
  path = *given == "none" ? "" : *given;  // without that of --from
}
}  // namespace

void set_loras(const LoraArguments& a, LoadOptions& load) {
  if (!a.lora.empty()) {
    load.lora.clear();
    const bool none = a.lora.front() == "none";
    if (none && a.lora.size() > 1) throw UsageError("--lora none stands alone; leave it out, or the others");
    if (!none) {
      for (const std::string& text : a.lora) load.lora.push_back(parse_lora(text));
    }
  }
  if (a.lora_lenient) load.lora_lenient = true;
  if (a.fuse_lora) load.fuse_lora = true;
  if (load.lora.empty() && (a.lora_lenient || a.fuse_lora)) {
    throw UsageError(fmt::format("{} needs --lora FILE, what is to be added to the model",
                                 a.fuse_lora ? "--fuse-lora" : "--lora-lenient"));
  }
}

void set_model_files(const ModelFileArguments& a, LoadOptions& load) {
  set_file("--transformer", a.transformer, load.transformer);
  set_file("--text-encoder", a.text_encoder, load.text_encoder);
  set_file("--vae", a.vae, load.vae);
  set_file("--tokenizer", a.tokenizer, load.tokenizer);
}

void set_model(const ModelArguments& a, std::string& model, LoadOptions& load, int& threads) {
  if (a.model) {
    if (a.model->empty()) throw UsageError("--model is empty; name a folder, or leave it out for the embedded model");
    model = *a.model;
    load.transformer = load.text_encoder = load.vae = load.tokenizer = "";  // those of --from went with its model
  }
  set_model_files(a, load);
  if (a.variant) load.variant = *a.variant;
  if (a.dtype) load.dtype = parse_choice("--dtype", *a.dtype, {"auto", "f32", "bf16", "f16", "fp8"});
  if (a.device) load.device = parse_device(*a.device);
  if (a.memory_budget) load.memory_budget = parse_bytes("--memory-budget", *a.memory_budget, uint64_t{1} << 28);
  if (a.threads) threads = parse_int("--threads", *a.threads, 1, kMaxThreads);

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
