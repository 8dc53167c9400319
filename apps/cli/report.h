#pragma once

#include <nlohmann/json.hpp>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "cli/job.h"

namespace swan::cli {

/// A finished `swan image` or `swan video`, all its runs together.
template <typename Request, typename Result>
struct FinishedRun {
  Request request;  ///< of the job
  Result result;    ///< of the last run, without its pictures
  std::optional<Interpolation> interpolation;
  std::string prompt_embeds;                            ///< the file that took the prompt's place
  std::vector<std::string> files;                       ///< pictures or videos, in order
  std::vector<size_t> blocked;                          ///< which of them a checker held back, from 0
  std::string latents;                                  ///< where the latents went; empty: not saved
  std::vector<std::pair<std::string, double>> seconds;  ///< per stage, then "total"
};

struct ImageRun : FinishedRun<ImageRequest, ImageResult> {
  std::string control_image;  ///< where what the ControlNet was shown went; empty: not saved
};

struct VideoRun : FinishedRun<VideoRequest, VideoResult> {
  double fps = 16;
};

/// A finished `swan embed`.
struct EmbedRun {
  std::vector<std::string> prompt;
  std::vector<std::string> negative_prompt;  ///< empty: none were embedded
  std::string model;
  std::string kind;  ///< "image" or "video"
  PromptEmbeddings embeddings;
  std::string file;
  std::vector<std::pair<std::string, double>> seconds;
};

/// One line of JSON, without the newline.
[[nodiscard]] std::string image_json(const ImageRun& run);
[[nodiscard]] std::string video_json(const VideoRun& run);
[[nodiscard]] std::string embed_json(const EmbedRun& run);
/// For people, some lines.
[[nodiscard]] std::string image_text(const ImageRun& run);
[[nodiscard]] std::string video_text(const VideoRun& run);
[[nodiscard]] std::string embed_text(const EmbedRun& run);

/// {"error": {"code": ..., "message": ...}}
[[nodiscard]] std::string error_json(const std::string& code, const std::string& message);

/// JSON on one line. A value from a repository need not be UTF-8; a report about it must not fail for that.
[[nodiscard]] std::string one_line(const nlohmann::ordered_json& json);

}  // namespace swan::cli
