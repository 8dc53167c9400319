#include "nn/scope.h"

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

Tensor Scope::take(const std::string& name, const Shape& shape) const {
  return weights_->take(path_.empty() ? name : path_ + "." + name, shape);
}

// An absent tensor is undefined until Weights::finish reports it.
Tensor Scope::weight(const std::string& name, const Shape& shape) const {
  Tensor tensor = take(name, shape);
  return (tensor.defined() && storage_ ? tensor.to(*storage_) : tensor).constant();
}

Tensor Scope::vector(const std::string& name, const Shape& shape) const {
  Tensor tensor = take(name, shape);
  if (!tensor.defined()) return tensor;
  // With a storage dtype asked for, vectors are rounded to it too, as a model moved to that dtype has them.
  return (storage_ ? tensor.to(*storage_) : tensor).to(DType::kF32).constant();
}

}  // namespace swan::nn
