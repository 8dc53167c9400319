#pragma once

#include "core/context.h"
#include "core/device.h"
#include "core/error.h"
#include "ops/kernel_table.h"

namespace swan::ops {

/// The backend's entry for an op. @throws Error kUnsupported when it has none
template <typename Fn>
Fn* entry(Fn* KernelTable::*member, const char* operation, const Context& ctx) {
  if (ctx.device() != nullptr) ctx.device()->activate();
  Fn* fn = ctx.kernels().*member;
  if (fn == nullptr)
    fail(ErrorCode::kUnsupported, "{}: the {} backend does not have this operation.", operation, ctx.kernels().name);
  return fn;
}

/// @throws Error kInvalidArgument when an operand is not of a dtype that the context computes with: f32, and on a
/// device f16 and bf16 too
inline void check_floating(const char* operation, const char* operand, const Tensor& t, const Context& ctx) {
  const DType dtype = t.dtype();
  if (dtype == DType::kF32 || (ctx.device() != nullptr && (dtype == DType::kF16 || dtype == DType::kBF16))) return;
  check_dtype(operation, operand, t, DType::kF32);
}

/// @throws Error kInvalidArgument when weights are of a dtype that no operation computes with
inline void check_weight_dtype(const char* operation, const char* operand, const Tensor& weight) {
  const DType dtype = weight.dtype();
  if (dtype != DType::kF32 && dtype != DType::kF16 && dtype != DType::kBF16)
    fail(ErrorCode::kInvalidArgument, "{}: {} {} is {}, expected f32, f16 or bf16.", operation, operand, weight.shape(),
         dtype);
}

}  // namespace swan::ops
