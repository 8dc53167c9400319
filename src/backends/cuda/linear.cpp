#include "ops/linear.h"

#include <algorithm>
#include <vector>

#include "cuda/activate_in_place.h"
#include "cuda/cublaslt.h"
#include "cuda/entries.h"
#include "cuda/runtime.h"

namespace swan::backends::cuda {

namespace {
// What cuBLASLt applies to the result before it rounds it. In f32 its functions are not known to be exact enough.
bool fused(ops::Activation activation, DType dtype) {
  return dtype != DType::kF32 && (activation == ops::Activation::kRelu || activation == ops::Activation::kGeluTanh);
}

// y = activation(x W^T + bias) with as much of it in the product's kernel as the library can have there.
void multiply(const Tensor& x, const Tensor& weight, const Tensor& bias, ops::Activation activation, Tensor& y) {
  const int64_t in = weight.dim(1), out = weight.dim(0);
  Matmul product = {.m = x.dim(0),
                    .n = out,
                    .k = in,
                    .dtype = x.dtype(),
                    .out_dtype = x.dtype(),
                    .lda = in,
                    .ldb = in,
                    .ldd = out,
                    .bias = bias.raw(),
                    .activation = fused(activation, x.dtype()) ? activation : ops::Activation::kNone};
  CublasLt& library = current().cublaslt();
  const auto run = [&] { return library.matmul(product, x.raw(), weight.raw(), y.raw_mut()); };
  if (run()) {
    if (product.activation == ops::Activation::kNone) activate_in_place(y, {}, activation);
    return;
  }
  product.activation = ops::Activation::kNone;
  if (run()) return activate_in_place(y, {}, activation);
  product.bias = nullptr;
  (void)run();  // a plain product is always there
  activate_in_place(y, bias, activation);
}
}  // namespace

Tensor linear(const Tensor& given, const ops::LinearWeight& w, ops::Activation activation) {
  const Tensor x = on_device(given);
  const Tensor weight = on_device(w.weight, x.dtype());
  const Tensor bias = on_device(w.bias, x.dtype());
  const int64_t in = w.in_features(), out = w.out_features();
  std::vector<int64_t> dims(x.shape().dims().begin(), x.shape().dims().end());
  dims.back() = out;
  Tensor y = empty(Shape(dims), x.dtype());
  if (y.numel() == 0) return y;
  const int64_t rows = y.numel() / out;
  const Tensor flat_x = x.reshape({rows, in});
  Tensor flat_y = y.reshape({rows, out});
  for (int64_t begin = 0; begin < rows; begin += kMostRows) {
    const int64_t end = std::min(rows, begin + kMostRows);
    Tensor part = flat_y.slice(begin, end);
    multiply(flat_x.slice(begin, end), weight, bias, activation, part);
  }
  return y;
}

}  // namespace swan::backends::cuda
