#include <fmt/format.h>
#include <unistd.h>

#include <array>
#include <filesystem>
#include <memory>
#include <stdexcept>

#include "core/generator.h"
#include "cuda/kernels.h"
#include "gpu/workloads.h"
#include "io/system.h"
#include "swan/pipeline.h"

namespace swan::bench {

namespace {

namespace fs = std::filesystem;

// A family of models that Swan runs from embeddings to pictures. Another one is another of these and its rows in
// whole_runs().
struct Family {
  const char *pipeline, *scheduler;
  const char* scheduler_options;  // JSON members beside the class
  int num_inference_steps;
  bool guided;  // takes a negative prompt, too
};
constexpr Family kSana = {
    .pipeline = "SanaPipeline",
    .scheduler = "DPMSolverMultistepScheduler",
    .scheduler_options = R"("prediction_type": "flow_prediction", "use_flow_sigmas": true, "flow_shift": 3.0)",
    .num_inference_steps = 20,
    .guided = true};
constexpr Family kSprint = {.pipeline = "SanaSprintPipeline",
                            .scheduler = "SCMScheduler",
                            .scheduler_options = R"("prediction_type": "trigflow", "sigma_data": 0.5)",
                            .num_inference_steps = 1,
                            .guided = false};

// A repository of a family, without a text encoder, whose networks are links to folders of GpuOptions::weights. It goes
// with the object.
class LinkedRepository {
 public:
  LinkedRepository(const Family& family, const std::string& transformer, const std::string& weights)
      : root_((fs::temp_directory_path() / "swan-gpu-bench-XXXXXX").string()) {
    if (mkdtemp(root_.data()) == nullptr) throw std::runtime_error("cannot make a folder like " + root_);
    fs::create_directory_symlink(fs::canonical(fs::path(weights) / transformer), root_ + "/transformer");
    fs::create_directory_symlink(fs::canonical(fs::path(weights) / "dcae_f32c32_sana_vae"), root_ + "/vae");
    fs::create_directory(root_ + "/scheduler");
    write("scheduler/scheduler_config.json",
          fmt::format(R"({{"_class_name": "{}", {}}})", family.scheduler, family.scheduler_options));
    write("model_index.json", fmt::format(R"({{"_class_name": "{}", "scheduler": ["diffusers", "{}"],
"transformer": ["diffusers", "SanaTransformer2DModel"], "vae": ["diffusers", "AutoencoderDC"]}})",
                                          family.pipeline, family.scheduler));
  }
  ~LinkedRepository() {
    std::error_code ignored;
    fs::remove_all(root_, ignored);
  }
  LinkedRepository(const LinkedRepository&) = delete;
  LinkedRepository& operator=(const LinkedRepository&) = delete;

  [[nodiscard]] const std::string& path() const noexcept { return root_; }

 private:
  void write(const std::string& name, const std::string& text) const {
    io::AtomicFile file(root_ + "/" + name);
    file.write(text);
    file.commit();
  }

  std::string root_;
};

PromptEmbeddings random_text(Generator& generator) {
  constexpr int64_t kTokens = 300, kWidth = 2304;
  const std::vector<int32_t> ones(kTokens, 1);
  return {.embeds = generator.randn({1, kTokens, kWidth}),
          .attention_mask = Tensor::from(std::span<const int32_t>(ones), {1, kTokens})};
}

// A picture of 1024 x 1024 by the pipeline itself, whose stages bring the networks to the GPU if they are not there.
Workload sana(const GpuOptions& options, const Family& family, const std::string& transformer) {
  struct Kept {
    LinkedRepository repository;
    std::unique_ptr<ImagePipeline> pipeline;
    ImageRequest request;
    ImageResult result;
  };
  auto kept = std::shared_ptr<Kept>(
      new Kept{.repository = {family, transformer, options.weights}, .pipeline = nullptr, .request = {}, .result = {}});
  kept->pipeline = ImagePipeline::open(
      kept->repository.path(), {.dtype = options.dtype_name(), .device = fmt::format("cuda:{}", options.device)});
  Generator generator(0);
  kept->request.height = kept->request.width = 1024;
  kept->request.num_inference_steps = family.num_inference_steps;
  kept->request.use_resolution_binning = false;
  kept->request.prompt_embeds = random_text(generator);
  if (family.guided) kept->request.negative_prompt_embeds = random_text(generator);
  return {.device = &backends::cuda_device(options.device),
          .run = [kept] { kept->result = kept->pipeline->generate(kept->request); },
          .stages = [kept] { return kept->result.seconds; }};
}

}  // namespace

Workloads whole_runs() {
  return {
      {"sana-1.6b-20", [](const GpuOptions& o) { return sana(o, kSana, "sana_1600m_1024px_transformer"); }},
      {"sana-0.6b-20", [](const GpuOptions& o) { return sana(o, kSana, "sana_600m_1024px_transformer"); }},
      {"sprint-1.6b-1", [](const GpuOptions& o) { return sana(o, kSprint, "sana_sprint_1600m_1024px_transformer"); }},
      {"sprint-0.6b-1", [](const GpuOptions& o) { return sana(o, kSprint, "sana_sprint_600m_1024px_transformer"); }},
  };
}

}  // namespace swan::bench
