#include "io/json.h"

#include <gtest/gtest.h>

#include <cmath>
#include <filesystem>
#include <string>

#include "support/temp_dir.h"
#include "unit/io/raw_file.h"

namespace swan::io {
namespace {

using support::TempDir;

TEST(Json, ReadsAFile) {
  const TempDir dir;
  const nlohmann::json json = read_json(dir.write("a.json", R"({"a": [1, 2.5, "x"], "b": null})"));
  EXPECT_EQ(json["a"][1], 2.5);
  EXPECT_TRUE(json["b"].is_null());
}

TEST(Json, PythonsNonFiniteNumbersAreNumbers) {
  const nlohmann::json json = parse_json(
      R"({"low": -Infinity, "high":Infinity, "list": [NaN, -1, -Infinity], "text": "-Infinity NaN", "esc": "\"NaN\\"})",
      "x.json");
  EXPECT_EQ(json["low"].get<double>(), -HUGE_VAL);
  EXPECT_EQ(json["high"].get<double>(), HUGE_VAL);
  EXPECT_TRUE(std::isnan(json["list"][0].get<double>()));
  EXPECT_EQ(json["list"][1], -1);
  EXPECT_EQ(json["list"][2].get<double>(), -HUGE_VAL);
  EXPECT_EQ(json["text"], "-Infinity NaN");
  EXPECT_EQ(json["esc"], "\"NaN\\");
}

TEST(Json, WhatIsNotJsonNamesTheFile) {
  const auto expect_corrupt = [](const std::string& text, const std::string& part) {
    SCOPED_TRACE(text.substr(0, 60));
    expect_error(ErrorCode::kCorruptFile, {"some/x.json", part}, [&] { (void)parse_json(text, "some/x.json"); });
  };
  expect_corrupt("", "empty");
  expect_corrupt("{", "line 1");
  expect_corrupt("{\"a\": 1,\n \"b\" 2}", "line 2");
  expect_corrupt("{\"a\": 1} x", "line 1");
  expect_corrupt("{'a': 1}", "line 1");
  expect_corrupt("{\"a\": \"\xFF\"}", "UTF-8");
  expect_corrupt(std::string("{}\0{}", 5), "zero byte");
  expect_corrupt(R"({"a": 1, "b": {"c": 1, "d": 2, "c": 3}})", "\"c\" twice");
  expect_corrupt(R"([{"a": 1}, {"a": 1, "a": 1}])", "\"a\" twice");
  expect_corrupt(R"({"a": Infinityx})", "line 1");
  expect_corrupt(R"({NaN: 1})", "where a key belongs");
  expect_corrupt("1e999", "overflow");
  expect_corrupt(std::string(100000, '['), "64 deep");
  expect_corrupt("\"\\", "line 1");
}

TEST(Json, SameKeysInDifferentObjectsAreFine) {
  EXPECT_EQ(parse_json(R"({"a": {"a": 1}, "b": {"a": 2}, "c": [{"a": 3}, {"a": 4}]})", "x")["c"][1]["a"], 4);
}

TEST(Json, LimitsHold) {
  const TempDir dir;
  const std::string path = dir.write("big.json", "[" + std::string(1000, ' ') + "]");
  EXPECT_TRUE(read_json(path, {.bytes = 1002}).is_array());
  expect_error(ErrorCode::kCorruptFile, {path, "1002 bytes", "1001"}, [&] { (void)read_json(path, {.bytes = 1001}); });
  EXPECT_NO_THROW((void)parse_json("[[[]]]", "x", {.depth = 3}));
  expect_error(ErrorCode::kCorruptFile, {"2 deep"}, [&] { (void)parse_json("[[[]]]", "x", {.depth = 2}); });
  expect_error(ErrorCode::kNotFound, {dir.file("no.json")}, [&] { (void)read_json(dir.file("no.json")); });
  expect_error(ErrorCode::kIo, {"folder"}, [&] { (void)read_json(dir.path()); });
}

}  // namespace
}  // namespace swan::io
