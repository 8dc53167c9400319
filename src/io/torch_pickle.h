#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "io/tensor_file.h"

namespace swan::io {

/// Bytes that tensors of a torch file share, outside its pickle.
struct TorchStorage {
  size_t element_bytes = 1;
  size_t numel = 0;
  [[nodiscard]] size_t bytes() const noexcept { return element_bytes * numel; }
};

/// A tensor as a torch file describes it: a strided window of a storage, within its bounds.
struct TorchTensor {
  std::string storage;  ///< its key
  TensorEntry entry;    ///< `begin` and `end` are bytes in the storage, from the first element to behind the last one
  /// Elements between neighbours, for each dimension; empty when the tensor is contiguous.
  std::vector<int64_t> strides;
};

/// What the pickle of a torch file says.
struct TorchPickle {
  std::map<std::string, TorchTensor> tensors;
  std::map<std::string, TorchStorage> storages;  ///< all, whether used by `tensors` or not
  std::string state_dict;                        ///< the key that the tensors were found under; empty: none
  size_t bytes = 0;                              ///< that the pickle took
};

/// Reads the state dict that torch.save wrote. It is the first of the entries "state_dict", "model", ... (a table in
/// the source) that is a dictionary with tensors; where there is none, what the file holds, if that has tensors itself,
/// or the only dictionary in it that has. Dictionaries within the state dict are joined to it by dots; whatever is no
/// tensor is left out.
/// @param bytes  begin with the pickle;  @param path  of the file, for messages
/// @throws Error as read_pickle; kCorruptFile for a tensor beyond its storage, a name twice, or a file without a state
///         dict; kUnsupported for kinds of tensors that Swan does not have: more than 6 dimensions, quantised, sparse,
///         expanded ones
/// Ref: torch/_utils.py, _rebuild_tensor_v2 and its kin; torch/serialization.py, persistent_id
[[nodiscard]] TorchPickle read_torch_pickle(std::string_view bytes, const std::string& path);

}  // namespace swan::io
