#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "swan/tensor.h"

namespace swan::io {

/// What a name of Python's means in a torch file.
enum class TorchMeaning : uint8_t {
  kElementType,    ///< a kind of storage, or a torch.dtype
  kTensor,         ///< a function that makes a tensor of a storage: (storage, offset, size, stride, ...)
  kTypedTensor,    ///< the same with a dtype as its seventh argument
  kWrapper,        ///< gives its first argument back as another type
  kSubclass,       ///< (function, type, arguments, state): the tensor that the function makes of them
  kForeignTensor,  ///< makes a tensor of a kind that Swan does not have
  kIgnored,        ///< beside the tensors
};

struct TorchSymbol {
  std::string_view name;
  TorchMeaning meaning = TorchMeaning::kIgnored;
  std::string_view element_type = {};  ///< of kElementType: "F32"; of kForeignTensor what it is
  size_t element_bytes = 0;
  std::optional<DType> dtype = {};
};

/// The names that a torch file may mention: those of tensors and plain data, as torch.load(weights_only=True) has them,
/// and some that training scripts leave beside the tensors. None is called, so that the list is not what keeps Swan
/// safe; it keeps Swan from passing files that are not safe elsewhere.
/// @return null for any other
[[nodiscard]] const TorchSymbol* find_torch_symbol(std::string_view name);

}  // namespace swan::io
