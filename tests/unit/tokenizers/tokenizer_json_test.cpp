// What tokenizer.json may say, beside what the fixtures say.
#include "tokenizers/tokenizer_json.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "routes.h"
#include "swan/error.h"

namespace swan::tokenizers {
namespace {

using Ids = std::vector<int32_t>;

TEST(TokenizerJsonTest, MergesMayBeWrittenAsStrings) {
  const RouteFolder folder(golden_folder("gemma"), Route::kJson);
  const auto before = Tokenizer::load(folder.path());
  auto definition = folder.json("tokenizer.json");
  for (auto& merge : definition["model"]["merges"]) {
    merge = merge.at(0).get<std::string>() + " " + merge.at(1).get<std::string>();
  }
  folder.write("tokenizer.json", definition);
  const auto after = Tokenizer::load(folder.path());
  const std::string text = "a red fox   running\n\nnext to 城堡";
  EXPECT_EQ(after->encode(text), before->encode(text));
}

// The published Gemma tokenizer.json has a tab in place of the piece "<0x09>".
TEST(TokenizerJsonTest, ATabMayStandInPlaceOfItsByte) {
  const RouteFolder folder(golden_folder("gemma"), Route::kJson);
  auto definition = folder.json("tokenizer.json");
  auto& vocab = definition["model"]["vocab"];
  const int id = vocab.at("<0x09>");
  vocab.erase("<0x09>");
  vocab["\t"] = id;
  folder.write("tokenizer.json", definition);
  EXPECT_EQ(Tokenizer::load(folder.path())->encode("\t"), (Ids{2, id}));
}

TEST(TokenizerJsonTest, AMissingAsciiByteIsUnknownAndAnyOtherIsDamage) {
  const RouteFolder folder(golden_folder("gemma"), Route::kJson);
  const auto original = folder.json("tokenizer.json");
  auto definition = original;
  definition["model"]["vocab"].erase("<0x07>");
  folder.write("tokenizer.json", definition);
  EXPECT_EQ(Tokenizer::load(folder.path())->encode("\a"), (Ids{2, 3}));
  definition = original;
  definition["model"]["vocab"].erase("<0xE7>");
  folder.write("tokenizer.json", definition);
  EXPECT_THROW((void)Tokenizer::load(folder.path()), Error);
}

TEST(TokenizerJsonTest, AnIncompleteTableOfMergesIsRefused) {
  const RouteFolder folder(golden_folder("gemma"), Route::kJson);
  auto definition = folder.json("tokenizer.json");
  auto& merges = definition["model"]["merges"];
  merges.erase(merges.begin() + 1);  // one of two ways to make "▁▁▁"
  folder.write("tokenizer.json", definition);
  try {
    (void)Tokenizer::load(folder.path());
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported) << error.what();
    EXPECT_NE(std::string(error.what()).find("tokenizer.model"), std::string::npos) << error.what();
  }
}

TEST(TokenizerJsonTest, MergesOutOfOrderAreRefused) {
  const RouteFolder folder(golden_folder("gemma"), Route::kJson);
  auto definition = folder.json("tokenizer.json");
  auto& merges = definition["model"]["merges"];
  const auto first = merges.front();
  merges.erase(merges.begin());
  merges.push_back(first);
  folder.write("tokenizer.json", definition);
  EXPECT_THROW((void)Tokenizer::load(folder.path()), Error);
}

// "first": a stretch after a special token gets no "▁" unless a space is there.
TEST(TokenizerJsonTest, ThePrefixSchemeIsFollowed) {
  const RouteFolder folder(golden_folder("umt5"), Route::kJson);
  auto definition = folder.json("tokenizer.json");
  const std::string joined = "a<extra_id_0>a", spaced = "a<extra_id_0> a";
  // The ids of "a" after and without "▁", in this fixture.
  constexpr int32_t kMarked = 283, kBare = 324;
  const auto encode = [&](const char* scheme, const std::string& text) {
    definition["pre_tokenizer"]["prepend_scheme"] = scheme;
    folder.write("tokenizer.json", definition);
    return Tokenizer::load(folder.path())->encode(text);
  };
  EXPECT_EQ(encode("always", joined), (Ids{kMarked, 2011, kMarked, 1}));
  EXPECT_EQ(encode("first", joined), (Ids{kMarked, 2011, kBare, 1}));
  EXPECT_EQ(encode("never", joined), (Ids{kBare, 2011, kBare, 1}));
  for (const char* scheme : {"always", "first"}) EXPECT_EQ(encode(scheme, spaced), (Ids{kMarked, 2011, kMarked, 1}));
  EXPECT_EQ(encode("never", spaced), (Ids{kBare, 2011, kMarked, 1}));
}

TEST(TokenizerJsonTest, OtherFamiliesAreNamed) {
  const RouteFolder folder(golden_folder("gemma"), Route::kJson);
  const auto original = folder.json("tokenizer.json");
  const std::pair<const char*, nlohmann::json> changes[] = {
      {"/model/type", "WordPiece"},
      {"/normalizer", nlohmann::json{{"type", "NFKC"}}},
      {"/normalizer", nullptr},
      {"/pre_tokenizer", nlohmann::json{{"type", "ByteLevel"}}},
      {"/post_processor", nlohmann::json{{"type", "RobertaProcessing"}}},
      {"/model/ignore_merges", true},
      {"/model/end_of_word_suffix", "</w>"},
      {"/model/dropout", 0.1},
  };
  for (const auto& [pointer, value] : changes) {
    auto definition = original;
    definition[nlohmann::json::json_pointer(pointer)] = value;
    folder.write("tokenizer.json", definition);
    try {
      (void)Tokenizer::load(folder.path());
      FAIL() << pointer;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kUnsupported) << error.what();
      EXPECT_NE(std::string(error.what()).find("tokenizer.json"), std::string::npos) << error.what();
    }
  }
}

}  // namespace
}  // namespace swan::tokenizers
