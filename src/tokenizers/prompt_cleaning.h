#pragma once

#include <string>
#include <string_view>

namespace swan::tokenizers {

/// What Sana does to every prompt before tokenizing it: Python's `text.lower().strip()`, for all of Unicode.
/// Lower-casing follows the full mappings ("İ" becomes "i̇", a sigma at a word's end "ς"); stripping takes Python's
/// whitespace, which includes U+001C to U+001F. Bytes that are not UTF-8 become U+FFFD. Ref: diffusers
/// pipelines/sana/pipeline_sana.py, _text_preprocessing
[[nodiscard]] std::string clean_sana_prompt(std::string_view prompt);

}  // namespace swan::tokenizers
