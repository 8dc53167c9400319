#include "server/model_pool.h"

#include <fmt/format.h>

#include <algorithm>

#include "swan/error.h"
#include "swan/file_info.h"

namespace swan::server {

namespace {

constexpr double kFps = 16;  // what SaveVideoOptions takes

// Bytes of a model's weights; 0 where they cannot be told, which makes it free.
uint64_t weight_bytes(const ModelSource& model, const std::string& variant) {
  try {
    std::string path = model.path;
    if (path.empty()) path = model.kind == "video" ? default_video_model() : default_image_model();
    if (is_single_file(path)) return static_cast<uint64_t>(inspect_file(path).bytes);
    uint64_t bytes = 0;
    for (const ComponentInfo& component : inspect_model(path, variant).components) {
      bytes += static_cast<uint64_t>(std::max<int64_t>(component.bytes, 0));
    }
    return bytes;
  } catch (const Error&) {
    return 0;
  }
}

}  // namespace

ModelPool::ModelPool(const std::vector<ModelSource>& models, std::vector<LoraSource> loras, LoadOptions load,
                     uint64_t memory_bytes, Listener listener)
    : loras_(std::move(loras)), load_(std::move(load)), memory_bytes_(memory_bytes), listener_(std::move(listener)) {
  bool kinds_seen[2] = {false, false};
  entries_.reserve(models.size());
  for (const ModelSource& model : models) {
    Entry& entry = entries_.emplace_back();
    entry.view.name = model.name;
    entry.view.kind = model.kind == "video" ? Kind::kVideo : Kind::kImage;
    bool& seen = kinds_seen[entry.view.kind == Kind::kVideo ? 1 : 0];
    entry.view.is_default = !seen;
    seen = true;
    entry.path = model.path;
    entry.bytes = weight_bytes(model, load_.variant);
    entry.used = ++calls_;
    try {
      make_room(entry);
      open(entry);
    } catch (const Error& e) {
      throw Error(e.code(), fmt::format("model '{}': {}", model.name, e.what()));
    }
    ModelDefaults& defaults = entry.view.defaults;
    if (entry.image) {
      const ImageDefaults image = entry.image->defaults();
      defaults.width = defaults.height = entry.image->default_size();
      defaults.num_inference_steps = image.num_inference_steps;
      defaults.guidance_scale = ImageRequest().guidance_scale;
      defaults.negative_prompt = image.negative_prompt;
    } else {
      const VideoDefaults& video = entry.video->defaults();
      defaults = {.width = video.width,
                  .height = video.height,
                  .num_inference_steps = video.num_inference_steps,
                  .guidance_scale = video.guidance_scale,
                  .num_frames = video.num_frames,
                  .fps = kFps,
                  .negative_prompt = true};
    }
  }
}

std::vector<ModelView> ModelPool::list() const {
  const std::lock_guard lock(mutex_);
  std::vector<ModelView> views;
  for (const Entry& entry : entries_) views.push_back(entry.view);
  return views;
}

std::optional<ModelView> ModelPool::find(const std::string& name) const {
  for (const ModelView& view : list()) {
    if (view.name == name) return view;
  }
  return std::nullopt;
}

std::optional<ModelView> ModelPool::default_of(Kind kind) const {
  for (const ModelView& view : list()) {
    if (view.kind == kind) return view;
  }
  return std::nullopt;
}

int ModelPool::open_models() const {
  const std::lock_guard lock(mutex_);
  return static_cast<int>(std::count_if(entries_.begin(), entries_.end(), [](const Entry& e) { return e.view.open; }));
}

// Closes models until this one fits beside those that are open.
void ModelPool::make_room(const Entry& entry) {
  if (memory_bytes_ == 0) return;
  while (true) {
    uint64_t bytes = entry.bytes;
    Entry* oldest = nullptr;
    for (Entry& other : entries_) {
      if (!other.view.open || &other == &entry) continue;
      bytes += other.bytes;
      if (oldest == nullptr || other.used < oldest->used) oldest = &other;
    }
    if (oldest == nullptr || bytes <= memory_bytes_) return;
    oldest->image.reset();
    oldest->video.reset();
    oldest->loras.clear();
    {
      const std::lock_guard lock(mutex_);
      oldest->view.open = false;
    }
    if (listener_.evicted) listener_.evicted(oldest->view.name);
  }
}

void ModelPool::open(Entry& entry) {
  if (entry.view.kind == Kind::kVideo) {
    entry.video = VideoPipeline::open(entry.path, load_);
  } else {
    entry.image = ImagePipeline::open(entry.path, load_);
  }
  {
    const std::lock_guard lock(mutex_);
    entry.view.open = true;
  }
  if (listener_.opened) listener_.opened(entry.view.name);
}

ModelPool::Entry& ModelPool::use(const std::string& name, const std::vector<LoraChoice>& loras) {
  const auto found =
      std::find_if(entries_.begin(), entries_.end(), [&](const Entry& entry) { return entry.view.name == name; });
  if (found == entries_.end()) {
    throw Error(ErrorCode::kInternal, fmt::format("there is no model '{}'; please report it.", name));
  }
  found->used = ++calls_;
  if (!found->image && !found->video) {
    make_room(*found);
    open(*found);
  }
  if (found->loras == loras) return *found;
  std::vector<Lora> chosen;
  for (const LoraChoice& choice : loras) {
    const auto source =
        std::find_if(loras_.begin(), loras_.end(), [&](const LoraSource& lora) { return lora.name == choice.name; });
    if (source != loras_.end()) chosen.push_back({.path = source->path, .scale = choice.scale});
  }
  if (found->image) found->image->set_loras(chosen);
  if (found->video) found->video->set_loras(chosen);
  found->loras = loras;
  return *found;
}

ImagePipeline& ModelPool::image(const std::string& name, const std::vector<LoraChoice>& loras) {
  return *use(name, loras).image;
}
VideoPipeline& ModelPool::video(const std::string& name, const std::vector<LoraChoice>& loras) {
  return *use(name, loras).video;
}

}  // namespace swan::server
