#include "pipelines/compute.h"

#include <algorithm>
#include <charconv>
#include <cstdlib>

#include "core/allocator.h"
#include "core/error.h"
#include "core/log.h"
#include "cpu/kernels.h"
#include "ops/elementwise.h"
#ifdef SWAN_HAS_CUDA
#include "cuda/kernels.h"
#endif

namespace swan::pipelines {

namespace {

#ifdef SWAN_HAS_CUDA
// What the driver and NVIDIA's libraries take of a GPU before the first tensor; 545 MiB were seen on an H200.
constexpr uint64_t kDriverBytes = uint64_t{600} << 20;
#endif

// "auto" may be settled by the environment, for containers and tests.
std::string or_environment(const std::string& value, const char* variable) {
  const char* set = value == "auto" ? std::getenv(variable) : nullptr;
  return set != nullptr && *set != '\0' ? set : value;
}

constexpr const char* kFp8 = "fp8";  // as auto, but that big linear layers multiply in e4m3

std::optional<DType> dtype_of(const std::string& name) {
  if (name == "auto" || name == kFp8) return std::nullopt;
  if (name == "f32" || name == "f16" || name == "bf16") return parse_dtype(name);
  fail(ErrorCode::kInvalidArgument, "dtype '{}' is not known; use auto, f32, f16, bf16 or fp8.", name);
}

#ifdef SWAN_HAS_CUDA
// "auto" takes the first GPU where there is one that works; otherwise the CPU serves.
Device* open_device(const std::string& name) {
  if (name == "auto") {
    if (backends::cuda_device_count() == 0) return nullptr;
    try {
      return &backends::cuda_device(0);
    } catch (const Error& error) {
      log(LogLevel::kWarning, "the GPU is not used: {}", error.what());
      return nullptr;
    }
  }
  int ordinal = 0;
  const std::string number = name == "cuda" ? "0" : name.substr(name.find(':') + 1);
  const auto [end, error] = std::from_chars(number.data(), number.data() + number.size(), ordinal);
  if (error != std::errc() || end != number.data() + number.size() || ordinal < 0)
    fail(ErrorCode::kInvalidArgument, "device '{}' is not known; use auto, cpu, cuda or cuda:0, cuda:1, ...", name);
  return &backends::cuda_device(ordinal);
}
#else
Device* open_device(const std::string& name) {
  if (name == "auto") return nullptr;
  fail(ErrorCode::kUnsupported, "device '{}' is not there: this build of Swan has the CPU alone; use auto or cpu.",
       name);
}
#endif

// Refuses fp8 where nothing multiplies so, before anything is loaded.
void check_f8(const Device* device) {
  if (device == nullptr)
    fail(ErrorCode::kUnsupported,
         "dtype fp8 needs an NVIDIA GPU (--device cuda), and this run is on the CPU, which has no products in 8 bits; "
         "use --dtype auto, f32, f16 or bf16.");
#ifdef SWAN_HAS_CUDA
  if (std::string capability; !backends::cuda_has_f8(*device, &capability))
    fail(ErrorCode::kUnsupported,
         "dtype fp8 needs a GPU of compute capability 8.9 or newer (Ada, Hopper, Blackwell), and {} is of {}; use "
         "--dtype auto, f32, f16 or bf16, or another GPU.",
         device->name(), capability);
#endif
}

[[noreturn]] void fail_nonfinite(int32_t bad, int64_t values, const std::string& where) {
  fail(ErrorCode::kNumerical,
       "{} of {} values are NaN or infinite after {}, so there is no picture. The weights are damaged, or overflow in "
       "the dtype they are kept in: check the files against their source (swan info), or try --dtype f32.",
       bad, values, where);
}

}  // namespace

Compute::Compute(const LoadOptions& options)
    : memory_budget_(options.memory_budget),
      dtype_(dtype_of(or_environment(options.dtype, "SWAN_DTYPE"))),
      f8_(or_environment(options.dtype, "SWAN_DTYPE") == kFp8) {
  const std::string name = or_environment(options.device, "SWAN_DEVICE");
  if (memory_budget_ != 0 && name == "cpu")
    log(LogLevel::kWarning, "the memory budget is of a GPU's memory: it has no effect on the CPU.");
  if (name != "auto" && name != "cpu" && name != "cuda" && !name.starts_with("cuda:"))
    fail(ErrorCode::kInvalidArgument, "device '{}' is not known; use auto, cpu, cuda or cuda:0, cuda:1, ...", name);
  if (name != "cpu") device_ = open_device(name);
  if (f8_) check_f8(device_);
}

std::optional<DType> Compute::storage() const { return device_ == nullptr ? dtype_ : std::nullopt; }

Context Compute::context(const std::atomic<bool>* cancel) const {
#ifdef SWAN_HAS_CUDA
  if (device_ != nullptr) {
    device_->set_memory_limit(memory_budget_ - std::min(kDriverBytes, memory_budget_ / 2));
    return {backends::cuda_kernels(), device_, DType::kF32, cancel};
  }
#endif
  return Context(backends::cpu_kernels(), cancel);
}

DType Compute::activations(DType stored, Part part) const {
  if (device_ == nullptr) return DType::kF32;
  if (dtype_) return *dtype_;
  if (stored == DType::kF16 || stored == DType::kBF16) return stored;
  return part == Part::kVae ? DType::kF32 : DType::kBF16;
}

void Compute::end_stage() const { CachingAllocator::cpu().trim(); }

void Compute::trim() const {
  end_stage();
  if (device_ != nullptr) device_->trim();
}

void FiniteChecks::add(const Tensor& x, const std::string& where) {
  if (ctx_.device() == nullptr) {
    check_finite(x, where, ctx_);
  } else {
    pending_.push_back({ops::count_nonfinite(x, ctx_), x.numel(), where});
  }
}

void FiniteChecks::verify() {
  for (const Pending& p : pending_)
    if (const int32_t bad = p.count.cpu().data<int32_t>()[0]; bad != 0) fail_nonfinite(bad, p.values, p.where);
  pending_.clear();
}

void check_finite(const Tensor& x, const std::string& where, Context& ctx) {
  Context host(backends::cpu_kernels());  // what has come back already is not sent again to be counted
  const int32_t bad = ops::count_nonfinite(x, x.device() == nullptr ? host : ctx).cpu().data<int32_t>()[0];
  if (bad != 0) fail_nonfinite(bad, x.numel(), where);
}

}  // namespace swan::pipelines
