#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace swan::server {

enum class Kind { kImage, kVideo };
[[nodiscard]] inline const char* kind_name(Kind kind) noexcept { return kind == Kind::kImage ? "image" : "video"; }

struct LoraChoice {
  std::string name;  ///< of ServerSettings::loras
  double scale = 1;
  bool operator==(const LoraChoice&) const = default;
};

/// What one job makes, checked against the server's limits. Names are those of /v1/jobs.
struct JobRequest {
  Kind kind = Kind::kImage;
  std::string model;  ///< a name of ServerSettings::models; never empty once checked
  std::string prompt, negative_prompt;
  std::optional<int64_t> width, height, num_frames;
  std::optional<double> fps;
  std::optional<int> num_inference_steps;
  std::optional<double> guidance_scale, flow_shift;
  std::optional<uint64_t> seed;  ///< set once checked
  int n = 1;
  std::string scheduler;
  std::vector<LoraChoice> loras;
  std::string format;  ///< "png", "mp4", ...; never empty once checked
  std::optional<int> quality;
  bool preview = true;
};

/// Whether two requests can be computed as one: what a batch has in common is the same. Each picture has a seed of its
/// own all the same, so that it is the one that it would be alone, up to the rounding of products of another size.
[[nodiscard]] bool same_shape(const JobRequest& a, const JobRequest& b);

}  // namespace swan::server
