#pragma once

#include <condition_variable>
#include <deque>
#include <exception>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "swan/video.h"
#include "swan/video_pipeline.h"

namespace swan::cli {

/// Writes the videos of a run while the pipeline makes them: on a thread of its own, so that frames are encoded while
/// the next are decoded. Few frames wait at a time. A video has its name only when it is complete.
class VideoSaver {
 public:
  /// Frames that wait for the encoder at most.
  static constexpr size_t kMaxWaiting = 4;

  /// @param paths     of each video of the run; empty for one that is not to be written
  /// @param metadata  of each video of the run
  /// @param options   of all
  VideoSaver(std::vector<std::string> paths, std::vector<ImageMetadata> metadata, const SaveVideoOptions& options);
  /// Gives up what is not finished.
  ~VideoSaver();
  VideoSaver(const VideoSaver&) = delete;
  VideoSaver& operator=(const VideoSaver&) = delete;

  /// Takes the next frame; waits while too many wait already. The frames of one video in order, one video after
  /// another.
  /// @throws what the writer threw for an earlier frame
  void put(VideoFrame&& frame);
  /// Completes the last video. @throws what the writer threw
  void finish();
  /// Throws what the writer threw, if it did.
  void check();

  /// The videos that are complete.
  [[nodiscard]] std::vector<std::string> files();

 private:
  void work();
  void write(const VideoFrame& frame);
  void complete();

  const std::vector<std::string> paths_;
  const std::vector<ImageMetadata> metadata_;
  const SaveVideoOptions options_;

  // The worker's alone.
  std::unique_ptr<VideoWriter> writer_;
  int64_t video_ = -1;  ///< that writer_ writes

  std::mutex mutex_;  ///< guards what follows
  std::condition_variable changed_;
  std::deque<VideoFrame> waiting_;
  std::vector<std::string> files_;
  std::exception_ptr error_;
  bool last_ = false;      ///< no frame will come: complete the video
  bool given_up_ = false;  ///< leave everything as it is

  std::thread thread_;
};

}  // namespace swan::cli
