#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "server/job_request.h"
#include "server/settings.h"
#include "swan/pipeline.h"
#include "swan/video_pipeline.h"

namespace swan::server {

/// What a model does with a request that does not say, as far as it is known without loading its networks.
struct ModelDefaults {
  int64_t width = 0, height = 0;
  int num_inference_steps = 0;
  double guidance_scale = 0;
  std::optional<int64_t> num_frames;
  std::optional<double> fps;
  bool negative_prompt = true;
};

/// A model as clients see it.
struct ModelView {
  std::string name;
  Kind kind = Kind::kImage;
  bool is_default = false;  ///< of its kind
  bool open = false;
  ModelDefaults defaults;
};

/// The models that requests may name. Each is opened once and stays open; where all together would need more memory
/// than is planned for (the bytes of their weights), those used least recently are closed first. Its networks come into
/// memory when a request first needs them, as the pipelines have it. Looking is thread-safe; image() and video() are
/// for one thread, which uses what they return before it asks again.
class ModelPool {
 public:
  struct Listener {
    std::function<void(const std::string&name)> opened, evicted;
  };
  /// Opens every model once, to know its defaults and to fail now rather than at the first request.
  /// @throws Error as ImagePipeline::open, naming the model
  ModelPool(const std::vector<ModelSource>& models, std::vector<LoraSource> loras, LoadOptions load,
            uint64_t memory_bytes, Listener listener);

  [[nodiscard]] std::vector<ModelView> list() const;
  [[nodiscard]] std::optional<ModelView> find(const std::string& name) const;
  /// The first of its kind. @return nothing where there is none
  [[nodiscard]] std::optional<ModelView> default_of(Kind kind) const;
  [[nodiscard]] int open_models() const;

  /// The pipeline, with these adapters. @throws Error
  [[nodiscard]] ImagePipeline& image(const std::string& name, const std::vector<LoraChoice>& loras);
  [[nodiscard]] VideoPipeline& video(const std::string& name, const std::vector<LoraChoice>& loras);

 private:
  struct Entry {
    ModelView view;
    std::string path;
    uint64_t bytes = 0;  ///< of its weights on disk
    uint64_t used = 0;   ///< when, counted in calls
    std::unique_ptr<ImagePipeline> image;
    std::unique_ptr<VideoPipeline> video;
    std::vector<LoraChoice> loras;
  };

  void open(Entry& entry);
  Entry& use(const std::string& name, const std::vector<LoraChoice>& loras);
  void make_room(const Entry& entry);

  const std::vector<LoraSource> loras_;
  const LoadOptions load_;
  const uint64_t memory_bytes_;
  const Listener listener_;
  mutable std::mutex mutex_;  ///< of what views say; pipelines are the one thread's
  std::vector<Entry> entries_;
  uint64_t calls_ = 0;
};

}  // namespace swan::server
