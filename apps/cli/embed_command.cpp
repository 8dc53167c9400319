#include "cli/embed_command.h"

#include <fmt/format.h>

#include <functional>
#include <memory>

#include "cli/cancel.h"
#include "cli/console.h"
#include "cli/hub_options.h"
#include "cli/model_options.h"
#include "cli/output.h"
#include "cli/report.h"
#include "cli/sampling_options.h"
#include "cli/stopwatch.h"
#include "cli/text_file.h"
#include "cli/values.h"
#include "swan/error.h"
#include "swan/video_pipeline.h"

namespace swan::cli {

namespace {

// What `swan embed` is to do, converted and checked, but for what depends on the kind of the model.
struct EmbedJob {
  std::string model;
  LoadOptions load;
  int threads = 0;
  std::vector<std::string> prompt;
  std::vector<std::string> negative_prompt;
  bool video = false;
  std::optional<int> max_sequence_length;
  std::optional<std::vector<std::string>> complex_human_instruction;
  std::string output = "out.safetensors";
};

// @param fetch  makes paths of names of a hub, before the model is looked at
EmbedJob convert(const EmbedArguments& a, const std::function<void(EmbedJob&)>& fetch) {
  check_report(a);
  EmbedJob job;
  set_model(a, job.model, job.load, job.threads);
  job.prompt = a.positional_prompts;
  job.prompt.insert(job.prompt.end(), a.prompt.begin(), a.prompt.end());
  if (job.prompt.empty()) {
    throw UsageError("the prompt is missing; for example: swan embed \"a red fox\" -o fox.safetensors");
  }
  job.negative_prompt = a.negative_prompt;
  const size_t negatives = job.negative_prompt.size();
  if (negatives > 1 && negatives != job.prompt.size()) {
    throw UsageError(fmt::format("there are {} negative prompts for {} prompt{}; give one for all, or one for each",
                                 negatives, job.prompt.size(), job.prompt.size() == 1 ? "" : "s"));
  }
  if (a.max_sequence_length) job.max_sequence_length = parse_max_sequence_length(*a.max_sequence_length);
  if (a.output) job.output = *a.output;

  fetch(job);
  std::string kind = "image";
  if (a.kind) kind = parse_choice("--kind", *a.kind, {"image", "video"});
  const std::string& model = job.model.empty() ? job.load.transformer : job.model;
  if (!model.empty()) {
    const std::string found = model_kind(job.model, job.load);
    if (a.kind && kind != found) {
      throw UsageError(fmt::format("--kind is {}, but the model '{}' is for {}s; leave --kind out", kind, model,
                                   found == "image" ? "picture" : "video"));
    }
    kind = found;
  }
  job.video = kind == "video";
  if (a.complex_instruction) {
    if (job.video) throw UsageError("--complex-instruction is for models of pictures, but this one is for videos");
    job.complex_human_instruction = read_instruction(*a.complex_instruction);
  }
  return job;
}

struct BothEmbeddings {
  PromptEmbeddings positive, negative;
};

// A negative prompt for each row, as those who take the file need it.
std::vector<std::string> negative_rows(const EmbedJob& job) {
  return job.negative_prompt.size() == 1 ? std::vector<std::string>(job.prompt.size(), job.negative_prompt.front())
                                         : job.negative_prompt;
}

BothEmbeddings embed_for_images(const EmbedJob& job, const Callbacks& callbacks) {
  const std::unique_ptr<ImagePipeline> pipeline = ImagePipeline::open(job.model, job.load);
  ImageRequest request;
  request.prompt = job.prompt;
  request.complex_human_instruction = job.complex_human_instruction;
  if (job.max_sequence_length) request.max_sequence_length = *job.max_sequence_length;
  BothEmbeddings out;
  out.positive = pipeline->embed(request, callbacks);
  if (!job.negative_prompt.empty()) {
    request.prompt = negative_rows(job);
    request.complex_human_instruction.emplace();  // a negative prompt has none before it, as in the reference
    out.negative = pipeline->embed(request, callbacks);
  }
  return out;
}

BothEmbeddings embed_for_videos(const EmbedJob& job, const Callbacks& callbacks) {
  const std::unique_ptr<VideoPipeline> pipeline = VideoPipeline::open(job.model, job.load);
  const int length = job.max_sequence_length.value_or(VideoRequest().max_sequence_length);
  BothEmbeddings out;
  out.positive = pipeline->embed(job.prompt, length, callbacks);
  if (!job.negative_prompt.empty()) out.negative = pipeline->embed(negative_rows(job), length, callbacks);
  return out;
}

}  // namespace

void run_embed(const EmbedArguments& arguments) {
  const Stopwatch total;
  const std::atomic<bool>& cancelled = cancel_on_signal(arguments.quiet);
  Console console(arguments.quiet, arguments.verbose);
  const EmbedJob job = for_command("embed", [&] {
    return convert(arguments, [&](EmbedJob& made) {
      check_writable(made.output);
      fetch_models(arguments, console, cancelled, made.model, made.load);
    });
  });
  if (job.threads > 0) set_threads(job.threads);
  Callbacks callbacks;
  callbacks.cancel = &cancelled;
  callbacks.progress = [&console](const std::string& stage, int done, int all) { console.progress(stage, done, all); };
  const Stopwatch encode;
  const BothEmbeddings embeddings = job.video ? embed_for_videos(job, callbacks) : embed_for_images(job, callbacks);
  console.finish();
  if (cancelled) throw Error(ErrorCode::kCancelled, "cancelled; nothing was written.");

  EmbedRun run;
  run.seconds.emplace_back("encode", encode.seconds());
  const Stopwatch save;
  save_prompt_embeddings(job.output, embeddings.positive, embeddings.negative);
  run.seconds.emplace_back("save", save.seconds());
  run.seconds.emplace_back("total", total.seconds());
  run.prompt = job.prompt;
  run.negative_prompt = job.negative_prompt;
  run.model = !job.model.empty()              ? job.model
              : !job.load.transformer.empty() ? job.load.transformer
              : job.video                     ? default_video_model()
                                              : default_image_model();
  run.kind = job.video ? "video" : "image";
  run.embeddings = embeddings.positive;
  run.file = job.output;

  if (arguments.json) {
    print_out(embed_json(run) + "\n");
  } else if (!arguments.quiet) {
    print_out(embed_text(run));
  }
}

}  // namespace swan::cli
