#include "pipelines/umt5_prompt_encoder.h"

#include <algorithm>
#include <map>
#include <utility>

#include "io/config.h"
#include "pipelines/model_files.h"
#include "tokenizers/prompt_cleaning.h"

namespace swan::pipelines {

UMT5PromptEncoder::UMT5PromptEncoder(const io::Repository& repository, std::string variant, const Compute& compute,
                                     EmbedStore& store)
    : repository_(repository),
      variant_(std::move(variant)),
      compute_(compute),
      tokenizer_(load_tokenizer(repository)),
      config_(models::UMT5Config::parse(repository.config("text_encoder"))),
      store_(store) {}

UMT5PromptEncoder::~UMT5PromptEncoder() = default;

const models::UMT5EncoderModel& UMT5PromptEncoder::model() {
  return model_.open(repository_, "text_encoder", variant_, compute_, [&](const auto& weights) {
    // transformers 4 stores the embedding under the encoder's name too.
    weights->ignore("encoder.embed_tokens.");
    return std::make_unique<models::UMT5EncoderModel>(
        config_, nn::Scope(weights, compute_.storage()).with_blocks(compute_.on_host()));
  });
}

void UMT5PromptEncoder::release() { model_.release(compute_); }

PromptEmbeddings UMT5PromptEncoder::encode(const std::vector<std::string>& prompts, int64_t max_sequence_length,
                                           Context& ctx) {
  using Ids = std::vector<int32_t>;
  std::vector<std::string> texts;
  for (const std::string& prompt : prompts) texts.push_back(tokenizers::clean_wan_prompt(prompt));
  const tokenizers::Encoding tokens = tokenizer_->encode_batch(texts, max_sequence_length);

  // 1. Each prompt's tokens, and what the store has of them.
  const int64_t batch = tokens.input_ids.dim(0), dim = config_.d_model;
  std::vector<Ids> ids;
  std::map<Ids, Tensor> known;  // [n, D]
  std::vector<Ids> unknown;
  for (int64_t b = 0; b < batch; ++b) {
    const auto* mask = tokens.attention_mask.data<int32_t>() + b * max_sequence_length;
    const auto* row = tokens.input_ids.data<int32_t>() + b * max_sequence_length;
    ids.emplace_back(row, row + std::count(mask, mask + max_sequence_length, 1));
    const Ids& text = ids.back();
    if (known.contains(text) || std::find(unknown.begin(), unknown.end(), text) != unknown.end()) continue;
    if (const auto found = store_.find(text, static_cast<int64_t>(text.size()))) {
      known[text] = *found;
    } else {
      unknown.push_back(text);
    }
  }

  // 2. The encoder, for the others together.
  if (!unknown.empty()) {
    std::vector<Tensor> inputs;
    for (const Ids& text : unknown)
      inputs.push_back(Tensor::from(std::span<const int32_t>(text), {1, static_cast<int64_t>(text.size())}));
    const models::UMT5EncoderModel& umt5 = model();
    Context own = ctx.with_dtype(compute_.activations(model_.dtype()));
    const std::vector<Tensor> made = umt5.encode(inputs, own);
    for (size_t i = 0; i < unknown.size(); ++i) {
      check_finite(made[i], "encoding the prompt (text_encoder)", own);
      known[unknown[i]] = made[i].reshape({made[i].dim(1), dim}).on(nullptr, DType::kF32);
      store_.put(unknown[i], known[unknown[i]]);
    }
  }

  // 3. Zeros after the tokens.
  PromptEmbeddings out{Tensor::zeros({batch, max_sequence_length, dim}, DType::kF32), tokens.attention_mask};
  for (int64_t b = 0; b < batch; ++b) {
    const Ids& text = ids[static_cast<size_t>(b)];
    std::copy_n(known[text].data<float>(), static_cast<int64_t>(text.size()) * dim,
                out.embeds.data_mut<float>() + b * max_sequence_length * dim);
  }
  return out;
}

}  // namespace swan::pipelines
