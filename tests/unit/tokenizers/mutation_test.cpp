// Random damage to good files. Whatever comes out of loading must be a tokenizer that can encode, or swan::Error: run
// it under the sanitizers. The seeds are fixed, so that a failure repeats.
#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <random>
#include <string>

#include "routes.h"
#include "swan/error.h"
#include "tokenizers/model_proto.h"
#include "tokenizers/sentencepiece_tokenizer.h"
#include "tokenizers/tokenizer_json.h"

namespace swan::tokenizers {
namespace {

class Mutator {
 public:
  explicit Mutator(uint32_t seed) : random_(seed) {}

  std::string operator()(std::string bytes) {
    for (int64_t edits = 1 + below(4); edits > 0; --edits) edit(bytes);
    return bytes;
  }

 private:
  int64_t below(size_t n) { return n == 0 ? 0 : static_cast<int64_t>(random_() % n); }

  void edit(std::string& bytes) {
    static constexpr std::string_view kWords[] = {"null",     "-1",      "0",     "1e999", "18446744073709551615",
                                                  "[",        "]",       "{",     "}",     "\"",
                                                  "\\u0000",  "\\ud800", ",",     ":",     "true",
                                                  "[[[[[[[[", "\"a\":",  "<unk>", "\xFF"};
    const auto at = static_cast<size_t>(below(bytes.size()));
    const auto length = static_cast<size_t>(below(below(4) == 0 ? 4096 : 16));
    switch (below(7)) {
      case 0:
        if (!bytes.empty()) bytes[at] = static_cast<char>(below(256));
        break;
      case 1:
        if (!bytes.empty()) bytes[at] = static_cast<char>(bytes[at] ^ (1 << below(8)));
        break;
      case 2:
        bytes.erase(at, length);
        break;
      case 3:
        bytes.insert(at, bytes.substr(static_cast<size_t>(below(bytes.size())), length));
        break;
      case 4:
        bytes.insert(at, kWords[below(std::size(kWords))]);
        break;
      case 5:
        bytes.resize(at);
        break;
      default:
        for (size_t i = at; i < std::min(at + length, bytes.size()); ++i) bytes[i] = static_cast<char>(below(256));
        break;
    }
  }

  std::mt19937 random_;
};

const std::string kTexts[] = {
    "a red fox  running\n\nnext to 一只猫 <bos></s><0x41><extra_id_0>",
    std::string("\0\x01\xFF\xC3 ½ﬁ한ＡＢ e\u0301", 24),
    std::string(300, 'a'),
};

/// Loads mutations of `bytes` with `read`, and encodes with those that load.
void mutate(const std::string& bytes, uint32_t seed, int count,
            const std::function<TokenizerDefinition(const std::string&)>& read) {
  Mutator mutator(seed);
  int loaded = 0, refused = 0;
  for (int i = 0; i < count; ++i) {
    const std::string damaged = mutator(bytes);
    try {
      const auto tokenizer = make_tokenizer(read(damaged), {});
      ++loaded;
      for (const std::string& text : kTexts) {
        for (const int32_t id : tokenizer->encode(text)) ASSERT_LT(id, tokenizer->vocab_size()) << i;
      }
    } catch (const Error& error) {
      ++refused;
      ASSERT_TRUE(error.code() == ErrorCode::kCorruptFile || error.code() == ErrorCode::kUnsupported)
          << i << error.what();
      ASSERT_NE(std::string(error.what()).find("damaged"), std::string::npos) << i << " " << error.what();
    }
  }
  EXPECT_GT(loaded, 0);
  EXPECT_GT(refused, count / 10);
}

// Few pieces, so that damage hits every part of the file and not the table of pieces alone.
std::string small_json(const std::string& name) {
  auto definition = RouteFolder(golden_folder(name), Route::kJson).json("tokenizer.json");
  auto& model = definition["model"];
  if (model["vocab"].is_array()) {
    auto& vocab = model["vocab"];
    vocab.erase(vocab.begin() + 400, vocab.end());
    definition["added_tokens"].erase(definition["added_tokens"].begin() + 4, definition["added_tokens"].end());
    definition["normalizer"]["normalizers"].erase(definition["normalizer"]["normalizers"].begin());
  } else {
    auto& merges = model["merges"];
    merges = nlohmann::json::array();
    for (auto it = model["vocab"].begin(); it != model["vocab"].end();)
      it = it.value() > 280 ? model["vocab"].erase(it) : std::next(it);
  }
  return definition.dump();
}

TokenizerDefinition from_json(const std::string& text) { return read_tokenizer_json(text, "damaged"); }
TokenizerDefinition from_model(const std::string& bytes) { return read_model_proto(bytes, "damaged"); }
std::string golden_bytes(const std::string& name) { return read_bytes(golden_folder(name)); }

TEST(TokenizerMutationTest, GemmaJson) { mutate(golden_bytes("gemma/tokenizer.json"), 1, 1000, from_json); }
TEST(TokenizerMutationTest, SmallGemmaJson) { mutate(small_json("gemma"), 2, 4000, from_json); }
TEST(TokenizerMutationTest, Umt5Json) { mutate(golden_bytes("umt5/tokenizer.json"), 3, 300, from_json); }
TEST(TokenizerMutationTest, SmallUmt5Json) { mutate(small_json("umt5"), 4, 4000, from_json); }
TEST(TokenizerMutationTest, GemmaModel) { mutate(golden_bytes("gemma/tokenizer.model"), 5, 3000, from_model); }
TEST(TokenizerMutationTest, Umt5Model) { mutate(golden_bytes("umt5/spiece.model"), 6, 500, from_model); }

// The normalisation table is most of UMT5's model and the one thing that sentencepiece trusts blindly: damage only
// that.
TEST(TokenizerMutationTest, Umt5NormalisationTable) {
  const TokenizerDefinition good = from_model(golden_bytes("umt5/spiece.model"));
  Mutator mutator(7);
  TokenizerDefinition small = good;
  small.vocabulary.pieces.resize(300);
  int loaded = 0;
  for (int i = 0; i < 600; ++i) {
    TokenizerDefinition damaged = small;
    damaged.path = "damaged";
    damaged.vocabulary.precompiled_charsmap = mutator(good.vocabulary.precompiled_charsmap);
    try {
      const auto tokenizer = make_tokenizer(std::move(damaged), {});
      ++loaded;
      for (const std::string& text : kTexts) (void)tokenizer->encode(text);
    } catch (const Error& error) {
      ASSERT_EQ(error.code(), ErrorCode::kCorruptFile) << i << error.what();
    }
  }
  EXPECT_GT(loaded, 0);
}

}  // namespace
}  // namespace swan::tokenizers
