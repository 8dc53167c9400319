// Files that are not what they claim to be: each gives an error that names the file, and none a crash.
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "routes.h"
#include "swan/error.h"
#include "tokenizers/charsmap.h"

namespace swan::tokenizers {
namespace {

using nlohmann::json;

void expect_corrupt(const RouteFolder& folder, const std::string& file, const std::string& what) {
  try {
    (void)Tokenizer::load(folder.path());
    ADD_FAILURE() << "accepted: " << what;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kCorruptFile) << what << ": " << error.what();
    EXPECT_NE(std::string(error.what()).find(file), std::string::npos) << what << ": " << error.what();
  }
}

TEST(DamagedTokenizerTest, TextThatIsNoTokenizerJson) {
  const RouteFolder folder(golden_folder("gemma"), Route::kJson);
  const std::string original = read_bytes(folder.path() + "/tokenizer.json");
  const std::string deep(200000, '['), objects = [] {
    std::string text;
    for (int i = 0; i < 100000; ++i) text += "{\"a\":";
    return text;
  }();
  for (const std::string& text :
       {std::string(), std::string("null"), std::string("[]"), std::string("{}"), std::string("\"x\""),
        std::string("{\"model\":[]}"), std::string("{\"model\":{\"type\":\"BPE\"}}"), deep, objects,
        "{\"model\":{\"vocab\":" + deep, "{\"model\":{\"merges\":" + deep, "{\"a\":" + deep,
        std::string("{\"a\":1e999}"), std::string("{\"a\":\"\xFF\"}"), original.substr(0, original.size() / 2),
        original + "]", std::string("\xEF\xBB\xBF")}) {
    folder.write("tokenizer.json", text);
    if (text == "{\"model\":{\"type\":\"BPE\"}}" || text == "{\"model\":[]}" || text == "{}") {
      EXPECT_THROW((void)Tokenizer::load(folder.path()), Error) << text;  // unsupported or corrupt
    } else {
      expect_corrupt(folder, "tokenizer.json", text.substr(0, 40));
    }
  }
}

TEST(DamagedTokenizerTest, GemmaJsonWithWrongValues) {
  const RouteFolder folder(golden_folder("gemma"), Route::kJson);
  const json original = folder.json("tokenizer.json");
  const std::pair<const char*, std::function<void(json&)>> changes[] = {
      {"vocab is null", [](json& j) { j["model"]["vocab"] = nullptr; }},
      {"vocab is a number", [](json& j) { j["model"]["vocab"] = 3; }},
      {"vocab is empty", [](json& j) { j["model"]["vocab"] = json::object(); }},
      {"vocab is a list",
       [](json& j) {
         j["model"]["vocab"] = json::array({json::array({"a", 1.0})});
       }},
      {"an id is a string", [](json& j) { j["model"]["vocab"]["cat"] = "7"; }},
      {"an id is an object", [](json& j) { j["model"]["vocab"]["cat"] = json::object(); }},
      {"an id is a fraction", [](json& j) { j["model"]["vocab"]["cat"] = 0.5; }},
      {"an id is negative", [](json& j) { j["model"]["vocab"]["cat"] = -1; }},
      {"an id is huge", [](json& j) { j["model"]["vocab"]["cat"] = int64_t{1} << 40; }},
      {"an id is beyond int64", [](json& j) { j["model"]["vocab"]["cat"] = UINT64_MAX; }},
      {"two pieces share an id", [](json& j) { j["model"]["vocab"]["zzz"] = 500; }},
      {"an empty piece", [](json& j) { j["model"]["vocab"][""] = 5000; }},
      {"a piece of absurd length", [](json& j) { j["model"]["vocab"][std::string(5000, 'a')] = 5000; }},
      {"no unknown piece", [](json& j) { j["model"]["vocab"].erase("<unk>"); }},
      {"no unk_token", [](json& j) { j["model"]["unk_token"] = nullptr; }},
      {"an unk_token of another type", [](json& j) { j["model"]["unk_token"] = 3; }},
      {"merges are a number", [](json& j) { j["model"]["merges"] = 3; }},
      {"merges are an object",
       [](json& j) {
         j["model"]["merges"] = json::object({{"a", "b"}});
       }},
      {"a merge of one piece", [](json& j) { j["model"]["merges"][0] = json::array({"a"}); }},
      {"a merge of three pieces",
       [](json& j) {
         j["model"]["merges"][0] = json::array({"a", "b", "c"});
       }},
      {"a merge without a space", [](json& j) { j["model"]["merges"][0] = "ab"; }},
      {"a merge of numbers",
       [](json& j) {
         j["model"]["merges"][0] = json::array({1, 2});
       }},
      {"a merge of nothing known",
       [](json& j) {
         j["model"]["merges"][0] = json::array({"qqq", "qqq"});
       }},
      {"byte_fallback is a string", [](json& j) { j["model"]["byte_fallback"] = "yes"; }},
      {"added_tokens is an object", [](json& j) { j["added_tokens"] = json::object(); }},
      {"an added token is a string", [](json& j) { j["added_tokens"][0] = "<pad>"; }},
      {"an added token has no id", [](json& j) { j["added_tokens"][0].erase("id"); }},
      {"an added token has no content", [](json& j) { j["added_tokens"][0].erase("content"); }},
      {"an added token is empty", [](json& j) { j["added_tokens"][0]["content"] = ""; }},
      {"an added token is too long", [](json& j) { j["added_tokens"][0]["content"] = std::string(5000, '<'); }},
      {"an added token has a piece's id", [](json& j) { j["added_tokens"][0]["content"] = "<new>"; }},
      {"an added token contradicts its piece", [](json& j) { j["added_tokens"][0]["id"] = 1; }},
      {"a flag is a number", [](json& j) { j["added_tokens"][0]["lstrip"] = 1; }},
      {"a template with an id out of range",
       [](json& j) { j["post_processor"]["special_tokens"]["<bos>"]["ids"] = json::array({70000}); }},
      {"a template without its token", [](json& j) { j["post_processor"]["special_tokens"] = json::object(); }},
      {"a template that is no list", [](json& j) { j["post_processor"]["single"] = 1; }},
      {"a normalizer of another type", [](json& j) { j["normalizer"] = "Replace"; }},
  };
  for (const auto& [what, change] : changes) {
    json definition = original;
    change(definition);
    folder.write("tokenizer.json", definition);
    expect_corrupt(folder, "tokenizer.json", what);
  }
}

TEST(DamagedTokenizerTest, KeysThatOccurTwice) {
  const RouteFolder folder(golden_folder("gemma"), Route::kJson);
  const std::string original = read_bytes(folder.path() + "/tokenizer.json");
  const auto inserted = [&](const std::string& after, const std::string& text) {
    const size_t at = original.find(after);
    EXPECT_NE(at, std::string::npos) << after;
    return original.substr(0, at + after.size()) + text + original.substr(at + after.size());
  };
  folder.write("tokenizer.json", inserted("\"vocab\":", "{},\"vocab\":"));
  expect_corrupt(folder, "tokenizer.json", "two vocabularies");
  folder.write("tokenizer.json", inserted("{", "\"version\":\"1.0\",\"version\":\"1.0\","));
  expect_corrupt(folder, "tokenizer.json", "two versions");
  const size_t first =
      original.find("\"<pad>\": 0") != std::string::npos ? original.find("\"<pad>\": 0") : original.find("\"<pad>\":0");
  ASSERT_NE(first, std::string::npos);
  folder.write("tokenizer.json", original.substr(0, first) + "\"<pad>\":1999," + original.substr(first));
  expect_corrupt(folder, "tokenizer.json", "two pieces of one text");
}

TEST(DamagedTokenizerTest, Umt5JsonWithWrongValues) {
  const RouteFolder folder(golden_folder("umt5"), Route::kJson);
  const json original = folder.json("tokenizer.json");
  const std::pair<const char*, std::function<void(json&)>> changes[] = {
      {"unk_id is null", [](json& j) { j["model"]["unk_id"] = nullptr; }},
      {"unk_id is out of range", [](json& j) { j["model"]["unk_id"] = 5000; }},
      {"unk_id is negative", [](json& j) { j["model"]["unk_id"] = -1; }},
      {"vocab is an object",
       [](json& j) {
         j["model"]["vocab"] = json::object({{"a", 1}});
       }},
      {"an entry is a string", [](json& j) { j["model"]["vocab"][300] = "a"; }},
      {"an entry has no score", [](json& j) { j["model"]["vocab"][300] = json::array({"a"}); }},
      {"an entry has a score that is text",
       [](json& j) {
         j["model"]["vocab"][300] = json::array({"a", "b"});
       }},
      {"a score beyond f32",
       [](json& j) {
         j["model"]["vocab"][300] = json::array({"zzzz", -1e300});
       }},
      {"two entries alike", [](json& j) { j["model"]["vocab"][300] = j["model"]["vocab"][301]; }},
      {"a piece with a NUL", [](json& j) { j["model"]["vocab"][300][0] = std::string("a\0b", 3); }},
      {"a charsmap that is not base64",
       [](json& j) { j["normalizer"]["normalizers"][0]["precompiled_charsmap"] = "@@@@"; }},
      {"a charsmap of no table", [](json& j) { j["normalizer"]["normalizers"][0]["precompiled_charsmap"] = "AAAA"; }},
      {"an unknown prefix scheme", [](json& j) { j["pre_tokenizer"]["prepend_scheme"] = "sometimes"; }},
  };
  for (const auto& [what, change] : changes) {
    json definition = original;
    change(definition);
    folder.write("tokenizer.json", definition);
    expect_corrupt(folder, "tokenizer.json", what);
  }
}

TEST(DamagedTokenizerTest, ModelsThatAreNone) {
  const RouteFolder folder(golden_folder("gemma"), Route::kModel);
  const std::string original = read_bytes(folder.path() + "/tokenizer.model");
  std::string wrong_wire = original;
  wrong_wire[0] = '\x08';  // pieces as a number
  for (const std::string& bytes : {std::string(), std::string("not a model"), original.substr(0, original.size() / 2),
                                   original.substr(0, 1), original + "\xFF", wrong_wire, std::string(64, '\xFF'),
                                   original + original, std::string("\x0A\xFF\xFF\xFF\xFF\xFF\xFF\xFF\xFF\x7F", 10)}) {
    folder.write("tokenizer.model", bytes);
    expect_corrupt(folder, "tokenizer.model", std::to_string(bytes.size()) + " bytes");
  }
}

TEST(DamagedTokenizerTest, ConfigurationsThatContradict) {
  const RouteFolder folder(golden_folder("gemma"), Route::kModel);
  const json original = folder.json("tokenizer_config.json");
  const std::pair<const char*, std::function<void(json&)>> changes[] = {
      {"no object", [](json& j) { j = json::array(); }},
      {"a T5 class over a BPE model", [](json& j) { j["tokenizer_class"] = "T5Tokenizer"; }},
      {"a class that is a number", [](json& j) { j["tokenizer_class"] = 1; }},
      {"an id that is no number", [](json& j) { j["added_tokens_decoder"]["x"] = j["added_tokens_decoder"]["0"]; }},
      {"an id out of range",
       [](json& j) { j["added_tokens_decoder"]["99999999999"] = j["added_tokens_decoder"]["0"]; }},
      {"an id of another piece", [](json& j) { j["added_tokens_decoder"]["1"]["content"] = "<other>"; }},
      {"a token that is a list", [](json& j) { j["added_tokens_decoder"]["0"] = json::array(); }},
      {"extra_ids below zero", [](json& j) { j["extra_ids"] = -1; }},
      {"extra_ids without end", [](json& j) { j["extra_ids"] = 1000000000; }},
      {"add_bos_token is text", [](json& j) { j["add_bos_token"] = "yes"; }},
      {"bos_token is a number", [](json& j) { j["bos_token"] = 7; }},
  };
  for (const auto& [what, change] : changes) {
    json config = original;
    change(config);
    folder.write("tokenizer_config.json", config);
    expect_corrupt(folder, "tokenizer_config.json", what);
  }
  json config = original;
  config["tokenizer_class"] = "Qwen2Tokenizer";
  folder.write("tokenizer_config.json", config);
  EXPECT_THROW((void)Tokenizer::load(folder.path()), Error);
  config = original;
  config["bos_token"] = "<absent>";
  folder.write("tokenizer_config.json", config);
  folder.write("special_tokens_map.json", json::object());
  expect_corrupt(folder, "tokenizer.model", "a begin-of-text token that does not exist");
}

/// A charsmap: the size of its trie, the trie's units, the replacements.
std::string charsmap(const std::vector<uint32_t>& units, std::string replacements, int64_t trie_bytes = -1) {
  const auto size = static_cast<uint32_t>(trie_bytes < 0 ? static_cast<int64_t>(units.size() * 4) : trie_bytes);
  std::string bytes(reinterpret_cast<const char*>(&size), 4);
  bytes.append(reinterpret_cast<const char*>(units.data()), units.size() * 4);
  return bytes + replacements;
}

TEST(DamagedTokenizerTest, NormalisationTablesThatLeadOutside) {
  // unit: label in bits 0-7, has_leaf bit 8, offset from bit 10 on. Root at 0; its children at 256 ^ label.
  std::vector<uint32_t> units(768, 0x80000000U);
  units[0] = 256U << 10;
  units[256 ^ 'a'] = 'a' | (1U << 8) | ((512U ^ 256U ^ 'a') << 10);  // "a": its leaf and children at 512
  units[512] = 0x80000000U;                                          // replacement 0
  const std::string path = "x.model";
  EXPECT_NO_THROW(check_charsmap(charsmap(units, std::string("b\0", 2)), path));

  const auto refused = [&](const char* what, const std::string& bytes) {
    try {
      check_charsmap(bytes, path);
      ADD_FAILURE() << "accepted: " << what;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorruptFile) << what;
      EXPECT_NE(std::string(error.what()).find(path), std::string::npos) << what;
    }
  };
  refused("nothing", "");
  refused("no table", std::string(4, '\0'));
  refused("a trie larger than the table", charsmap(units, std::string("b\0", 2), 1 << 30));
  refused("a trie of part of a unit", charsmap(units, std::string("b\0", 2), 767 * 4 + 2));
  refused("a replacement without an end", charsmap(units, "b"));
  refused("a replacement that is not UTF-8", charsmap(units, std::string("\xFF\0", 2)));
  refused("a replacement of absurd length", charsmap(units, std::string(5000, 'b') + '\0'));
  auto bad = units;
  bad[0] = 4096U << 10;
  refused("a root that leads outside", charsmap(bad, std::string("b\0", 2)));
  bad = units;
  bad[256 ^ 'a'] = 'a' | (0x1FFFFFU << 10);
  refused("a node that leads outside", charsmap(bad, std::string("b\0", 2)));
  bad = units;
  bad[512] = 0x80000000U | 77;
  refused("a replacement beyond the end", charsmap(bad, std::string("b\0", 2)));
  bad = units;
  bad[512] = 0x80000000U | 1;
  refused("the middle of a replacement", charsmap(bad, std::string("bb\0", 3)));
  bad = units;
  bad[256 ^ 'a'] = 'a' | ((256U ^ 256U ^ 'a') << 10);  // "a" leads back to the same children
  refused("a cycle", charsmap(bad, std::string("b\0", 2)));

  // A chain "aaa...": every prefix has a replacement. Sentencepiece has room for 32.
  const auto chain = [](uint32_t depth) {
    std::vector<uint32_t> nodes(static_cast<size_t>(depth + 2) * 256, 0x80000000U);
    nodes[0] = 256U << 10;
    for (uint32_t d = 1; d <= depth; ++d) {
      const uint32_t node = (d * 256) ^ 'a';
      nodes[node] = 'a' | (1U << 8) | ((((d + 1) * 256) ^ node) << 10);
    }
    return charsmap(nodes, std::string("b\0", 2));
  };
  EXPECT_NO_THROW(check_charsmap(chain(32), path));
  refused("more matches than fit", chain(33));
}

TEST(DamagedTokenizerTest, Base64) {
  EXPECT_EQ(decode_base64("", "x"), "");
  EXPECT_EQ(decode_base64("YQ==", "x"), "a");
  EXPECT_EQ(decode_base64("YWI=", "x"), "ab");
  EXPECT_EQ(decode_base64("+/+/", "x"), "\xFB\xFF\xBF");
  for (const char* text : {"YQ=", "Y", "YQ=a", "Y Q=", "===="})
    EXPECT_THROW((void)decode_base64(text, "x"), Error) << text;
}

}  // namespace
}  // namespace swan::tokenizers
