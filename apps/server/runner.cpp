#include "server/runner.h"

#include <fmt/format.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <new>
#include <type_traits>

#include "server/api_error.h"
#include "server/base64.h"
#include "server/job_json.h"
#include "server/public_message.h"
#include "swan/error.h"
#include "swan/video.h"

namespace swan::server {

namespace {

std::string content_type(Kind kind, const std::string& format) {
  return fmt::format("{}/{}", kind == Kind::kVideo && (format == "mp4" || format == "webm") ? "video" : "image",
                     format);
}

std::vector<JobPointer> running(const std::vector<JobPointer>& jobs) {
  std::vector<JobPointer> left;
  std::copy_if(jobs.begin(), jobs.end(), std::back_inserter(left),
               [](const JobPointer& job) { return job->status() == Status::kRunning; });
  return left;
}

SaveImageOptions save_options(const JobRequest& request) {
  SaveImageOptions options;
  if (request.quality) options = {.quality = *request.quality, .lossless = false};
  return options;
}

// All pictures of some jobs.
ImageRequest image_request(const std::vector<JobPointer>& jobs) {
  const JobRequest& shape = jobs.front()->request;
  ImageRequest request;
  request.seed.clear();
  request.negative_prompt.clear();
  for (const JobPointer& job : jobs) {
    for (int i = 0; i < job->request.n; ++i) {
      request.prompt.push_back(job->request.prompt);
      request.negative_prompt.push_back(job->request.negative_prompt);
      request.seed.push_back(job->request.seed.value_or(0) + static_cast<uint64_t>(i));
    }
  }
  request.width = shape.width;
  request.height = shape.height;
  request.num_inference_steps = shape.num_inference_steps;
  if (shape.guidance_scale) request.guidance_scale = *shape.guidance_scale;
  request.flow_shift = shape.flow_shift;
  request.scheduler = shape.scheduler;
  return request;
}

// So many of its pictures, from `first` on.
ImageRequest part_of(const ImageRequest& whole, size_t first, size_t count, bool takes_negative_prompt) {
  const auto cut = [&](const auto& list) {
    const auto begin = list.begin() + static_cast<std::ptrdiff_t>(first);
    return std::remove_cvref_t<decltype(list)>(begin, begin + static_cast<std::ptrdiff_t>(count));
  };
  ImageRequest part = whole;
  part.prompt = cut(whole.prompt);
  part.negative_prompt = cut(whole.negative_prompt);
  part.seed = cut(whole.seed);
  if (!takes_negative_prompt) part.negative_prompt = {""};
  return part;
}

VideoRequest video_request(const JobRequest& job) {
  VideoRequest request;
  request.prompt = {job.prompt};
  request.negative_prompt = {job.negative_prompt};
  request.width = job.width;
  request.height = job.height;
  request.num_frames = job.num_frames;
  request.num_inference_steps = job.num_inference_steps;
  request.guidance_scale = job.guidance_scale;
  request.flow_shift = job.flow_shift;
  request.scheduler = job.scheduler;
  request.seed = {job.seed.value_or(0)};
  return request;
}

}  // namespace

void Batch::cancel_if_all_finished() noexcept {
  if (std::all_of(jobs.begin(), jobs.end(), [](const JobPointer& job) { return is_finished(job->status()); })) {
    cancel = true;
  }
}

// The settings of a result as its client may see them: its own prompt and seed, none of the others' of the batch, and
// no paths of this machine.
nlohmann::json Runner::public_parameters(const std::string& text, const JobRequest& request, uint64_t seed) const {
  nlohmann::json json = nlohmann::json::parse(text, nullptr, false);
  if (!json.is_object()) json = nlohmann::json::object();
  json["prompt"] = {request.prompt};
  json["negative_prompt"] = {request.negative_prompt};
  json["seed"] = seed;
  json["seeds"] = {seed};
  json["index"] = 0;
  if (json.contains("index_prompt")) json["index_prompt"] = request.prompt;
  if (!json.value("model", "").starts_with("embedded:")) json["model"] = request.model;
  for (const char* key : {"transformer", "text_encoder", "vae", "tokenizer", "controlnet"}) json.erase(key);
  json.erase("loras");
  for (const LoraChoice& lora : request.loras) json["loras"].push_back({{"path", lora.name}, {"scale", lora.scale}});
  return json;
}

Callbacks Runner::callbacks_for(Batch& batch, const std::vector<JobPointer>& jobs, ProgressEstimate& estimate) {
  Callbacks callbacks;
  callbacks.cancel = &batch.cancel;
  callbacks.progress = [&jobs, &estimate](const std::string& stage, int done, int total) {
    const JobProgress progress = estimate.update(stage, done, total);
    for (const JobPointer& job : jobs) job->set_progress(progress);
  };
  const bool wanted = std::any_of(jobs.begin(), jobs.end(), [](const JobPointer& job) { return job->request.preview; });
  if (wanted && settings_.preview_seconds > 0) {
    callbacks.preview_interval = settings_.preview_seconds;
    callbacks.preview = [this, &jobs](Preview&& preview) { show_preview(preview, jobs); };
  }
  return callbacks;
}

// A few kilobytes of JPEG in the job's events. Of pictures of one job that are made together the first is shown.
void Runner::show_preview(const Preview& preview, const std::vector<JobPointer>& jobs) {
  int64_t first = 0;
  for (const JobPointer& job : jobs) {
    if (preview.index == first && job->request.preview) {
      try {
        const std::string path = store_.scratch("preview.jpg");
        save_image(path, preview.picture, {}, {.quality = 80});
        std::ifstream file(path, std::ios::binary);
        const std::string bytes{std::istreambuf_iterator<char>(file), std::istreambuf_iterator<char>()};
        job->add_preview(preview.step, preview.steps, "data:image/jpeg;base64," + base64(bytes));
      } catch (const Error& e) {  // a full disk, say; there may be room again once the picture is done
        log_.write(LogLevel::kWarning, "preview_failed", {{"job", job->id}, {"message", e.what()}});
      }
      return;
    }
    first += job->request.n;
  }
}

void Runner::compute_images(Batch& batch, const std::vector<JobPointer>& jobs) {
  const JobRequest& shape = jobs.front()->request;
  ImagePipeline& pipeline = models_.image(shape.model, shape.loras);
  const ImageRequest request = image_request(jobs);
  // Of several jobs the queue gives no more than fit; one job's pictures may be more.
  const size_t total = request.prompt.size();
  const size_t most = static_cast<size_t>(std::max(1, settings_.max_batch));
  ProgressEstimate estimate(shares_.of(shape.model), static_cast<int>((total + most - 1) / most));
  const Callbacks callbacks = callbacks_for(batch, jobs, estimate);
  ImageResult result;
  for (size_t first = 0; first < total; first += most) {
    estimate.begin(static_cast<int>(first / most));
    const size_t count = std::min(most, total - first);
    ImageResult part =
        pipeline.generate(part_of(request, first, count, pipeline.defaults().negative_prompt), callbacks);
    shares_.learn(shape.model, part.seconds);
    std::move(part.images.begin(), part.images.end(), std::back_inserter(result.images));
    std::move(part.parameters.begin(), part.parameters.end(), std::back_inserter(result.parameters));
  }

  size_t picture = 0;
  for (const JobPointer& job : jobs) {
    const size_t first = picture;
    picture += static_cast<size_t>(job->request.n);
    if (job->status() != Status::kRunning) continue;
    if (picture > result.images.size() || picture > result.parameters.size()) {
      throw Error(ErrorCode::kInternal, "the engine made fewer pictures than it was asked for; please report it.");
    }
    const std::string folder = store_.begin(job->id);
    std::vector<JobResult> results;
    for (size_t i = first; i < picture; ++i) {
      const uint64_t seed = request.seed[i];
      JobResult& made = results.emplace_back();
      made.file = fmt::format("{}.{}", i - first, job->request.format);
      made.content_type = content_type(Kind::kImage, job->request.format);
      made.width = result.images[i].width;
      made.height = result.images[i].height;
      made.seed = seed;
      made.parameters = public_parameters(result.parameters[i], job->request, seed);
      const std::string path = folder + "/" + made.file;
      save_image(path, result.images[i], {{"swan", made.parameters.dump()}}, save_options(job->request));
      made.bytes = std::filesystem::file_size(path);
    }
    store(job, std::move(results));
  }
}

void Runner::compute_video(Batch& batch, const JobPointer& job) {
  VideoPipeline& pipeline = models_.video(job->request.model, job->request.loras);
  ProgressEstimate estimate(shares_.of(job->request.model));
  const std::vector<JobPointer> jobs = {job};
  VideoCallbacks callbacks;
  static_cast<Callbacks&>(callbacks) = callbacks_for(batch, jobs, estimate);

  const std::string folder = store_.begin(job->id);
  const double fps = job->request.fps.value_or(SaveVideoOptions().fps);
  JobResult made;
  made.file = "0." + job->request.format;
  made.content_type = content_type(Kind::kVideo, job->request.format);
  made.seed = job->request.seed.value_or(0);
  made.fps = fps;
  std::unique_ptr<VideoWriter> writer;
  callbacks.begin = [&](const VideoPlan& plan) {
    made.width = plan.width;
    made.height = plan.height;
    made.num_frames = plan.num_frames;
    made.parameters = public_parameters(plan.parameters.at(0), job->request, made.seed);
    writer = VideoWriter::open(folder + "/" + made.file, plan.width, plan.height, {{"swan", made.parameters.dump()}},
                               {.fps = fps, .num_frames = plan.num_frames});
  };
  callbacks.frame = [&](VideoFrame&& frame) { writer->write(frame.image); };
  const VideoResult result = pipeline.generate(video_request(job->request), callbacks);
  if (!writer) throw Error(ErrorCode::kInternal, "the engine made no video; please report it.");
  writer->finish();
  shares_.learn(job->request.model, result.seconds);
  made.bytes = std::filesystem::file_size(folder + "/" + made.file);
  store(job, {std::move(made)});
}

void Runner::store(const JobPointer& job, std::vector<JobResult> results) {
  const double now = unix_time();
  JobState state = job->state();
  state.results = results;
  state.finished_at = now;
  std::vector<std::string> removed = store_.commit(job->id, record_json(*job, state), now);
  // On disk first, then said: a client that hears of results finds them even if the process is killed now.
  if (!job->succeed(std::move(results), now, now + static_cast<double>(settings_.result_ttl.count()))) {
    store_.remove(job->id);  // cancelled meanwhile
  }
  if (!removed.empty()) removed_(removed);
}

void Runner::fail(const JobPointer& job, const Error& error) {
  const int status = http_status(error.code());
  log_.write(status >= 500 ? LogLevel::kError : LogLevel::kInfo, "job_failed",
             {{"job", job->id}, {"code", error_code_name(error.code())}, {"message", error.what()}});
  // What is wrong with a request is for its client; what is wrong here may name files and is for the log.
  std::string message = error.what();
  if (status >= 500 && error.code() != ErrorCode::kOutOfMemory) {
    message = fmt::format("the server failed to make it ({}); its log says why, see job {}",
                          error_code_name(error.code()), job->id);
  }
  store_.abandon(job->id);
  job->fail(status, error_code_name(error.code()), public_message(message, settings_));
}

void Runner::compute(Batch& batch, const std::vector<JobPointer>& jobs) {
  const auto all_fail = [&](const Error& error) {
    for (const JobPointer& job : running(jobs)) fail(job, error);
  };
  try {
    if (jobs.front()->request.kind == Kind::kVideo) {
      compute_video(batch, jobs.front());
    } else {
      compute_images(batch, jobs);
    }
  } catch (const Error& e) {
    const std::vector<JobPointer> left = running(jobs);
    if (jobs.size() > 1 && e.code() != ErrorCode::kCancelled) {
      // One of them may be at fault, or all together too large: each has a try of its own.
      for (const JobPointer& job : left) compute(batch, {job});
      return;
    }
    all_fail(e);
  } catch (const std::bad_alloc&) {
    all_fail(Error(ErrorCode::kOutOfMemory, "out of memory; ask for a smaller size, fewer frames or fewer pictures"));
  } catch (const std::exception& e) {
    all_fail(Error(ErrorCode::kInternal, e.what()));
  }
  for (const JobPointer& job : jobs) {
    if (job->status() != Status::kSucceeded) store_.abandon(job->id);
  }
}

void Runner::run(Batch& batch, const std::function<void(const std::vector<std::string>&)>& removed) {
  removed_ = removed;
  const std::vector<JobPointer> jobs = running(batch.jobs);
  if (!jobs.empty()) compute(batch, jobs);
}

}  // namespace swan::server
