#include "hub/environment.h"

#include <gtest/gtest.h>
#include <pwd.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace swan::hub {
namespace {

Environment read(const std::map<std::string, std::string>& variables, const HubOptions& options = {}) {
  return read_environment(options, [&](const std::string& name) -> std::optional<std::string> {
    const auto it = variables.find(name);
    return it == variables.end() ? std::nullopt : std::optional<std::string>(it->second);
  });
}

TEST(HubEnvironment, TheCacheIsWhereHuggingfaceHubHasIt) {
  EXPECT_EQ(read({{"HOME", "/h"}}).cache, "/h/.cache/huggingface/hub");
  EXPECT_EQ(read({{"HOME", "/h"}, {"XDG_CACHE_HOME", "/x"}}).cache, "/x/huggingface/hub");
  EXPECT_EQ(read({{"HOME", "/h"}, {"XDG_CACHE_HOME", "/x"}, {"HF_HOME", "/f"}}).cache, "/f/hub");
  EXPECT_EQ(read({{"HF_HOME", "/f"}, {"HUGGINGFACE_HUB_CACHE", "/old"}}).cache, "/old");
  EXPECT_EQ(read({{"HF_HOME", "/f"}, {"HUGGINGFACE_HUB_CACHE", "/old"}, {"HF_HUB_CACHE", "/new/"}}).cache, "/new");
  EXPECT_EQ(read({{"HOME", "/h"}, {"DISK", "/d"}, {"HF_HUB_CACHE", "$DISK/${DISK}/$NONE/x"}}).cache, "/d/d/$NONE/x");
  EXPECT_EQ(read({{"HOME", "/h"}, {"HF_HOME", "~/f"}}).cache, "/h/f/hub");
  EXPECT_EQ(read({{"HF_HUB_CACHE", "/new"}}, {.cache = "/given"}).cache, "/given");
  if (const passwd* user = ::getpwuid(::getuid()); user != nullptr) {
    EXPECT_EQ(read({}).cache, std::filesystem::path(user->pw_dir) / ".cache/huggingface/hub");
  }
}

TEST(HubEnvironment, Endpoints) {
  EXPECT_EQ(read({}).endpoint.str(), "https://huggingface.co/");
  EXPECT_EQ(read({{"HF_ENDPOINT", "http://m:81/base/"}}).endpoint.str(), "http://m:81/base");
  EXPECT_EQ(read({{"HF_ENDPOINT", "http://m"}}, {.endpoint = "https://n"}).endpoint.host, "n");
  for (const char* text : {"m", "ftp://m", "https://user:password@m", "https://"})
    expect_error(ErrorCode::kInvalidArgument, {"HF_ENDPOINT", "https://huggingface.co"}, [&] {
      (void)read({{"HF_ENDPOINT", text}});
    });
}

TEST(HubEnvironment, TokensAreFoundAndTheirSourceIsKnown) {
  const support::TempDir folder;
  const auto write = [&](const std::string& name, const std::string& text) {
    std::filesystem::create_directories(std::filesystem::path(folder.path() + "/" + name).parent_path());
    std::ofstream(folder.path() + "/" + name) << text;
  };
  std::map<std::string, std::string> variables = {{"HOME", folder.path()}, {"HF_HOME", folder.path() + "/hf"}};
  EXPECT_EQ(read(variables).token, "");
  write(".huggingface/token", "oldest");
  EXPECT_EQ(read(variables).token, "oldest");
  write("hf/token", " file \r\n");
  EXPECT_EQ(read(variables).token, "file");
  EXPECT_EQ(read(variables).token_source, folder.path() + "/hf/token");
  write("other", "named");
  variables["HF_TOKEN_PATH"] = folder.path() + "/other";
  EXPECT_EQ(read(variables).token, "named");
  variables["HUGGING_FACE_HUB_TOKEN"] = "older";
  EXPECT_EQ(read(variables).token, "older");
  variables["HF_TOKEN"] = "hf_1";
  EXPECT_EQ(read(variables).token, "hf_1");
  EXPECT_EQ(read(variables).token_source, "HF_TOKEN");
  variables["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "1";
  EXPECT_EQ(read(variables).token, "");
  variables["HF_HUB_DISABLE_IMPLICIT_TOKEN"] = "0";
  variables["HF_TOKEN"] = "hf_1\r\nX-Evil: 1";
  try {
    (void)read(variables);
    ADD_FAILURE() << "a token with a line end would be another header";
  } catch (const Error& e) {
    EXPECT_EQ(std::string(e.what()).find("Evil"), std::string::npos);
  }
}

TEST(HubEnvironment, Switches) {
  EXPECT_FALSE(read({}).offline);
  for (const char* text : {"1", "true", "ON", "Yes"}) EXPECT_TRUE(read({{"HF_HUB_OFFLINE", text}}).offline) << text;
  EXPECT_FALSE(read({{"HF_HUB_OFFLINE", "0"}}).offline);
  EXPECT_FALSE(read({{"HF_HUB_OFFLINE", "1"}}, {.offline = false}).offline);
  EXPECT_TRUE(read({{"TRANSFORMERS_OFFLINE", "1"}}).offline);
  EXPECT_FALSE(read({{"HF_HUB_DISABLE_SYMLINKS", "1"}}).symlinks);
  EXPECT_EQ(read({{"HF_HUB_DOWNLOAD_TIMEOUT", "30"}}).silence_timeout.count(), 30);
  EXPECT_EQ(read({{"SSL_CERT_FILE", "/c.pem"}}).certificates, "/c.pem");
  for (const char* text : {"0", "-1", "soon", "100000"})
    expect_error(ErrorCode::kInvalidArgument, {"HF_HUB_ETAG_TIMEOUT", text}, [&] {
      (void)read({{"HF_HUB_ETAG_TIMEOUT", text}});
    });
  expect_error(ErrorCode::kInvalidArgument, {"0 connections"}, [] { (void)read({}, {.connections = 0}); });
}

}  // namespace
}  // namespace swan::hub
