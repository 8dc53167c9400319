// `swan` on the fake engine, for tests of the server that need neither pictures nor time: $SWAN_FAKE_STEP_MS a step.

#include <chrono>
#include <cstdlib>
#include <thread>

#include "../cli/fake_engine.h"
#include "cli/program.h"
#include "cli/serve_command.h"
#include "swan/error.h"

namespace {

// As the engine: steps with progress, ended within one by `cancel`. A prompt can ask for a failure.
template <typename Request>
void compute(const Request& request, const swan::Callbacks& callbacks, int default_steps) {
  const char* text = std::getenv("SWAN_FAKE_STEP_MS");
  const std::chrono::milliseconds step(text != nullptr ? std::atoi(text) : 0);
  const int steps = request.num_inference_steps.value_or(default_steps);
  for (const std::string& prompt : request.prompt) {
    if (prompt == "fail: argument") throw swan::Error(swan::ErrorCode::kInvalidArgument, "this cannot be met");
    if (prompt == "fail: io") throw swan::Error(swan::ErrorCode::kIo, "cannot read '/secret/path'");
  }
  for (int i = 0; i < steps; ++i) {
    if (*callbacks.cancel) throw swan::Error(swan::ErrorCode::kCancelled, "cancelled");
    if (step.count() > 0) std::this_thread::sleep_for(step);
    callbacks.progress("denoise", i + 1, steps);
    if (callbacks.preview) {
      callbacks.preview({.picture = {.width = 8, .height = 8, .rgb = {}}, .index = 0, .step = i + 1, .steps = steps});
    }
  }
}

}  // namespace

int main(int argc, char** argv) {
  auto& engine = swan::cli::fake_engine();
  engine.kind = "image";
  if (std::getenv("SWAN_FAKE_NO_LIBAV") != nullptr) engine.video_extensions = {".webp", "/"};
  engine.during = [](const swan::ImageRequest& request, const swan::Callbacks& callbacks) {
    swan::cli::fake_engine().requests.clear();  // it remembers everything, and this program may run for long
    compute(request, callbacks, 20);
  };
  engine.during_video = [](const swan::VideoRequest& request, const swan::Callbacks& callbacks) {
    swan::cli::fake_engine().video_requests.clear();
    compute(request, callbacks, 3);
  };
  engine.saving = [](const std::string& path) {
    swan::cli::fake_engine().saved.clear();
    if (path.ends_with("/preview.jpg") && std::getenv("SWAN_FAKE_NO_PREVIEWS") != nullptr) {
      throw swan::Error(swan::ErrorCode::kIo, "no room for " + path);
    }
  };
  engine.writing = [](const std::string& path, int64_t) {
    if (std::getenv("SWAN_FAKE_WRITER_FAILS") != nullptr) {
      throw swan::Error(swan::ErrorCode::kUnsupported, "cannot write '" + path + "': no encoder");
    }
    swan::cli::fake_engine().opened_videos.clear();
    swan::cli::fake_engine().save_videos.clear();
  };
  return swan::cli::run(argc, argv, swan::cli::run_serve);
}
