#include <gtest/gtest.h>

#include <chrono>
#include <csignal>
#include <nlohmann/json.hpp>
#include <thread>

#include "cli/cancel.h"
#include "run_program.h"

namespace swan::cli {
namespace {

using nlohmann::json;
using namespace std::chrono_literals;

// `swan video`, on the fake engine.
class VideoProgram : public ProgramFixture {
 protected:
  static void press_ctrl_c(const std::atomic<bool>& cancelled) {
    kill(getpid(), SIGINT);
    for (int i = 0; i < 1000 && !cancelled; ++i) std::this_thread::sleep_for(10ms);
  }
};

TEST_F(VideoProgram, MakesAVideoAndSaysWhere) {
  const Outcome o = run_swan({"video", "a wave", "-o", path("a.mp4"), "--seed", "5", "--threads", "2", "--fps", "8"});
  EXPECT_EQ(o.code, kExitDone) << o.err;
  EXPECT_EQ(o.out.substr(0, o.out.find("  time")), path("a.mp4") + "\n" +
                                                       "  video    64 x 48 pixels, 9 frames, 1.12 s at 8 fps\n"
                                                       "  seed     5\n"
                                                       "  steps    3, guidance 5, unipc\n");
  EXPECT_NE(o.out.find("  memory   3.0 MiB at the peak; encode 1.0 MiB, decode 2.0 MiB\n"), std::string::npos);
  EXPECT_EQ(content("a.mp4"),
            R"(9 frames 64x48 {"index":0,"model":"fake","scheduler":"unipc","num_frames":9,"fps":8.0})");
  EXPECT_EQ(fake_engine().threads, 2);
  EXPECT_EQ(files(), 1U);
  EXPECT_EQ(fake_engine().save_videos.back().num_frames, 9);
}

TEST_F(VideoProgram, JsonIsTheOnlyLine) {
  const Outcome o = run_swan({"video", "a wave", "-o", path("a.mp4"), "-n", "2", "--json", "--num-frames", "6",
                              "--steps", "7", "--guidance-scale", "3", "--save-latents", path("l")});
  EXPECT_EQ(o.code, kExitDone) << o.err;
  EXPECT_EQ(o.out.find('\n'), o.out.size() - 1);
  const json j = json::parse(o.out);
  EXPECT_EQ(j["files"], json({path("a_0.mp4"), path("a_1.mp4")}));
  EXPECT_EQ(j["num_frames"], 5) << "what was made";
  EXPECT_EQ(j["fps"], 16);
  EXPECT_EQ(j["duration"], 0.3125);
  EXPECT_EQ(j["steps"], 7);
  EXPECT_EQ(j["guidance_scale"], 3);
  EXPECT_EQ(j["stage_peak_bytes"], json({{"encode", 1 << 20}, {"decode", 2 << 20}}));
  EXPECT_EQ(j["latents"], path("l"));
  for (const char* stage : {"encode", "denoise", "decode", "save", "total"}) EXPECT_TRUE(j["seconds"].contains(stage));
  EXPECT_FALSE(j.contains("blocked"));
  EXPECT_EQ(content("l"), "latents [2, 1, 3, 2, 2]");
}

TEST_F(VideoProgram, FoldersOfFramesAreNumbered) {
  const Outcome o = run_swan({"video", "a wave", "-o", path("frames/"), "-n", "2", "--json"});
  EXPECT_EQ(json::parse(o.out)["files"], json({path("frames_0/"), path("frames_1/")}));
  EXPECT_EQ(run_swan({"video", "a wave", "-o", path("frames/"), "--quiet"}).out, "");
  EXPECT_EQ(files(), 3U);
}

TEST_F(VideoProgram, RepeatingWritesTheOneThatWasAskedFor) {
  fake_engine().video_metadata_error.reset();
  fake_engine().video_metadata = {{"swan", R"({"num_frames": 9, "fps": 24.0, "crf": 30})"}};
  fake_engine().repeatable_video.request.prompt = {"old"};
  fake_engine().repeatable_video.request.num_videos_per_prompt = 3;
  fake_engine().repeatable_video.index = 1;
  const Outcome o = run_swan({"video", "--from", "old.mp4", "-o", path("a.mp4"), "--json"});
  EXPECT_EQ(o.code, kExitDone) << o.err;
  EXPECT_EQ(json::parse(o.out)["files"], json({path("a.mp4")}));
  EXPECT_NE(content("a.mp4").find(R"("index":1)"), std::string::npos);
  EXPECT_NE(content("a.mp4").find(R"("fps":24.0,"crf":30)"), std::string::npos);
  EXPECT_EQ(files(), 1U);
}

TEST_F(VideoProgram, NothingRunsWhenTheOutputCannotBe) {
  const std::vector<std::vector<std::string>> cases = {{"-o", path("a.bmp")},
                                                       {"-o", path("none/a.mp4")},
                                                       {"-o", path("none/a/")},
                                                       {"-o", path("a.mp4"), "--width", "63"},
                                                       {"-o", path("a.mp4"), "--save-latents", path("none/l")}};
  for (std::vector<std::string> arguments : cases) {
    arguments.insert(arguments.begin(), {"video", "x"});
    EXPECT_NE(run_swan(arguments).code, kExitDone) << arguments.back();
  }
  EXPECT_EQ(fake_engine().generated, 0);
  EXPECT_EQ(files(), 0U);
}

TEST_F(VideoProgram, AWriterThatFailsStopsTheRun) {
  for (const int64_t at : {int64_t{3}, int64_t{-1}}) {
    fake_engine().writing = [at](const std::string& path, int64_t frame) {
      if (path.ends_with("_1.mp4") && frame == at) throw Error(ErrorCode::kIo, "cannot write it: no space.");
    };
    fake_engine().video_defaults.num_frames = 81;
    const Outcome o = run_swan({"video", "x", "-o", path("a.mp4"), "-n", "2", "--json"});
    EXPECT_EQ(o.code, kExitFailed);
    EXPECT_NE(
        o.err.find("swan: cannot write it: no space. The video before it is complete: " + path("a_0.mp4") + ".\n"),
        std::string::npos)
        << o.err;
    EXPECT_EQ(json::parse(o.out)["error"]["code"], "io");
    EXPECT_EQ(files(), 1U);
  }
}

TEST_F(VideoProgram, CtrlCLeavesNoFile) {
  for (const int64_t at : {int64_t{-1}, int64_t{0}, int64_t{4}, int64_t{8}}) {
    const std::atomic<bool>* flag = nullptr;
    fake_engine().during_video = [&](const VideoRequest&, const Callbacks& callbacks) {
      flag = callbacks.cancel;
      if (at == -1) {
        press_ctrl_c(*flag);
        throw Error(ErrorCode::kCancelled, "cancelled.");
      }
    };
    // The library need not notice after the last frame.
    fake_engine().after_frame = [&](int64_t, int64_t frame) {
      if (frame != at) return;
      press_ctrl_c(*flag);
      if (frame < 8) throw Error(ErrorCode::kCancelled, "cancelled.");
    };
    const Outcome o = run_swan({"video", "x", "-o", path("a.mp4"), "--json"});
    EXPECT_EQ(o.code, kExitCancelled) << at;
    EXPECT_EQ(json::parse(o.out)["error"]["code"], "cancelled");
    EXPECT_EQ(files(), 0U) << at;
  }
}

TEST_F(VideoProgram, BlockedVideosAreReported) {
  fake_engine().blocks = [](int64_t video, int64_t frame) { return (video == 1 && frame == 0) || frame == 5; };
  const Outcome o = run_swan({"video", "x", "-o", path("a.mp4"), "-n", "2", "--json"});
  const json j = json::parse(o.out);
  EXPECT_EQ(j["blocked"], json({0, 1}));
  EXPECT_EQ(j["files"], json({path("a_0.mp4")}));
  EXPECT_TRUE(content("a_0.mp4").starts_with("5 frames "));
  EXPECT_NE(run_swan({"video", "x", "-o", path("a.mp4")}).out.find("blocked  0"), std::string::npos);
}

TEST_F(VideoProgram, PicturesAndVideosPointToEachOther) {
  fake_engine().metadata = {{"swan", R"({"num_frames": 9})"}};
  Outcome o = run_swan({"image", "--from", "a.webp", "-o", path("a.png")});
  EXPECT_EQ(o.code, kExitUsage);
  EXPECT_NE(o.err.find("use swan video --from 'a.webp'"), std::string::npos) << o.err;
  fake_engine().metadata = {{"swan", R"({"index": 0})"}};
  o = run_swan({"video", "--from", "a.png"});
  EXPECT_EQ(o.code, kExitUsage);
  EXPECT_NE(o.err.find("use swan image --from 'a.png'\nRun 'swan video --help'"), std::string::npos) << o.err;
}

}  // namespace
}  // namespace swan::cli
