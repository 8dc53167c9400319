#include <filesystem>
#include <unordered_map>

#include "core/error.h"
#include "tokenizers/files.h"
#include "tokenizers/model_proto.h"
#include "tokenizers/sentencepiece_tokenizer.h"
#include "tokenizers/tokenizer_config.h"
#include "tokenizers/tokenizer_json.h"

namespace swan::tokenizers {
namespace {

// UMT5's files take 4 and 17 MB, Gemma-2's 4 and 34 MB.
constexpr size_t kMaxModelBytes = size_t{1} << 27;
constexpr size_t kMaxJsonBytes = size_t{1} << 29;

/// The file that defines the tokenizer. Where both are, the sentencepiece model counts: tokenizer.json was converted
/// from it, so the pieces and their order are the same, and it loads ten times as fast. What only tokenizer.json would
/// add, the special tokens and their flags, tokenizer_config.json says as well. That is also what the reference obeys:
/// the fixtures hold for either file alone.
TokenizerDefinition read_definition(const std::string& directory) {
  for (const char* name : {"tokenizer.model", "spiece.model"}) {
    const std::string path = directory + "/" + name;
    if (const auto bytes = read_file(path, kMaxModelBytes)) return read_model_proto(*bytes, path);
  }
  const std::string path = directory + "/tokenizer.json";
  if (const auto text = read_file(path, kMaxJsonBytes)) return read_tokenizer_json(*text, path);
  fail(ErrorCode::kNotFound,
       "cannot load tokenizer: {} has none of tokenizer.model, spiece.model and tokenizer.json; download the "
       "repository's "
       "tokenizer folder, or check the path.",
       directory);
}

}  // namespace

std::unique_ptr<Tokenizer> Tokenizer::load(const std::string& path) {
  std::error_code status;
  if (std::filesystem::is_directory(path, status))
    return make_tokenizer(read_definition(path), read_tokenizer_config(path));
  const auto bytes = read_file(path, kMaxJsonBytes);
  if (!bytes) fail(ErrorCode::kNotFound, "cannot load tokenizer: there is no folder or file {}; check the path.", path);
  if (bytes->starts_with('{')) return make_tokenizer(read_tokenizer_json(*bytes, path), {.path = path});
  return from_sentencepiece(*bytes, path);
}

std::unique_ptr<Tokenizer> Tokenizer::from_sentencepiece(std::string_view bytes, const std::string& name) {
  if (bytes.size() > kMaxModelBytes)
    fail(ErrorCode::kCorruptFile,
         "cannot load tokenizer: {} has {} bytes, but a tokenizer's has at most {}; replace it.", name, bytes.size(),
         kMaxModelBytes);
  return make_tokenizer(read_model_proto(bytes, name), {.path = name});
}

}  // namespace swan::tokenizers
