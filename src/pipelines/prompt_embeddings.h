#pragma once

#include <vector>

#include "core/context.h"
#include "swan/pipeline.h"

namespace swan::pipelines {

/// Each row `times` times in a row: [a, b] to [a, a, b, b].
[[nodiscard]] Tensor repeat_rows(const Tensor& x, int64_t times, Context& ctx);

/// Checks what a caller gave: one row for each of `prompts`, of the encoder's width and of finite values.
/// @param what  "prompt_embeds", for messages
/// @throws Error kInvalidArgument
void check_embeddings(const char* what, const PromptEmbeddings& embeddings, int64_t prompts, int64_t width,
                      Context& ctx);

}  // namespace swan::pipelines
