#include "io/weights.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <span>

#include "core/error.h"
#include "io/safetensors.h"
#include "io/weight_files.h"

namespace swan::io {

namespace {
// The first few of a list, for a message.
std::string some_of(const std::vector<std::string>& items) {
  constexpr size_t kShown = 10;
  const std::span<const std::string> first(items.data(), std::min(items.size(), kShown));
  std::string text = fmt::format("{}", fmt::join(first, ", "));
  if (items.size() > kShown) text += fmt::format(" and {} more", items.size() - kShown);
  return text;
}
}  // namespace

std::shared_ptr<Weights> Weights::open(const std::string& directory, const std::string& stem,
                                       const std::string& variant) {
  const WeightFiles found = find_weight_files(directory, stem, variant);
  std::shared_ptr<Weights> weights(new Weights);
  weights->files_ = found.files;
  weights->description_ =
      found.index.empty() ? found.files.front() : fmt::format("{} ({} shards)", found.index, found.files.size());
  for (const std::string& path : found.files) {
    try {
      weights->add(SafetensorsFile::open(path), found.weight_map);
    } catch (const Error& error) {
      if (found.index.empty() || error.code() != ErrorCode::kNotFound) throw;
      fail(ErrorCode::kNotFound, "cannot load weights: {}, which {} names, is not there; download the missing shard.",
           path, found.index);
    }
  }
  for (const auto& [name, path] : found.weight_map)
    if (!weights->tensors_.contains(name))
      fail(ErrorCode::kCorruptFile,
           "cannot load weights: tensor '{}' is not in {}, where {} says it is; download the index and the shards of "
           "one revision.",
           name, path, found.index);
  return weights;
}

std::shared_ptr<Weights> Weights::of(const std::shared_ptr<const TensorFile>& file) {
  std::shared_ptr<Weights> weights(new Weights);
  weights->files_ = {file->path()};
  weights->description_ = file->path();
  weights->add(file, {});
  return weights;
}

void Weights::add(const std::shared_ptr<const TensorFile>& file, const std::map<std::string, std::string>& weight_map) {
  for (const auto& [name, entry] : file->entries()) {
    const auto listed = weight_map.find(name);
    const auto [there, added] = tensors_.emplace(name, file);
    if (!added || (listed != weight_map.end() && listed->second != file->path()))
      fail(ErrorCode::kCorruptFile,
           "cannot load weights: tensor '{}' is in {}, but should be in {}; download the index and the shards of one "
           "revision.",
           name, file->path(), listed != weight_map.end() ? listed->second : there->second->path());
    bytes_ += entry.end - entry.begin;
    if (entry.unsupported_dtype.empty()) bytes_by_dtype_[entry.dtype] += entry.end - entry.begin;
  }
}

DType Weights::dtype() const {
  const auto most = std::max_element(bytes_by_dtype_.begin(), bytes_by_dtype_.end(),
                                     [](const auto& a, const auto& b) { return a.second < b.second; });
  return most == bytes_by_dtype_.end() ? DType::kF32 : most->first;
}

bool Weights::contains(const std::string& name) const { return tensors_.contains(name); }

const Shape& Weights::shape(const std::string& name) const { return tensors_.at(name)->entries().at(name).shape; }

std::vector<std::string> Weights::names() const {
  std::vector<std::string> names;
  names.reserve(tensors_.size());
  for (const auto& [name, file] : tensors_) names.push_back(name);
  return names;
}

Tensor Weights::take(const std::string& name, const Shape& expected) {
  const auto it = tensors_.find(name);
  if (it == tensors_.end()) {
    absent_.emplace_back(name, expected);
    return {};
  }
  const Shape& found = it->second->entries().at(name).shape;
  if (!(found == expected))
    fail(ErrorCode::kShapeMismatch,
         "cannot load weights: tensor '{}' in {} has shape {}, but config.json implies {}; use the config.json and the "
         "weights of one revision.",
         name, it->second->path(), found, expected);
  Tensor tensor = it->second->tensor(name);
  taken_.insert(name);
  return tensor;
}

BlockMatrix Weights::take_blocks(const std::string& name, const Shape& expected) {
  const auto it = tensors_.find(name);
  if (it == tensors_.end() || !(it->second->entries().at(name).shape == expected)) return {};  // take() says why
  BlockMatrix blocks = it->second->blocks(name);
  if (blocks.defined()) taken_.insert(name);
  return blocks;
}

void Weights::ignore(const std::string& prefix) {
  for (auto it = tensors_.lower_bound(prefix); it != tensors_.end() && it->first.starts_with(prefix); ++it)
    taken_.insert(it->first);
}

void Weights::finish() const {
  std::vector<std::string> absent, unexpected;
  for (const auto& [name, shape] : absent_) absent.push_back(fmt::format("{} {}", name, shape));
  for (const auto& [name, file] : tensors_)
    if (!taken_.contains(name)) unexpected.push_back(fmt::format("{} {}", name, file->entries().at(name).shape));
  if (absent.empty() && unexpected.empty()) return;
  std::string message = fmt::format("cannot load weights from {}:", description_);
  if (!absent.empty()) message += fmt::format(" {} tensors are missing: {};", absent.size(), some_of(absent));
  if (!unexpected.empty())
    message += fmt::format(" {} tensors belong to nothing in config.json: {};", unexpected.size(), some_of(unexpected));
  fail(ErrorCode::kMissingTensor,
       "{} found {} tensors in {} files. Use the config.json and all weights of one revision.", message,
       tensors_.size(), files_.size());
}

}  // namespace swan::io
