#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "swan/convert.h"
#include "swan/error.h"
#include "swan/file_info.h"
#include "swan/hub.h"
#include "swan/pipeline.h"
#include "swan/video.h"
#include "swan/video_pipeline.h"

namespace swan::cli {

/// Stands for the library behind include/swan in this test program: it remembers what it was asked for and answers what
/// the test says. Pictures are saved as files of one line, their size and their metadata; videos too, with the number
/// of frames, the rate and the factor.
struct FakeEngine {
  std::string model;                          ///< that was opened
  LoadOptions load;                           ///< it was opened with
  FileInfo file;                              ///< that inspect_file gives
  std::string converted_to;                   ///< output of the last convert_model
  ConvertOptions convert;                     ///< of the same
  std::vector<Lora> loras;                    ///< of the last set_loras
  ImageRequest request;                       ///< of the last generate
  std::vector<ImageRequest> requests;         ///< of every generate
  std::vector<VideoRequest> video_requests;   ///< of every generate
  std::vector<ImageRequest> embedded;         ///< of every embed; of a video's the prompts and the length
  int threads = -1;                           ///< last set_threads
  int generated = 0;                          ///< calls of generate
  std::vector<std::string> saved;             ///< paths of save_image, in order
  std::vector<std::string> opened_videos;     ///< paths of VideoWriter::open, in order
  std::vector<SaveVideoOptions> save_videos;  ///< of the same

  std::function<void(const ImageRequest&, const Callbacks&)> during;        ///< runs in generate; may throw
  std::function<void(const VideoRequest&, const Callbacks&)> during_video;  ///< the same before the first frame
  std::function<void(int64_t video, int64_t frame)> after_frame;            ///< once the caller has taken it
  std::function<void(const std::string& path)> saving;                      ///< runs in save_image; may throw
  std::function<void(const std::string& path, int64_t frame)> writing;      ///< runs in a VideoWriter; may throw
  std::function<bool(int64_t output, int64_t frame)> blocks;                ///< as a checker would
  ImageDefaults image_defaults;                                             ///< of every image pipeline
  ImageMetadata metadata;                                                   ///< that read_image_metadata gives
  std::optional<ErrorCode> metadata_error;                                  ///< that it fails with instead
  ImageMetadata video_metadata;                                             ///< that read_video_metadata gives
  std::optional<ErrorCode> video_metadata_error = ErrorCode::kUnsupported;  ///< that it fails with instead
  std::string repeated;                                                     ///< last settings to make a request of
  RepeatableRequest repeatable;                                             ///< that request_from_parameters gives
  RepeatableVideoRequest repeatable_video;  ///< that video_request_from_parameters gives
  VideoDefaults video_defaults = {
      .height = 48, .width = 64, .num_frames = 9, .num_inference_steps = 3, .guidance_scale = 5};
  std::vector<std::string> video_extensions = {".mp4", ".webm", ".webp", ".gif", "/"};  ///< that can be written
  std::string kind = "image";                                                           ///< that model_kind gives
  int64_t embedding_rows = 1;                                                           ///< of "embeds.safetensors"
  bool negative_embeddings = false;  ///< whether it has negative ones
  ModelInfo info;                    ///< that inspect_model gives
  HubOptions hub;                    ///< of the last pull
  PullOptions pull;                  ///< of the last pull_model
  PushOptions push;                  ///< of the last push_model
  PushResult push_result;            ///< that push_model gives
  CardOptions card;                  ///< of the last model_card
  std::vector<std::string> pulled;   ///< names, in order
  std::string inspected;             ///< path of the last inspect_model
};

/// The one of this program. Tests reset it: fake_engine() = {};
FakeEngine& fake_engine();

}  // namespace swan::cli
