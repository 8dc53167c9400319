#include "pipelines/prompt_encoder.h"

#include <algorithm>
#include <cstring>
#include <map>
#include <utility>

#include "core/error.h"
#include "io/config.h"
#include "pipelines/model_files.h"
#include "tokenizers/prompt_cleaning.h"

namespace swan::pipelines {

PromptEncoder::PromptEncoder(const io::Repository& repository, std::string variant, const Compute& compute,
                             EmbedStore& store)
    : repository_(repository),
      variant_(std::move(variant)),
      compute_(compute),
      tokenizer_(load_tokenizer(repository)),
      config_(models::Gemma2Config::parse(repository.config("text_encoder"))),
      store_(store) {}

PromptEncoder::~PromptEncoder() = default;

const models::Gemma2Model& PromptEncoder::model() {
  return model_.open(repository_, "text_encoder", variant_, compute_, [&](const auto& weights) {
    return std::make_unique<models::Gemma2Model>(
        config_, nn::Scope(weights, compute_.storage()).with_blocks(compute_.on_host()));
  });
}

void PromptEncoder::release() { model_.release(compute_); }

namespace {
std::string join_lines(const std::vector<std::string>& lines) {
  std::string text;
  for (size_t i = 0; i < lines.size(); ++i) text += (i > 0 ? "\n" : "") + lines[i];
  return text;
}

int64_t tokens_of(const Tensor& mask, int64_t row) {
  const auto* values = mask.data<int32_t>() + row * mask.dim(1);
  return std::count(values, values + mask.dim(1), 1);
}
}  // namespace

PromptEmbeddings PromptEncoder::encode(const std::vector<std::string>& prompts,
                                       const std::vector<std::string>& instruction, int64_t max_sequence_length,
                                       Context& ctx) {
  // 1. Text and tokens. The instruction lengthens the sequence; its own tokens are dropped again below.
  const std::string prefix = join_lines(instruction);
  const int64_t extra =
      prefix.empty() ? 0
                     : static_cast<int64_t>(tokenizer_->encode(prefix).size()) - 2;  // <bos> and one more, as diffusers
  const int64_t length = max_sequence_length + extra;
  if (length < 1)
    fail(ErrorCode::kInvalidArgument, "max_sequence_length {} leaves no room for the prompt.", max_sequence_length);
  std::vector<std::string> texts;
  for (const std::string& prompt : prompts) texts.push_back(prefix + tokenizers::clean_sana_prompt(prompt));
  const tokenizers::Encoding tokens = tokenizer_->encode_batch(texts, length);

  // 2. How many positions matter. Attention is causal and padding stands on the right: tokens never see it, so
  // positions after the last token of any prompt need not be computed. Only a row that sees no token at all, beyond the
  // sliding window of a much shorter prompt, depends on the full length: it is uniform over every key.
  int64_t longest = 1, shortest = length;
  for (int64_t i = 0; i < tokens.input_ids.dim(0); ++i) {
    longest = std::max(longest, tokens_of(tokens.attention_mask, i));
    shortest = std::min(shortest, tokens_of(tokens.attention_mask, i));
  }
  const bool beyond_window = shortest + config_.sliding_window <= longest;
  const int64_t used = beyond_window ? length : longest;

  // 3. The encoder, once for each distinct prompt that the store does not know. Rows that depend on the full length are
  // not for other lengths.
  const int64_t batch = tokens.input_ids.dim(0), dim = config_.hidden_size;
  std::map<std::string, Tensor> computed;  // [used or more, D]
  for (int64_t i = 0; i < batch; ++i) {
    const std::string& text = texts[static_cast<size_t>(i)];
    if (computed.contains(text)) continue;
    const auto row = [&](const Tensor& t) {
      return t.slice(i, i + 1).reshape({length}).slice(0, used).reshape({1, used});
    };
    const std::span<const int32_t> ids(tokens.input_ids.data<int32_t>() + i * length,
                                       static_cast<size_t>(tokens_of(tokens.attention_mask, i)));
    std::optional<Tensor> known = beyond_window ? std::nullopt : store_.find(ids, used);
    if (!known) {
      const models::Gemma2Model& gemma = model();
      Context own = ctx.with_dtype(compute_.activations(model_.dtype()));
      const Tensor made = gemma.forward(row(tokens.input_ids), row(tokens.attention_mask), own);
      check_finite(made, "encoding the prompt (text_encoder)", own);
      known = made.reshape({used, dim}).on(nullptr, DType::kF32);
      if (!beyond_window) store_.put(ids, *known);
    }
    computed[text] = *known;
  }

  // 4. Selection: position 0 and the last max_sequence_length - 1 of all positions.
  PromptEmbeddings out{Tensor::zeros({batch, max_sequence_length, dim}, DType::kF32),
                       Tensor::empty({batch, max_sequence_length}, DType::kI32)};
  for (int64_t i = 0; i < batch; ++i) {
    const auto* from = computed[texts[static_cast<size_t>(i)]].data<float>();
    const auto* mask = tokens.attention_mask.data<int32_t>() + i * length;
    for (int64_t p = 0; p < max_sequence_length; ++p) {
      const int64_t source = p == 0 ? 0 : length - max_sequence_length + p;
      const int64_t to = i * max_sequence_length + p;
      out.attention_mask.data_mut<int32_t>()[to] = mask[source];
      if (source < used)
        std::memcpy(out.embeds.data_mut<float>() + to * dim, from + source * dim,
                    static_cast<size_t>(dim) * sizeof(float));
    }
  }
  return out;
}

}  // namespace swan::pipelines
