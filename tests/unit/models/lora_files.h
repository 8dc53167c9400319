#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "core/generator.h"
#include "io/safetensors.h"
#include "io/weights.h"
#include "nn/adapters.h"
#include "support/temp_dir.h"

namespace swan::support {

inline Tensor normal(const Shape& shape, uint64_t seed, float size = 1) {
  Generator generator(seed);
  Tensor x = generator.randn(shape);
  for (int64_t i = 0; i < x.numel(); ++i) x.data_mut<float>()[i] *= size;
  return x;
}

/// A and B of rank `rank` for a weight of that shape, as PEFT saves them: of convolutions A has the kernel and B is
/// 1x1.
inline std::pair<Tensor, Tensor> random_low_rank(const Shape& weight, int64_t rank, uint64_t seed) {
  std::vector<int64_t> a(weight.dims().begin(), weight.dims().end()), b(weight.rank(), 1);
  a[0] = rank;
  b[0] = weight[0];
  b[1] = rank;
  return {normal(Shape(a), seed, 0.2F), normal(Shape(b), seed + 1000, 0.2F)};
}

/// Whether a weight is one that LoRAs change: a matrix or a dense kernel, not a depthwise one or a table.
inline bool is_adaptable(const std::string& name, const Shape& weight) {
  return name.ends_with(".weight") && weight.rank() >= 2 && name.find("conv_depth") == std::string::npos;
}

/// The modules of a network that LoRAs change, by diffusers' names.
inline std::map<std::string, Shape> adaptable_modules(const io::Weights& weights) {
  std::map<std::string, Shape> modules;
  for (const std::string& name : weights.names())
    if (is_adaptable(name, weights.shape(name)))
      modules.emplace(name.substr(0, name.size() - std::string(".weight").size()), weights.shape(name));
  return modules;
}

inline std::string write_lora(const TempDir& dir, const std::string& name, const std::map<std::string, Tensor>& tensors,
                              const std::map<std::string, std::string>& metadata = {}) {
  io::write_safetensors(dir.file(name), tensors, metadata);
  return dir.file(name);
}

}  // namespace swan::support
