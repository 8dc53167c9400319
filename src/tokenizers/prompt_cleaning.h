#pragma once

#include <string>
#include <string_view>

namespace swan::tokenizers {

/// What Sana does to every prompt before tokenizing it: Python's `text.lower().strip()`, for all of Unicode.
/// Lower-casing follows the full mappings ("İ" becomes "i̇", a sigma at a word's end "ς"); stripping takes Python's
/// whitespace, which includes U+001C to U+001F. Bytes that are not UTF-8 become U+FFFD. Ref: diffusers
/// pipelines/sana/pipeline_sana.py, _text_preprocessing
[[nodiscard]] std::string clean_sana_prompt(std::string_view prompt);

/// What Wan does to every prompt before tokenizing it: ftfy.fix_text, html.unescape twice, and each run of whitespace
/// as one space, none at the ends. Bytes that are not UTF-8 become U+FFFD first. Case stays.
/// @param prompt  at most 16 MiB
/// @throws Error kInvalidArgument when it is longer
/// Ref: diffusers pipelines/wan/pipeline_wan.py, prompt_clean; text_repair/fix_text.h says how far it is ftfy
[[nodiscard]] std::string clean_wan_prompt(std::string_view prompt);

}  // namespace swan::tokenizers
