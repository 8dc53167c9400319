#include "io/corrupt_file.h"

namespace swan::io {

Shape shape_in_file(const std::string& path, std::string_view name, std::span<const int64_t> dims) {
  if (dims.size() > Shape::kMaxRank)
    fail(ErrorCode::kUnsupported, "cannot read {}: tensor '{}' has {} dimensions; at most {} are supported.", path,
         shown(name), dims.size(), Shape::kMaxRank);
  try {
    return Shape(dims);
  } catch (const Error& error) {
    std::string_view reason = error.what();
    if (reason.ends_with('.')) reason.remove_suffix(1);
    corrupt(path, "tensor '{}' is impossible: {}", shown(name), reason);
  }
}

}  // namespace swan::io
