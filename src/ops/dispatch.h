#pragma once

#include "core/context.h"
#include "core/error.h"
#include "ops/kernel_table.h"

namespace swan::ops {

/// The backend's entry for an op. @throws Error kUnsupported when it has none
template <typename Fn>
Fn* entry(Fn* KernelTable::*member, const char* operation, const Context& ctx) {
  Fn* fn = ctx.kernels().*member;
  if (fn == nullptr)
    fail(ErrorCode::kUnsupported, "{}: the {} backend does not have this operation.", operation, ctx.kernels().name);
  return fn;
}

}  // namespace swan::ops
