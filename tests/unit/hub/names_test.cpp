#include "hub/names.h"

#include <gtest/gtest.h>

namespace swan::hub {
namespace {

const std::string kCommit(40, 'a');

void expect_name(const std::string& text, const std::string& repo, const std::string& revision,
                 const std::string& file) {
  const auto name = parse_hub_name(text, "mirror.example:8080");
  ASSERT_TRUE(name) << text;
  EXPECT_EQ(name->repo, repo) << text;
  EXPECT_EQ(name->revision, revision) << text;
  EXPECT_EQ(name->file, file) << text;
}

TEST(HubNames, WhatPeopleWrite) {
  expect_name("org/name", "org/name", "", "");
  expect_name("org/name@v1.0", "org/name", "v1.0", "");
  expect_name("org/name@refs/pr/1", "org/name", "refs/pr/1", "");
  expect_name("org/name/file.gguf", "org/name", "", "file.gguf");
  expect_name("org/name/a/b.safetensors@" + kCommit, "org/name", kCommit, "a/b.safetensors");
  expect_name("org/name@feature/x", "org/name", "feature/x", "");
  expect_name("A1-b_c.d/E.f-g_2", "A1-b_c.d/E.f-g_2", "", "");
}

TEST(HubNames, AddressesAsHuggingfaceHubWritesThem) {
  expect_name("hf://org/name", "org/name", "", "");
  expect_name("hf://models/org/name", "org/name", "", "");
  expect_name("hf://org/name/vae", "org/name", "", "vae");
  expect_name("hf://org/name@v1/a/b.gguf", "org/name", "v1", "a/b.gguf");
  expect_name("hf://models/org/name@v1", "org/name", "v1", "");
  expect_name("hf://org/name@feature%2Fx/vae", "org/name", "feature/x", "vae");
  expect_name("hf://org/name@refs/pr/3/x.json", "org/name", "refs/pr/3", "x.json");
  expect_name("hf://org/name@refs/pr/3", "org/name", "refs/pr/3", "");
  expect_name("hf://org/name@refs/convert/a.b/x.json", "org/name", "refs/convert/a.b", "x.json");
  expect_name("hf://org/name/vae@v2", "org/name", "v2", "vae");  // as without hf://
  for (const char* text :
       {"hf://", "hf://org", "hf://org@v1/name", "hf://org/name@", "hf://org/name@/x", "hf://org/name@v1/",
        "hf://org/name@v1/../x", "hf://org/name@..%2F..%2Fx/y", "hf://org/name@v1//x", "hf://datasets/org/name"})
    EXPECT_FALSE(parse_hub_name(text, "")) << text;
}

TEST(HubNames, AddressesOfPages) {
  expect_name("https://huggingface.co/org/name", "org/name", "", "");
  expect_name("https://huggingface.co/org/name/", "org/name", "", "");
  expect_name("https://hf.co/org/name/tree/v1", "org/name", "v1", "");
  expect_name("https://huggingface.co/org/name/blob/main/a/b%20c.gguf?download=true", "org/name", "main", "a/b c.gguf");
  expect_name("https://huggingface.co/org/name/resolve/refs%2Fpr%2F3/x.json", "org/name", "refs/pr/3", "x.json");
  expect_name("https://huggingface.co/org/name/tree/refs/pr/3/vae", "org/name", "refs/pr/3", "vae");
  expect_name("https://huggingface.co/org/name/raw/v1/x.json", "org/name", "v1", "x.json");
  expect_name("http://mirror.example:8080/org/name/blob/main/x", "org/name", "main", "x");
}

TEST(HubNames, WhatIsNone) {
  for (const char* text : {"",
                           "name",
                           "/org/name",
                           "./org/name",
                           "../org/name",
                           "~/models/x",
                           "org/",
                           "/",
                           "org//x",
                           "org/name/",
                           "org/na me",
                           "org/name@",
                           "org/name@a..b",
                           "org/name@-x",
                           "@v1",
                           "org/name/../x",
                           "org/name//x",
                           "org/name/a\\b",
                           "org--x/name",
                           "org/a..b",
                           "org/name.git",
                           ".org/name",
                           "org/-name",
                           "models/file.safetensors",
                           "models/x.gguf",
                           "C:\\models\\x",
                           "https://elsewhere.example/org/name",
                           "https://huggingface.co",
                           "https://huggingface.co/org",
                           "https://huggingface.co/org/name/discussions/1",
                           "ftp://huggingface.co/org/name",
                           "a/b@x@y z"})
    EXPECT_FALSE(parse_hub_name(text, "")) << text;
  EXPECT_FALSE(parse_hub_name("http://mirror.example:8080/org/name", ""));
  EXPECT_TRUE(parse_hub_name("http://mirror.example/hf/org/name", "mirror.example/hf"));
  EXPECT_FALSE(parse_hub_name("http://mirror.example/hfx/org/name", "mirror.example/hf"));
  EXPECT_FALSE(parse_hub_name("http://mirror.example.org/name", "mirror.example"));
  EXPECT_FALSE(is_repo_id("org/" + std::string(100, 'x')));
}

TEST(HubNames, Revisions) {
  for (const char* text : {"main", "v1.0", "refs/pr/12", "feature/a-b_c", "abc123"})
    EXPECT_TRUE(is_revision(text)) << text;
  for (const char* text : {"",    "a b", "a..b", "/a", "a/", "a//b", ".a",   "a/.b",  "-a",    "a.lock",  "a.",
                           "a~1", "a^",  "a:b",  "a?", "a*", "a[",   "a\\b", "a\x01", "a\x7f", "\xc3\xa9"})
    EXPECT_FALSE(is_revision(text)) << text;
  EXPECT_TRUE(is_commit(kCommit));
  EXPECT_FALSE(is_commit(std::string(40, 'A')));
  EXPECT_FALSE(is_commit(std::string(39, 'a')));
  EXPECT_FALSE(is_commit(std::string(40, 'g')));
}

TEST(HubNames, PathsThatMayBeWritten) {
  std::string too_long;
  for (int i = 0; i < 600; ++i) too_long += "x/";
  too_long += "x";
  for (const std::string& path : {std::string("a"), std::string("a/b.c"), std::string("..a/b.."),
                                  std::string("日本/語.json"), std::string(255, 'x')})
    EXPECT_EQ(path_problem(path), "") << path;
  for (const std::string& path :
       {std::string(), std::string("/a"), std::string("a/"), std::string("a//b"), std::string("."), std::string(".."),
        std::string("a/../b"), std::string("a/./b"), std::string("a\\b"), std::string("a\nb"), std::string("a\0b", 3),
        std::string("\x7f"), std::string("\xff"), std::string(256, 'x'), too_long})
    EXPECT_NE(path_problem(path), "") << path;
}

TEST(HubNames, PatternsAreThoseOfPythonsFnmatch) {
  struct Case {
    const char *pattern, *path;
    bool matches;
  };
  for (const auto& [pattern, path, matches] : {
           Case{"*", "a/b", true},
           Case{"*.json", "a/b.json", true},
           Case{"*.json", "a.jsonl", false},
           Case{"a/*", "a/b/c", true},
           Case{"a/", "a/b/c", true},
           Case{"a/", "ab/c", false},
           Case{"?", "ab", false},
           Case{"a?c", "a/c", true},
           Case{"[abc]x", "bx", true},
           Case{"[!abc]x", "bx", false},
           Case{"[a-c]x", "cx", true},
           Case{"[a-c]x", "dx", false},
           Case{"[]]x", "]x", true},
           Case{"[", "[", true},
           Case{"[]", "[]", true},
           Case{"a[b", "a[b", true},
           Case{"", "", true},
           Case{"", "a", false},
           Case{"**a**", "xay", true},
           Case{"*a*b*c", "aXbXbXc", true},
           Case{"*a*b*c", "aXbXcX", false},
           Case{"[a-]x", "-x", true},
       })
    EXPECT_EQ(matches_glob(pattern, path), matches) << pattern << " against " << path;
  // Patterns that drive matchers which try everything into exponential time.
  EXPECT_FALSE(matches_glob("*a*a*a*a*a*a*a*a*a*a*a*a*a*a*b", std::string(5000, 'a')));
}

TEST(HubNames, Escapes) {
  EXPECT_EQ(url_escaped("a b/c%é~-_.", true), "a%20b/c%25%C3%A9~-_.");
  EXPECT_EQ(url_escaped("refs/pr/1", false), "refs%2Fpr%2F1");
  EXPECT_EQ(url_unescaped("a%20b%2Fc%zz%2"), "a b/c%zz%2");
  EXPECT_EQ(url_unescaped(url_escaped("日本 語?#&=+", false)), "日本 語?#&=+");
}

TEST(HubNames, PathsOfAnotherMachinesCache) {
  const std::string cache = "/no/such/hub/models--org--na.me/snapshots/";
  EXPECT_EQ(name_of_snapshot(cache + kCommit), "org/na.me@" + kCommit);
  EXPECT_EQ(name_of_snapshot(cache + kCommit + "/vae/x.gguf"), "org/na.me/vae/x.gguf@" + kCommit);
  for (const char* path : {"", "/models/x", "/a/models--org--name/snapshots/main", "/a/models--org/snapshots/x",
                           "/a/datasets--org--name/snapshots/x", "models--a--b"})
    EXPECT_EQ(name_of_snapshot(path), "") << path;
}

}  // namespace
}  // namespace swan::hub
