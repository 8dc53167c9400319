#pragma once

#include "server/body.h"
#include "server/job_request.h"
#include "server/model_pool.h"

namespace swan::server {

inline constexpr int64_t kLeastSide = 32;                   ///< pixels
inline constexpr int64_t kMaxSeed = 9'007'199'254'740'991;  ///< 2^53 - 1: what JavaScript's numbers hold exactly
inline constexpr double kMaxGuidance = 100;
inline constexpr double kLeastFps = 1, kMostFps = 60;
inline constexpr int kMaxLoras = 8;

/// Extensions without their dots; the first is what requests get that name none.
[[nodiscard]] const std::vector<std::string>& image_formats();
/// Those that this machine can write: MP4, WebM and GIF need FFmpeg's libraries.
[[nodiscard]] const std::vector<std::string>& video_formats();
[[nodiscard]] std::vector<std::string> scheduler_choices();

/// The body of POST /v1/jobs. @throws ApiError 400
[[nodiscard]] JobRequest read_job(const nlohmann::json& body, const ServerSettings& settings);

/// Fields that several APIs share under one name: model, negative_prompt, num_inference_steps, guidance_scale,
/// scheduler, seed.
void read_common(BodyReader& reader, const ServerSettings& settings, JobRequest& job);

/// "1024x768" or "auto". @throws ApiError 400
void read_size(const std::string& size, const ServerSettings& settings, JobRequest& job);

/// Fills in model, seed and format, rounds a video's sides down to multiples of 16, and checks what depends on several
/// fields. @throws ApiError 400; 404 for a model that is not there
void complete(JobRequest& job, const ServerSettings& settings, const ModelPool& models);

}  // namespace swan::server
