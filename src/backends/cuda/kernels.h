#pragma once

#include <string>

#include "core/device.h"
#include "ops/kernel_table.h"

namespace swan::backends {

/// The CUDA backend: cuBLASLt and cuDNN for products, convolutions and attention, own kernels between them. Tensors of
/// the host are put on the current device; results have the first operand's dtype and are there.
[[nodiscard]] const ops::KernelTable& cuda_kernels();

/// How many GPUs can be used. @param reason  why none can: no driver, too old a driver, no device
[[nodiscard]] int cuda_device_count(std::string* reason = nullptr);
/// A GPU by its number, opened at first use and kept. @throws Error kUnsupported saying what is missing
[[nodiscard]] Device& cuda_device(int ordinal);
/// Whether products in e4m3 (ops/quantized.h) run on a device of cuda_device's: from compute capability 8.9 on.
/// @param capability  that of the device, such as "8.0"
[[nodiscard]] bool cuda_has_f8(const Device& device, std::string* capability = nullptr);

}  // namespace swan::backends
