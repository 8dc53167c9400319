#pragma once

#include <optional>
#include <string>
#include <vector>

namespace swan::cli {

/// What is particular to `swan serve`, unconverted; see arguments.h.
struct ServeOnlyArguments {
  std::optional<std::string> host, port, api_key_file, data_dir;
  std::optional<std::string> result_ttl, result_size;
  std::optional<std::string> max_queue, max_queue_per_client, max_batch, rate_limit, request_timeout, drain_timeout;
  std::optional<std::string> max_width, max_height, max_pixels, max_frames, max_video_pixels, max_steps, max_n;
  std::optional<std::string> max_connections, max_streams, max_body, preview_interval, models_memory, log_level;
  std::vector<std::string> models, loras, allowed_hosts;
  std::optional<std::string> cors_origin;
  bool insecure = false;
  bool behind_proxy = false;
};

}  // namespace swan::cli
