#include "cli/image_job.h"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <span>

#include "cli/values.h"
#include "swan/error.h"

namespace swan::cli {

namespace {

constexpr int64_t kMaxSide = 65536;
constexpr int64_t kMaxImages = 10000;

[[noreturn]] void wrong_usage(const std::string& message) { throw UsageError(message, "image"); }

int parse_int(const std::string& option, const std::string& text, int64_t low, int64_t high) {
  return static_cast<int>(parse_integer(option, text, low, high));
}

// The lines of --complex-instruction.
std::vector<std::string> read_lines(const std::string& path) {
  constexpr std::streamsize kMaxBytes = 1 << 20;  // an instruction is a page or two
  std::error_code error;
  if (std::filesystem::is_directory(path, error)) {
    throw Error(ErrorCode::kIo, fmt::format("cannot read --complex-instruction '{}': it is a folder; name a text file, "
                                            "or 'none'.",
                                            path));
  }
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    throw Error(ErrorCode::kNotFound, fmt::format("cannot read --complex-instruction '{}': {}; name a text file, or "
                                                  "'none'.",
                                                  path, std::strerror(errno)));
  }
  std::string text(static_cast<size_t>(kMaxBytes) + 1, '\0');
  file.read(text.data(), kMaxBytes + 1);
  text.resize(static_cast<size_t>(file.gcount()));
  if (text.size() > static_cast<size_t>(kMaxBytes)) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("--complex-instruction '{}' is longer than 1 MiB; is it a text file?", path));
  }
  if (const size_t at = find_invalid_utf8(text); at != std::string::npos) {
    throw Error(ErrorCode::kInvalidArgument,
                fmt::format("--complex-instruction '{}' is not UTF-8 at byte {}; convert it with iconv.", path, at));
  }
  std::vector<std::string> lines;
  size_t begin = 0;
  while (begin < text.size()) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    std::string line = text.substr(begin, end - begin);
    if (line.ends_with('\r')) line.pop_back();
    lines.push_back(std::move(line));
    begin = end + 1;
  }
  return lines;
}

// The tensor of --latents. Values that are no numbers would come out as a failure of the network, and blame its
// weights.
Tensor read_latents(const std::string& path) {
  Tensor latents = load_tensor(path, "latents");
  const Tensor values = latents.to(DType::kF32);
  const std::span<const float> all(values.data<float>(), static_cast<size_t>(values.numel()));
  const auto bad = std::count_if(all.begin(), all.end(), [](float value) { return !std::isfinite(value); });
  if (bad > 0) {
    throw Error(
        ErrorCode::kCorruptFile,
        fmt::format("cannot start from --latents '{}': {} of {} values are NaN or infinite; write the file anew.", path,
                    bad, all.size()));
  }
  return latents;
}

// Starts from the settings in the picture of --from.
void repeat(const std::string& path, ImageJob& job) {
  const ImageMetadata metadata = read_image_metadata(path);
  const auto settings = metadata.find("swan");
  if (settings == metadata.end()) {
    throw Error(
        ErrorCode::kNotFound,
        fmt::format("cannot repeat '{}': it carries no settings of Swan. Pictures made by 'swan image' do, until "
                    "another program saves them anew; give the prompt and the options instead.",
                    path));
  }
  RepeatableRequest repeatable = request_from_parameters(settings->second);
  job.model = std::move(repeatable.model);
  job.load = std::move(repeatable.load);
  job.request = std::move(repeatable.request);
  if (repeatable.index < 0 || static_cast<size_t>(repeatable.index) >= job.pictures()) {
    throw Error(ErrorCode::kCorruptFile, fmt::format("cannot repeat '{}': it says that it is picture {} of {}.", path,
                                                     repeatable.index, job.pictures()));
  }
  job.only = static_cast<size_t>(repeatable.index);
}

void set_prompts(const ImageArguments& a, ImageJob& job) {
  ImageRequest& request = job.request;
  if (a.positional_prompt && !a.prompt.empty()) {
    wrong_usage("the prompt is given twice, as an argument and with --prompt; give it one way");
  }
  if (a.positional_prompt) request.prompt = {*a.positional_prompt};
  if (!a.prompt.empty()) request.prompt = a.prompt;
  if (request.prompt.empty()) {
    wrong_usage("the prompt is missing; for example: swan image \"three strawberries on a blue background\"");
  }
  if (a.positional_prompt || !a.prompt.empty()) job.only.reset();

  if (!a.negative_prompt.empty()) request.negative_prompt = a.negative_prompt;
  const size_t negatives = request.negative_prompt.size();
  if (negatives != 1 && negatives != request.prompt.size()) {
    wrong_usage(fmt::format("there are {} negative prompts for {} prompt{}; give one for all, or one for each",
                            negatives, request.prompt.size(), request.prompt.size() == 1 ? "" : "s"));
  }
}

// Seeds and the number of pictures depend on one another: as many seeds as pictures, or one for all.
void set_seeds(const ImageArguments& a, ImageJob& job) {
  ImageRequest& request = job.request;
  if (a.num_images) {
    request.num_images_per_prompt = parse_int("--num-images", *a.num_images, 1, kMaxImages);
    job.only.reset();
  }
  if (a.seed) {
    request.seed = parse_seeds(*a.seed);
    // "--seed 1,2,3" alone asks for three pictures.
    const size_t seeds = request.seed.size();
    if (seeds > 1 && !a.num_images && seeds % request.prompt.size() == 0 && seeds <= kMaxImages) {
      request.num_images_per_prompt = static_cast<int>(seeds / request.prompt.size());
      job.only.reset();
    }
  } else if (!a.from) {
    request.seed = {random_seed()};
  }
  if (request.seed.size() != 1 && request.seed.size() != job.pictures()) {
    wrong_usage(
        fmt::format("there are {} seeds for {} picture{} ({} prompt{}, {} of each); give one for all, or one "
                    "for each",
                    request.seed.size(), job.pictures(), job.pictures() == 1 ? "" : "s", request.prompt.size(),
                    request.prompt.size() == 1 ? "" : "s", request.num_images_per_prompt));
  }
}

void set_sampling(const ImageArguments& a, ImageRequest& request) {
  if (a.width) request.width = parse_integer("--width", *a.width, 1, kMaxSide);
  if (a.height) request.height = parse_integer("--height", *a.height, 1, kMaxSide);
  if (a.num_inference_steps) request.num_inference_steps = parse_int("--steps", *a.num_inference_steps, 1, 1000);
  if (a.guidance_scale) request.guidance_scale = parse_number("--guidance-scale", *a.guidance_scale);
  if (a.scheduler) {
    std::vector<std::string> names;
    for (const auto& [name, description] : scheduler_names()) names.push_back(name);
    request.scheduler = parse_choice("--scheduler", *a.scheduler, names);
  }
  if (a.max_sequence_length) {
    request.max_sequence_length =
        parse_int("--max-sequence-length", *a.max_sequence_length, 1, std::numeric_limits<int>::max());
  }
  if (a.no_resolution_binning) request.use_resolution_binning = false;
}

void set_model(const ImageArguments& a, ImageJob& job) {
  if (a.model) {
    if (a.model->empty()) wrong_usage("--model is empty; name a folder, or leave it out for the embedded model");
    job.model = *a.model;
  }
  if (a.variant) job.load.variant = *a.variant;
  if (a.dtype) job.load.dtype = parse_choice("--dtype", *a.dtype, {"auto", "f32", "bf16", "f16"});
  if (a.device) {
    if (a.device->starts_with("cuda") || *a.device == "gpu") {
      wrong_usage(
          fmt::format("--device is '{}', but this build has no CUDA; leave --device out, or give cpu", *a.device));
    }
    job.load.device = parse_choice("--device", *a.device, {"auto", "cpu"});
  }
  if (a.threads) job.threads = parse_int("--threads", *a.threads, 1, 4096);
}

}  // namespace

ImageJob make_image_job(const ImageArguments& a) {
  if (a.quiet && a.verbose) wrong_usage("--quiet and --verbose contradict each other; give one");
  if (a.output && a.save_latents && *a.output == *a.save_latents) {
    wrong_usage(fmt::format("--output and --save-latents are the same file '{}'", *a.output));
  }
  ImageJob job;
  if (a.from) repeat(*a.from, job);
  set_prompts(a, job);
  set_seeds(a, job);
  set_sampling(a, job.request);
  set_model(a, job);
  if (a.output) job.output = *a.output;
  if (a.save_latents) job.save_latents = *a.save_latents;
  if (a.complex_instruction) {
    job.request.complex_human_instruction =
        *a.complex_instruction == "none" ? std::vector<std::string>() : read_lines(*a.complex_instruction);
  }
  if (a.latents) job.request.latents = read_latents(*a.latents);
  return job;
}

}  // namespace swan::cli
