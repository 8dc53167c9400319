#include "config/yaml.h"

#include <gtest/gtest.h>

#include <chrono>

#include "config/limits.h"

namespace swan::config {
namespace {

struct Read {
  Value value;
  Problems problems;
  [[nodiscard]] std::string said() const { return problems.empty() ? "" : problems.front().str(); }
};

Read read(const std::string& text) {
  const Origin origin{.source = Origin::Source::kFile, .name = std::make_shared<const std::string>("a.yaml")};
  Read result;
  result.value = read_yaml(text, origin, result.problems);
  return result;
}

TEST(Yaml, ScalarsAreWhatTheCoreSchemaSays) {
  using Kind = Value::Kind;
  for (const auto& [text, kind] : std::initializer_list<std::pair<const char*, Kind>>{
           {"", Kind::kNull},         {"~", Kind::kNull},
           {"null", Kind::kNull},     {"true", Kind::kFlag},
           {"False", Kind::kFlag},    {"yes", Kind::kText},
           {"off", Kind::kText},      {"0", Kind::kInteger},
           {"-12", Kind::kInteger},   {"+7", Kind::kInteger},
           {"4.5", Kind::kNumber},    {".5", Kind::kNumber},
           {"5.", Kind::kNumber},     {"-1e-3", Kind::kNumber},
           {"1e", Kind::kText},       {".", Kind::kText},
           {"-", Kind::kText},        {"0x10", Kind::kText},
           {"12:30:00", Kind::kText}, {".inf", Kind::kText},
           {"1_000", Kind::kText},    {"18446744073709551615", Kind::kInteger},
           {"8GiB", Kind::kText}}) {
    EXPECT_EQ(plain_kind(text), kind) << text;
  }
}

TEST(Yaml, ValuesKnowTheirPlaces) {
  const Read r = read("sampling:\n  seed: 7\n  \"sigmas\": [1, '0.5',\n           é]\n");
  ASSERT_EQ(r.said(), "");
  EXPECT_EQ(r.value.find_path("sampling.seed")->origin.str(), "a.yaml:2:9");
  const Value& sigmas = *r.value.find_path("sampling.sigmas");
  ASSERT_EQ(sigmas.items.size(), 3U);
  EXPECT_EQ(sigmas.items[1].origin.str(), "a.yaml:3:17");
  EXPECT_EQ(sigmas.items[1].kind, Value::Kind::kText);  // quotes make it one
  EXPECT_EQ(sigmas.items[2].origin.str(), "a.yaml:4:12");
  EXPECT_EQ(r.value.find("sampling")->members[1].origin.str(), "a.yaml:3:3");
}

TEST(Yaml, EmptyDocumentsAreEmptyMaps) {
  for (const char* text : {"", "\n", "# nothing\n", "---\n", "~", "\xEF\xBB\xBF"}) {
    const Read r = read(text);
    EXPECT_EQ(r.said(), "") << text;
    EXPECT_EQ(r.value.kind, Value::Kind::kMap) << text;
    EXPECT_TRUE(r.value.members.empty()) << text;
  }
}

TEST(Yaml, AliasesAreCopies) {
  const Read r = read("a: &x {k: [1, 2]}\nb: *x\nc: &y text\nd: *y\n");
  ASSERT_EQ(r.said(), "");
  EXPECT_EQ(r.value.find_path("b.k")->items[1].text, "2");
  EXPECT_EQ(r.value.find("d")->text, "text");
}

TEST(Yaml, WhatIsNotPlainDataIsRefused) {
  for (const auto& [text, says] : std::initializer_list<std::pair<std::string, const char*>>{
           {"a: 1\nb: 2\na: 3\n", "a.yaml:3:1: a: the key 'a' is there already, in line 1"},
           {"a: !!python/object:os.system x\n", "the tag 'tag:yaml.org,2002:python/object:os.system' means nothing"},
           {"a: !x [1]\n", "the tag '!x' means nothing"},
           {"[a]: 1\n", "a key must be a word, but is a list"},
           {"? \n: 1\n", "a key must be a word, but is nothing"},
           {"base: &b {x: 1}\nall:\n  <<: *b\n", "a.yaml:3:3: all: '<<' is not merged here"},
           {"a: &x [*x]\n", "an alias stands inside of what it is an alias of"},
           {"a: 1\n---\nb: 2\n", "a.yaml:2:1: it has several documents"},
           {"a: [1, 2\n", "it cannot be read as YAML"},
           {"a: *unknown\n", "it cannot be read as YAML"},
           {"a:\n\t- 1\n", "it cannot be read as YAML"},
           {"a: \"\\xZZ\"\n", "it cannot be read as YAML"},
           {std::string("a: \0b\n", 6), "it has null characters"},
           {"a: \xC3\x28\n", "it is not UTF-8 at byte 3"},
           {std::string("\xFF\xFE"
                        "a\0:\0",
                        6),
            "it is not UTF-8 at byte 0"}}) {
    EXPECT_NE(read(text).said().find(says), std::string::npos) << text << "\n" << read(text).said();
  }
}

// What costs more than it weighs: each of these is told in well under the time that a test may take.
TEST(Yaml, HostileDocumentsCostLittle) {
  std::string laughs = "a0: &a0 [ha, ha, ha, ha, ha, ha, ha, ha, ha]\n";
  for (int i = 1; i < 30; ++i) {
    const std::string alias = "*a" + std::to_string(i - 1);
    laughs += "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + alias;
    for (int k = 0; k < 8; ++k) laughs += ", " + alias;
    laughs += "]\n";
  }
  std::string many = "a: [";
  for (int i = 0; i < 100000; ++i) many += "1,";
  std::string anchors;  // each holds the one before
  for (int i = 0; i < 60; ++i) anchors += "&a" + std::to_string(i) + " [";
  std::string keys;
  for (int i = 0; i < 9000; ++i) keys += "k" + std::to_string(i) + ": 1\n";
  const auto begin = std::chrono::steady_clock::now();
  EXPECT_NE(read(laughs).said().find("it has more than 20000 values, aliases written out"), std::string::npos);
  EXPECT_NE(read(many + "]").said().find("it has more than 20000 values"), std::string::npos);
  EXPECT_NE(read("a: " + std::string(100, '[')).said().find("deeper than 64"), std::string::npos);
  EXPECT_NE(read(std::string(100000, '[')).said(), "");
  EXPECT_NE(read(std::string(100000, '{')).said(), "");
  EXPECT_NE(read(anchors).said(), "");
  EXPECT_NE(read(std::string(kMaxBytes + 1, ' ')).said().find("longer than 1048576 bytes"), std::string::npos);
  std::string deep;
  for (int i = 0; i < 1000; ++i) deep += std::string(static_cast<size_t>(i), ' ') + "a:\n";
  EXPECT_NE(read(deep).said().find("deeper than 64"), std::string::npos);
  EXPECT_EQ(read(keys).said(), "");
  EXPECT_EQ(read("a: " + std::string(500000, 'x')).said(), "");
  EXPECT_EQ(read("# " + std::string(500000, '{')).said(), "");
  EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(20));
}

}  // namespace
}  // namespace swan::config
