#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace swan::backends::cuda {

/// Where plans of cuDNN are kept on disk: many are compiled when they are built, a decoder's for several seconds in
/// all. Shared by processes; the least recently used go first. Nothing fails for want of it: what cannot be read or
/// written is passed over.
class PlanStore {
 public:
  /// @param directory  io::cache_folder; empty: nothing is kept
  /// @param machine    all that a plan depends on but its graph: the library's version, the GPU, the driver
  explicit PlanStore(std::string directory, std::string machine, size_t max_bytes = size_t{128} << 20)
      : directory_(std::move(directory)), machine_(std::move(machine)), max_bytes_(max_bytes) {}

  /// What was kept under that key; nothing when it is not there, or is another machine's, or damaged.
  [[nodiscard]] std::optional<std::vector<uint8_t>> find(const std::string& key) const;
  void keep(const std::string& key, const std::vector<uint8_t>& plan);

 private:
  [[nodiscard]] std::string path_of(const std::string& key) const;

  std::string directory_, machine_;
  size_t max_bytes_;
};

}  // namespace swan::backends::cuda
