#include "tokenizers/tokenizer.h"

#include <gtest/gtest.h>

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include "io/safetensors.h"
#include "routes.h"
#include "swan/error.h"
#include "tokenizers/prompt_cleaning.h"

namespace swan::tokenizers {
namespace {

using Ids = std::vector<int32_t>;

class OnEachRoute : public testing::TestWithParam<Route> {
 protected:
  static std::unique_ptr<Tokenizer> open(const std::string& folder) {
    return Tokenizer::load(RouteFolder(folder, GetParam()).path());
  }
};
INSTANTIATE_TEST_SUITE_P(Routes, OnEachRoute, testing::Values(Route::kModel, Route::kJson, Route::kBoth),
                         [](const auto& info) {
                           return info.param == Route::kModel ? "Model" : info.param == Route::kJson ? "Json" : "Both";
                         });

Ids row(const Tensor& tensor, int64_t i) {
  const int64_t length = tensor.dim(1);
  const auto* begin = tensor.data<int32_t>() + i * length;
  return {begin, begin + length};
}

Ids mask_row(const Tensor& mask, int64_t i) {  // stored as uint8
  const int64_t length = mask.dim(-1);
  const auto* begin = static_cast<const uint8_t*>(mask.raw()) + i * length;
  return {begin, begin + length};
}

std::string shorten(const std::string& prompt) { return prompt.substr(0, 60); }

/// The ids without their padding, as the fixtures list them: the published tokenizer's where the reference's class,
/// which rebuilds it, gives others (tests/golden/README.md).
Ids expected_ids(const nlohmann::json& item) {
  return item.value("input_ids_tokenizer_json", item.at("input_ids").get<Ids>());
}

void check_cases(const Tokenizer& tokenizer, const std::string& name, size_t at_least) {
  const auto golden = read_golden_json(name + "_cases.json");
  const auto file = io::SafetensorsFile::open(golden_folder(name + "_cases.safetensors"));
  const Tensor padded = file->tensor("input_ids"), masks = file->tensor("attention_mask");
  const int64_t length = golden.at("max_length");
  const auto& cases = golden.at("cases");
  ASSERT_GE(cases.size(), at_least);

  std::vector<std::string> texts;
  for (const auto& item : cases) texts.push_back(item.at("preprocessed"));
  const Encoding batch = tokenizer.encode_batch(texts, length);
  ASSERT_EQ(batch.input_ids.shape(), (Shape{static_cast<int64_t>(cases.size()), length}));
  ASSERT_EQ(batch.attention_mask.shape(), batch.input_ids.shape());

  size_t agreeing = 0;
  for (size_t i = 0; i < cases.size(); ++i) {
    const auto at = static_cast<int64_t>(i);
    const Ids expected = expected_ids(cases[i]), found = row(batch.input_ids, at), mask = row(batch.attention_mask, at);
    // Without padding.
    EXPECT_EQ(Ids(found.begin(), found.begin() + static_cast<int64_t>(expected.size())), expected) << shorten(texts[i]);
    const Ids unpadded = tokenizer.encode(texts[i]);
    if (static_cast<int64_t>(unpadded.size()) <= length) {
      EXPECT_EQ(unpadded, expected) << shorten(texts[i]);
    }
    // With it.
    Ids expected_mask(static_cast<size_t>(length), 0);
    std::fill_n(expected_mask.begin(), expected.size(), 1);
    EXPECT_EQ(mask, expected_mask) << shorten(texts[i]);
    for (auto p = expected.size(); p < found.size(); ++p) ASSERT_EQ(found[p], 0);
    // Where the reference's class agrees with tokenizer.json, its padded rows hold too.
    if (cases[i].contains("input_ids_tokenizer_json")) continue;
    ++agreeing;
    EXPECT_EQ(found, row(padded, at)) << shorten(texts[i]);
    EXPECT_EQ(mask, mask_row(masks, at)) << shorten(texts[i]);
  }
  EXPECT_GE(agreeing, 40U);
}

TEST_P(OnEachRoute, GemmaGivesTheReferencesIds) {
  const auto tokenizer = open(golden_folder("gemma"));
  EXPECT_EQ(tokenizer->vocab_size(), 2000);
  EXPECT_EQ(tokenizer->pad_id(), 0);
  EXPECT_EQ(tokenizer->eos_id(), 1);
  EXPECT_EQ(tokenizer->bos_id(), 2);
  EXPECT_EQ(tokenizer->unk_id(), 3);
  check_cases(*tokenizer, "gemma", 66);
}

TEST_P(OnEachRoute, Umt5GivesTheIdsOfTokenizerJson) {
  const auto tokenizer = open(golden_folder("umt5"));
  EXPECT_EQ(tokenizer->vocab_size(), 2012);
  EXPECT_EQ(tokenizer->pad_id(), 0);
  EXPECT_EQ(tokenizer->eos_id(), 1);
  EXPECT_EQ(tokenizer->bos_id(), 2);
  EXPECT_EQ(tokenizer->unk_id(), 3);
  check_cases(*tokenizer, "umt5", 66);
}

TEST_P(OnEachRoute, TheEmbeddedModelsTokenizerGivesTheReferencesIds) {
  const auto tokenizer = open(emoji_folder());
  EXPECT_EQ(tokenizer->vocab_size(), 2600);
  const auto golden = read_golden_json("emoji_cases.json");
  ASSERT_GE(golden.at("cases").size(), 40U);
  for (const auto& item : golden.at("cases")) {
    const std::string prompt = item.at("prompt");
    EXPECT_EQ(tokenizer->encode(prompt), item.at("input_ids").get<Ids>()) << shorten(prompt);
  }
}

// The instruction is put before the prompt, and the length grows by its tokens. Ref: diffusers pipeline_sana.py
TEST_P(OnEachRoute, GemmaEncodesAComplexHumanInstructionAsTheReferenceDoes) {
  const auto tokenizer = open(golden_folder("gemma"));
  const auto cases = read_golden_json("gemma_chi_cases.json");
  const auto file = io::SafetensorsFile::open(golden_folder("gemma_chi_cases.safetensors"));
  ASSERT_EQ(cases.size(), 8U);
  constexpr int64_t kMaxSequenceLength = 300;
  for (const auto& item : cases) {
    std::string instruction;
    for (const std::string line : item.at("complex_human_instruction")) {
      if (!instruction.empty()) instruction += '\n';
      instruction += line;
    }
    const auto tokens = static_cast<int64_t>(tokenizer->encode(instruction).size());
    EXPECT_EQ(tokens, item.at("num_chi_prompt_tokens").get<int64_t>());
    const int64_t length = tokens + kMaxSequenceLength - 2;
    EXPECT_EQ(length, item.at("max_length_all").get<int64_t>());

    const std::string text = instruction + clean_sana_prompt(item.at("prompt").get<std::string>());
    const Encoding encoding = tokenizer->encode_batch(std::vector{text}, length);
    const std::string name = item.at("row");
    EXPECT_EQ(row(encoding.input_ids, 0), row(file->tensor(name + ".input_ids").reshape({1, length}), 0)) << name;
    const Ids mask = row(encoding.attention_mask, 0);
    EXPECT_EQ(mask, mask_row(file->tensor(name + ".attention_mask"), 0)) << name;
    Ids selected{mask.front()};
    selected.insert(selected.end(), mask.end() - (kMaxSequenceLength - 1), mask.end());
    EXPECT_EQ(selected, mask_row(file->tensor(name + ".selected_mask"), 0)) << name;
  }
}

TEST_P(OnEachRoute, TruncationKeepsWhatEndsAText) {
  const auto gemma = open(golden_folder("gemma"));
  const auto umt5 = open(golden_folder("umt5"));
  const std::vector<std::string> texts = {"a red cat on the left of a blue dog", ""};
  const Ids gemma_all = gemma->encode(texts[0]), umt5_all = umt5->encode(texts[0]);
  for (int64_t length = 1; length < 24; ++length) {
    const auto n = static_cast<size_t>(length);
    Ids expected = gemma_all;
    expected.resize(n, 0);
    EXPECT_EQ(row(gemma->encode_batch(texts, length).input_ids, 0), expected);
    expected = umt5_all;
    expected.resize(n, 0);
    if (n < umt5_all.size()) expected.back() = umt5->eos_id();
    const Encoding encoding = umt5->encode_batch(texts, length);
    EXPECT_EQ(row(encoding.input_ids, 0), expected);
    expected.assign(n, 0);
    expected[0] = umt5->eos_id();
    EXPECT_EQ(row(encoding.input_ids, 1), expected);
  }
}

TEST_P(OnEachRoute, ABatchNeedsTextsAndRoom) {
  const auto tokenizer = open(golden_folder("umt5"));
  const std::vector<std::string> texts = {"a"};
  for (const int64_t length : {int64_t{0}, int64_t{-1}, INT64_MIN}) {
    EXPECT_THROW((void)tokenizer->encode_batch(texts, length), Error) << length;
  }
  EXPECT_THROW((void)tokenizer->encode_batch({}, 8), Error);
}

// The reference's Python refuses such prompts; here each maximal ill-formed run counts as U+FFFD.
TEST_P(OnEachRoute, InvalidUtf8CountsAsReplacementCharacters) {
  for (const std::string& folder : {golden_folder("gemma"), golden_folder("umt5"), emoji_folder()}) {
    const auto tokenizer = open(folder);
    const std::pair<std::string, std::string> cases[] = {
        {"a\xFF b", "a\uFFFD b"},
        {"\xC3", "\uFFFD"},
        {"\xE7\x8C", "\uFFFD"},  // 猫 cut short
        {"\xE7\x8C\x61", "\uFFFDa"},
        {"\xED\xA0\x80", "\uFFFD\uFFFD\uFFFD"},  // a surrogate
        {"\xC0\x80", "\uFFFD\uFFFD"},            // an overlong NUL
        {"\xF4\x90\x80\x80", "\uFFFD\uFFFD\uFFFD\uFFFD"},
        {"<bos>\x80<bos>", "<bos>\uFFFD<bos>"},
    };
    for (const auto& [broken, repaired] : cases) {
      EXPECT_EQ(tokenizer->encode(broken), tokenizer->encode(repaired)) << folder << " " << repaired;
    }
  }
}

TEST_P(OnEachRoute, ANulIsAByteLikeAnyOther) {
  const auto gemma = open(golden_folder("gemma"));
  EXPECT_EQ(gemma->encode(std::string("a\0a", 3)), (Ids{2, 1749, 14, 1749}));
  const auto umt5 = open(golden_folder("umt5"));
  EXPECT_EQ(umt5->encode(std::string("a\0b", 3)), (Ids{283, 4, 318, 1}));
}

// Linear, or nearly: 16 times the text takes about 16 times as long; quadratic work would take 256 times.
TEST(TokenizerTest, AMegabyteIsQuick) {
  for (const std::string& folder : {golden_folder("gemma"), golden_folder("umt5")}) {
    const auto tokenizer = Tokenizer::load(folder);
    for (const char* unit : {"a", "<", "猫", " ", "a b ", "<bos>", "\xFF"}) {
      const auto seconds = [&](size_t bytes) {
        std::string text;
        while (text.size() < bytes) text += unit;
        const auto start = std::chrono::steady_clock::now();
        const auto ids = tokenizer->encode(text);
        EXPECT_LE(ids.size(), 3 * text.size() + 2);
        return std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
      };
      const double small = seconds(1 << 16), large = seconds(1 << 20);
      EXPECT_LT(large, 80 * small + 1) << folder << " " << unit;
    }
  }
}

TEST(TokenizerTest, AFolderWithoutATokenizerSaysWhatWasLookedFor) {
  const support::TempDir dir;
  for (const std::string& path : {dir.path(), dir.file("absent")}) {
    try {
      (void)Tokenizer::load(path);
      FAIL() << path;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kNotFound);
      EXPECT_NE(std::string(error.what()).find(path), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace swan::tokenizers
