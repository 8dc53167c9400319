#include "cuda/cudnn.h"

#include <dlfcn.h>

#include "cuda/cudnn_runtime.h"

// cudnn-frontend, in this file alone. It gets cuDNN's functions from a handle that we give it, and the CUDA runtime's
// from cudnn_runtime.h: the headers it needs them declared by come first, so that only its calls are renamed.
#define NV_CUDNN_FRONTEND_USE_DYNAMIC_LOADING
#define dlopen(file, flags) ::swan::backends::cuda::frontend_library(file, flags)
#define dlsym(library, name) ::swan::backends::cuda::frontend_symbol(library, name)
#include <cudnn_frontend.h>
#undef dlopen
#undef dlsym

#include <fmt/ranges.h>

#include <array>
#include <bit>
#include <chrono>
#include <functional>
#include <map>
#include <mutex>

#include "core/error.h"
#include "core/log.h"
#include "cuda/cudnn_kernels.h"
#include "cuda/dynamic_library.h"
#include "cuda/plan_store.h"
#include "io/cache_folder.h"

namespace cudnn_frontend {
void* cudnn_dlhandle = nullptr;
}

namespace swan::backends::cuda {

namespace {
namespace fe = cudnn_frontend;
using Attributes = fe::graph::Tensor_attributes;
using Dims = std::vector<int64_t>;

// Names of the tensors of a graph.
enum Name : int64_t { kX = 1, kWeight, kBias, kY, kQ, kK, kV, kKeyBias, kOut };

struct GraphPlan {
  std::shared_ptr<fe::graph::Graph> graph;  // null: cuDNN cannot
  int64_t workspace = 0;
};

struct ConvPlan : GraphPlan {
  bool fused = false;  // with bias and activation
};

// How the bias of keys is given to cuDNN, in order of preference: not all of its kernels broadcast.
enum class KeyBias { kNone, kRepeated, kBroadcast, kMaterialised };
constexpr int64_t kMaxMaterialised = int64_t{64} << 20;  // values

struct AttentionPlan : GraphPlan {
  KeyBias bias = KeyBias::kNone;
};

using Key = std::array<int64_t, 16>;

// More is refused to a plan: the decoders' memory is counted without it.
constexpr int64_t kMaxWorkspace = int64_t{256} << 20;

fe::DataType_t data_type(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return fe::DataType_t::FLOAT;
    case DType::kF16:
      return fe::DataType_t::HALF;
    case DType::kBF16:
      return fe::DataType_t::BFLOAT16;
    default:
      fail_dtype(dtype);
  }
}

bool good(fe::error_t status, const char* step) {
  if (status.is_good()) return true;
  log(LogLevel::kDebug, "cuDNN: {}: {}", step, status.get_message());
  return false;
}

std::shared_ptr<fe::graph::Graph> new_graph(DType dtype) {
  auto graph = std::make_shared<fe::graph::Graph>();
  graph->set_io_data_type(data_type(dtype))
      .set_intermediate_data_type(fe::DataType_t::FLOAT)
      .set_compute_data_type(fe::DataType_t::FLOAT)
      .set_cuda_graph_retention(fe::CudaGraphRetention_t::NONE);  // plans are kept for as long as the process runs
  return graph;
}

// The first plan that cuDNN can build for the graph. @return  false when there is none
bool build(GraphPlan& plan, const std::shared_ptr<fe::graph::Graph>& graph, cudnnHandle_t handle, bool exact_f32) {
  if (!good(graph->validate(), "validate")) return false;
  if (!good(graph->build_operation_graph(handle), "build_operation_graph")) return false;
  if (!good(graph->create_execution_plans({fe::HeurMode_t::A, fe::HeurMode_t::FALLBACK}), "create_execution_plans"))
    return false;
  using Note = fe::NumericalNote_t;
  graph->deselect_workspace_greater_than(kMaxWorkspace);
  graph->deselect_numeric_notes({Note::NONDETERMINISTIC, Note::REDUCED_PRECISION_REDUCTION, Note::WINOGRAD, Note::FFT});
  if (exact_f32) graph->deselect_numeric_notes({Note::TENSOR_CORE, Note::DOWN_CONVERT_INPUTS});
  if (!good(graph->check_support(), "check_support")) return false;
  if (!good(graph->build_plans(fe::BuildPlanPolicy_t::HEURISTICS_CHOICE), "build_plans")) return false;
  if (!good(graph->get_workspace_size(plan.workspace), "get_workspace_size")) return false;
  plan.graph = graph;
  return true;
}

// What plans are made with.
struct Builder {
  cudnnHandle_t handle = nullptr;
  PlanStore store{"", ""};
};

// Takes the plan from the store, or builds it and keeps it there.
// @param key  of all that the graph depends on
bool obtain(GraphPlan& plan, Builder& builder, const std::string& key, DType dtype, bool exact_f32,
            const std::function<std::shared_ptr<fe::graph::Graph>()>& make_graph) {
  const auto start = std::chrono::steady_clock::now();
  const auto report = [&](const char* how) {
    log(LogLevel::kDebug, "cuDNN: {} a plan in {:.1f} ms: {}", how,
        std::chrono::duration<double, std::milli>(std::chrono::steady_clock::now() - start).count(), key);
  };
  if (const auto kept = builder.store.find(key)) {
    try {
      const auto graph = new_graph(dtype);
      if (good(graph->deserialize(builder.handle, *kept), "deserialize") &&
          good(graph->get_workspace_size(plan.workspace), "get_workspace_size")) {
        plan.graph = graph;
        report("loaded");
        return true;
      }
    } catch (const std::exception& e) {
      log(LogLevel::kDebug, "cuDNN: a kept plan cannot be used: {}", e.what());
    }
  }
  if (!build(plan, make_graph(), builder.handle, exact_f32)) return false;
  std::vector<uint8_t> bytes;
  if (good(plan.graph->serialize(bytes, false), "serialize")) builder.store.keep(key, bytes);
  report("built");
  return true;
}

// [B, H, W, C] as cuDNN names its dimensions, (B, C, H, W).
Attributes channels_last(const char* name, int64_t uid, const Dims& dims) {
  const int64_t channels = dims[1], height = dims[2], width = dims[3];
  return Attributes().set_name(name).set_uid(uid).set_dim(dims).set_stride(
      {height * width * channels, 1, width * channels, channels});
}

std::shared_ptr<fe::graph::Graph> conv_graph(const ConvCall& call, const Tensor& y, bool fused) {
  auto graph = new_graph(y.dtype());
  const int64_t batch = y.dim(0), out = y.dim(3), after = call.padding + call.trailing_padding;
  const Dims y_dims = {batch, out, y.dim(1), y.dim(2)};
  Dims pads_before = {call.padding, call.padding}, pads_after = {after, after};
  if (call.phase >= 0) {
    const int64_t below = call.phase / 2, right = call.phase % 2;
    pads_before = {1 - below, 1 - right};
    pads_after = {below, right};
  }
  const auto x = graph->tensor(channels_last("x", kX, {batch, call.x.dim(3), call.x.dim(1), call.x.dim(2)}));
  const auto weight =
      graph->tensor(channels_last("weight", kWeight, {out, call.weight.dim(3), call.kernel, call.kernel}));
  auto value = graph->conv_fprop(x, weight,
                                 fe::graph::Conv_fprop_attributes()
                                     .set_pre_padding(pads_before)
                                     .set_post_padding(pads_after)
                                     .set_stride({call.stride, call.stride})
                                     .set_dilation({1, 1}));
  if (fused) {
    value->set_dim(y_dims);
    if (call.bias.defined()) {
      const auto bias =
          graph->tensor(channels_last("bias", kBias, {1, out, 1, 1}).set_data_type(fe::DataType_t::FLOAT));
      value = graph->pointwise(value, bias, fe::graph::Pointwise_attributes().set_mode(fe::PointwiseMode_t::ADD));
    }
    fe::graph::Pointwise_attributes activation;
    switch (call.activation) {
      case ops::Activation::kNone:
        break;
      case ops::Activation::kRelu:
        value = graph->pointwise(value, activation.set_mode(fe::PointwiseMode_t::RELU_FWD));
        break;
      case ops::Activation::kSilu:
        value = graph->pointwise(value, activation.set_mode(fe::PointwiseMode_t::SWISH_FWD).set_swish_beta(1.0F));
        break;
      case ops::Activation::kGeluTanh:
        value = graph->pointwise(value, activation.set_mode(fe::PointwiseMode_t::GELU_APPROX_TANH_FWD));
        break;
    }
  }
  value->set_output(true)
      .set_name("y")
      .set_uid(kY)
      .set_data_type(data_type(y.dtype()))
      .set_dim(y_dims)
      .set_stride(channels_last("y", kY, y_dims).get_stride());
  return graph;
}

bool plain(const ConvCall& call) { return !call.bias.defined() && call.activation == ops::Activation::kNone; }

ConvPlan plan_conv(const ConvCall& call, const Tensor& y, const Key& key, Builder& builder) {
  ConvPlan plan;
  const auto obtained = [&](bool fused) {
    const std::string name = fmt::format("{}convolution{} {}", fused ? "fused " : "",
                                         call.phase >= 0 ? " of a quarter" : "", fmt::join(key, " "));
    return obtain(plan, builder, name, y.dtype(), y.dtype() == DType::kF32, [&] { return conv_graph(call, y, fused); });
  };
  const bool exact = y.dtype() == DType::kF32;
  // cuDNN's activations are not exact to f32: ours follow the convolution then.
  const bool fusible = !exact || call.activation == ops::Activation::kNone || call.activation == ops::Activation::kRelu;
  if (!plain(call) && fusible && obtained(true)) {
    plan.fused = true;
    return plan;
  }
  if (!obtained(false))
    log(LogLevel::kDebug, "cuDNN: no plan for a convolution of {} with {}.", call.x.shape(), call.weight.shape());
  return plan;
}

struct AttentionCall {
  int64_t batch, queries, keys, heads, kv_heads, dim;
  float scale;
  DType dtype;
};

int64_t padded_keys(const AttentionCall& c) { return (c.keys + 7) / 8 * 8; }

// [B, L, heads * D] as (B, heads, L, D).
Attributes heads_of(const char* name, int64_t uid, int64_t batch, int64_t heads, int64_t length, int64_t dim) {
  return Attributes()
      .set_name(name)
      .set_uid(uid)
      .set_dim({batch, heads, length, dim})
      .set_stride({length * heads * dim, dim, heads * dim, 1});
}

std::shared_ptr<fe::graph::Graph> attention_graph(const AttentionCall& c, KeyBias bias) {
  auto graph = new_graph(c.dtype);
  const auto q = graph->tensor(heads_of("q", kQ, c.batch, c.heads, c.queries, c.dim));
  const auto k = graph->tensor(heads_of("k", kK, c.batch, c.kv_heads, c.keys, c.dim));
  const auto v = graph->tensor(heads_of("v", kV, c.batch, c.kv_heads, c.keys, c.dim));
  auto options = fe::graph::SDPA_attributes().set_name("attention").set_generate_stats(false).set_attn_scale(c.scale);
  const int64_t pitch = padded_keys(c);
  Attributes key_bias;
  key_bias.set_name("key_bias").set_uid(kKeyBias).set_data_type(fe::DataType_t::FLOAT);
  switch (bias) {
    case KeyBias::kNone:
      break;
    case KeyBias::kRepeated:
      key_bias.set_dim({c.batch, 1, c.queries, c.keys}).set_stride({pitch, pitch, 0, 1});
      break;
    case KeyBias::kBroadcast:
      key_bias.set_dim({c.batch, 1, 1, c.keys}).set_stride({pitch, pitch, pitch, 1});
      break;
    case KeyBias::kMaterialised:
      key_bias.set_dim({c.batch, 1, c.queries, c.keys})
          .set_stride({c.queries * pitch, c.queries * pitch, pitch, 1})
          .set_data_type(data_type(c.dtype));
      break;
  }
  if (bias != KeyBias::kNone) options.set_bias(graph->tensor(key_bias));
  const auto out = graph->sdpa(q, k, v, options)[0];
  const Attributes named = heads_of("out", kOut, c.batch, c.heads, c.queries, c.dim);
  out->set_output(true)
      .set_name("out")
      .set_uid(kOut)
      .set_data_type(data_type(c.dtype))
      .set_dim(named.get_dim())
      .set_stride(named.get_stride());
  return graph;
}

AttentionPlan plan_attention(const AttentionCall& c, bool biased, const Key& key, Builder& builder) {
  AttentionPlan plan;
  std::vector<KeyBias> ways = {KeyBias::kNone};
  if (biased) {
    ways = {KeyBias::kRepeated, KeyBias::kBroadcast};
    if (c.batch * c.queries * c.keys < kMaxMaterialised) ways.push_back(KeyBias::kMaterialised);
  }
  for (const KeyBias way : ways) {
    plan.bias = way;
    if (obtain(plan, builder, fmt::format("attention {} {}", static_cast<int>(way), fmt::join(key, " ")), c.dtype,
               false, [&] { return attention_graph(c, way); }))
      return plan;
  }
  log(LogLevel::kDebug, "cuDNN: no plan for attention of {} queries to {} keys, {} heads of {}.", c.queries, c.keys,
      c.heads, c.dim);
  return plan;
}

// cudnn-frontend reports by error objects, but throws where it finds no function or cuDNN breaks its rules.
template <typename Plan, typename Make>
Plan& find_or_make(std::map<Key, Plan>& plans, const Key& key, const Make& make) {
  const auto found = plans.find(key);
  if (found != plans.end()) return found->second;
  Plan plan;
  try {
    plan = make();
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {
    log(LogLevel::kDebug, "cuDNN: {}", e.what());
    plan = {};
  }
  return plans.emplace(key, std::move(plan)).first->second;
}

bool execute(GraphPlan& plan, cudnnHandle_t handle, std::unordered_map<int64_t, void*> tensors) {
  // From the pool and back to it at once: whoever gets it next comes later in the stream.
  Tensor workspace = empty({std::max<int64_t>(plan.workspace, 1)}, DType::kU8);
  try {
    if (good(plan.graph->execute(handle, tensors, workspace.raw_mut()), "execute")) return true;
  } catch (const std::exception& e) {
    log(LogLevel::kDebug, "cuDNN: {}", e.what());
  }
  plan.graph = nullptr;  // not again
  return false;
}

void* pointer(const Tensor& t) { return const_cast<void*>(t.raw()); }

template <typename... T>
bool aligned_to_16(const T&... tensors) {
  return ((reinterpret_cast<uintptr_t>(tensors.raw()) | ...) % 16) == 0;
}

// Libraries that cuDNN looks for by name where the system looks. Some of its kernels do without.
void preload(const char* file, const char* package) {
  try {
    const DynamicLibrary library(file, package);
  } catch (const Error& e) {
    log(LogLevel::kDebug, "cuDNN: {}", e.what());
  }
}
}  // namespace

struct Cudnn::Plans {
  explicit Plans(CudaDevice& device) : library("libcudnn.so.9", "nvidia-cudnn-cu13") {
    preload("libcublasLt.so.13", "nvidia-cublas");
    preload("libnvrtc.so.13", "nvidia-cuda-nvrtc");
    fe::cudnn_dlhandle = library.handle();
    constexpr size_t kOldest = 90100;
    if (const size_t version = fe::detail::get_backend_version(); version < kOldest)
      fail(ErrorCode::kUnsupported, "CUDA: cuDNN {} is too old, 9.1 is needed: pip install -U nvidia-cudnn-cu13.",
           version);
    cudnnStatus_t status = fe::detail::create_handle(&builder.handle);
    if (status == CUDNN_STATUS_SUCCESS) status = fe::detail::set_stream(builder.handle, device.stream());
    if (status != CUDNN_STATUS_SUCCESS)
      fail(ErrorCode::kUnsupported, "CUDA: cuDNN cannot be used on {}: {}.", device.name(),
           fe::detail::get_error_string(status));
    builder.store = PlanStore(io::cache_folder("SWAN_CUDA_PLANS", "cudnn"),
                              fmt::format("cuDNN {}, frontend {}, {}", fe::detail::get_backend_version(),
                                          CUDNN_FRONTEND_VERSION, device.description()));
  }

  DynamicLibrary library;
  Builder builder;
  std::mutex mutex;
  std::map<Key, ConvPlan> convolutions;
  std::map<Key, AttentionPlan> attentions;
};

Cudnn::Cudnn(CudaDevice& device) {
  try {
    plans_ = std::make_unique<Plans>(device);
  } catch (const Error&) {
    throw;
  } catch (const std::exception& e) {
    fail(ErrorCode::kUnsupported, "CUDA: cuDNN cannot be used: {}", e.what());
  }
}

Cudnn::~Cudnn() = default;  // the handle stays, as does its device: both live as long as the process

bool Cudnn::convolution(const ConvCall& call, Tensor& y) {
  if (y.numel() == 0) return true;
  if (!aligned_to_16(call.x, call.weight, call.bias, y)) return false;
  const Key key = {y.dim(0),
                   call.x.dim(1),
                   call.x.dim(2),
                   call.x.dim(3),
                   y.dim(3),
                   call.kernel,
                   call.stride,
                   call.padding,
                   call.trailing_padding,
                   call.groups,
                   static_cast<int64_t>(y.dtype()),
                   static_cast<int64_t>(call.activation),
                   call.bias.defined() ? 1 : 0,
                   call.phase};
  const std::scoped_lock lock(plans_->mutex);
  ConvPlan& plan = find_or_make(plans_->convolutions, key, [&] { return plan_conv(call, y, key, plans_->builder); });
  if (plan.graph == nullptr) return false;
  std::unordered_map<int64_t, void*> tensors = {
      {kX, pointer(call.x)}, {kWeight, pointer(call.weight)}, {kY, y.raw_mut()}};
  if (plan.fused && call.bias.defined()) tensors.emplace(kBias, pointer(call.bias));
  if (!execute(plan, plans_->builder.handle, std::move(tensors))) return false;
  if (!plan.fused) add_bias_and_activate(y, call.bias, call.activation);
  return true;
}

bool Cudnn::attention(const Tensor& q, const Tensor& k, const Tensor& v, const Tensor& key_bias, int64_t heads,
                      int64_t kv_heads, float scale, Tensor& out) {
  constexpr int64_t kMaxDim = 128, kDimStep = 8;
  const AttentionCall call = {.batch = q.dim(0),
                              .queries = q.dim(1),
                              .keys = k.dim(1),
                              .heads = heads,
                              .kv_heads = kv_heads,
                              .dim = q.dim(2) / heads,
                              .scale = scale,
                              .dtype = q.dtype()};
  if (q.numel() == 0 || k.numel() == 0 || size_of(call.dtype) != 2 || call.dim % kDimStep != 0 || call.dim > kMaxDim ||
      !aligned_to_16(q, k, v, out))
    return false;
  const Key key = {call.batch,
                   call.queries,
                   call.keys,
                   call.heads,
                   call.kv_heads,
                   call.dim,
                   std::bit_cast<int32_t>(scale),
                   static_cast<int64_t>(call.dtype),
                   key_bias.defined() ? 1 : 0};
  const std::scoped_lock lock(plans_->mutex);
  AttentionPlan& plan = find_or_make(plans_->attentions, key,
                                     [&] { return plan_attention(call, key_bias.defined(), key, plans_->builder); });
  if (plan.graph == nullptr) return false;

  std::unordered_map<int64_t, void*> tensors = {
      {kQ, pointer(q)}, {kK, pointer(k)}, {kV, pointer(v)}, {kOut, out.raw_mut()}};
  Tensor bias;  // lives until the launch is in the stream
  if (key_bias.defined()) {
    const Tensor rows = on_device(key_bias, DType::kF32);
    if (plan.bias == KeyBias::kMaterialised) {
      bias = repeat_rows(rows, call.queries, padded_keys(call), call.dtype);
    } else if (call.keys != padded_keys(call) || !aligned_to_16(rows)) {
      bias = repeat_rows(rows, 1, padded_keys(call), DType::kF32);
    } else {
      bias = rows;
    }
    tensors.emplace(kKeyBias, pointer(bias));
  }
  return execute(plan, plans_->builder.handle, std::move(tensors));
}

}  // namespace swan::backends::cuda
