#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "make_random_model/manifest.h"

namespace swan::tools {

/// How one tensor's values are distributed.
struct Distribution {
  float mean = 0;
  float stddev = 0;
};

/// Chosen so that activations keep a magnitude of about one through the network: matrices and convolutions by fan-in,
/// norms near one (near zero where the network adds the one itself), biases and modulation tables small.
/// @param class_name  the model's class, which decides about norms and embeddings
[[nodiscard]] Distribution distribution_of(const ManifestTensor& tensor, const std::string& class_name);

/// The stream of one tensor's values: value i follows from seed, name and i alone.
class RandomStream {
 public:
  RandomStream(uint64_t seed, const std::string& name);
  /// Values `begin`, `begin + 1`, ...: nearly normal (a sum of four uniforms), within 3.5 standard deviations.
  void fill(int64_t begin, std::span<float> values, const Distribution& distribution) const;

 private:
  uint64_t key_;
};

}  // namespace swan::tools
