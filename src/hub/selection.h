#pragma once

#include <functional>
#include <set>
#include <string>
#include <vector>

#include "swan/hub.h"

namespace swan::hub {

/// What the choice is made from.
struct Shelf {
  std::string model;            ///< "org/name", for messages
  std::set<std::string> files;  ///< paths that there are
  /// The path on disk of a small file, which is fetched if need be: indexes, which say what else there is.
  std::function<std::string(const std::string& path)> fetch;
  /// Asked of a file that is not among these and would change the choice: whether the repository has none such either.
  /// Unset: it has not.
  std::function<bool(const std::string& path)> lacks = {};
};

/// Which files of a repository are needed. In a pipeline's repository (model_index.json): that index, and of its
/// components configurations, weights, and what tokenizers and schedulers need. In another folder: its configuration
/// with weights and a tokenizer, as far as they are there. Besides README and licence.
/// What is on disk may be a part of a repository: where a file that is not there would change the choice, `lacks` must
/// know that there is none.
/// @param file  what of the repository was named: a file (then it, and a config.json beside it), a folder, or empty
/// @throws Error kNotFound naming what is not there, or not known to be, and what is; kUnsupported for pickled weights
/// alone;
///         kCorruptFile for an index that is damaged or leads elsewhere
[[nodiscard]] std::set<std::string> needed_files(const Shelf& shelf, const std::string& file,
                                                 const PullOptions& options);

/// Files by patterns: those of `include` (all, when there are none) without those of `exclude`.
[[nodiscard]] std::set<std::string> filtered(const std::set<std::string>& files,
                                             const std::vector<std::string>& include,
                                             const std::vector<std::string>& exclude);

}  // namespace swan::hub
