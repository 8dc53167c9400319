#include "cli/settings.h"

#include <gtest/gtest.h>

#include "cli/values.h"
#include "fake_engine.h"

namespace swan::cli {
namespace {

class Settings : public ::testing::Test {
 protected:
  void SetUp() override { fake_engine() = {}; }
};

std::string usage_message(const std::string& path, const std::string& command) {
  try {
    (void)read_settings(path, command);
  } catch (const UsageError& e) {
    return e.what();
  }
  return "";
}

ErrorCode code_of(const std::string& path, const std::string& command) {
  try {
    (void)read_settings(path, command);
  } catch (const Error& e) {
    return e.code();
  }
  return ErrorCode::kInternal;
}

TEST_F(Settings, AreReadByTheCommandTheyAreOf) {
  fake_engine().metadata = {{"swan", R"({"index": 0})"}};
  EXPECT_EQ(read_settings("a.png", "image"), R"({"index": 0})");
  fake_engine().video_metadata_error.reset();
  fake_engine().video_metadata = {{"swan", R"({"num_frames": 5})"}};
  EXPECT_EQ(read_settings("a.mp4", "video"), R"({"num_frames": 5})");
}

TEST_F(Settings, OfAVideoSendTheOneWhoWantsAPictureToTheOtherCommand) {
  fake_engine().metadata_error = ErrorCode::kUnsupported;
  fake_engine().video_metadata_error.reset();
  fake_engine().video_metadata = {{"swan", R"({"num_frames": 5})"}};
  EXPECT_EQ(usage_message("a.mp4", "image"),
            "cannot repeat 'a.mp4' here: it was made by 'swan video'; use swan video --from 'a.mp4'");
  // An animated WebP, or a frame of a folder, can be read as a picture.
  fake_engine().metadata_error.reset();
  fake_engine().metadata = fake_engine().video_metadata;
  EXPECT_NE(usage_message("a.webp", "image").find("use swan video --from"), std::string::npos);
}

TEST_F(Settings, OfAPictureSendTheOneWhoWantsAVideoToTheOtherCommand) {
  fake_engine().metadata = {{"swan", R"({"index": 0})"}};
  EXPECT_EQ(usage_message("a.png", "video"),
            "cannot repeat 'a.png' here: it was made by 'swan image'; use swan image --from 'a.png'");
}

TEST_F(Settings, OfAFrameRepeatTheVideo) {
  fake_engine().metadata = {{"swan", R"({"num_frames": 5})"}};
  EXPECT_EQ(read_settings("frames/frame_0003.png", "video"), R"({"num_frames": 5})");
}

TEST_F(Settings, ThatCannotBeReadGiveTheReasonOfTheExpectedKind) {
  fake_engine().metadata_error = ErrorCode::kCorruptFile;
  EXPECT_EQ(code_of("a.png", "image"), ErrorCode::kCorruptFile);
  EXPECT_EQ(code_of("a.png", "video"), ErrorCode::kUnsupported);
  fake_engine().metadata_error = ErrorCode::kNotFound;
  EXPECT_EQ(code_of("a.png", "image"), ErrorCode::kNotFound);
  fake_engine().metadata_error.reset();
  EXPECT_EQ(code_of("a.png", "image"), ErrorCode::kNotFound) << "a picture without settings";
}

TEST_F(Settings, TakeFurtherKeys) {
  EXPECT_EQ(with_settings(R"({"b": 0.1, "a": 18446744073709551615})", {{"fps", 16.5}}),
            R"({"b":0.1,"a":18446744073709551615,"fps":16.5})");
  EXPECT_EQ(with_settings(R"({"b": 1})", nlohmann::ordered_json::object()), R"({"b": 1})");
  EXPECT_EQ(with_settings("no JSON", {{"fps", 1}}), "no JSON");
  EXPECT_EQ(with_settings("[1]", {{"fps", 1}}), "[1]");
}

TEST_F(Settings, LoseTheKeysThatOtherOptionsReplace) {
  EXPECT_EQ(without_settings(R"({"a":1,"b":2,"c":3})", {"a", "c", "x"}), R"({"b":2})");
  EXPECT_EQ(without_settings(R"({"a": 1})", {"x"}), R"({"a": 1})");
  EXPECT_EQ(without_settings("no JSON", {"a"}), "no JSON");
}

}  // namespace
}  // namespace swan::cli
