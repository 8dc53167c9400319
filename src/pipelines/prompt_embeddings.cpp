#include "pipelines/prompt_embeddings.h"

#include <algorithm>
#include <cmath>

#include "core/error.h"
#include "io/safetensors.h"
#include "ops/elementwise.h"
#include "ops/layout.h"

namespace swan {

namespace {

std::string prefix_of(bool negative) { return negative ? "negative_" : ""; }

void check_pair(const PromptEmbeddings& e, const std::string& where) {
  const bool fits = e.embeds.defined() && e.embeds.rank() == 3 && e.attention_mask.defined() &&
                    e.attention_mask.rank() == 2 && e.attention_mask.dim(0) == e.embeds.dim(0) &&
                    e.attention_mask.dim(1) == e.embeds.dim(1) && e.embeds.numel() > 0;
  if (!fits)
    fail(ErrorCode::kInvalidArgument,
         "{}: embeddings of shape {} with a mask of shape {}; [B, L, D] and [B, L] are needed.", where,
         e.embeds.defined() ? e.embeds.shape() : Shape(),
         e.attention_mask.defined() ? e.attention_mask.shape() : Shape());
}

}  // namespace

PromptEmbeddings load_prompt_embeddings(const std::string& path, bool negative) {
  const auto file = io::SafetensorsFile::open(path);
  const std::string prefix = prefix_of(negative);
  if (negative && !file->entries().contains("negative_prompt_embeds")) return {};
  PromptEmbeddings e;
  e.embeds = file->tensor(prefix + "prompt_embeds").to(DType::kF32).clone();
  e.attention_mask = file->tensor(prefix + "prompt_attention_mask").to(DType::kI32).clone();
  check_pair(e, path);
  return e;
}

void save_prompt_embeddings(const std::string& path, const PromptEmbeddings& positive,
                            const PromptEmbeddings& negative) {
  std::map<std::string, Tensor> tensors;
  for (const auto& [e, prefix] : {std::pair(&positive, prefix_of(false)), std::pair(&negative, prefix_of(true))}) {
    if (!e->defined()) continue;
    check_pair(*e, path);
    tensors[prefix + "prompt_embeds"] = e->embeds;
    tensors[prefix + "prompt_attention_mask"] = e->attention_mask;
  }
  io::write_safetensors(path, tensors, {{"software", "swan"}});
}

PromptEmbeddings interpolate_embeddings(const PromptEmbeddings& a, const PromptEmbeddings& b, double position,
                                        bool spherical) {
  check_pair(a, "interpolation");
  check_pair(b, "interpolation");
  if (a.embeds.shape() != b.embeds.shape() || a.embeds.dim(0) != 1)
    fail(ErrorCode::kInvalidArgument,
         "interpolation: embeddings of shape {} and {}; two of one prompt each, made by one model with one length, are "
         "needed.",
         a.embeds.shape(), b.embeds.shape());
  if (!(position >= 0 && position <= 1))
    fail(ErrorCode::kInvalidArgument, "interpolation: position {} is not between 0 and 1.", position);
  if (position == 0) return a;  // the ends are the prompts themselves, to the bit
  if (position == 1) return b;
  const int64_t rows = a.embeds.dim(1), dim = a.embeds.dim(2);
  PromptEmbeddings out{Tensor::empty(a.embeds.shape(), DType::kF32),
                       Tensor::empty(a.attention_mask.shape(), DType::kI32)};
  for (int64_t r = 0; r < rows; ++r) {
    const auto* pa = a.embeds.data<float>() + r * dim;
    const auto* pb = b.embeds.data<float>() + r * dim;
    auto* y = out.embeds.data_mut<float>() + r * dim;
    // A token that only one prompt has comes in, or goes, along the line from zero.
    out.attention_mask.data_mut<int32_t>()[r] =
        std::max(a.attention_mask.data<int32_t>()[r], b.attention_mask.data<int32_t>()[r]);
    double wa = 1 - position, wb = position;
    if (spherical) {
      double aa = 0, bb = 0, ab = 0;
      for (int64_t i = 0; i < dim; ++i) {
        aa += static_cast<double>(pa[i]) * pa[i];
        bb += static_cast<double>(pb[i]) * pb[i];
        ab += static_cast<double>(pa[i]) * pb[i];
      }
      const double cosine = aa > 0 && bb > 0 ? ab / std::sqrt(aa * bb) : 1;
      if (std::abs(cosine) < 0.9995) {  // nearly parallel vectors have no arc to speak of
        const double angle = std::acos(cosine);
        wa = std::sin((1 - position) * angle) / std::sin(angle);
        wb = std::sin(position * angle) / std::sin(angle);
      }
    }
    for (int64_t i = 0; i < dim; ++i) y[i] = static_cast<float>(wa * pa[i] + wb * pb[i]);
  }
  return out;
}

namespace pipelines {

Tensor repeat_rows(const Tensor& x, int64_t times, Context& ctx) {
  std::vector<Tensor> rows;
  for (int64_t i = 0; i < x.dim(0); ++i)
    for (int64_t n = 0; n < times; ++n) rows.push_back(x.slice(i, i + 1));
  return ops::concat_rows(rows, ctx);
}

void check_embeddings(const char* what, const PromptEmbeddings& e, int64_t prompts, int64_t width, Context& ctx) {
  check_pair(e, what);
  if (e.embeds.dtype() != DType::kF32 || e.attention_mask.dtype() != DType::kI32)
    fail(ErrorCode::kInvalidArgument, "{}: embeddings are f32 and their mask i32.", what);
  if (e.embeds.dim(2) != width)
    fail(ErrorCode::kInvalidArgument,
         "{}: embeddings of {} channels, but this model's text encoder has {}: they come from another model.", what,
         e.embeds.dim(2), width);
  if (e.embeds.dim(0) != prompts)
    fail(ErrorCode::kInvalidArgument, "{}: {} rows of embeddings for {} prompts.", what, e.embeds.dim(0), prompts);
  if (ops::count_nonfinite(e.embeds, ctx).cpu().data<int32_t>()[0] > 0)
    fail(ErrorCode::kInvalidArgument, "{}: some values are NaN or infinite; make the embeddings anew.", what);
}

}  // namespace pipelines
}  // namespace swan
