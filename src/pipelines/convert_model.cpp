#include <fmt/ranges.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <filesystem>
#include <functional>
#include <optional>
#include <set>
#include <string_view>
#include <system_error>
#include <utility>

#include "core/error.h"
#include "io/checkpoint/default_configs.h"
#include "io/checkpoint/joined_file.h"
#include "io/checkpoint/original_file.h"
#include "io/open_tensor_file.h"
#include "io/system.h"
#include "io/weight_files.h"
#include "io/weight_writer.h"
#include "pipelines/model_files.h"
#include "pipelines/parameters.h"
#include "swan/convert.h"

namespace swan {

namespace pipelines {

namespace {

namespace fs = std::filesystem;

constexpr std::string_view kEnding = ".safetensors";
constexpr const char* kConfig = "config.json";
constexpr const char* kSchedulerConfig = "scheduler_config.json";
// Files beside weights: vocabularies, configurations.
constexpr size_t kMostBytes = size_t{1} << 29;

// A folder that appears under its name when it is whole; without commit() nothing is left of it.
class StagedFolder {
 public:
  explicit StagedFolder(const std::string& path) : path_(fs::absolute(path).lexically_normal()) {
    if (!path_.has_filename()) path_ = path_.parent_path();
    static std::atomic<unsigned> counter{0};
    std::error_code error;
    temporary_ = path_.parent_path() / fmt::format(".swan-{}-{}.part", ::getpid(), counter++);
    if (!fs::create_directory(temporary_, error))
      fail(ErrorCode::kIo, "cannot make the folder {}: {}; check the path, its permissions and the free space.",
           path_.string(), error ? error.message() : "something of a temporary name is there");
  }
  StagedFolder(const StagedFolder&) = delete;
  StagedFolder& operator=(const StagedFolder&) = delete;
  ~StagedFolder() {
    std::error_code ignored;
    if (!done_) fs::remove_all(temporary_, ignored);
  }

  [[nodiscard]] const fs::path& path() const noexcept { return temporary_; }
  // A folder in it.
  [[nodiscard]] fs::path folder(const std::string& name) const {
    fs::path made = temporary_ / name;
    std::error_code error;
    fs::create_directory(made, error);
    if (error) fail(ErrorCode::kIo, "cannot make the folder {}: {}.", made.string(), error.message());
    return made;
  }
  // What a text that names the temporary folder would say.
  [[nodiscard]] std::string named(std::string text) const {
    const std::string from = temporary_.string();
    for (size_t at = 0; (at = text.find(from, at)) != text.npos;) text.replace(at, from.size(), path_.string());
    return text;
  }
  void commit() {
    std::error_code error;
    fs::rename(temporary_, path_, error);
    if (error) fail(ErrorCode::kIo, "cannot make the folder {}: {}.", path_.string(), error.message());
    done_ = true;
  }

 private:
  fs::path path_, temporary_;
  bool done_ = false;
};

void write_text(const fs::path& path, std::string_view text) {
  io::AtomicFile file(path.string());
  file.write(text);
  file.commit();
}

void copy_files(const std::string& from, const fs::path& to) {
  std::error_code error;
  std::vector<fs::path> files;
  for (fs::directory_iterator it(from, error), end; !error && it != end; it.increment(error))
    if (std::error_code ignored; it->is_regular_file(ignored)) files.push_back(it->path());
  if (error) fail(ErrorCode::kIo, "cannot list the folder {}: {}.", from, error.message());
  for (const fs::path& file : files) write_text(to / file.filename(), io::read_file(file.string(), kMostBytes));
}

std::optional<DType> dtype_of(const ConvertOptions& options) {
  if (options.dtype == "auto") return std::nullopt;
  const DType dtype = parse_dtype(options.dtype);
  if (dtype != DType::kF32 && dtype != DType::kF16 && dtype != DType::kBF16)
    fail(ErrorCode::kInvalidArgument, "weights cannot be written as {}; choose auto, f32, f16 or bf16.", options.dtype);
  return dtype;
}

// What transformers' configurations call a dtype.
const char* torch_name(DType dtype) {
  return dtype == DType::kF32 ? "float32" : dtype == DType::kF16 ? "float16" : "bfloat16";
}

class Converter {
 public:
  Converter(const ConvertOptions& options, const Callbacks& callbacks)
      : options_(options), callbacks_(callbacks), dtype_(dtype_of(options)) {}

  // A network's config.json and weights in a folder.
  ConvertedComponent write_component(const io::Component& c, const std::string& variant, const fs::path& folder) {
    const auto file = weights_of(c, variant);
    nlohmann::json config = config_of(c).json();
    if (dtype_)
      for (const char* key : {"torch_dtype", "dtype"})
        if (config.contains(key)) config[key] = torch_name(*dtype_);
    if (c.library == "transformers") {
      if (!config.contains("architectures")) config["architectures"] = {c.class_name};
    } else if (!config.contains("_class_name")) {
      config["_class_name"] = c.class_name;
    }
    write_text(folder / kConfig, config.dump(2) + "\n");
    ConvertedComponent out = facts_of(c, *file);
    out.names = c.library == "transformers" ? "transformers' names" : "diffusers' names";
    out.files = write(*file, folder / (c.weight_stem() + std::string(kEnding)), c, options_.max_shard_bytes,
                      {{"format", "pt"}});
    return out;
  }

  // A network in its publisher's names, a single file.
  ConvertedComponent write_original(const io::Component& c, const std::string& variant, const fs::path& path) {
    std::shared_ptr<const io::TensorFile> file = weights_of(c, variant);
    const io::Config config = config_of(c);
    const io::CheckpointFormat* format = io::original_format(c.class_name, config.get<bool>("guidance_embeds", false));
    ConvertedComponent out = facts_of(c, *file);
    if (format != nullptr) {
      file = std::make_shared<io::OriginalFile>(file, format->keys());
      out.names = format->name;
    } else if (c.library == "transformers") {
      out.names = "transformers' names";  // its publisher's own
    } else {
      fail(ErrorCode::kUnsupported, "{} has no other names than diffusers'; write a repository instead.", c.class_name);
    }
    out.tensors = static_cast<int64_t>(file->entries().size());
    out.files = write(*file, path, c, 0, {{"format", "pt"}, {"config", config.json().dump()}});
    return out;
  }

 private:
  [[nodiscard]] static io::Config config_of(const io::Component& c) {
    return c.checkpoint ? c.checkpoint->config : io::Config::read((fs::path(c.directory) / kConfig).string());
  }

  // All weights of a component as one file of diffusers' names.
  [[nodiscard]] static std::shared_ptr<const io::TensorFile> weights_of(const io::Component& c,
                                                                        const std::string& variant) {
    // transformers 4 stored the embedding under both of its names.
    std::set<std::string> twice;
    if (c.class_name == "UMT5EncoderModel") twice.insert("encoder.embed_tokens.weight");
    if (c.checkpoint)
      return std::make_shared<io::JoinedFile>(c.checkpoint->weights->path(), std::vector{c.checkpoint->weights}, twice);
    const io::WeightFiles found = io::find_weight_files(c.directory, c.weight_stem(), variant);
    std::vector<std::shared_ptr<const io::TensorFile>> files;
    for (const std::string& path : found.files) files.push_back(io::open_tensor_file(path));
    return std::make_shared<io::JoinedFile>(found.index.empty() ? found.files.front() : found.index, files, twice);
  }

  [[nodiscard]] ConvertedComponent facts_of(const io::Component& c, const io::TensorFile& file) const {
    return {.name = c.name,
            .class_name = c.class_name,
            .source = c.checkpoint ? file.path() : c.directory,
            .names = "",
            .files = {},
            .tensors = static_cast<int64_t>(file.entries().size()),
            .bytes = static_cast<int64_t>(io::written_bytes(file, dtype_))};
  }

  [[nodiscard]] std::vector<std::string> write(const io::TensorFile& file, const fs::path& path, const io::Component& c,
                                               uint64_t max_shard_bytes,
                                               const std::map<std::string, std::string>& metadata) const {
    return io::write_weights(file, path.string(),
                             {.dtype = dtype_,
                              .max_shard_bytes = max_shard_bytes,
                              .metadata = metadata,
                              .progress =
                                  [&](size_t done, size_t total) {
                                    if (callbacks_.progress)
                                      callbacks_.progress(c.name, static_cast<int>(done), static_cast<int>(total));
                                  },
                              .cancel = callbacks_.cancel});
  }

  const ConvertOptions& options_;
  const Callbacks& callbacks_;
  std::optional<DType> dtype_;
};

// What a tokenizer's file is called in a repository, and its class.
struct TokenizerKind {
  std::string_view text_encoder;
  const char *class_name, *model;
};
constexpr std::array kTokenizers = {TokenizerKind{"UMT5EncoderModel", "T5TokenizerFast", "spiece.model"},
                                    TokenizerKind{"Gemma2Model", "GemmaTokenizer", "tokenizer.model"},
                                    TokenizerKind{"Gemma2ForCausalLM", "GemmaTokenizer", "tokenizer.model"}};

const TokenizerKind& tokenizer_of(const io::Repository& repository) {
  const std::string& encoder = repository.component("text_encoder").class_name;
  for (const TokenizerKind& kind : kTokenizers)
    if (kind.text_encoder == encoder) return kind;
  return kTokenizers[0];
}

// The folder is the tokenizer's. @return  its class
std::string write_tokenizer(const io::Repository& repository, const io::Component& c, const fs::path& folder) {
  const TokenizerKind& kind = tokenizer_of(repository);
  (void)load_tokenizer(repository);  // before anyone relies on it
  std::string class_name = c.class_name == "Tokenizer" ? kind.class_name : c.class_name;
  if (!c.checkpoint && c.file.empty()) {
    copy_files(c.directory, folder);
    return class_name;
  }
  const std::string bytes = c.checkpoint ? c.checkpoint->tokenizer : io::read_file(c.file, kMostBytes);
  write_text(folder / (bytes.starts_with('{') ? "tokenizer.json" : kind.model), bytes);
  write_text(folder / "tokenizer_config.json",
             nlohmann::ordered_json{{"tokenizer_class", class_name}, {"extra_ids", 0}}.dump(2) + "\n");
  return class_name;
}

void write_scheduler(const io::Repository& repository, const io::Component& c, const fs::path& folder) {
  if (c.config) {
    write_text(folder / kSchedulerConfig, io::default_scheduler_text(repository.class_name()));
  } else {
    write_text(folder / kSchedulerConfig, io::read_file(repository.file(c.name, kSchedulerConfig), kMostBytes));
  }
}

ConvertResult write_repository(const io::Repository& repository, const std::string& variant, Converter& converter,
                               StagedFolder& out, bool original) {
  ConvertResult result{.class_name = repository.class_name(), .components = {}};
  for (const char* needed : {"text_encoder", "tokenizer"}) (void)repository.component(needed);
  nlohmann::ordered_json index = {{"_class_name", repository.class_name()}};
  std::vector<io::Component> components = repository.components();
  std::sort(components.begin(), components.end(), [](const auto& a, const auto& b) { return a.name < b.name; });
  for (const io::Component& c : components) {
    std::string class_name = c.class_name;
    if (c.has_weights()) {
      const std::string own = c.checkpoint ? "" : repository.variant_for(c, variant);
      if (!c.checkpoint) (void)repository.component(c.name);  // its folder must be there
      result.components.push_back(original
                                      ? converter.write_original(c, own, out.path() / (c.name + std::string(kEnding)))
                                      : converter.write_component(c, own, out.folder(c.name)));
    } else if (c.name == "tokenizer") {
      class_name = write_tokenizer(repository, c, out.folder(c.name));
    } else if (c.name == "scheduler") {
      if (!original) write_scheduler(repository, c, out.folder(c.name));
    } else if (!original) {
      copy_files(repository.component(c.name).directory, out.folder(c.name));
    }
    index[c.name] = {c.library, class_name};
  }
  if (original) return result;
  const fs::path defaults = fs::path(repository.path()) / "generation_config.json";
  if (std::error_code error; fs::is_regular_file(defaults, error))
    write_text(out.path() / defaults.filename(), io::read_file(defaults.string(), kMostBytes));
  write_text(out.path() / "model_index.json", index.dump(2) + "\n");
  return result;
}

bool is_file(const fs::path& path) {
  std::error_code error;
  return fs::is_regular_file(path, error);
}

// The one network that is asked for by itself; nothing: a whole model.
std::optional<std::string> single(const std::string& path, const LoadOptions& files) {
  std::vector<std::string> parts;
  for (const std::string* part : {&files.transformer, &files.text_encoder, &files.vae, &files.tokenizer})
    if (!part->empty()) parts.push_back(*part);
  if (!path.empty()) {
    const fs::path folder(path);
    const bool component = is_file(folder / kConfig) && !is_file(folder / "model_index.json");
    if (parts.empty() && (is_file(folder) || component)) return path;
    return std::nullopt;
  }
  if (parts.empty()) fail(ErrorCode::kInvalidArgument, "there is nothing to convert; name a file or a folder.");
  if (parts.size() == 1 && files.tokenizer.empty()) return parts[0];
  if (files.transformer.empty())
    fail(ErrorCode::kInvalidArgument,
         "a whole model needs a transformer: give it with --transformer, or convert a single part.");
  return std::nullopt;
}

}  // namespace

}  // namespace pipelines

ConvertResult convert_model(const std::string& path, const LoadOptions& files, const std::string& output,
                            const ConvertOptions& options, const Callbacks& callbacks) {
  using namespace pipelines;
  std::error_code error;
  if (output.empty()) fail(ErrorCode::kInvalidArgument, "there is no name for what is to be written.");
  if (fs::exists(fs::symlink_status(output, error)))
    fail(ErrorCode::kInvalidArgument, "cannot write {}: it is there already; name another place, or remove it.",
         output);
  Converter converter(options, callbacks);
  const std::optional<std::string> alone = single(path, files);
  if (alone && options.original) {
    if (!output.ends_with(kEnding))
      fail(ErrorCode::kInvalidArgument,
           "cannot write {}: in its publisher's names a network is one file, whose name "
           "ends in {}.",
           output, kEnding);
    return {.class_name = "", .components = {converter.write_original(open_component(*alone), files.variant, output)}};
  }
  if (output.ends_with(kEnding))
    fail(ErrorCode::kInvalidArgument, "cannot write {}: what is written is a folder; leave {} out.", output, kEnding);

  std::optional<ModelFiles> model;
  std::optional<io::Component> component;
  if (alone) {
    component = open_component(*alone);
  } else {
    model = open_model(path, files, kEmbeddedModel);
  }
  StagedFolder folder(output);
  ConvertResult result;
  try {
    if (component) {
      result.components = {converter.write_component(*component, files.variant, folder.path())};
    } else {
      result = write_repository(model->repository, files.variant, converter, folder, options.original);
    }
    folder.commit();
  } catch (const Error& e) {  // which may name a place that the user has not heard of
    throw Error(e.code(), folder.named(e.what()));
  }
  for (ConvertedComponent& c : result.components)
    for (std::string& file : c.files) file = folder.named(file);
  return result;
}

}  // namespace swan
