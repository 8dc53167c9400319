#include "ops/quantized.h"

#include "ops/dispatch.h"
#include "ops/norm_checks.h"

namespace swan::ops {

namespace {
void check_rows(const char* operation, const char* operand, const QuantizedRows& rows) {
  check_dtype(operation, operand, rows.values, DType::kF8E4M3);
  check_dtype(operation, "scales", rows.scales, DType::kF32);
  const int64_t length = rows.values.rank() == 0 ? 0 : rows.values.dim(-1);
  if (length == 0)
    fail(ErrorCode::kShapeMismatch, "{}: {} {} has no rows of values.", operation, operand, rows.values.shape());
  check_same_shape(operation, "scales", rows.scales.shape(), {rows.values.shape().numel() / length});
}

void check_linear(const char* operation, const QuantizedRows& x, const QuantizedRows& weight, const Tensor& bias,
                  const Context& ctx) {
  check_rows(operation, "x", x);
  check_rows(operation, "weight", weight);
  check_rank(operation, "weight", weight.values, 2);
  const int64_t in = weight.values.dim(1), out = weight.values.dim(0);
  if (x.values.dim(-1) != in)
    fail(ErrorCode::kShapeMismatch, "{}: x {} does not fit weight {} (its last dimensions must agree).", operation,
         x.values.shape(), weight.values.shape());
  if (!fits_f8(in, out))
    fail(ErrorCode::kInvalidArgument, "{}: the dimensions of weight {} must be multiples of {}; use linear.", operation,
         weight.values.shape(), kF8Multiple);
  if (!bias.defined()) return;
  check_floating(operation, "bias", bias, ctx);
  check_same_shape(operation, "bias", bias.shape(), {out});
}
}  // namespace

QuantizedRows quantize_rows(const Tensor& x, Activation activation, Context& ctx) {
  check_floating("quantize_rows", "x", x, ctx);
  if (x.rank() == 0 || x.dim(-1) == 0)
    fail(ErrorCode::kShapeMismatch, "quantize_rows: x {} has no rows of values.", x.shape());
  return entry(&KernelTable::quantize_rows, "quantize_rows", ctx)(x, activation);
}

QuantizedRows quantize_weight(const Tensor& weight, Context& ctx) {
  check_weight_dtype("quantize_weight", "weight", weight);
  check_rank("quantize_weight", "weight", weight, 2);
  if (weight.dim(1) == 0)
    fail(ErrorCode::kShapeMismatch, "quantize_weight: weight {} has no rows of values.", weight.shape());
  return entry(&KernelTable::quantize_weight, "quantize_weight", ctx)(weight);
}

QuantizedRows layer_norm_quantized(const Tensor& x, const Tensor& weight, const Tensor& bias, float eps, Context& ctx) {
  check_layer_norm("layer_norm_quantized", x, weight, bias, ctx);
  return entry(&KernelTable::layer_norm_quantized, "layer_norm_quantized", ctx)(x, weight, bias, eps);
}

QuantizedRows layer_norm_modulate_quantized(const Tensor& x, const Tensor& scale, const Tensor& shift, float eps,
                                            Context& ctx) {
  check_layer_norm_modulate("layer_norm_modulate_quantized", x, scale, shift, ctx);
  return entry(&KernelTable::layer_norm_modulate_quantized, "layer_norm_modulate_quantized", ctx)(x, scale, shift, eps);
}

Tensor linear_f8(const QuantizedRows& x, const QuantizedRows& weight, const Tensor& bias, Activation activation,
                 Context& ctx) {
  check_linear("linear_f8", x, weight, bias, ctx);
  return entry(&KernelTable::linear_f8, "linear_f8", ctx)(x, weight, bias, activation, ctx.dtype());
}

QuantizedRows linear_f8_quantized(const QuantizedRows& x, const QuantizedRows& weight, const Tensor& bias,
                                  Activation activation, Context& ctx) {
  check_linear("linear_f8_quantized", x, weight, bias, ctx);
  return entry(&KernelTable::linear_f8_quantized, "linear_f8_quantized", ctx)(x, weight, bias, activation, ctx.dtype());
}

}  // namespace swan::ops
