#include "cli/values.h"

#include <gtest/gtest.h>

#include <functional>
#include <set>

namespace swan::cli {
namespace {

std::string message_of(const std::function<void()>& call) {
  try {
    call();
  } catch (const UsageError& e) {
    return e.what();
  }
  return "";
}

TEST(Values, IntegersAreReadWhole) {
  EXPECT_EQ(parse_integer("--steps", "20", 1, 1000), 20);
  EXPECT_EQ(parse_integer("--steps", "1", 1, 1000), 1);
  EXPECT_EQ(parse_integer("--steps", "1000", 1, 1000), 1000);
}

TEST(Values, WrongIntegersNameOptionTextAndRange) {
  for (const char* text :
       {"", "0", "1001", "-3", "2.5", "20x", "x", " 5", "5 ", "0x10", "+5", "1e2", "五", "99999999999999999999999"}) {
    const std::string message = message_of([&] { (void)parse_integer("--steps", text, 1, 1000); });
    EXPECT_EQ(message, "--steps is '" + std::string(text) + "', but must be a whole number from 1 to 1000");
  }
}

TEST(Values, NumbersAreFinite) {
  EXPECT_DOUBLE_EQ(parse_number("--guidance-scale", "4.5"), 4.5);
  EXPECT_DOUBLE_EQ(parse_number("--guidance-scale", "-1e1"), -10);
  for (const char* text : {"", "nan", "inf", "-inf", "1e999", "4,5", "4.5x", "--json"}) {
    EXPECT_THROW((void)parse_number("--guidance-scale", text), UsageError) << text;
  }
}

TEST(Values, SizesHaveUnits) {
  constexpr uint64_t kLeast = uint64_t{1} << 28;
  const auto bytes = [](const char* text) { return parse_bytes("--memory-budget", text, kLeast); };
  EXPECT_EQ(bytes("8GiB"), uint64_t{8} << 30);
  EXPECT_EQ(bytes("8g"), uint64_t{8} << 30);
  EXPECT_EQ(bytes("7.5GB"), 7'500'000'000U);
  EXPECT_EQ(bytes("900mib"), uint64_t{900} << 20);
  EXPECT_EQ(bytes("256MiB"), kLeast);
  for (const char* text : {"", "8", "GiB", "8 GiB", "-8GiB", "8GiBs", "1.2.3GiB", "nanGiB", "1e3GiB", "8kB"})
    EXPECT_EQ(message_of([&] { (void)bytes(text); }),
              "--memory-budget is '" + std::string(text) + "', but must be a size such as 8GiB, 7.5GB or 900MiB");
  for (const char* text : {"255MiB", "0GiB", "99999999999GiB"})
    EXPECT_EQ(message_of([&] { (void)bytes(text); }),
              "--memory-budget is '" + std::string(text) + "', but must be at least 256MiB and below 1073741824GiB");
}

TEST(Values, SeedsAreOneOrMany) {
  EXPECT_EQ(parse_seeds("0"), (std::vector<uint64_t>{0}));
  EXPECT_EQ(parse_seeds("1,2,18446744073709551615"), (std::vector<uint64_t>{1, 2, UINT64_MAX}));
  for (const char* text : {"", ",", "1,", ",1", "1,,2", "1, 2", "-1", "18446744073709551616", "1.0"}) {
    EXPECT_THROW((void)parse_seeds(text), UsageError) << text;
  }
}

TEST(Values, ChoicesSuggestTheNearest) {
  const std::vector<std::string> choices = {"auto", "f32", "bf16", "f16", "fp8"};
  EXPECT_EQ(parse_choice("--dtype", "bf16", choices), "bf16");
  const auto message = [&](const char* text) {
    return message_of([&] { (void)parse_choice("--dtype", text, choices); });
  };
  EXPECT_EQ(message("fp32"), "--dtype is 'fp32', but must be one of auto, f32, bf16, f16, fp8; did you mean f32?");
  EXPECT_NE(message("bfloat16").find("did you mean bf16?"), std::string::npos);
  EXPECT_NE(message("e4m3").find("did you mean fp8?"), std::string::npos);
  EXPECT_NE(message("half").find("did you mean f16?"), std::string::npos);
  EXPECT_EQ(message("complex"), "--dtype is 'complex', but must be one of auto, f32, bf16, f16, fp8");
}

TEST(Values, RandomSeedsAreShortAndDiffer) {
  std::set<uint64_t> seeds;
  for (int i = 0; i < 8; ++i) seeds.insert(random_seed());
  EXPECT_GT(seeds.size(), 1U);
  EXPECT_LE(*seeds.rbegin(), UINT32_MAX);
}

}  // namespace
}  // namespace swan::cli
