#include "io/checkpoint/checkpoint.h"

#include <fmt/ranges.h>

#include <algorithm>
#include <filesystem>
#include <system_error>
#include <utility>
#include <vector>

#include "core/error.h"
#include "core/log.h"
#include "io/checkpoint/infer_config.h"
#include "io/checkpoint/renamed_file.h"
#include "io/checkpoint/scaled_f8_file.h"
#include "io/json.h"
#include "io/open_tensor_file.h"

namespace swan::io {

namespace {

namespace fs = std::filesystem;

constexpr const char* kTokenizer = "spiece_model";
constexpr const char* kConfig = "config";

template <typename Names>
std::string some_of(const Names& names) {
  constexpr size_t kShown = 5, kLongest = 120;
  std::vector<std::string> shown;
  for (const auto& name : names) {
    if (shown.size() == kShown) break;
    shown.push_back("'" + name.substr(0, kLongest) + "'");
  }
  std::string text = fmt::format("{}", fmt::join(shown, ", "));
  if (names.size() > kShown) text += fmt::format(" and {} more", names.size() - kShown);
  return text.empty() ? "nothing" : text;
}

[[noreturn]] void not_recognised(const TensorFile& file) {
  std::vector<std::string> names;
  for (const auto& [name, entry] : file.entries()) names.push_back(name);
  const auto is_lora = [](const std::string& name) {
    return name.find(".lora_") != name.npos || name.find(".lora.") != name.npos;
  };
  if (std::any_of(names.begin(), names.end(), is_lora))
    fail(ErrorCode::kUnsupported, "{} is a LoRA: it changes a model and is none; give it with --lora.", file.path());
  fail(ErrorCode::kUnsupported,
       "{} is of no network that Swan runs: it holds {}. Swan runs transformers and autoencoders of Sana and Wan 2.1, "
       "and the text encoders Gemma 2 and UMT5; 'swan info' tells what a file is.",
       file.path(), some_of(names));
}

void refuse_foreign(const TensorFile& file, const RecognisedFormat& found) {
  for (const auto& [name, entry] : file.entries()) {
    if (!name.starts_with(found.prefix)) continue;
    const std::string what = foreign_part(std::string_view(name).substr(found.prefix.size()));
    if (!what.empty())
      fail(ErrorCode::kUnsupported,
           "cannot use {}: '{}' belongs to {}, which Swan does not run; take a text-to-video model (T2V).", file.path(),
           name, what);
  }
}

// A configuration of the class, of what is beside the file or in it; null: none.
nlohmann::json own_config(const TensorFile& file, const std::string& class_name) {
  const auto fits = [&](const Config& c) { return c.class_name() == class_name; };
  try {
    if (const auto text = file.metadata().find(kConfig); text != file.metadata().end()) {
      const Config c(parse_json(text->second, file.path() + ", metadata"), file.path());
      if (fits(c)) return c.json();
    }
    const fs::path beside = fs::path(file.path()).parent_path() / "config.json";
    std::error_code error;
    if (fs::is_regular_file(beside, error)) {
      const Config c = Config::read(beside.string());
      if (fits(c)) return c.json();
    }
  } catch (const Error& error) {
    log(LogLevel::kDebug, "{}: not used as its configuration: {}", file.path(), error.what());
  }
  return {};
}

std::string read_tokenizer(const TensorFile& file, const std::string& name) {
  const auto entry = file.entries().find(name);
  if (entry == file.entries().end()) return "";
  if (!entry->second.unsupported_dtype.empty() || entry->second.dtype != DType::kU8 ||
      entry->second.shape.numel() > kMaxTokenizerBytes)
    fail(ErrorCode::kCorruptFile, "cannot use {}: '{}' is not the tokenizer that it should be; get it again.",
         file.path(), name);
  const Tensor bytes = file.tensor(name);
  return {static_cast<const char*>(bytes.raw()), bytes.nbytes()};
}

}  // namespace

std::shared_ptr<const Checkpoint> open_checkpoint(const std::string& path, const std::optional<Config>& fallback) {
  const std::shared_ptr<const TensorFile> original = open_tensor_file(path);
  const auto found = recognise_checkpoint(*original);
  if (!found) not_recognised(*original);
  refuse_foreign(*original, *found);
  const CheckpointFormat& format = *found->format;
  const std::string tokenizer = found->prefix + kTokenizer;
  auto weights = std::make_shared<RenamedFile>(
      with_f8_as_bf16(original),
      RenamedFile::Options{
          .keys = format.keys == nullptr ? nullptr : &format.keys(), .prefix = found->prefix, .skipped = tokenizer});
  if (!weights->unknown().empty())
    fail(ErrorCode::kUnsupported,
         "cannot use {}: it looks like {} in {}, but {} of its tensors belong to nothing there: {}. It is a variant "
         "that "
         "Swan does not run.",
         path, format.class_name, format.name, weights->unknown().size(), some_of(weights->unknown()));
  nlohmann::json base = own_config(*original, format.class_name);
  if (base.is_null() && fallback && fallback->class_name() == format.class_name) base = fallback->json();
  Config config(infer_config(format.class_name, *weights, *original, base), path);
  return std::make_shared<const Checkpoint>(Checkpoint{&format, original, found->prefix, std::move(weights),
                                                       std::move(config), read_tokenizer(*original, tokenizer)});
}

}  // namespace swan::io
