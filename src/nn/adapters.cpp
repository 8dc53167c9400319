#include "nn/adapters.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <filesystem>
#include <optional>

#include "core/error.h"
#include "core/log.h"
#include "io/config.h"
#include "io/json.h"
#include "io/open_tensor_file.h"

namespace swan::nn {

namespace {

constexpr const char* kWeight = ".weight";
constexpr const char* kBias = ".bias";
constexpr const char* kFileInFolder = "pytorch_lora_weights.safetensors";
constexpr int64_t kMostRanks = 16384;

std::string file_of(const std::string& path) {
  std::error_code error;
  return std::filesystem::is_directory(path, error) ? (std::filesystem::path(path) / kFileInFolder).string() : path;
}

std::vector<std::string> modules_of(const io::Weights& weights) {
  std::vector<std::string> modules;
  for (const std::string& name : weights.names())
    if (name.ends_with(kWeight)) modules.push_back(name.substr(0, name.size() - std::string_view(kWeight).size()));
  return modules;
}

// The first few of a list, for a message.
std::string some_of(const std::vector<std::string>& items) {
  constexpr size_t kShown = 3;
  const std::span<const std::string> first(items.data(), std::min(items.size(), kShown));
  return fmt::format("{}{}", fmt::join(first, ", "),
                     items.size() > kShown ? fmt::format(" and {} more", items.size() - kShown) : "");
}

// What diffusers saves of PEFT's configuration in the header.
class Metadata {
 public:
  explicit Metadata(const io::TensorFile& file) {
    const auto found = file.metadata().find("lora_adapter_metadata");
    if (found == file.metadata().end()) return;
    const std::string what = file.path() + " (lora_adapter_metadata)";
    const io::Config c(io::parse_json(found->second, what), what);
    alpha_ = number(c, "transformer.lora_alpha");
    by_root_ = c.get<bool>("transformer.use_rslora", false);
    if (const auto patterns = c.object("transformer.alpha_pattern"))
      for (const auto& [pattern, value] : patterns->json().items()) patterns_[pattern] = number(*patterns, pattern);
  }
  // What B A is multiplied by.
  [[nodiscard]] double factor(const std::string& module, int64_t rank) const {
    std::optional<double> alpha = alpha_;
    size_t longest = 0;
    for (const auto& [pattern, value] : patterns_)
      if ((module == pattern || module.ends_with("." + pattern)) && pattern.size() > longest && value) {
        alpha = value;
        longest = pattern.size();
      }
    const auto r = static_cast<double>(rank);
    return alpha ? *alpha / (by_root_ ? std::sqrt(r) : r) : 1.0;
  }

 private:
  static std::optional<double> number(const io::Config& c, const std::string& key) {
    const std::optional<double> value = c.optional<double>(key);
    if (value && !std::isfinite(*value)) c.wrong(key, "a finite number is needed");
    return value;
  }

  std::optional<double> alpha_;
  bool by_root_ = false;  // alpha / sqrt(r): PEFT's rank-stabilised LoRA
  std::map<std::string, std::optional<double>> patterns_;
};

}  // namespace

// Reads one file into a set.
class AdapterSet::Reader {
 public:
  Reader(const Lora& lora, const io::Weights& weights, const LoraNames& names)
      : file_(io::open_tensor_file(file_of(lora.path))),
        metadata_(*file_),
        scale_(lora.scale),
        weights_(weights),
        names_(names) {
    if (!std::isfinite(scale_))
      fail(ErrorCode::kInvalidArgument, "the scale of LoRA {} is {}: a finite number is needed.", lora.path, scale_);
  }

  void read(AdapterSet& set) {
    Summary summary{.keys = file_->entries().size()};
    sort_keys();
    summary.unused = unknown_.size();
    if (!unknown_.empty()) report_unknown(set.options_.lenient);
    if (modules_.empty())
      fail(ErrorCode::kMissingTensor,
           "cannot load LoRA {}: none of its {} tensors belongs to a module of this model's transformer; use a LoRA "
           "that was made for this model.",
           file_->path(), summary.keys);
    for (const auto& [module, keys] : modules_) add(module, keys, set);
    summary.modules = modules_.size();
    log(LogLevel::kInfo, "LoRA {}, scale {}: {} modules, {} of {} keys used", file_->path(), scale_, summary.modules,
        summary.keys - summary.unused, summary.keys);
    set.summaries_.push_back(summary);
  }

 private:
  using Keys = std::map<LoraPart, std::string>;

  void sort_keys() {
    for (const auto& [key, entry] : file_->entries()) {
      const auto split = split_lora_key(key);
      const std::string* module = split ? names_.find(split->first) : nullptr;
      if (module == nullptr) {
        unknown_.push_back(key);
        continue;
      }
      const auto [there, added] = modules_[*module].emplace(split->second, key);
      if (!added)
        fail(ErrorCode::kCorruptFile,
             "cannot load LoRA {}: tensors '{}' and '{}' are the same part of module '{}'; one is needed.",
             file_->path(), there->second, key, *module);
    }
  }

  void report_unknown(bool lenient) const {
    const auto split = split_lora_key(unknown_.front());
    const std::string nearest = names_.nearest(split ? split->first : std::string_view(unknown_.front()));
    const std::string what = fmt::format(
        "{} of the {} tensors in LoRA {} belong to nothing in this model's transformer: {}. The module "
        "nearest to the first is '{}'",
        unknown_.size(), file_->entries().size(), file_->path(), some_of(unknown_), nearest);
    if (!lenient)
      fail(ErrorCode::kMissingTensor,
           "{}. Use a LoRA that was made for this model, or leave them out with --lora-lenient.", what);
    log(LogLevel::kWarning, "{}; they are left out.", what);
  }

  void add(const std::string& module, const Keys& keys, AdapterSet& set) const {
    const Shape weight = weights_.shape(module + kWeight);
    if (weight.rank() == 0 || weight.numel() == 0)
      fail(ErrorCode::kUnsupported, "cannot load LoRA {}: the weight of module '{}' has shape {}, which none changes.",
           file_->path(), module, weight);
    const auto key = [&](LoraPart part) {
      const auto found = keys.find(part);
      return found == keys.end() ? nullptr : &found->second;
    };
    const auto scale = static_cast<float>(scale_);
    if (const std::string* delta = key(LoraPart::kWeightDelta))
      set.deltas_[module + kWeight].push_back({shaped(*delta, module, weight, weight), scale});
    if (const std::string* delta = key(LoraPart::kBiasDelta))
      set.deltas_[module + kBias].push_back({bias(*delta, module), scale});

    const std::string *down = key(LoraPart::kDown), *up = key(LoraPart::kUp);
    if ((down == nullptr) != (up == nullptr))
      fail(ErrorCode::kCorruptFile,
           "cannot load LoRA {}: module '{}' has the tensor '{}' alone, but A and B (down and up) are needed; the file "
           "is not whole.",
           file_->path(), module, down != nullptr ? *down : *up);
    if (down == nullptr) {
      for (const LoraPart part : {LoraPart::kUpBias, LoraPart::kAlpha, LoraPart::kMagnitude})
        if (const std::string* other = key(part))
          fail(ErrorCode::kCorruptFile,
               "cannot load LoRA {}: tensor '{}' is there without the A and B (down and up) of module '{}'; the file "
               "is not whole.",
               file_->path(), *other, module);
      return;
    }
    LowRankUpdate update = matrices(*down, *up, module, weight);
    const int64_t rank = update.down.dim(0);
    const std::string* alpha = key(LoraPart::kAlpha);
    const double factor =
        alpha != nullptr ? number(*alpha) / static_cast<double>(rank) : metadata_.factor(module, rank);
    update.scale = static_cast<float>(scale_ * factor);
    if (const std::string* magnitude = key(LoraPart::kMagnitude)) update.magnitude = norms(*magnitude, module, weight);
    if (const std::string* added = key(LoraPart::kUpBias))
      set.deltas_[module + kBias].push_back({bias(*added, module), update.scale});
    set.beside_ |= !set.options_.fuse && !update.magnitude.defined();
    set.updates_[module].push_back(std::move(update));
  }

  // A as [r, K] and B as [N, r] of a linear layer or a convolution, whose kernel A has.
  [[nodiscard]] LowRankUpdate matrices(const std::string& down, const std::string& up, const std::string& module,
                                       const Shape& weight) const {
    const Shape &a = file_->entries().at(down).shape, &b = file_->entries().at(up).shape;
    const int64_t out = weight[0], in = weight.numel() / out;
    const int64_t rank = a.rank() == 0 ? 0 : a[0];
    const bool fits = rank >= 1 && rank <= kMostRanks && a.rank() >= 2 && a.numel() / rank == in &&
                      (a.rank() == 2 || same_after_first(a, weight)) && b.rank() >= 2 && b[0] == out && b[1] == rank &&
                      b.numel() == out * rank;
    if (!fits)
      fail(ErrorCode::kShapeMismatch,
           "cannot load LoRA {}: tensors '{}' {} and '{}' {} do not fit module '{}', whose weight is {}: [r, {}] and "
           "[{}, r] with one rank r of 1 to {} are needed; use a LoRA that was made for this model.",
           file_->path(), down, a, up, b, module, weight, in, out, kMostRanks);
    return {.down = tensor(down).reshape({rank, in}), .up = tensor(up).reshape({out, rank}), .magnitude = {}};
  }
  static bool same_after_first(const Shape& a, const Shape& b) {
    return a.rank() == b.rank() && std::equal(a.dims().begin() + 1, a.dims().end(), b.dims().begin() + 1);
  }

  [[nodiscard]] Tensor shaped(const std::string& key, const std::string& module, const Shape& needed,
                              const Shape& result) const {
    const Shape& found = file_->entries().at(key).shape;
    if (found != needed)
      fail(ErrorCode::kShapeMismatch,
           "cannot load LoRA {}: tensor '{}' of module '{}' has shape {}, but {} is needed; use a LoRA that was made "
           "for this model.",
           file_->path(), key, module, found, needed);
    return tensor(key).reshape(result);
  }

  [[nodiscard]] Tensor bias(const std::string& key, const std::string& module) const {
    if (!weights_.contains(module + kBias))
      fail(ErrorCode::kUnsupported,
           "cannot load LoRA {}: tensor '{}' is added to the bias of module '{}', which has none in this model.",
           file_->path(), key, module);
    const Shape needed = weights_.shape(module + kBias);
    return shaped(key, module, needed, needed);
  }

  // One norm a row, as [N], [N, 1] or a convolution's [1, N, 1, 1].
  [[nodiscard]] Tensor norms(const std::string& key, const std::string& module, const Shape& weight) const {
    const Shape& found = file_->entries().at(key).shape;
    const bool of_columns = found.rank() == 2 && found[0] == 1 && weight[0] != 1;
    if (found.rank() == 0 || of_columns || found.numel() != weight[0] ||
        std::find(found.dims().begin(), found.dims().end(), weight[0]) == found.dims().end())
      fail(ErrorCode::kUnsupported,
           "cannot load LoRA {}: tensor '{}' of module '{}' has shape {}; of DoRA's magnitudes Swan takes one a row of "
           "the weight {}, which is [{}].",
           file_->path(), key, module, found, weight, weight[0]);
    return tensor(key).reshape({weight[0]});
  }

  [[nodiscard]] double number(const std::string& key) const {
    const Tensor t = tensor(key);
    if (t.numel() != 1)
      fail(ErrorCode::kShapeMismatch, "cannot load LoRA {}: tensor '{}' has shape {}, but one number is needed.",
           file_->path(), key, t.shape());
    const float value = t.reshape({1}).to(DType::kF32).data<float>()[0];
    if (!std::isfinite(value))
      fail(ErrorCode::kCorruptFile, "cannot load LoRA {}: tensor '{}' is {}; a finite number is needed.", file_->path(),
           key, value);
    return value;
  }

  [[nodiscard]] Tensor tensor(const std::string& key) const {
    Tensor t = file_->tensor(key);
    if (t.dtype() != DType::kF32 && t.dtype() != DType::kF16 && t.dtype() != DType::kBF16)
      fail(ErrorCode::kUnsupported, "cannot load LoRA {}: tensor '{}' is of {}; f32, f16 or bf16 are needed.",
           file_->path(), key, t.dtype());
    return t;
  }

  std::shared_ptr<const io::TensorFile> file_;
  Metadata metadata_;
  double scale_;
  const io::Weights& weights_;
  const LoraNames& names_;
  std::map<std::string, Keys> modules_;
  std::vector<std::string> unknown_;
};

std::shared_ptr<AdapterSet> AdapterSet::read(std::span<const Lora> loras, const io::Weights& weights,
                                             const Options& options) {
  if (loras.empty()) return nullptr;
  std::shared_ptr<AdapterSet> set(new AdapterSet);
  set->options_ = options;
  const LoraNames names(modules_of(weights), options.original_names);
  for (const Lora& lora : loras) Reader(lora, weights, names).read(*set);
  return set;
}

LowRank AdapterSet::adapt(const std::string& path, Tensor& weight) {
  const auto found = updates_.find(path);
  if (found == updates_.end()) return {};
  taken_.insert(path);
  std::vector<LowRankUpdate> merged, beside;
  for (const LowRankUpdate& update : found->second)
    (options_.fuse || update.magnitude.defined() ? merged : beside).push_back(update);
  weight = merge(weight, merged);
  return LowRank::of(beside);
}

Tensor AdapterSet::with_deltas(const std::string& name, const Tensor& parameter) {
  const auto found = deltas_.find(name);
  if (found == deltas_.end()) return parameter;
  taken_.insert(name);
  Tensor sum = parameter;
  for (const Delta& delta : found->second) sum = merge(sum, delta.values, delta.scale);
  return sum;
}

void AdapterSet::finish() const {
  std::vector<std::string> left;
  for (const auto& [module, updates] : updates_)
    if (!taken_.contains(module)) left.push_back(module);
  for (const auto& [parameter, deltas] : deltas_)
    if (!taken_.contains(parameter)) left.push_back(parameter);
  if (left.empty()) return;
  const std::string what =
      fmt::format("the LoRAs change {} modules that are no linear layer or dense convolution of this transformer: {}",
                  left.size(), some_of(left));
  if (!options_.lenient)
    fail(ErrorCode::kUnsupported, "cannot load: {}. Leave them out with --lora-lenient, or use another LoRA.", what);
  log(LogLevel::kWarning, "{}; they are left out.", what);
}

}  // namespace swan::nn
