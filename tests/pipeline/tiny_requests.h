#pragma once

#include "swan/pipeline.h"
#include "swan/video_pipeline.h"

namespace swan {

/// Two steps of a small picture by a tiny repository of Sana's.
inline ImageRequest tiny_picture(int64_t height = 128, int64_t width = 128) {
  ImageRequest r;
  r.prompt = {"a red cat"};
  r.height = height;
  r.width = width;
  r.num_inference_steps = 2;
  r.use_resolution_binning = false;
  r.seed = {7};
  return r;
}

/// Two steps of five small frames by the tiny repository of Wan's.
inline VideoRequest tiny_clip() {
  VideoRequest r;
  r.prompt = {"a red balloon"};
  r.height = 32;
  r.width = 48;
  r.num_frames = 5;
  r.num_inference_steps = 2;
  r.seed = {7};
  return r;
}

}  // namespace swan
