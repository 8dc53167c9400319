#include "cuda/plan_store.h"

#include <fmt/format.h>
#include <xxhash.h>

#include <cstring>
#include <filesystem>

#include "core/log.h"
#include "io/cache_folder.h"
#include "io/system.h"

namespace swan::backends::cuda {

namespace {
constexpr std::string_view kMagic = "swan cuDNN plan 1\n";
constexpr size_t kLargestPlan = size_t{16} << 20;
constexpr const char* kExtension = ".plan";

// Magic, the key's bytes, the plan's hash, then the key and the plan.
struct Header {
  uint64_t key_bytes, plan_hash;
};
}  // namespace

std::string PlanStore::path_of(const std::string& key) const {
  const std::string whole = machine_ + "\n" + key;
  const XXH128_hash_t hash = XXH3_128bits(whole.data(), whole.size());
  return fmt::format("{}/{:016x}{:016x}{}", directory_, hash.high64, hash.low64, kExtension);
}

std::optional<std::vector<uint8_t>> PlanStore::find(const std::string& key) const {
  if (directory_.empty()) return std::nullopt;
  const std::string path = path_of(key), expected = machine_ + "\n" + key;
  std::error_code error;
  if (!std::filesystem::exists(path, error)) return std::nullopt;
  try {
    const std::string file = io::read_file(path, kLargestPlan);
    const size_t before = kMagic.size() + sizeof(Header) + expected.size();
    Header header{};
    if (file.size() < before || !file.starts_with(kMagic)) return std::nullopt;
    std::memcpy(&header, file.data() + kMagic.size(), sizeof(header));
    const std::string_view rest = std::string_view(file).substr(kMagic.size() + sizeof(header));
    if (header.key_bytes != expected.size() || !rest.starts_with(expected)) return std::nullopt;
    const std::string_view plan = rest.substr(expected.size());
    if (XXH3_64bits(plan.data(), plan.size()) != header.plan_hash) return std::nullopt;
    io::touch(path);
    return std::vector<uint8_t>(plan.begin(), plan.end());
  } catch (const std::exception& e) {
    log(LogLevel::kDebug, "cuDNN plans: {}", e.what());
    return std::nullopt;
  }
}

void PlanStore::keep(const std::string& key, const std::vector<uint8_t>& plan) {
  const std::string whole = machine_ + "\n" + key;
  if (directory_.empty() || kMagic.size() + sizeof(Header) + whole.size() + plan.size() > kLargestPlan) return;
  try {
    io::make_cache_folder(directory_);  // the owner's alone: what is read from here runs on the GPU
    const Header header = {.key_bytes = whole.size(), .plan_hash = XXH3_64bits(plan.data(), plan.size())};
    io::AtomicFile file(path_of(key));
    file.write(kMagic);
    file.write(&header, sizeof(header));
    file.write(whole);
    file.write(plan.data(), plan.size());
    file.commit();
    io::trim_cache_folder(directory_, kExtension, max_bytes_);
  } catch (const std::exception& e) {
    log(LogLevel::kDebug, "cuDNN plans are not kept: {}", e.what());
    directory_.clear();
  }
}

}  // namespace swan::backends::cuda
