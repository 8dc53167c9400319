#include "pipelines/model_files.h"

#include <algorithm>
#include <array>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <system_error>
#include <utility>
#include <vector>

#include "core/error.h"
#include "io/checkpoint/default_configs.h"
#include "pipelines/parameters.h"
#include "pipelines/tiny_vae.h"
#include "swan/video_pipeline.h"

namespace swan::pipelines {

namespace {

namespace fs = std::filesystem;

// An option that names a component, beside or instead of a repository's.
struct Part {
  const char *component, *option;
  std::string LoadOptions::*path;
};
constexpr std::array kParts = {
    Part{"transformer", "--transformer", &LoadOptions::transformer},
    Part{"text_encoder", "--text-encoder", &LoadOptions::text_encoder},
    Part{"vae", "--vae", &LoadOptions::vae},
    Part{"tokenizer", "--tokenizer", &LoadOptions::tokenizer},
};

// Which classes a family of pipelines is put together of.
struct Family {
  const char* transformer;
  std::array<std::string_view, 2> vae, text_encoder;
};
constexpr std::array kFamilies = {
    Family{"WanTransformer3DModel", {"AutoencoderKLWan"}, {"UMT5EncoderModel"}},
    Family{"SanaTransformer2DModel", {"AutoencoderDC"}, {"Gemma2Model", "Gemma2ForCausalLM"}},
};
constexpr const char* kTokenizerClass = "Tokenizer";  // of files, which do not say more

bool is_folder(const std::string& path) {
  std::error_code error;
  return fs::is_directory(path, error);
}
bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

std::string lasting(const std::string& path) { return fs::absolute(path).lexically_normal().string(); }

// A component's folder, or that of a whole model, whose component it is then.
io::Component from_folder(const Part& part, const std::string& path) {
  if (is_file(fs::path(path) / "model_index.json")) return io::Repository::open(path).component(part.component);
  io::Component c{.name = part.component, .library = "transformers", .class_name = kTokenizerClass, .directory = path};
  if (part.path == &LoadOptions::tokenizer) return c;
  const fs::path config = fs::path(path) / "config.json";
  if (!is_file(config))
    fail(ErrorCode::kNotFound,
         "cannot open {} {}: there is no config.json in it; give the folder of a component, which holds config.json "
         "beside its weights, or a file.",
         part.option, path);
  c.class_name = io::Config::read(config.string()).class_name();
  if (part.path != &LoadOptions::text_encoder) c.library = "diffusers";
  return c;
}

io::Component from_file(const Part& part, const std::string& path, const std::optional<io::Config>& fallback) {
  if (part.path == &LoadOptions::tokenizer)
    return {.name = part.component, .library = "transformers", .class_name = kTokenizerClass, .file = path};
  auto checkpoint = io::open_checkpoint(path, fallback);
  const io::CheckpointFormat& format = *checkpoint->format;
  if (std::string_view(format.component) != part.component)
    fail(ErrorCode::kInvalidArgument, "{} {} holds the weights of another part, {} in {}; give it with {}.",
         part.option, path, format.class_name, format.name, option_of(format.component));
  return {.name = part.component,
          .library = format.library,
          .class_name = format.class_name,
          .directory = "",
          .checkpoint = std::move(checkpoint)};
}

io::Component open_part(const Part& part, const std::string& path, const io::Repository* beside) {
  if (is_folder(path)) return from_folder(part, path);
  std::optional<io::Config> fallback;
  if (beside != nullptr && beside->contains(part.component) && part.path != &LoadOptions::tokenizer) {
    try {
      fallback = beside->config(part.component);
    } catch (const Error&) {  // what is replaced need not be there
    }
  }
  return from_file(part, path, fallback);
}

std::string either_of(std::span<const std::string_view> classes) {
  std::string text(classes.front());
  for (const std::string_view name : classes.subspan(1))
    if (!name.empty()) text += " or " + std::string(name);
  return text;
}

const Family* family_of(std::string_view transformer) {
  const auto* found = std::find_if(kFamilies.begin(), kFamilies.end(),
                                   [&](const Family& family) { return family.transformer == transformer; });
  return found == kFamilies.end() ? nullptr : found;
}

// What was given must be of the classes that go with the transformer.
void check_class(const io::Component& c, const Family& family, const std::string& path) {
  const std::array<std::string_view, 2> transformers = {family.transformer};
  const auto& known = c.name == "vae" ? family.vae : c.name == "text_encoder" ? family.text_encoder : transformers;
  if (c.name == "tokenizer" || std::find(known.begin(), known.end(), c.class_name) != known.end()) return;
  fail(ErrorCode::kUnsupported, "{} {} is of the class {}, but this model's {} is {}; give one of that class.",
       option_of(c.name), path, c.class_name.empty() ? "(none)" : c.class_name, c.name, either_of(known));
}

std::string pipeline_of(const io::Component& transformer) {
  if (transformer.class_name == "WanTransformer3DModel") return "WanPipeline";
  const io::Config config = transformer.checkpoint ? transformer.checkpoint->config
                                                   : io::Config::read(transformer.directory + "/config.json");
  return config.get<bool>("guidance_embeds", false) ? "SanaSprintPipeline" : "SanaPipeline";
}

// A pipeline of files alone. The text encoder and its tokenizer may be absent where embeddings are given.
io::Repository put_together(std::vector<io::Component> parts, const std::string& transformer_path) {
  const auto transformer =
      std::find_if(parts.begin(), parts.end(), [](const io::Component& c) { return c.name == "transformer"; });
  const Family* family = family_of(transformer->class_name);
  if (family == nullptr)
    fail(ErrorCode::kUnsupported, "--transformer {} is of the class {}, which Swan does not run; it runs {} and {}.",
         transformer_path, transformer->class_name, kFamilies[0].transformer, kFamilies[1].transformer);
  const std::string pipeline = pipeline_of(*transformer);
  nlohmann::json scheduler = io::default_scheduler_config(pipeline);
  std::string class_name = scheduler.at("_class_name");
  parts.push_back(
      {.name = "scheduler",
       .library = "diffusers",
       .class_name = class_name,
       .config = std::make_shared<const io::Config>(std::move(scheduler), pipeline + "'s usual scheduler")});
  io::Repository repository(pipeline, transformer_path, std::move(parts));
  (void)repository.component("vae");
  return repository;
}

}  // namespace

ModelFiles open_model(const std::string& path, const LoadOptions& options, const char* embedded) {
  LoadOptions files = options;
  std::string model = path;
  if (!model.empty() && is_file(model)) {  // a transformer's
    if (!files.transformer.empty())
      fail(ErrorCode::kInvalidArgument,
           "--model {} is a file, and --transformer {} too; leave one of them out, or give a folder with --model.",
           model, files.transformer);
    files.transformer = std::exchange(model, "");
  }
  for (const Part& part : kParts)
    if (std::string& file = files.*part.path; !file.empty()) file = lasting(file);
  if (!files.controlnet.empty()) files.controlnet = lasting(files.controlnet);

  const bool is_embedded = model == embedded || (model.empty() && files.transformer.empty());
  std::optional<io::Repository> repository;
  if (is_embedded) {
    repository = io::Repository::open(embedded == std::string_view(kEmbeddedVideoModel) ? default_video_model()
                                                                                        : default_image_model());
  } else if (!model.empty()) {
    repository = io::Repository::open(model);
  }

  std::vector<io::Component> given;
  for (const Part& part : kParts)
    if (const std::string& file = files.*part.path;
        !file.empty() && !(part.path == &LoadOptions::vae && is_tiny_vae(file)))
      given.push_back(open_part(part, file, repository ? &*repository : nullptr));
  const auto has_tokenizer = [](const io::Component& c) { return c.checkpoint && !c.checkpoint->tokenizer.empty(); };
  const auto encoder = std::find_if(given.begin(), given.end(), has_tokenizer);
  if (encoder != given.end() && files.tokenizer.empty())
    given.push_back({.name = "tokenizer",
                     .library = "transformers",
                     .class_name = kTokenizerClass,
                     .checkpoint = encoder->checkpoint});

  const bool alone = !repository;
  if (alone && !files.vae.empty() && is_tiny_vae(files.vae))
    fail(ErrorCode::kInvalidArgument,
         "--vae {} is a tiny autoencoder, which decodes in the place of a model's own: open that with --model.",
         files.vae);
  if (alone) repository = put_together(given, files.transformer);
  const Family* family = nullptr;
  for (const io::Component& c : repository->components())
    if (c.name == "transformer") family = family_of(c.class_name);
  for (const io::Component& c : given) {
    for (const Part& part : kParts)
      if (family != nullptr && c.name == part.component) check_class(c, *family, files.*part.path);
    repository->replace(c);
  }
  return {std::move(*repository), alone ? "" : is_embedded ? embedded : lasting(model), std::move(files)};
}

std::string option_of(std::string_view component) {
  std::string option = "--" + std::string(component);
  std::replace(option.begin(), option.end(), '_', '-');
  return option;
}

io::Component open_component(const std::string& path) {
  if (!is_folder(path)) {
    auto checkpoint = io::open_checkpoint(path);
    const io::CheckpointFormat& format = *checkpoint->format;
    return {.name = format.component,
            .library = format.library,
            .class_name = format.class_name,
            .directory = "",
            .checkpoint = std::move(checkpoint)};
  }
  const std::string class_name = io::Config::read((fs::path(path) / "config.json").string()).class_name();
  for (const io::CheckpointFormat& format : io::checkpoint_formats())
    if (class_name == format.class_name)
      return {.name = format.component, .library = format.library, .class_name = class_name, .directory = path};
  fail(ErrorCode::kUnsupported, "{} is a {}, which Swan does not know.", path,
       class_name.empty() ? "folder without a class in its config.json" : class_name);
}

std::unique_ptr<tokenizers::Tokenizer> load_tokenizer(const io::Repository& repository) {
  (void)repository.component("text_encoder");  // the greater lack is named first
  const io::Component& c = repository.component("tokenizer");
  if (c.checkpoint)
    return tokenizers::Tokenizer::from_sentencepiece(c.checkpoint->tokenizer, c.checkpoint->config.path());
  return tokenizers::Tokenizer::load(c.file.empty() ? c.directory : c.file);
}

}  // namespace swan::pipelines
