#pragma once

#include "swan/pipeline.h"
#include "swan/video_pipeline.h"

namespace swan::cli {

/// What differs between a request for pictures and one for videos in what is otherwise said of both.
template <typename Request>
struct RequestKind;

template <>
struct RequestKind<ImageRequest> {
  static constexpr const char* kCommand = "image";
  static constexpr const char* kNoun = "picture";
  static constexpr const char* kCountOption = "--num-images";
  static int& per_prompt(ImageRequest& request) noexcept { return request.num_images_per_prompt; }
  static int per_prompt(const ImageRequest& request) noexcept { return request.num_images_per_prompt; }
};

template <>
struct RequestKind<VideoRequest> {
  static constexpr const char* kCommand = "video";
  static constexpr const char* kNoun = "video";
  static constexpr const char* kCountOption = "--num-videos";
  static int& per_prompt(VideoRequest& request) noexcept { return request.num_videos_per_prompt; }
  static int per_prompt(const VideoRequest& request) noexcept { return request.num_videos_per_prompt; }
};

}  // namespace swan::cli
