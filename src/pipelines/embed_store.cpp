#include "pipelines/embed_store.h"

#include <sys/stat.h>
#include <xxhash.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <utility>

#include "core/error.h"
#include "core/log.h"
#include "io/cache_folder.h"
#include "io/safetensors.h"

namespace swan {

EmbedCacheOptions default_embed_cache() {
  EmbedCacheOptions options;
  options.directory = io::cache_folder("SWAN_EMBED_CACHE", "embeddings");
  return options;
}

namespace pipelines {

namespace {

namespace fs = std::filesystem;

constexpr const char* kExtension = ".safetensors";
constexpr size_t kRecentBytes = size_t{64} << 20;  // a few hundred prompts of the largest encoder

// XXH3's 128 bits over everything added: enough that entries meet by accident never. An entry holds its whole key
// beside.
class Hash {
 public:
  Hash() : state_(XXH3_createState(), XXH3_freeState) { XXH3_128bits_reset(state_.get()); }
  void add(const void* data, size_t bytes) { XXH3_128bits_update(state_.get(), data, bytes); }
  void add(const std::string& text) {
    const uint64_t length = text.size();
    add(&length, sizeof length);
    add(text.data(), text.size());
  }
  [[nodiscard]] std::string hex() const {
    const XXH128_hash_t h = XXH3_128bits_digest(state_.get());
    return fmt::format("{:016x}{:016x}", h.high64, h.low64);
  }

 private:
  std::unique_ptr<XXH3_state_t, decltype(&XXH3_freeState)> state_;
};

// A file's name, size and bytes; of a large one its beginning, where safetensors have their header, its end, and blocks
// at even distances between.
void add_file(Hash& hash, const fs::path& path) {
  constexpr uint64_t kWhole = uint64_t{8} << 20, kBlock = uint64_t{64} << 10;
  constexpr uint64_t kBlocks = 48;
  const uint64_t size = fs::file_size(path);
  hash.add(path.filename().string());
  hash.add(&size, sizeof size);
  std::ifstream file(path, std::ios::binary);
  std::string buffer;
  const auto add_range = [&](uint64_t begin, uint64_t bytes) {
    buffer.resize(bytes);
    file.seekg(static_cast<std::streamoff>(begin));
    file.read(buffer.data(), static_cast<std::streamsize>(bytes));
    hash.add(buffer.data(), static_cast<size_t>(file.gcount()));
  };
  if (size <= kWhole) {
    add_range(0, size);
  } else {
    add_range(0, kWhole / 8);
    for (uint64_t i = 1; i <= kBlocks; ++i) add_range((size - kBlock) / kBlocks * i, kBlock);
  }
  if (file.bad()) fail(ErrorCode::kIo, "cannot read {}.", path.string());
}

std::vector<fs::path> files_of(const std::string& directory) {
  std::vector<fs::path> files;
  std::error_code error;
  for (const fs::directory_entry& entry : fs::directory_iterator(directory, error))
    if (entry.is_regular_file(error)) files.push_back(entry.path());
  std::sort(files.begin(), files.end());
  return files;
}

std::vector<int32_t> to_vector(std::span<const int32_t> ids) { return {ids.begin(), ids.end()}; }

}  // namespace

std::string encoder_fingerprint(const io::Repository& repository, const std::string& variant, const std::string& dtype,
                                const Compute& compute) {
  Hash hash;
  hash.add("swan embeddings 1");  // changes when what is computed changes
  hash.add(repository.class_name());
  hash.add(compute.f8() ? "auto" : dtype);  // text encoders compute as in auto then
  const io::Component& encoder = repository.component("text_encoder");
  if (encoder.checkpoint) {
    hash.add(repository.config("text_encoder").json().dump());
  } else {
    add_file(hash, repository.file("text_encoder", "config.json"));
  }
  const auto weights = repository.open_weights("text_encoder", variant);
  if (compute.device() != nullptr) hash.add(dtype_name(compute.activations(weights->dtype())));
  for (const std::string& file : weights->files()) add_file(hash, file);
  const io::Component& tokenizer = repository.component("tokenizer");
  if (tokenizer.checkpoint) {
    hash.add(tokenizer.checkpoint->tokenizer);
  } else if (!tokenizer.file.empty()) {
    add_file(hash, tokenizer.file);
  } else {
    for (const fs::path& file : files_of(tokenizer.directory)) add_file(hash, file);
  }
  return hash.hex();
}

EmbedStore::EmbedStore(EmbedCacheOptions options, std::function<std::string()> fingerprint)
    : options_(std::move(options)), make_fingerprint_(std::move(fingerprint)) {}

std::optional<Tensor> EmbedStore::find(std::span<const int32_t> ids, int64_t rows) {
  const Ids key = to_vector(ids);
  for (auto it = recent_.begin(); it != recent_.end(); ++it) {
    if (it->ids != key || it->embeds.dim(0) < rows) continue;
    recent_.splice(recent_.begin(), recent_, it);
    return recent_.front().embeds;
  }
  if (options_.directory.empty()) return std::nullopt;
  try {
    std::optional<Tensor> embeds = read(key, rows);
    if (embeds) remember(key, *embeds);
    return embeds;
  } catch (const std::exception& e) {
    log(LogLevel::kDebug, "embed cache: {}", e.what());
    return std::nullopt;
  }
}

void EmbedStore::put(std::span<const int32_t> ids, const Tensor& embeds) {
  const Ids key = to_vector(ids);
  remember(key, embeds);
  if (options_.directory.empty()) return;
  try {
    write(key, embeds);
    io::trim_cache_folder(options_.directory, kExtension, options_.max_bytes);
  } catch (const std::exception& e) {
    log(LogLevel::kWarning, "the embeddings could not be kept for later runs: {} (--embed-cache off switches this off)",
        e.what());
    options_.directory.clear();
  }
}

void EmbedStore::remember(const Ids& ids, const Tensor& embeds) {
  std::erase_if(recent_, [&](const Entry& e) {
    if (e.ids != ids) return false;
    recent_bytes_ -= e.embeds.nbytes();
    return true;
  });
  recent_.push_front({ids, embeds});
  recent_bytes_ += embeds.nbytes();
  while (recent_bytes_ > kRecentBytes && recent_.size() > 1) {
    recent_bytes_ -= recent_.back().embeds.nbytes();
    recent_.pop_back();
  }
}

std::string EmbedStore::path_of(const Ids& ids) {
  if (!fingerprint_) fingerprint_ = make_fingerprint_();
  Hash hash;
  hash.add(*fingerprint_);
  hash.add(ids.data(), ids.size() * sizeof(int32_t));
  return (fs::path(options_.directory) / (hash.hex() + kExtension)).string();
}

std::optional<Tensor> EmbedStore::read(const Ids& ids, int64_t rows) {
  const std::string path = path_of(ids);
  std::error_code error;
  if (!fs::exists(path, error)) return std::nullopt;
  const auto file = io::SafetensorsFile::open(path);
  const Tensor kept_ids = file->tensor("input_ids"), embeds = file->tensor("embeds");
  const auto fingerprint = file->metadata().find("fingerprint");
  const bool same = fingerprint != file->metadata().end() && fingerprint->second == *fingerprint_ &&
                    kept_ids.dtype() == DType::kI32 && kept_ids.numel() == static_cast<int64_t>(ids.size()) &&
                    std::equal(ids.begin(), ids.end(), kept_ids.data<int32_t>());
  if (!same || embeds.dtype() != DType::kF32 || embeds.rank() != 2 || embeds.dim(0) < rows) return std::nullopt;
  io::touch(path);
  return embeds.clone();  // the file may be replaced or removed while its mapping would still be read
}

void EmbedStore::write(const Ids& ids, const Tensor& embeds) {
  const std::string path = path_of(ids);
  io::make_cache_folder(options_.directory);  // the owner's alone: prompts are private
  io::write_safetensors(path,
                        {{"input_ids", Tensor::from(std::span<const int32_t>(ids), {static_cast<int64_t>(ids.size())})},
                         {"embeds", embeds}},
                        {{"fingerprint", *fingerprint_}});
}

}  // namespace pipelines
}  // namespace swan
