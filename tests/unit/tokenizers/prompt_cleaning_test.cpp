#include "tokenizers/prompt_cleaning.h"

#include <gtest/gtest.h>

#include <string>

#include "routes.h"
#include "swan/error.h"

namespace swan::tokenizers {
namespace {

TEST(CleanSanaPromptTest, GivesWhatPythonGives) {
  const auto golden = read_golden_json("cleaning_cases.json");
  ASSERT_GE(golden.at("cases").size(), 300U);
  for (const auto& item : golden.at("cases")) {
    const std::string text = item.at(0), cleaned = item.at(1);
    EXPECT_EQ(clean_sana_prompt(text), cleaned) << item.dump();
  }
}

TEST(CleanSanaPromptTest, GivesWhatTheReferencePipelineGives) {
  const auto golden = read_golden_json("gemma_cases.json");
  ASSERT_GE(golden.at("cases").size(), 66U);
  for (const auto& item : golden.at("cases")) {
    EXPECT_EQ(clean_sana_prompt(item.at("prompt").get<std::string>()), item.at("preprocessed").get<std::string>());
  }
}

TEST(CleanSanaPromptTest, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(clean_sana_prompt(" A\xFF\xC3 "), "a\uFFFD\uFFFD");
  EXPECT_EQ(clean_sana_prompt("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");
}

TEST(CleanWanPromptTest, GivesWhatTheReferenceGives) {
  const auto golden = read_golden_json("wan_cleaning_cases.json");
  ASSERT_GE(golden.at("cases").size(), 300U);
  for (const auto& item : golden.at("cases")) {
    const std::string text = item.at(0), cleaned = item.at(1);
    EXPECT_EQ(clean_wan_prompt(text), cleaned) << item.dump();
  }
}

TEST(CleanWanPromptTest, GivesWhatTheReferencePipelineGives) {
  const auto golden = read_golden_json("umt5_cases.json");
  ASSERT_GE(golden.at("cases").size(), 66U);
  for (const auto& item : golden.at("cases")) {
    EXPECT_EQ(clean_wan_prompt(item.at("prompt").get<std::string>()), item.at("preprocessed").get<std::string>());
  }
}

TEST(CleanWanPromptTest, ReplacesWhatIsNotUtf8) {
  EXPECT_EQ(clean_wan_prompt(" A\xFF "), "A\uFFFD");
  EXPECT_EQ(clean_wan_prompt("\xED\xA0\x80"), "\uFFFD\uFFFD\uFFFD");
}

TEST(CleanWanPromptTest, BoundsTheLength) {
  EXPECT_THROW((void)clean_wan_prompt(std::string((size_t{1} << 24) + 1, 'a')), Error);
}

}  // namespace
}  // namespace swan::tokenizers
