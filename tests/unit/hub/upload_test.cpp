#include "hub/upload.h"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "support/expect_error.h"

namespace swan::hub {
namespace {

using nlohmann::json;

const LocalFile kFile = {
    .path = "a.safetensors", .disk = "/a", .size = 25, .large = true, .digest = std::string(64, 'a')};

TEST(HubUpload, AFileThatIsThereNeedsNothing) {
  EXPECT_TRUE(parse_upload_plan({{"oid", "x"}, {"size", 25}}, kFile).parts.empty());
  EXPECT_TRUE(parse_upload_plan({{"actions", nullptr}}, kFile).parts.empty());
}

TEST(HubUpload, OnePiece) {
  const UploadPlan plan =
      parse_upload_plan(json::parse(R"({"actions": {"upload": {"href": "https://s/x?sig", "header": {"X-A": "b"}},
                                                    "verify": {"href": "https://h/v"}}})"),
                        kFile);
  ASSERT_EQ(plan.parts.size(), 1U);
  EXPECT_EQ(plan.parts[0].address, "https://s/x?sig");
  EXPECT_EQ(plan.parts[0].size, 25U);
  EXPECT_EQ(plan.headers.at(0), (std::pair<std::string, std::string>("X-A", "b")));
  EXPECT_EQ(plan.verify, "https://h/v");
  EXPECT_EQ(plan.complete, "");
}

TEST(HubUpload, PartsAreInTheOrderOfTheirNumbers) {
  const UploadPlan plan = parse_upload_plan(json::parse(R"({"actions": {"upload": {"href": "https://h/done", "header": {
          "chunk_size": "10", "00003": "https://s/3", "1": "https://s/1", "2": "https://s/2"}}}})"),
                                            kFile);
  ASSERT_EQ(plan.parts.size(), 3U);
  EXPECT_EQ(plan.parts[0].address, "https://s/1");
  EXPECT_EQ(plan.parts[2].address, "https://s/3");
  EXPECT_EQ(plan.parts[2].begin, 20U);
  EXPECT_EQ(plan.parts[2].size, 5U);
  EXPECT_EQ(plan.complete, "https://h/done");
}

TEST(HubUpload, WhatMakesNoSense) {
  for (
      const char* text : {
          R"({"actions": {"upload": {}}})",
          R"({"actions": {"upload": {"href": 7}}})",
          R"({"actions": {"upload": {"href": "file:///etc/passwd"}}})",
          R"({"actions": {"upload": {"href": "https://h/x", "header": {"A": "b\r\nC: d"}}}})",
          R"({"actions": {"upload": {"href": "https://h/x", "header": {"A": 1}}}})",
          R"({"actions": {"upload": {"href": "https://h/x"}, "verify": {"href": "javascript:x"}}})",
          R"({"actions": {"upload": {"href": "https://h/x", "header": {"chunk_size": "0"}}}})",
          R"({"actions": {"upload": {"href": "https://h/x", "header": {"chunk_size": "-10"}}}})",
          R"({"actions": {"upload": {"href": "https://h/x", "header": {"chunk_size": 10, "1": "https://s/1"}}}})",
          R"({"actions": {"upload": {"href": "https://h/x", "header": {"chunk_size": 25, "1": "https://s/1", "2": "https://s/2"}}}})",
          R"({"actions": {"upload": {"href": "https://h/x", "header": {"chunk_size": 25, "1": "ftp://s/1"}}}})",
      })
    expect_error(ErrorCode::kIo, {"a.safetensors", "make no sense"},
                 [&] { (void)parse_upload_plan(json::parse(text), kFile); });
  expect_error(ErrorCode::kIo, {"a.safetensors", "too large for you"}, [&] {
    (void)parse_upload_plan(json::parse(R"({"error": {"code": 422, "message": "too large for you"}})"), kFile);
  });
}

}  // namespace
}  // namespace swan::hub
