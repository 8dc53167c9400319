#include "fuzz/targets.h"

#include <fmt/format.h>
#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <nlohmann/json.hpp>
#include <stdexcept>
#include <utility>
#include <vector>

#include "config/interpolate.h"
#include "config/print.h"
#include "config/to_json.h"
#include "config/validate.h"
#include "config/yaml.h"
#include "io/checkpoint/checkpoint.h"
#include "io/checkpoint/key_tables.h"
#include "io/config.h"
#include "io/json.h"
#include "io/open_tensor_file.h"
#include "io/repository.h"
#include "io/safetensors.h"
#include "io/torch_pickle.h"
#include "io/weights.h"
#include "nn/adapters.h"
#include "swan/error.h"
#include "swan/pipeline.h"
#include "tokenizers/prompt_cleaning.h"
#include "tokenizers/unicode.h"

namespace swan::fuzz {

namespace {

namespace fs = std::filesystem;

// A file in memory that can be opened by path: nothing waits for a disk.
class MemoryFile {
 public:
  explicit MemoryFile(std::string_view bytes) : fd_(::memfd_create("fuzz", MFD_CLOEXEC)) {
    if (fd_ < 0 || ::write(fd_, bytes.data(), bytes.size()) != static_cast<ssize_t>(bytes.size()))
      throw std::runtime_error("cannot make a file in memory");
  }
  ~MemoryFile() { ::close(fd_); }
  MemoryFile(const MemoryFile&) = delete;
  MemoryFile& operator=(const MemoryFile&) = delete;
  [[nodiscard]] std::string path() const { return "/proc/self/fd/" + std::to_string(fd_); }

 private:
  int fd_;
};

// True when the action succeeds, false for an Error that says something.
template <typename Action>
bool accepts(const Action& action) {
  try {
    action();
    return true;
  } catch (const Error& error) {
    if (std::string_view(error.what()).empty()) throw std::runtime_error("an error without a message");
    if (error.code() == ErrorCode::kInternal || error.code() == ErrorCode::kOutOfMemory)
      throw std::runtime_error(error.what());
    return false;
  }
}

// Reads every byte, so that a view beyond the mapping is noticed. The sum keeps the reads from being optimised away.
void touch(const Tensor& tensor) {
  if (!tensor.defined()) throw std::runtime_error("an undefined tensor came from a file");
  static volatile unsigned sum = 0;
  const auto* bytes = static_cast<const unsigned char*>(tensor.raw());
  for (size_t i = 0; i < tensor.nbytes(); ++i) sum = sum + bytes[i];
}

void read_all(const io::TensorFile& file) {
  for (const auto& [name, entry] : file.entries()) {
    const bool read = accepts([&, &tensor_name = name] { touch(file.tensor(tensor_name)); });
    if (read != entry.unsupported_dtype.empty()) throw std::runtime_error("a checked tensor cannot be read");
  }
}

// Removed first: truncating a file that exists makes some file systems write at once.
void replace(const std::string& path, std::string_view bytes) {
  fs::remove(path);
  std::ofstream out(path, std::ios::binary);
  out.write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  if (!out.flush()) throw std::runtime_error("cannot write " + path);
}

template <typename T>
void read_key(const io::Config& config, const std::string& key) {
  (void)accepts([&] { (void)config.require<T>(key); });
  (void)accepts([&] { (void)config.get_per_block<T>(key, 6, T{}); });
}

}  // namespace

std::string slurp(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error("cannot read " + path);
  return {std::istreambuf_iterator<char>(in), {}};
}

bool read_as_safetensors(std::string_view bytes) {
  const MemoryFile memory(bytes);
  return accepts([&] { read_all(*io::SafetensorsFile::open(memory.path())); });
}

bool read_as_weights(std::string_view bytes) {
  const MemoryFile memory(bytes);
  return accepts([&] { read_all(*io::open_tensor_file(memory.path())); });
}

bool read_as_pickle(std::string_view bytes) {
  return accepts([&] { (void)io::read_torch_pickle(bytes, "data.pkl"); });
}

bool read_as_config(std::string_view bytes) {
  return accepts([&] {
    const io::Config config(io::parse_json(bytes, "config.json"), "config.json");
    (void)accepts([&] { (void)config.class_name(); });
    (void)config.unknown_keys({});
    for (const auto& [key, value] : config.json().items()) {
      read_key<bool>(config, key);
      read_key<int64_t>(config, key);
      read_key<double>(config, key);
      read_key<std::string>(config, key);
      read_key<std::vector<int64_t>>(config, key);
      (void)accepts([&, &name = key] { (void)config.get_in(name, 1, 1, 1000); });
      (void)accepts([&, &name = key] { (void)config.get_list_in(name, {}, 1, 1000, 6); });
      (void)accepts([&, &name = key] { (void)config.require<std::vector<std::vector<int64_t>>>(name); });
      (void)accepts([&, &name = key] { (void)config.object(name); });
    }
  });
}

bool read_as_checkpoint(std::string_view bytes) {
  const MemoryFile memory(bytes);
  return accepts([&] {
    const auto checkpoint = io::open_checkpoint(memory.path());
    for (const auto& [name, entry] : checkpoint->weights->entries())
      (void)accepts([&, &name = name, &entry = entry] {
        const Tensor tensor = checkpoint->weights->tensor(name);
        if (tensor.shape() != entry.shape || tensor.dtype() != entry.dtype)
          throw std::runtime_error("a tensor is not what the file's entry says");
        touch(tensor);
      });
  });
}

bool read_as_configuration(std::string_view bytes) {
  using config::Type;
  static const config::Schema schema({{"variables", ""}, {"sampling", ""}, {"model", ""}},
                                     {{.path = "variables", .type = Type::kMap},
                                      {.path = "sampling.steps", .type = Type::kInteger, .minimum = 1, .maximum = 1000},
                                      {.path = "sampling.guidance_scale", .type = Type::kNumber, .choices = {"none"}},
                                      {.path = "sampling.sigmas", .type = Type::kNumbers},
                                      {.path = "sampling.seed", .type = Type::kIntegers, .minimum = 0},
                                      {.path = "model.model"},
                                      {.path = "model.dtype", .choices = {"auto", "f32"}},
                                      {.path = "model.lora", .type = Type::kTexts},
                                      {.path = "model.memory_budget", .type = Type::kSize},
                                      {.path = "model.fuse_lora", .type = Type::kFlag}});
  static const config::Validator validator(schema);
  const config::Variables variables = {{"HOME", "/home"}, {"N", "12"}};
  const config::Origin origin{.source = config::Origin::Source::kFile, .name = std::make_shared<std::string>("f")};
  return accepts([&] {
    config::Configuration c;
    config::Problems problems;
    c.root = config::read_yaml(bytes, origin, problems);
    if (problems.empty()) validator.check(c.root, problems);
    config::throw_any(problems);
    std::erase_if(c.root.members,
                  [](const config::Member& m) { return m.key == "extends" || m.key == "environments"; });
    config::Value part = c.root;
    config::Problems of_part;
    config::interpolate(part, schema, {}, /*whole=*/false, of_part);
    validator.check(part, of_part);
    config::interpolate(c.root, schema, variables, /*whole=*/true, problems);
    config::throw_any(problems);
    validator.check(c.root, problems);
    config::throw_any(problems);
    const bool defaults = bytes.find(":-") != std::string_view::npos;  // are those of the part alone
    if (!defaults && !of_part.empty())
      throw std::runtime_error("a part is refused that makes a good whole: " + of_part.front().str());
    for (const char* path : {"sampling.seed", "sampling.sigmas", "model.lora", "model.fuse_lora"}) {
      if (const config::Value* value = c.find(path)) {
        static_cast<void>(config::option_texts(*value, schema.find(path)->type));
      }
    }
    static_cast<void>(config::to_yaml(c, schema, true));
    config::Configuration again;
    const std::string printed = config::to_yaml(c, schema, false);
    again.root = config::read_yaml(printed, origin, problems);
    config::interpolate(again.root, schema, variables, /*whole=*/true, problems);
    if (!problems.empty()) throw std::runtime_error("what is printed is refused: " + problems.front().str());
    if (config::to_json_text(again, schema, false) != config::to_json_text(c, schema, false))
      throw std::runtime_error("what is printed is something else: " + printed);
  });
}

void clean_as_prompt(std::string_view bytes) {
  for (const auto clean : {tokenizers::clean_sana_prompt, tokenizers::clean_wan_prompt}) {
    const std::string cleaned = clean(bytes);
    if (!tokenizers::is_utf8(cleaned)) throw std::runtime_error("a cleaned prompt is not UTF-8");
    if (cleaned.starts_with(' ') || cleaned.ends_with(' ')) throw std::runtime_error("a cleaned prompt ends in space");
  }
}

LoraTarget::LoraTarget(std::string folder) : folder_(std::move(folder)) {
  io::write_safetensors(folder_ + "/model.safetensors", {{"blocks.0.attn1.to_q.weight", Tensor::full({6, 4}, 0.5F)},
                                                         {"blocks.0.attn1.to_q.bias", Tensor::full({6}, 0.5F)},
                                                         {"patch_embedding.weight", Tensor::full({6, 2, 1, 2, 2}, 1)},
                                                         {"blocks.0.norm2.weight", Tensor::full({6}, 1)}});
}

bool LoraTarget::read(std::string_view bytes) const {
  const MemoryFile memory(bytes);
  return accepts([&] {
    const auto weights = io::Weights::open(folder_, "model", "");
    const Lora lora = {memory.path(), 0.5};
    for (const bool fuse : {false, true}) {
      const auto set = nn::AdapterSet::read(
          {&lora, 1}, *weights, {.lenient = true, .fuse = fuse, .original_names = &io::wan_transformer_keys()});
      for (const std::string& name : weights->names()) {
        Tensor tensor = set->with_deltas(name, weights->take(name, weights->shape(name)));
        if (!name.ends_with(".weight")) continue;
        const nn::LowRank beside = set->adapt(name.substr(0, name.size() - 7), tensor);
        if (tensor.shape() != weights->shape(name)) throw std::runtime_error("a merged weight has another shape");
        if (beside.defined()) touch(beside.up.weight);
        touch(tensor);
      }
      set->finish();
    }
  });
}

RepositoryTarget::RepositoryTarget(std::string folder, const std::string& corpus) : folder_(std::move(folder)) {
  for (const char* name : {"transformer", "vae", "text_encoder", "tokenizer", "scheduler"})
    fs::create_directories(folder_ + "/" + name);
  replace(folder_ + "/scheduler/scheduler_config.json", slurp(corpus + "/config/scheduler.json"));
  replace(folder_ + "/tokenizer/tokenizer.json", "{}");
  for (const std::string name : {"transformer", "vae", "text_encoder"}) {
    const fs::path part = fs::path(folder_) / name;
    replace(part / "config.json", slurp(fs::path(corpus) / "config" / (name + ".json")));
    for (const char* shard : {"mixed.safetensors", "small_types.safetensors"})
      replace(part / shard, slurp(fs::path(corpus) / "safetensors" / shard));
    const char* stem = name == "text_encoder" ? "model" : "diffusion_pytorch_model";
    replace(part / fmt::format("{}.safetensors.index.json", stem),
            slurp(corpus + "/index/model.safetensors.index.json"));
  }
}

bool RepositoryTarget::read_with_model_index(std::string_view bytes) {
  replace(folder_ + "/model_index.json", bytes);
  return accepts([&] {
    const io::Repository repository = io::Repository::open(folder_);
    for (const io::Component& component : repository.components()) {
      if (fs::path(component.directory).parent_path() != fs::path(folder_))
        throw std::runtime_error("a component is outside the repository: " + component.directory);
      (void)accepts([&] { (void)repository.file(component.name, "config.json"); });
    }
    (void)inspect_model(folder_);
  });
}

bool RepositoryTarget::read_with_weight_index(std::string_view bytes) {
  const std::string folder = folder_ + "/text_encoder";
  replace(folder + "/model.safetensors.index.json", bytes);
  return accepts([&] {
    const auto weights = io::Weights::open(folder, "model", "");
    for (const std::string& file : weights->files())
      if (fs::path(file).parent_path() != fs::path(folder)) throw std::runtime_error("a shard is elsewhere: " + file);
    (void)accepts([&] { (void)weights->take("a.weight", {3, 4}); });
    (void)accepts([&] { weights->finish(); });
  });
}

}  // namespace swan::fuzz
