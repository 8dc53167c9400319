#include "nn/scope.h"

#include <utility>

namespace swan::nn {

Scope Scope::operator/(const std::string& name) const {
  Scope inner = *this;
  inner.path_ = path_.empty() ? name : path_ + "." + name;
  return inner;
}

Scope Scope::f8() const {
  Scope marked = *this;
  marked.f8_ = true;
  return marked;
}

Scope Scope::with_blocks(bool blocks) const {
  Scope marked = *this;
  marked.blocks_ = blocks;
  return marked;
}

ops::LinearWeight Scope::matrix(const std::string& name, const Shape& shape) const {
  if (blocks_ && !storage_ && !adapters_)
    if (BlockMatrix blocks = weights_->take_blocks(name_of(name), shape); blocks.defined())
      return {.weight = {}, .bias = {}, .blocks = std::move(blocks)};
  return {.weight = weight(name, shape), .bias = {}, .blocks = {}};
}

std::string Scope::name_of(const std::string& name) const { return path_.empty() ? name : path_ + "." + name; }

Tensor Scope::take(const std::string& name, const Shape& shape) const { return weights_->take(name_of(name), shape); }

// An absent tensor is undefined until Weights::finish reports it.
Tensor Scope::weight(const std::string& name, const Shape& shape) const {
  Tensor tensor = take(name, shape);
  if (tensor.defined() && storage_) tensor = tensor.to(*storage_);
  return with_deltas(name, tensor).constant();
}

Tensor Scope::vector(const std::string& name, const Shape& shape) const {
  Tensor tensor = take(name, shape);
  if (!tensor.defined()) return tensor;
  // With a storage dtype asked for, vectors are rounded to it too, as a model moved to that dtype has them.
  return with_deltas(name, (storage_ ? tensor.to(*storage_) : tensor).to(DType::kF32)).constant();
}

Tensor Scope::with_deltas(const std::string& name, const Tensor& parameter) const {
  return adapters_ && parameter.defined() ? adapters_->with_deltas(name_of(name), parameter) : parameter;
}

LowRank Scope::adapt(Tensor& weight) const {
  return adapters_ && weight.defined() ? adapters_->adapt(path_, weight) : LowRank();
}

}  // namespace swan::nn
