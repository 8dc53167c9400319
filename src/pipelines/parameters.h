#pragma once

#include <nlohmann/json.hpp>

#include "swan/pipeline.h"
#include "swan/video_pipeline.h"

namespace swan::pipelines {

/// A LoRA of a run, with how many tensors its file has and how many of them were not used.
struct LoraFacts {
  Lora lora;
  size_t keys = 0, unused_keys = 0;
};

/// What the settings of a picture or video are besides its request.
struct RunFacts {
  std::string model;     ///< the repository's path, or kEmbeddedModel
  std::string revision;  ///< of a hub's cache; may be empty
  LoadOptions load;
  std::vector<LoraFacts> loras = {};
  std::string device;                                  ///< "cpu" or "cuda:0": what computed
  std::string pipeline;                                ///< "SanaPipeline"
  std::string scheduler;                               ///< the name of the solver in force
  nlohmann::json scheduler_config;                     ///< and its options
  std::vector<std::string> complex_human_instruction;  ///< as used
  int64_t height = 0, width = 0;                       ///< as delivered
  int64_t num_frames = 1;                              ///< as delivered
  int num_inference_steps = 0;
  double strength = 0;  ///< in force where the request has a picture
  double guidance_scale = 0;
  double pag_scale = 0;  ///< in force
};

/// How settings name the models that Swan ships.
inline constexpr const char* kEmbeddedModel = "embedded:swan-emoji-256";
inline constexpr const char* kEmbeddedVideoModel = "embedded:swan-emoji-video";

/// The settings of picture `index` as JSON text; request_from_parameters reads it back.
[[nodiscard]] std::string parameters_of(const ImageRequest& request, const RunFacts& facts, int64_t index);
/// The settings of video `index`; video_request_from_parameters reads them back.
[[nodiscard]] std::string parameters_of(const VideoRequest& request, const RunFacts& facts, int64_t index);

}  // namespace swan::pipelines
