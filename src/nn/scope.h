#pragma once

#include <memory>
#include <optional>
#include <string>

#include "io/weights.h"
#include "nn/adapters.h"
#include "ops/linear.h"
#include "swan/tensor.h"

namespace swan::nn {

/// Where a module's parameters are: a component's weights and a path within them, as in
/// `Linear to_q(scope / "to_q", in, out)`. Claiming a parameter checks its shape; the component's Weights::finish then
/// reports what was claimed but absent and what nobody claimed.
class Scope {
 public:
  /// @param storage  the dtype that matrices and kernels are kept in; not set: as stored, without a copy
  /// @param adapters  what is added to the parameters and layers; null: nothing
  explicit Scope(std::shared_ptr<io::Weights> weights, std::optional<DType> storage = {},
                 std::shared_ptr<AdapterSet> adapters = nullptr)
      : weights_(std::move(weights)), storage_(storage), adapters_(std::move(adapters)) {}

  [[nodiscard]] Scope operator/(const std::string& name) const;
  [[nodiscard]] Scope operator/(int64_t index) const { return *this / std::to_string(index); }
  [[nodiscard]] const std::string& path() const noexcept { return path_; }
  /// The same place, whose linear layers are big ones: in a context with f8() they multiply in e4m3. For those that
  /// take most of a network's time and are known to bear it: attention projections and feed-forwards of transformers.
  [[nodiscard]] Scope f8() const;
  [[nodiscard]] bool is_f8() const noexcept { return f8_; }

  /// The same place, where matrices of linear layers that the file has in blocks stay in them: for the host, which can
  /// compute with them. Not with a storage dtype.
  [[nodiscard]] Scope with_blocks(bool blocks = true) const;

  /// A linear layer's matrix without its bias: in blocks, where the scope keeps those and no adapter needs the values,
  /// else as weight().
  [[nodiscard]] ops::LinearWeight matrix(const std::string& name, const Shape& shape) const;
  /// A matrix or kernel, in the storage dtype.
  [[nodiscard]] Tensor weight(const std::string& name, const Shape& shape) const;
  /// A vector or table that is added or multiplied elementwise, in f32, as the reference computes with it.
  [[nodiscard]] Tensor vector(const std::string& name, const Shape& shape) const;

  /// What adapters compute beside this layer's weight, which is replaced where they are merged into it.
  [[nodiscard]] LowRank adapt(Tensor& weight) const;
  /// Whether any layer of the network computes an adapter beside its weight.
  [[nodiscard]] bool computes_beside() const { return adapters_ && adapters_->computes_beside(); }

 private:
  [[nodiscard]] std::string name_of(const std::string& name) const;
  [[nodiscard]] Tensor take(const std::string& name, const Shape& shape) const;
  [[nodiscard]] Tensor with_deltas(const std::string& name, const Tensor& parameter) const;

  std::shared_ptr<io::Weights> weights_;
  std::optional<DType> storage_;
  std::shared_ptr<AdapterSet> adapters_;
  std::string path_;
  bool f8_ = false, blocks_ = false;
};

}  // namespace swan::nn
