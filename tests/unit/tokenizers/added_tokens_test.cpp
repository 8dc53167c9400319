#include "tokenizers/added_tokens.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "routes.h"

namespace swan::tokenizers {
namespace {

using Ids = std::vector<int32_t>;

// The cases come from the reference's library with Gemma's fixture and further tokens of all flags.
TEST(AddedTokensTest, FlagsMeanWhatTheyMeanInTheReference) {
  const auto golden = read_golden_json("added_token_cases.json");
  ASSERT_GE(golden.at("cases").size(), 40U);
  const RouteFolder json(golden_folder("gemma"), Route::kJson);
  auto definition = json.json("tokenizer.json");
  for (const auto& token : golden.at("added_tokens")) definition["added_tokens"].push_back(token);
  json.write("tokenizer.json", definition);

  const RouteFolder model(golden_folder("gemma"), Route::kModel);
  auto config = model.json("tokenizer_config.json");
  for (const auto& token : golden.at("added_tokens")) {
    config["added_tokens_decoder"][std::to_string(token.at("id").get<int>())] = token;
  }
  model.write("tokenizer_config.json", config);

  for (const RouteFolder* folder : {&json, &model}) {
    const auto tokenizer = Tokenizer::load(folder->path());
    EXPECT_GT(tokenizer->vocab_size(), 2000);
    for (const auto& item : golden.at("cases")) {
      EXPECT_EQ(tokenizer->encode(item.at("text").get<std::string>()), item.at("input_ids").get<Ids>()) << item.dump();
    }
  }
}

TEST(AddedTokensTest, LongestMatchWinsAndSectionsCoverTheText) {
  const AddedTokenFinder finder({{.content = "ab", .id = 1}, {.content = "abcd", .id = 2}, {.content = "b", .id = 3}},
                                false);
  std::vector<std::pair<std::string, int32_t>> found;
  for (const Section& section : finder.split("xabcdabcyb")) found.emplace_back(section.text, section.id);
  EXPECT_EQ(found, (std::vector<std::pair<std::string, int32_t>>{{"x", -1}, {"", 2}, {"", 1}, {"cy", -1}, {"", 3}}));
  EXPECT_TRUE(finder.split("").empty());
}

TEST(AddedTokensTest, OnlyTheFirstSectionIsAtTheStart) {
  const AddedTokenFinder finder({{.content = "|", .id = 1}}, false);
  const auto sections = finder.split("a|b");
  ASSERT_EQ(sections.size(), 3U);
  EXPECT_TRUE(sections[0].at_start);
  EXPECT_FALSE(sections[1].at_start);
  EXPECT_FALSE(sections[2].at_start);
}

TEST(AddedTokensTest, SentinelsAreCountedWhereOnlyTheirNumberIsGiven) {
  const RouteFolder folder(golden_folder("umt5"), Route::kModel);
  auto config = folder.json("tokenizer_config.json");
  config.erase("added_tokens_decoder");
  folder.write("tokenizer_config.json", config);
  const auto tokenizer = Tokenizer::load(folder.path());
  EXPECT_EQ(tokenizer->vocab_size(), 2012);
  EXPECT_EQ(tokenizer->encode("<extra_id_0><extra_id_11>"), (Ids{2011, 2000, 1}));
}

}  // namespace
}  // namespace swan::tokenizers
