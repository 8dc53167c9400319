#include "tokenizers/tokenizer.h"

#include <algorithm>

#include "core/error.h"

namespace swan::tokenizers {

Tokenizer::~Tokenizer() = default;

Encoding Tokenizer::encode_batch(std::span<const std::string> texts, int64_t length) const {
  const auto suffix = suffix_ids();
  const auto special = static_cast<int64_t>(prefix_ids().size() + suffix.size());
  if (texts.empty()) fail(ErrorCode::kInvalidArgument, "cannot tokenize: no texts were given; give at least one.");
  if (length < std::max<int64_t>(special, 1)) {
    fail(ErrorCode::kInvalidArgument,
         "cannot tokenize: the length is {} tokens, but the special tokens alone take {}; ask for a larger length.",
         length, special);
  }
  const Shape shape{static_cast<int64_t>(texts.size()), length};
  Encoding encoding{.input_ids = Tensor::empty(shape, DType::kI32),
                    .attention_mask = Tensor::zeros(shape, DType::kI32)};
  auto* input_ids = encoding.input_ids.data_mut<int32_t>();
  auto* mask = encoding.attention_mask.data_mut<int32_t>();
  std::fill_n(input_ids, shape.numel(), pad_id());
  for (const std::string& text : texts) {
    std::vector<int32_t> ids = encode(text);
    if (static_cast<int64_t>(ids.size()) > length) {
      ids.resize(static_cast<size_t>(length));
      std::copy(suffix.begin(), suffix.end(), ids.end() - static_cast<std::ptrdiff_t>(suffix.size()));
    }
    std::copy(ids.begin(), ids.end(), input_ids);
    std::fill_n(mask, ids.size(), 1);
    input_ids += length;
    mask += length;
  }
  return encoding;
}

}  // namespace swan::tokenizers
