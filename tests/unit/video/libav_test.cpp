#include "video/libav.h"

#include "decode.h"

namespace swan {
namespace {

using test::error_of;
using test::expect_error;

TEST(Libav, MissingEncoderNamesAnotherFormat) {
  expect_error(error_of([] { (void)video::find_encoder("a.mp4", "libx264-none"); }), ErrorCode::kUnsupported,
               {"cannot write a.mp4", "no encoder libx264-none", ".webm"});
}

TEST(Libav, MissingLibrarySaysWhatToInstall) {
  expect_error(error_of([] { (void)video::load_library("a.mp4", "libnone.so.1"); }), ErrorCode::kUnsupported,
               {"cannot write a.mp4", "libnone.so.1", "ffmpeg", ".webp", "PNG frames"});
}

TEST(Libav, PrintsNothingAndKeepsTheLevel) {
  const support::TempDir folder;
  const int level = video::load_libav("").av_log_get_level();
  testing::internal::CaptureStderr();
  for (const char* name : {"a.mp4", "a.webm", "a.gif"}) test::write_clip(folder.file(name), 3);
  EXPECT_EQ(testing::internal::GetCapturedStderr(), "");
  EXPECT_EQ(video::av().av_log_get_level(), level);
}

}  // namespace
}  // namespace swan
