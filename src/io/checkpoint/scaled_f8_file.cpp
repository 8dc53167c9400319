#include "io/checkpoint/scaled_f8_file.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <string_view>
#include <utility>
#include <vector>

#include "core/convert.h"
#include "core/error.h"
#include "core/parallel.h"
#include "io/json.h"

namespace swan::io {

namespace {

constexpr std::string_view kWeight = "weight";
constexpr std::array<std::string_view, 2> kScales = {"scale_weight", "weight_scale"};
constexpr std::array<std::string_view, 2> kInputScales = {"scale_input", "input_scale"};
constexpr std::string_view kMarker = "scaled_fp8";
constexpr std::string_view kScheme = "comfy_quant";

bool is_f8(DType dtype) { return dtype == DType::kF8E4M3 || dtype == DType::kF8E5M2; }

std::string_view last_part(std::string_view name) { return name.substr(name.rfind('.') + 1); }

template <size_t N>
bool is_one_of(std::string_view part, const std::array<std::string_view, N>& parts) {
  return std::find(parts.begin(), parts.end(), part) != parts.end();
}

// {"format": "float8_e4m3fn"} as bytes.
void check_scheme(const TensorFile& file, const std::string& name, const TensorEntry& entry) {
  constexpr int64_t kMost = 4096;
  if (entry.dtype != DType::kU8 || entry.shape.numel() > kMost)
    fail(ErrorCode::kUnsupported, "cannot use {}: '{}' is not a description of a quantization; Swan knows ComfyUI's.",
         file.path(), name);
  const Tensor bytes = file.tensor(name);
  const std::string text(static_cast<const char*>(bytes.raw()), bytes.nbytes());
  const nlohmann::json json = parse_json(text, file.path() + ", " + name);
  const auto format = json.is_object() ? json.value("format", nlohmann::json()) : nlohmann::json();
  if (format != "float8_e4m3fn" && format != "float8_e5m2")
    fail(ErrorCode::kUnsupported,
         "cannot use {}: '{}' says that the weights are of the format {}; Swan reads float8_e4m3fn, float8_e5m2 and "
         "GGUF's. Take another file of the model.",
         file.path(), name, format.dump(-1, ' ', true, nlohmann::json::error_handler_t::replace).substr(0, 100));
}

class ScaledF8File final : public TensorFile {
 public:
  explicit ScaledF8File(std::shared_ptr<const TensorFile> file) : TensorFile(file->path()), file_(std::move(file)) {
    metadata_ = file_->metadata();
    for (const auto& [name, entry] : file_->entries()) {
      const std::string_view part = last_part(name);
      if (part == kScheme) check_scheme(*file_, name, entry);
      if (part == kScheme || part == kMarker || is_one_of(part, kInputScales)) continue;
      if (is_one_of(part, kScales)) {
        add_scale(name, entry);
        continue;
      }
      TensorEntry& made = entries_.emplace(name, entry).first->second;
      if (made.unsupported_dtype.empty() && is_f8(made.dtype)) made.dtype = DType::kBF16;
    }
  }

 private:
  void add_scale(const std::string& name, const TensorEntry& scale) {
    const std::string weight = name.substr(0, name.size() - last_part(name).size()) + std::string(kWeight);
    const auto scaled = file_->entries().find(weight);
    const bool there = scaled != file_->entries().end();
    if (there && !is_f8(scaled->second.dtype))
      fail(ErrorCode::kUnsupported, "cannot use {}: '{}' belongs to '{}' of {}, and Swan knows scales of f8 alone.",
           path_, name, weight, dtype_name(scaled->second.dtype));
    const int64_t count = scale.shape.numel();
    const int64_t rows = there && scaled->second.shape.rank() > 0 ? scaled->second.shape[0] : 0;
    if (!there || (count != 1 && count != rows))
      fail(ErrorCode::kCorruptFile,
           "cannot use {}: the scale '{}' of {} fits no tensor: '{}' {}; scales may be one number or one for each row.",
           path_, name, scale.shape, weight, there ? "is " + scaled->second.shape.str() : "is not there");
    scales_[weight] = name;
  }

  [[nodiscard]] std::vector<float> scales_of(const std::string& name) const {
    const auto found = scales_.find(name);
    if (found == scales_.end()) return {1.0F};
    const Tensor scale = file_->tensor(found->second).to(DType::kF32);
    std::vector<float> values(scale.data<float>(), scale.data<float>() + scale.numel());
    if (!std::all_of(values.begin(), values.end(), [](float v) { return std::isfinite(v); }))
      fail(ErrorCode::kCorruptFile, "cannot use {}: the scale '{}' is not a finite number; get it again.", path_,
           found->second);
    return values;
  }

  [[nodiscard]] Tensor read(const std::string& name, const TensorEntry& entry) const override {
    Tensor stored = file_->tensor(name);
    if (!is_f8(stored.dtype())) return stored;
    const bool e4m3 = stored.dtype() == DType::kF8E4M3;
    const std::vector<float> scales = scales_of(name);
    Tensor out = Tensor::empty(entry.shape, DType::kBF16);
    const auto* from = static_cast<const uint8_t*>(stored.raw());
    auto* to = static_cast<uint16_t*>(out.raw_mut());
    // 256 values are all there are, so they are looked up.
    constexpr int64_t kBlock = 1 << 18;
    const auto rows = static_cast<int64_t>(scales.size());
    const int64_t row = stored.numel() / std::max<int64_t>(rows, 1);
    const int64_t blocks = (row + kBlock - 1) / kBlock;
    parallel_for(rows * blocks, [&](int64_t i) {
      std::array<uint16_t, 256> values;
      for (size_t v = 0; v < values.size(); ++v) {
        const auto bits = static_cast<uint8_t>(v);
        const float plain = e4m3 ? f8_e4m3_to_f32(bits) : f8_e5m2_to_f32(bits);
        values[v] = f32_to_bf16(plain * scales[static_cast<size_t>(i / blocks)]);
      }
      const int64_t begin = i / blocks * row + i % blocks * kBlock;
      const int64_t end = std::min(begin + kBlock, (i / blocks + 1) * row);
      for (int64_t e = begin; e < end; ++e) to[e] = values[from[e]];
    });
    stored.drop_pages();
    return out;
  }

  std::shared_ptr<const TensorFile> file_;
  std::map<std::string, std::string> scales_;  // by the name of what they scale
};

}  // namespace

std::shared_ptr<const TensorFile> with_f8_as_bf16(std::shared_ptr<const TensorFile> file) {
  const bool any = std::any_of(file->entries().begin(), file->entries().end(), [](const auto& entry) {
    const std::string_view part = last_part(entry.first);
    return (entry.second.unsupported_dtype.empty() && is_f8(entry.second.dtype)) || part == kMarker || part == kScheme;
  });
  if (!any) return file;
  return std::make_shared<ScaledF8File>(std::move(file));
}

}  // namespace swan::io
