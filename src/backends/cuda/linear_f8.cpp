#include <algorithm>
#include <cstdlib>
#include <optional>
#include <string_view>
#include <vector>

#include "core/error.h"
#include "cuda/activate_in_place.h"
#include "cuda/cublaslt.h"
#include "cuda/entries.h"
#include "cuda/quantize.h"
#include "cuda/runtime.h"

namespace swan::backends::cuda {

namespace {
constexpr int64_t kSumBytes = int64_t{256} << 20;  // of the sums of a product without scales, at a time
// Hopper's tensor cores keep about 14 bits of a sum in e4m3. The library moves sums to f32 registers every 128 terms
// unless it is told not to, which is faster; up to this many terms the bits that are lost then are few beside what
// rounding both factors to e4m3 costs.
constexpr int64_t kMostFastTerms = 4096;

// How the scales, the bias and the activation are applied.
enum class Way {
  kFused,     // all by the library's kernel, but for SiLU, which it does not know
  kBiased,    // scales and bias by the library, the activation by ours
  kScaled,    // scales by the library, the rest by ours
  kUnscaled,  // sums by the library, all by ours: for GPUs whose kernels know no scales of rows (all but Hopper)
};

// SWAN_CUDA_F8=fused|biased|scaled|unscaled: that way alone. For tests and measurements; read at every call, so that a
// test can try all.
std::optional<Way> wanted() {
  const char* const value = std::getenv("SWAN_CUDA_F8");
  const std::string_view name = value == nullptr ? "" : value;
  if (name.empty()) return std::nullopt;
  if (name == "fused") return Way::kFused;
  if (name == "biased") return Way::kBiased;
  if (name == "scaled") return Way::kScaled;
  if (name == "unscaled") return Way::kUnscaled;
  fail(ErrorCode::kInvalidArgument, "SWAN_CUDA_F8 is '{}', but must be fused, biased, scaled or unscaled.", name);
}

// SWAN_CUDA_F8_FAST_ACCUM=0|1: never, always.
bool accumulates_fast(int64_t terms) {
  const char* const value = std::getenv("SWAN_CUDA_F8_FAST_ACCUM");
  const std::string_view name = value == nullptr ? "" : value;
  return name.empty() ? terms <= kMostFastTerms : name == "1";
}

bool can_fuse(ops::Activation activation) {
  return activation == ops::Activation::kNone || activation == ops::Activation::kRelu ||
         activation == ops::Activation::kGeluTanh;
}

// What is left to do to a product.
struct Rest {
  bool bias = false;
  ops::Activation activation = ops::Activation::kNone;
};

// One product: x and weight with their scales, bias of y's dtype or undefined, all on the device.
struct Product {
  const ops::QuantizedRows& x;
  const ops::QuantizedRows& weight;
  const Tensor& bias;
  ops::Activation activation;
};

// y [rows, N] of rows [begin, begin + rows) of x; false where the library cannot do it that way.
bool multiply(const Product& p, int64_t begin, bool scaled, const Rest& rest, Tensor& y) {
  const int64_t in = p.weight.values.dim(1), out = p.weight.values.dim(0);
  const auto* rows = static_cast<const float*>(p.x.scales.raw());
  Matmul product = {.m = y.dim(0),
                    .n = out,
                    .k = in,
                    .dtype = DType::kF8E4M3,
                    .out_dtype = y.dtype(),
                    .lda = in,
                    .ldb = in,
                    .ldd = out};
  product.fast_accumulation = accumulates_fast(in);
  if (scaled) {
    product.scales_a = rows + begin;
    product.scales_b = static_cast<const float*>(p.weight.scales.raw());
    if (!rest.bias) product.bias = p.bias.raw();
    if (rest.activation == ops::Activation::kNone) product.activation = p.activation;
  }
  const auto* x = static_cast<const uint8_t*>(p.x.values.raw()) + begin * in;
  return current().cublaslt().matmul(product, x, p.weight.values.raw(), y.raw_mut());
}

// All rows, with scales applied by the library; false as above.
bool multiply_scaled(const Product& p, const Rest& rest, Tensor& y) {
  for (int64_t begin = 0; begin < y.dim(0); begin += kMostRows) {
    Tensor part = y.slice(begin, std::min(y.dim(0), begin + kMostRows));
    if (!multiply(p, begin, true, rest, part)) return false;
  }
  return true;
}

// All rows, everything after the sums by our kernel.
bool multiply_unscaled(const Product& p, Tensor& y) {
  const int64_t out = y.dim(1);
  const int64_t most =
      std::clamp<int64_t>(kSumBytes / (out * static_cast<int64_t>(sizeof(float))) / 16 * 16, 16, kMostRows);
  for (int64_t begin = 0; begin < y.dim(0); begin += most) {
    const int64_t end = std::min(y.dim(0), begin + most);
    Tensor part = y.slice(begin, end), sums = empty({end - begin, out}, DType::kF32);
    if (!multiply(p, begin, false, {}, sums)) return false;
    scale_sums(sums, p.x.scales.slice(begin, end), p.weight.scales, p.bias, p.activation, part);
  }
  return true;
}

// y = the product with as much of its end in the library's kernel as may be; tells what is left.
Rest multiply(const Product& p, Tensor& y) {
  const std::optional<Way> only = wanted();
  const auto allowed = [&](Way way) { return !only || *only == way; };
  std::vector<Rest> rests;  // the less the better
  // A bias that the library adds to f32 results would be bf16.
  if (y.dtype() != DType::kF32) {
    if (allowed(Way::kFused))
      rests.push_back({.activation = can_fuse(p.activation) ? ops::Activation::kNone : p.activation});
    if (allowed(Way::kBiased)) rests.push_back({.activation = p.activation});
  }
  if (allowed(Way::kScaled)) rests.push_back({.bias = p.bias.defined(), .activation = p.activation});
  for (const Rest& rest : rests)
    if (multiply_scaled(p, rest, y)) return rest;
  if (allowed(Way::kUnscaled) && multiply_unscaled(p, y)) return {};
  fail(ErrorCode::kUnsupported,
       "CUDA: cuBLASLt has no product in e4m3 of {} by {} into {} on {}{}; leave --dtype fp8 out.", p.x.values.shape(),
       p.weight.values.shape(), y.dtype(), current().name(),
       only ? fmt::format(" (SWAN_CUDA_F8={} allows one way alone)", std::getenv("SWAN_CUDA_F8")) : "");
}

// The product as [rows, N] with what is left to do, and the bias that this needs.
struct Made {
  Tensor y, bias;
  Rest rest;
};
Made make(const ops::QuantizedRows& x, const ops::QuantizedRows& weight, const Tensor& bias, ops::Activation activation,
          DType dtype) {
  if (current().compute_capability() < kF8Capability)
    fail(ErrorCode::kUnsupported,
         "CUDA: {} is of compute capability {}.{}; products in e4m3 need 8.9 or newer. Leave --dtype fp8 out.",
         current().name(), current().compute_capability() / 10, current().compute_capability() % 10);
  const ops::QuantizedRows left = {on_device(x.values), on_device(x.scales)};
  const ops::QuantizedRows right = {on_device(weight.values), on_device(weight.scales)};
  Made made = {
      .y = empty({left.scales.numel(), right.values.dim(0)}, dtype), .bias = on_device(bias, dtype), .rest = {}};
  if (made.y.numel() > 0) made.rest = multiply({left, right, made.bias, activation}, made.y);
  if (!made.rest.bias) made.bias = {};
  return made;
}

// The shape of x with N values a row.
Shape output_shape(const ops::QuantizedRows& x, const ops::QuantizedRows& weight) {
  std::vector<int64_t> dims(x.values.shape().dims().begin(), x.values.shape().dims().end());
  dims.back() = weight.values.dim(0);
  return Shape(dims);
}
}  // namespace

Tensor linear_f8(const ops::QuantizedRows& x, const ops::QuantizedRows& weight, const Tensor& bias,
                 ops::Activation activation, DType dtype) {
  Made made = make(x, weight, bias, activation, dtype);
  activate_in_place(made.y, made.bias, made.rest.activation);
  return made.y.reshape(output_shape(x, weight));
}

ops::QuantizedRows linear_f8_quantized(const ops::QuantizedRows& x, const ops::QuantizedRows& weight,
                                       const Tensor& bias, ops::Activation activation, DType dtype) {
  const Made made = make(x, weight, bias, activation, dtype);
  ops::QuantizedRows y = quantize_biased(made.y, made.bias, made.rest.activation);
  y.values = y.values.reshape(output_shape(x, weight));
  return y;
}

}  // namespace swan::backends::cuda
