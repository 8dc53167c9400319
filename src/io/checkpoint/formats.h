#pragma once

#include <array>
#include <optional>
#include <span>
#include <string>

#include "io/checkpoint/key_map.h"
#include "io/tensor_file.h"

namespace swan::io {

/// A way in which the weights of one network are kept in a single file.
struct CheckpointFormat {
  const char* name;                     ///< for people: "Wan's own names"
  const char* component;                ///< which part of a pipeline it is: "transformer"
  const char* library;                  ///< as in model_index.json
  const char* class_name;               ///< "WanTransformer3DModel"
  std::array<const char*, 3> required;  ///< names that no other format has all of; null: fewer
  const KeyMap& (*keys)();              ///< null: the names are diffusers'
};
[[nodiscard]] std::span<const CheckpointFormat> checkpoint_formats();
/// The format, not diffusers' own, that the class has outside of diffusers; null: none.
[[nodiscard]] const CheckpointFormat* original_format(std::string_view class_name, bool guidance_embeds);

/// What a file's names say that it is.
struct RecognisedFormat {
  const CheckpointFormat* format;
  std::string prefix;  ///< of all its names: "model.diffusion_model."
};
[[nodiscard]] std::optional<RecognisedFormat> recognise_checkpoint(const TensorFile& file);

/// What names of this kind belong to that Swan does not run: "VACE"; "" for others. @param name  without prefix
[[nodiscard]] std::string foreign_part(std::string_view name);

}  // namespace swan::io
