#include "cli/video_saver.h"

#include <fmt/format.h>

#include <utility>

#include "swan/error.h"

namespace swan::cli {

VideoSaver::VideoSaver(std::vector<std::string> paths, std::vector<ImageMetadata> metadata,
                       const SaveVideoOptions& options)
    : paths_(std::move(paths)), metadata_(std::move(metadata)), options_(options), thread_([this] { work(); }) {}

VideoSaver::~VideoSaver() {
  {
    const std::lock_guard lock(mutex_);
    given_up_ = true;
  }
  changed_.notify_all();
  if (thread_.joinable()) thread_.join();
}

void VideoSaver::put(VideoFrame&& frame) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return waiting_.size() < kMaxWaiting || error_; });
  if (error_) std::rethrow_exception(error_);
  waiting_.push_back(std::move(frame));
  lock.unlock();
  changed_.notify_all();
}

void VideoSaver::finish() {
  {
    const std::lock_guard lock(mutex_);
    last_ = true;
  }
  changed_.notify_all();
  thread_.join();
  check();
}

void VideoSaver::check() {
  const std::lock_guard lock(mutex_);
  if (error_) std::rethrow_exception(error_);
}

std::vector<std::string> VideoSaver::files() {
  const std::lock_guard lock(mutex_);
  return files_;
}

void VideoSaver::work() {
  try {
    for (;;) {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [this] { return !waiting_.empty() || last_ || given_up_; });
      if (given_up_) break;
      if (waiting_.empty()) {
        lock.unlock();
        complete();
        break;
      }
      const VideoFrame frame = std::move(waiting_.front());
      waiting_.pop_front();
      lock.unlock();
      changed_.notify_all();
      write(frame);
    }
  } catch (...) {
    const std::lock_guard lock(mutex_);
    error_ = std::current_exception();
  }
  writer_.reset();  // of an incomplete video: removes what it wrote
  changed_.notify_all();
}

void VideoSaver::write(const VideoFrame& frame) {
  const auto index = static_cast<size_t>(frame.video);
  if (frame.video < 0 || index >= paths_.size() || index >= metadata_.size()) {
    throw Error(ErrorCode::kInternal,
                fmt::format("a frame of video {} came, but there are {}; please report it.", index, paths_.size()));
  }
  if (frame.video != video_) {
    complete();
    video_ = frame.video;
    if (paths_[index].empty()) return;
    writer_ = VideoWriter::open(paths_[index], frame.image.width, frame.image.height, metadata_[index], options_);
  }
  if (writer_) writer_->write(frame.image);
}

void VideoSaver::complete() {
  if (!writer_) return;
  writer_->finish();
  writer_.reset();
  const std::lock_guard lock(mutex_);
  files_.push_back(paths_[static_cast<size_t>(video_)]);
}

}  // namespace swan::cli
