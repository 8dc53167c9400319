#pragma once

#include <memory>

#include "io/tensor_file.h"

namespace swan::io {

/// The file with its tensors in 8-bit floating point as bf16, times their scales where it has such: the plain
/// *_fp8_e4m3fn.safetensors, ComfyUI's *_fp8_e4m3fn_scaled (".scale_weight" beside a ".weight", the tensor
/// "scaled_fp8") and its newer kind (".weight_scale", ".comfy_quant"). Scales are one number or one for each row; what
/// is there for 8-bit inputs is left out. A file without tensors in 8 bits comes back as it is. Tensors are made when
/// they are read.
/// @throws Error kUnsupported for another scheme of quantization, kCorruptFile for a scale that fits no tensor
[[nodiscard]] std::shared_ptr<const TensorFile> with_f8_as_bf16(std::shared_ptr<const TensorFile> file);

}  // namespace swan::io
