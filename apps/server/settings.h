#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "server/http/limits.h"
#include "swan/pipeline.h"

namespace swan::server {

/// The most that a request may ask for.
struct RequestLimits {
  int64_t max_width = 2048, max_height = 2048;  ///< pixels
  int64_t max_pixels = int64_t{2048} * 2048;    ///< of one picture or frame
  int64_t max_frames = 161;                     ///< of a video
  int64_t max_video_pixels = 80'000'000;        ///< of one, in all of its frames: a step of it cannot be cut short
  int max_steps = 100;                          ///< denoising
  int max_n = 8;                                ///< pictures of one request
  int64_t max_prompt_characters = 10'000;       ///< Unicode code points
};

/// A model that requests may name.
struct ModelSource {
  std::string name;  ///< [A-Za-z0-9][A-Za-z0-9_.-]*, at most 64
  std::string path;  ///< as ImagePipeline::open takes it; empty: the embedded one
  std::string kind;  ///< "image" or "video"
};
/// An adapter that requests may name.
struct LoraSource {
  std::string name;
  std::string path;
};

/// A key and whom it belongs to. Keys without a name all belong to "default".
struct ApiKey {
  std::string name;
  std::string key;
};

/// How a server runs, all of it decided and checked before it starts.
struct ServerSettings {
  std::string host = "127.0.0.1";
  int port = 7860;
  std::vector<ApiKey> api_keys;
  std::string cors_origin;                 ///< "https://example.org" or "*"; empty: none
  std::vector<std::string> allowed_hosts;  ///< of the header Host, besides loopback's names
  bool check_host = true;                  ///< refuse other names: a page whose name was rebound to us
  bool behind_proxy = false;               ///< X-Forwarded-For says who the client is

  std::vector<ModelSource> models;
  std::vector<LoraSource> loras;
  LoadOptions load;
  uint64_t models_memory = 0;  ///< bytes of weights to keep open at most; 0: no bound but one model

  std::string data_dir;
  std::chrono::seconds result_ttl{24 * 3600};
  uint64_t result_bytes = uint64_t{4} << 30;

  RequestLimits limits;
  HttpLimits http;
  int max_queue = 128;            ///< jobs that wait
  int max_queue_per_client = 64;  ///< of one client
  int max_batch = 4;              ///< pictures computed together
  int max_streams = 64;           ///< listeners to events
  double rate_limit = 60;         ///< jobs a minute and client; 0: no bound
  std::chrono::seconds request_timeout{3600};
  std::chrono::seconds drain_timeout{120};
  double preview_seconds = 1;  ///< least time between previews; 0: none
};

}  // namespace swan::server
