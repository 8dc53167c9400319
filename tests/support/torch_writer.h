#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "swan/tensor.h"

namespace swan::support {

/// A file in a zip archive, and what the archive says of it, which need not be true.
struct ZipItem {
  std::string name, bytes;
  uint16_t method = 0, flags = 0;
  bool aligned = true;            ///< bytes begin at a multiple of 64, as torch.save puts them
  std::string local_name = name;  ///< in the header in front of the bytes
  int64_t move_header = 0;        ///< added to where the directory says that is
  int64_t more_bytes = 0;         ///< added to the size that the directory says
};

/// A zip archive of these files. @param zip64  with its sizes and places in 64 bits
[[nodiscard]] std::string make_zip(const std::vector<ZipItem>& items, bool zip64 = false);

/// Writes a pickle opcode by opcode, so that tests can write any.
class PickleWriter {
 public:
  PickleWriter& op(std::string_view bytes);
  PickleWriter& text(std::string_view value);                            ///< BINUNICODE
  PickleWriter& number(int64_t value);                                   ///< BININT, or LONG1 beyond its range
  PickleWriter& global(std::string_view module, std::string_view name);  ///< GLOBAL
  PickleWriter& numbers(const std::vector<int64_t>& values);             ///< a tuple
  /// A tensor as torch describes it: a window of a storage.
  /// @param storage_type  "FloatStorage";  @param numel  of the storage
  PickleWriter& tensor(std::string_view storage_type, std::string_view key, int64_t numel, int64_t offset,
                       const std::vector<int64_t>& shape, const std::vector<int64_t>& strides);
  /// The pickle: protocol 2, what was written, STOP.
  [[nodiscard]] std::string finish() const;

 private:
  std::string bytes_;
};

/// The files of an archive of torch.save with this pickle and these storages.
[[nodiscard]] std::vector<ZipItem> torch_items(const std::string& pickle,
                                               const std::map<std::string, std::string>& storages);

/// A file as torch.save writes it for a dictionary of tensors. @param key  "state_dict": of a dictionary around it
[[nodiscard]] std::string make_torch_file(const std::map<std::string, Tensor>& tensors, const std::string& key = "");

}  // namespace swan::support
