#include "io/config.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "io/json.h"
#include "support/golden.h"
#include "support/temp_dir.h"
#include "unit/io/raw_file.h"

namespace swan::io {
namespace {

Config config(const std::string& text) { return {parse_json(text, "x/config.json"), "x/config.json"}; }

TEST(Config, ReadsTypedKeys) {
  const Config c = config(R"({"n": 20, "f": 0.5, "b": true, "s": "silu", "l": [1, 2], "nested": [[], [5], [3, 4]],
                              "names": ["a", "b"], "none": null, "flags": [true, false], "low": -Infinity})");
  EXPECT_EQ(c.get<int64_t>("n", 1), 20);
  EXPECT_EQ(c.get<double>("n", 1), 20.0);
  EXPECT_EQ(c.require<double>("f"), 0.5);
  EXPECT_TRUE(c.get<bool>("b", false));
  EXPECT_EQ(c.require<std::string>("s"), "silu");
  EXPECT_EQ(c.require<std::vector<int64_t>>("l"), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(c.require<std::vector<double>>("l"), (std::vector<double>{1, 2}));
  EXPECT_EQ(c.require<std::vector<std::vector<int64_t>>>("nested"),
            (std::vector<std::vector<int64_t>>{{}, {5}, {3, 4}}));
  EXPECT_EQ(c.require<std::vector<std::string>>("names").back(), "b");
  EXPECT_EQ(c.require<std::vector<bool>>("flags"), (std::vector<bool>{true, false}));
  EXPECT_LT(c.require<double>("low"), -1e308);
}

TEST(Config, AbsentAndNullAreTheDefault) {
  const Config c = config(R"({"none": null})");
  for (const char* key : {"none", "absent"}) {
    EXPECT_FALSE(c.has(key));
    EXPECT_EQ(c.get<int64_t>(key, 7), 7);
    EXPECT_EQ(c.get<std::string>(key, "x"), "x");
    EXPECT_EQ(c.optional<double>(key), std::nullopt);
    EXPECT_EQ(c.get_in(key, 7, 1, 3), 7);
    EXPECT_EQ(c.optional_in(key, 1, 3), std::nullopt);
    EXPECT_EQ(c.get_list_in(key, {4}, 1, 3), std::vector<int64_t>{4});
    EXPECT_FALSE(c.object(key).has_value());
    expect_error(ErrorCode::kCorruptFile, {"x/config.json", key}, [&] { (void)c.require<bool>(key); });
    expect_error(ErrorCode::kCorruptFile, {"x/config.json", key}, [&] { (void)c.require_in(key, 1, 2); });
  }
}

TEST(Config, OtherTypesNameKeyFileAndBothTypes) {
  const Config c = config(R"({"s": "x", "f": 1.5, "big": 18446744073709551615, "b": true, "mixed": [1, "a"], "i": 1})");
  const auto wrong = [](const std::string& key, const std::string& found, const std::string& expected,
                        const auto& read) {
    SCOPED_TRACE(key);
    expect_error(ErrorCode::kCorruptFile, {"x/config.json", "'" + key + "'", found, expected}, read);
  };
  wrong("s", "\"x\"", "an integer", [&] { (void)c.get<int64_t>("s", 1); });
  wrong("f", "1.5", "an integer", [&] { (void)c.get<int64_t>("f", 1); });
  wrong("big", "18446744073709551615", "an integer", [&] { (void)c.get<int64_t>("big", 1); });
  wrong("b", "true", "an integer", [&] { (void)c.get<int64_t>("b", 1); });
  wrong("b", "true", "a number", [&] { (void)c.get<double>("b", 1); });
  wrong("i", "1", "true or false", [&] { (void)c.get<bool>("i", false); });
  wrong("i", "1", "a string", [&] { (void)c.optional<std::string>("i"); });
  wrong("i", "1", "a list", [&] { (void)c.require<std::vector<int64_t>>("i"); });
  wrong("mixed", "\"a\"", "each element an integer", [&] { (void)c.require<std::vector<int64_t>>("mixed"); });
  wrong("i", "1", "an object", [&] { (void)c.object("i"); });
}

TEST(Config, RangesBoundWhatAFileAsksFor) {
  const Config c = config(R"({"zero": 0, "ok": 12, "huge": 1000000000000, "l": [1, 2, 3], "bad": [1, -2]})");
  EXPECT_EQ(c.get_in("ok", 1, 1, 100), 12);
  EXPECT_EQ(c.require_in("ok", 12, 12), 12);
  EXPECT_EQ(c.optional_in("ok", 1, 100), 12);
  expect_error(ErrorCode::kCorruptFile, {"'zero' is 0", "1 to 100"}, [&] { (void)c.get_in("zero", 1, 1, 100); });
  expect_error(ErrorCode::kCorruptFile, {"'huge'", "1 to 100"}, [&] { (void)c.require_in("huge", 1, 100); });
  EXPECT_EQ(c.get_list_in("l", {}, 1, 3), (std::vector<int64_t>{1, 2, 3}));
  EXPECT_EQ(c.get_list_in("l", {}, 1, 3, 3).size(), 3U);
  expect_error(ErrorCode::kCorruptFile, {"'l'", "2 integers from 1 to 3"},
               [&] { (void)c.get_list_in("l", {}, 1, 3, 2); });
  expect_error(ErrorCode::kCorruptFile, {"'bad'"}, [&] { (void)c.get_list_in("bad", {}, 1, 3); });
}

TEST(Config, OneValueMayStandForEveryBlock) {
  const Config c = config(R"({"one": "silu", "each": ["a", "b", "c"], "n": 5})");
  EXPECT_EQ(c.get_per_block<std::string>("one", 3, "x"), (std::vector<std::string>{"silu", "silu", "silu"}));
  EXPECT_EQ(c.get_per_block<std::string>("each", 3, "x"), (std::vector<std::string>{"a", "b", "c"}));
  EXPECT_EQ(c.get_per_block<std::string>("absent", 2, "x"), (std::vector<std::string>{"x", "x"}));
  EXPECT_EQ(c.get_per_block<int64_t>("n", 2, 1), (std::vector<int64_t>{5, 5}));
  expect_error(ErrorCode::kCorruptFile, {"'each'", "a list of 4"},
               [&] { (void)c.get_per_block<std::string>("each", 4, "x"); });
  expect_error(ErrorCode::kCorruptFile, {"'n'", "a string"}, [&] { (void)c.get_per_block<std::string>("n", 4, "x"); });
}

TEST(Config, UnknownKeysAreListed) {
  constexpr std::string_view kKnown[] = {"a", "b"};
  EXPECT_EQ(config(R"({"a": 1, "zz": 2, "_class_name": "X", "c": 3})").unknown_keys(kKnown),
            (std::vector<std::string>{"c", "zz"}));
}

TEST(Config, ObjectsWithinNameThemselves) {
  const Config inner = config(R"({"rope_parameters": {"rope_theta": "x"}})").object("rope_parameters").value();
  expect_error(ErrorCode::kCorruptFile, {"x/config.json", "'rope_parameters'", "'rope_theta'"},
               [&] { (void)inner.require<double>("rope_theta"); });
}

TEST(Config, ReadsPublishedFiles) {
  const Config vae = Config::read(support::golden_path("models/sana/vae/config.json"));
  EXPECT_EQ(vae.class_name(), "AutoencoderDC");
  EXPECT_EQ(vae.get_per_block<std::string>("decoder_act_fns", 6, "").front(), "silu");
  EXPECT_EQ(vae.require<std::vector<std::vector<int64_t>>>("decoder_qkv_multiscales")[3], std::vector<int64_t>{5});
  const Config text = Config::read(support::golden_path("models/sana/text_encoder/config.json"));
  EXPECT_EQ(text.class_name(), "Gemma2Model");
  const Config scheduler = Config::read(support::golden_path("models/sana/scheduler/scheduler_config.json"));
  EXPECT_LT(scheduler.require<double>("lambda_min_clipped"), -1e308);
}

TEST(Config, OnlyObjectsAreConfigurations) {
  const support::TempDir dir;
  const std::string path = dir.write("config.json", "[1]");
  expect_error(ErrorCode::kCorruptFile, {path, "array"}, [&] { (void)Config::read(path); });
}

}  // namespace
}  // namespace swan::io
