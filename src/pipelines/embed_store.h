#pragma once

#include <cstdint>
#include <functional>
#include <list>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "io/repository.h"
#include "pipelines/compute.h"
#include "swan/pipeline.h"

namespace swan::pipelines {

/// What tells one text encoder's results from another's: its configuration, the headers and sizes of its weight files
/// and samples of their data (a few MB of them, whatever their size), the files of the tokenizer, and the dtypes that
/// the weights are kept and computed in.
[[nodiscard]] std::string encoder_fingerprint(const io::Repository& repository, const std::string& variant,
                                              const std::string& dtype, const Compute& compute);

/// Keeps what a text encoder made of texts, by their tokens: in memory, the latest, and on disk if asked for. An entry
/// on disk is a safetensors file of its own, written under a temporary name and renamed, and checked against the whole
/// key when read: two processes may use the folder at once, and a damaged file is as good as none. A folder that cannot
/// be written costs a warning, not the run. Not thread-safe.
class EmbedStore {
 public:
  /// @param fingerprint  of the encoder; called once, when the disk is first looked at
  EmbedStore(EmbedCacheOptions options, std::function<std::string()> fingerprint);

  /// @param ids   the text's tokens
  /// @param rows  how many rows are needed
  /// @return      [n, D] f32 with n >= rows, or nothing
  [[nodiscard]] std::optional<Tensor> find(std::span<const int32_t> ids, int64_t rows);
  /// @param embeds  [n, D] f32, the rows that were computed
  void put(std::span<const int32_t> ids, const Tensor& embeds);

 private:
  using Ids = std::vector<int32_t>;
  struct Entry {
    Ids ids;
    Tensor embeds;
  };

  void remember(const Ids& ids, const Tensor& embeds);
  [[nodiscard]] std::string path_of(const Ids& ids);
  [[nodiscard]] std::optional<Tensor> read(const Ids& ids, int64_t rows);
  void write(const Ids& ids, const Tensor& embeds);

  EmbedCacheOptions options_;
  std::function<std::string()> make_fingerprint_;
  std::optional<std::string> fingerprint_;
  std::list<Entry> recent_;  // latest first
  size_t recent_bytes_ = 0;
};

}  // namespace swan::pipelines
