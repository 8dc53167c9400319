// Keys, rates, ids, and what bodies may hold.

#include <gtest/gtest.h>

#include "server/api_error.h"
#include "server/auth.h"
#include "server/base64.h"
#include "server/body.h"
#include "server/progress_estimate.h"
#include "server/public_message.h"
#include "server/random.h"
#include "server/rate_limit.h"
#include "server/sd_prompt.h"
#include "server/serve.h"

namespace swan::server {
namespace {

constexpr const char* kKey = "0123456789abcdef";
constexpr const char* kOther = "fedcba9876543210";

TEST(Auth, ComparesWholeTexts) {
  EXPECT_TRUE(equal_in_constant_time("abc", "abc"));
  EXPECT_TRUE(equal_in_constant_time("", ""));
  EXPECT_FALSE(equal_in_constant_time("abc", "abd"));
  EXPECT_FALSE(equal_in_constant_time("xbc", "abc"));
  EXPECT_FALSE(equal_in_constant_time("abc", "ab"));
}

TEST(Auth, KnowsWhoseKeyItIs) {
  const Authenticator keys({{"anna", kKey}, {"ben", kOther}});
  EXPECT_TRUE(keys.required());
  EXPECT_EQ(keys.name_of(kKey), "anna");
  EXPECT_EQ(keys.name_of(kOther), "ben");
  EXPECT_FALSE(keys.name_of("0123456789abcdee"));
  EXPECT_FALSE(keys.name_of(""));
  EXPECT_FALSE(Authenticator({}).required());
}

TEST(Auth, ReadsTheHeader) {
  const std::string good = "bEARER  key";
  EXPECT_EQ(Authenticator::bearer(&good), "key");
  for (const std::string& bad : std::vector<std::string>{"", "Bearer", "Basic key", "key", "Bearerkey"}) {
    EXPECT_FALSE(Authenticator::bearer(&bad)) << bad;
  }
  EXPECT_FALSE(Authenticator::bearer(nullptr));
}

TEST(Auth, TakesAPasswordForTheKey) {
  const std::string good = "basic " + base64("anyone:key:with:colons");
  EXPECT_EQ(Authenticator::basic(&good), "key:with:colons");
  for (const std::string& bad :
       {std::string("Basic"), std::string("Basic "), "Basic " + base64("no colon"), "Basic " + base64("anyone:"),
        std::string("Basic anyone:key"), "Bearer " + base64("a:b")}) {
    EXPECT_FALSE(Authenticator::basic(&bad)) << bad;
  }
  EXPECT_FALSE(Authenticator::basic(nullptr));
}

TEST(Auth, ReadsKeyFiles) {
  const auto keys = parse_api_keys("# who\nanna:0123456789abcdef\n\n  fedcba9876543210  # nobody's\r\n", '\n', "file");
  ASSERT_EQ(keys.size(), 2U);
  EXPECT_EQ(keys[0].name, "anna");
  EXPECT_EQ(keys[0].key, kKey);
  EXPECT_EQ(keys[1].name, "default");
  EXPECT_EQ(keys[1].key, kOther);
  EXPECT_EQ(parse_api_keys("a:0123456789abcdef,b:fedcba9876543210", ',', "SWAN_API_KEYS").size(), 2U);
  for (const char* bad : {"short", "a b:0123456789abcdef", ":0123456789abcdef", "a:0123456789 abcdef"}) {
    try {
      (void)parse_api_keys(bad, '\n', "keys.txt");
      ADD_FAILURE() << bad;
    } catch (const Error& e) {
      const std::string message = e.what();
      EXPECT_NE(message.find("keys.txt, entry 1"), std::string::npos) << message;
      EXPECT_EQ(message.find("0123456789"), std::string::npos) << "a key in a message: " << message;
    }
  }
}

TEST(RateLimit, GivesABurstAndThenARate) {
  RateLimit limit(60, 2);
  const auto now = Clock::now();
  EXPECT_FALSE(limit.take("a", now));
  EXPECT_FALSE(limit.take("a", now));
  EXPECT_EQ(limit.take("a", now), 1);
  EXPECT_FALSE(limit.take("b", now)) << "each client has its own";
  EXPECT_EQ(limit.look("a", now), 1);
  EXPECT_FALSE(limit.take("a", now + std::chrono::seconds(1)));
  EXPECT_TRUE(limit.take("a", now + std::chrono::seconds(1)));
  EXPECT_FALSE(limit.take("a", now + std::chrono::hours(1)));
}

TEST(RateLimit, ZeroIsNoLimitAndClientsAreForgotten) {
  RateLimit none(0, 1);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(none.take("a"));
  RateLimit limit(1, 1);
  for (int i = 0; i < 20'000; ++i) EXPECT_FALSE(limit.take(std::to_string(i)));
}

TEST(Random, IdsAreTheirOwnAlphabet) {
  const std::string id = new_job_id();
  EXPECT_TRUE(is_job_id(id)) << id;
  EXPECT_NE(id, new_job_id());
  for (const std::string& bad :
       std::vector<std::string>{"job_", id + "a", id.substr(1), std::string("../../etc/passwd"),
                                "job_" + std::string(25, 'a') + "/", "job_" + std::string(25, 'a') + "1"}) {
    EXPECT_FALSE(is_job_id(bad)) << bad;
  }
}

TEST(Base64, IsAsInTheStandard) {
  for (const auto& [bytes, text] : std::vector<std::pair<std::string, std::string>>{
           {"", ""}, {"f", "Zg=="}, {"fo", "Zm8="}, {"foo", "Zm9v"}, {"foobar", "Zm9vYmFy"}, {"\xff\xfe", "//4="}}) {
    EXPECT_EQ(base64(bytes), text);
    EXPECT_EQ(decode_base64(text), bytes);
  }
  for (const char* bad : {"Zg", "Zg=", "Z===", "====", "Zm9v\n", "Zm 9", "Zg==Zg==", "Zm9-"}) {
    EXPECT_FALSE(decode_base64(bad)) << bad;
  }
}

Request json_request(std::string body, const std::string& type = "application/json; charset=utf-8") {
  Request request;
  request.headers = {{"content-type", type}};
  request.body = std::move(body);
  return request;
}

int refused(const Request& request) {
  try {
    (void)json_body(request);
    return 0;
  } catch (const ApiError& e) {
    return e.status();
  }
}

TEST(Body, IsAShallowJsonObject) {
  EXPECT_EQ(json_body(json_request("{\"a\": 1}")).at("a"), 1);
  EXPECT_EQ(refused(json_request("{}", "text/plain")), 415);
  EXPECT_EQ(refused(Request()), 415);
  for (const std::string& bad :
       std::vector<std::string>{"", "{", "[]", "1", "null", "{\"a\": \"\xff\"}", "{\"a\": \"\\ud800\"}",
                                "{\"a\": 1e999}", "{} {}", "{\"a\": NaN}"}) {
    EXPECT_EQ(refused(json_request(bad)), 400) << bad;
  }
  EXPECT_EQ(refused(json_request("{\"a\":" + std::string(100'000, '[') + std::string(100'000, ']') + "}")), 400);
}

TEST(Body, FieldsAreChecked) {
  const nlohmann::json body = nlohmann::json::parse(
      R"({"i": 3, "whole": 3.0, "part": 3.5, "huge": 99999999999999999999, "s": "\u00e4\u00f6", "b": true, "n": null})");
  BodyReader reader(body, true);
  EXPECT_EQ(reader.integer("i", 1, 3), 3);
  EXPECT_EQ(reader.integer("whole", 1, 3), 3);
  EXPECT_EQ(reader.text("s", 2), "äö");
  EXPECT_EQ(reader.flag("b"), true);
  EXPECT_FALSE(reader.integer("n", 0, 1));
  EXPECT_FALSE(reader.integer("missing", 0, 1));
  EXPECT_THROW((void)reader.integer("part", 0, 10), ApiError);
  EXPECT_THROW((void)reader.integer("huge", 0, 10), ApiError);
  EXPECT_THROW((void)reader.integer("i", 4, 5), ApiError);
  EXPECT_THROW((void)reader.integer("b", 0, 5), ApiError);
  EXPECT_THROW((void)reader.text("s", 1), ApiError);
  EXPECT_THROW((void)reader.choice("s", {"a"}), ApiError);
  BodyReader strict(body, false);
  EXPECT_THROW((void)strict.integer("n", 0, 1), ApiError);
  EXPECT_THROW(strict.refuse_others(), ApiError);
}

TEST(PublicMessage, NamesNoPaths) {
  ServerSettings settings;
  settings.models = {
      {"sana", "/srv/models/Sana 1600M/", "image"}, {"wan", "models/wan", "video"}, {"embedded", "", "image"}};
  settings.loras = {{"style", "/srv/models/Sana 1600M/loras/a.safetensors"}};
  for (const auto& [message, expected] : std::vector<std::pair<std::string, std::string>>{
           {"/srv/models/Sana 1600M/scheduler/c.json: 'scm' is not for it",
            "sana/scheduler/c.json: 'scm' is not for it"},
           {"LoRA '/srv/models/Sana 1600M/loras/a.safetensors' fits models/wan not", "LoRA 'style' fits wan not"},
           {"cannot write '/home/me/.local/state/new/job_x/0.mp4': no room", "cannot write '0.mp4': no room"},
           {"(/tmp/x/) and /y,/z/w", "(x/) and y,w"},
           {"width/height 1/2 / 3, and/or /", "width/height 1/2 / 3, and/or /"},
           {"see https://example.org/a/b", "see https://example.org/a/b"},
           {"", ""}}) {
    EXPECT_EQ(public_message(message, settings), expected);
  }
}

TEST(SdPrompt, TakesLorasOut) {
  const std::vector<LoraSource> loras = {{"style", "/a"}, {"other.v2", "/b"}};
  const SdPrompt prompt = read_sd_prompt("a <b> cat, <lora:style:0.5>, dog <lora:other.v2>", loras);
  EXPECT_EQ(prompt.text, "a <b> cat, , dog");
  EXPECT_EQ(prompt.loras, (std::vector<LoraChoice>{{"style", 0.5}, {"other.v2", 1}}));
  EXPECT_EQ(read_sd_prompt("<lora:style:-1:0.3>", loras).loras, (std::vector<LoraChoice>{{"style", -1}}));
  for (const char* plain : {"", " a cat ", "<lora:style", "<Lora:x>", "a > b <lora"}) {
    EXPECT_EQ(read_sd_prompt(plain, loras).text, plain);
    EXPECT_TRUE(read_sd_prompt(plain, loras).loras.empty());
  }
  std::string many;
  for (int i = 0; i < 9; ++i) many += "<lora:style>";
  for (const std::string& bad : {std::string("<lora:none:1>"), std::string("<lora:>"), std::string("<lora:style:x>"),
                                 std::string("<lora:style:>"), std::string("<lora:style:nan>"),
                                 std::string("<lora:style:11>"), std::string("<lora:../style>"), many}) {
    EXPECT_THROW((void)read_sd_prompt(bad, loras), ApiError) << bad;
  }
}

TEST(ProgressEstimate, NeverGoesBackAndLearns) {
  StageShares shares;
  ProgressEstimate estimate(shares.of("m"));
  EXPECT_FALSE(estimate.update("encode", 0, 1).eta_seconds);
  EXPECT_NEAR(estimate.update("denoise", 10, 20).fraction, 0.1 + 0.375, 1e-9);
  EXPECT_NEAR(estimate.update("encode", 1, 1).fraction, 0.475, 1e-9);
  EXPECT_NEAR(estimate.update("decode", 1, 1).fraction, 1, 1e-9);
  ProgressEstimate halves(shares.of("m"), 2);
  EXPECT_NEAR(halves.update("denoise", 20, 20).fraction, (0.1 + 0.75) / 2, 1e-9);
  halves.begin(1);
  EXPECT_NEAR(halves.update("encode", 0, 1).fraction, 0.5, 1e-9);
  EXPECT_NEAR(halves.update("decode", 1, 1).fraction, 1, 1e-9);
  shares.learn("m", {{"encode", 1}, {"denoise", 1}, {"decode", 2}, {"other", 100}});
  EXPECT_NEAR(shares.of("m").at("decode"), 0.5, 1e-9);
}

TEST(Serve, KnowsLoopback) {
  for (const char* host : {"localhost", "127.0.0.1", "127.1.2.3", "::1"}) EXPECT_TRUE(is_loopback(host)) << host;
  for (const char* host : {"0.0.0.0", "::", "192.168.0.1", "127.0.0.1.example.org", "example.org"}) {
    EXPECT_FALSE(is_loopback(host)) << host;
  }
}

}  // namespace
}  // namespace swan::server
