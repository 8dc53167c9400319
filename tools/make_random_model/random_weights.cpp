#include "make_random_model/random_weights.h"

#include <algorithm>
#include <cmath>
#include <string_view>

namespace swan::tools {

namespace {

// The finaliser of SplitMix64 (Steele, Lea & Flood 2014): a good hash of a counter, and cheap.
inline uint64_t mixed(uint64_t x) noexcept {
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9ULL;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EBULL;
  return x ^ (x >> 31);
}
constexpr uint64_t kGolden = 0x9E3779B97F4A7C15ULL;

bool contains(const std::string& text, std::string_view part) { return text.find(part) != std::string::npos; }

}  // namespace

Distribution distribution_of(const ManifestTensor& tensor, const std::string& class_name) {
  const std::string& name = tensor.name;
  const auto dims = tensor.shape.dims();
  const bool gemma = class_name.starts_with("Gemma");
  const bool t5 = contains(class_name, "T5");
  const float last = dims.empty() ? 1.0F : static_cast<float>(dims.back());
  if (name.ends_with("bias")) return {.mean = 0, .stddev = 0.02F};
  if (contains(name, "scale_shift_table")) return {.mean = 0, .stddev = 0.05F};
  if (contains(name, "relative_attention_bias")) return {.mean = 0, .stddev = 0.5F};
  // A norm has one value per channel: [C], or [C, 1, 1] where it is applied to pictures.
  const bool per_channel = !dims.empty() && tensor.shape.numel() == dims.front();
  if (name.ends_with(".gamma") || (per_channel && contains(name, "norm")))
    return {.mean = gemma ? 0.0F : 1.0F, .stddev = 0.1F};
  // Gemma multiplies its embeddings by the square root of their length; T5 uses them as they are.
  if (name.ends_with("embed_tokens.weight") || name == "shared.weight")
    return {.mean = 0, .stddev = t5 ? 1.0F : 1.0F / std::sqrt(last)};

  const float fan_in = dims.empty() || dims.front() == 0
                           ? 1.0F
                           : static_cast<float>(tensor.shape.numel()) / static_cast<float>(dims.front());
  float gain = 0.8F;
  if (t5 && (name.ends_with(".q.weight"))) gain = 0.125F;  // T5 does not divide its scores by sqrt(64)
  return {.mean = 0, .stddev = gain / std::sqrt(std::max(fan_in, 1.0F))};
}

RandomStream::RandomStream(uint64_t seed, const std::string& name) : key_(mixed(seed + kGolden)) {
  for (const char c : name) key_ = mixed((key_ ^ static_cast<unsigned char>(c)) + kGolden);
}

void RandomStream::fill(int64_t begin, std::span<float> values, const Distribution& distribution) const {
  // Four uniforms of 16 bits have a sum with mean 4 * 65535 / 2 and standard deviation 65536 / sqrt(3).
  constexpr float kMean = 131070.0F;
  const float scale = distribution.stddev * 1.7320508F / 65536.0F;
  uint64_t counter = key_ + static_cast<uint64_t>(begin) * kGolden;
  for (float& value : values) {
    const uint64_t bits = mixed(counter += kGolden);
    const auto sum =
        static_cast<int32_t>((bits & 0xFFFF) + (bits >> 16 & 0xFFFF) + (bits >> 32 & 0xFFFF) + (bits >> 48));
    value = distribution.mean + (static_cast<float>(sum) - kMean) * scale;
  }
}

}  // namespace swan::tools
