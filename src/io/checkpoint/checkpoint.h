#pragma once

#include <memory>
#include <optional>
#include <string>

#include "io/checkpoint/formats.h"
#include "io/config.h"
#include "io/tensor_file.h"

namespace swan::io {

/// A single file with the weights of one network, in any format that CheckpointFormat's table knows, as the rest of
/// Swan sees it: under diffusers' names, with a configuration.
struct Checkpoint {
  const CheckpointFormat* format;
  std::shared_ptr<const TensorFile> original;  ///< as it is
  std::string prefix;                          ///< of the original's names
  std::shared_ptr<const TensorFile> weights;   ///< under diffusers' names; what is stored so is not copied
  Config config;                               ///< what the network's config.json would say
  std::string tokenizer;  ///< a SentencePiece model that the file holds, as ComfyUI's text encoders do; usually empty
};

/// Opens and recognises a file; reads what describes the tensors. Its configuration comes from the shapes and, for what
/// they do not tell, from the first of these that is of the same class: what the file itself says ("config" of its
/// metadata), a config.json in its folder, `fallback`, the published model's.
/// @param fallback  of the repository that the file replaces a part of
/// @throws Error kNotFound, kIo, kCorruptFile; kUnsupported for a file of tensors that is none of these networks, or
///         one of another task, naming some of its tensors
[[nodiscard]] std::shared_ptr<const Checkpoint> open_checkpoint(const std::string& path,
                                                                const std::optional<Config>& fallback = {});

/// The largest SentencePiece model that a file may hold.
inline constexpr int64_t kMaxTokenizerBytes = int64_t{1} << 27;

}  // namespace swan::io
