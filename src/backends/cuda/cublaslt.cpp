#include "cuda/cublaslt.h"

#include <cublasLt.h>

#include <algorithm>
#include <array>
#include <compare>
#include <cstdlib>
#include <map>
#include <mutex>
#include <string>
#include <vector>

#include "core/error.h"
#include "cuda/dynamic_library.h"

namespace swan::backends::cuda {

namespace {
constexpr size_t kWorkspace = size_t{32} << 20;  // what NVIDIA advises for Hopper
constexpr int kCandidates = 8;
constexpr uint32_t kMostAligned = 256;

// The library's functions, by their own names.
struct Functions {
  explicit Functions(const DynamicLibrary& library)
#define SWAN_CUBLASLT(name) name(library.function<decltype(::cublasLt##name)>("cublasLt" #name))
      : SWAN_CUBLASLT(Create),
        SWAN_CUBLASLT(Destroy),
        SWAN_CUBLASLT(GetStatusString),
        SWAN_CUBLASLT(Matmul),
        SWAN_CUBLASLT(MatmulAlgoGetHeuristic),
        SWAN_CUBLASLT(MatmulDescCreate),
        SWAN_CUBLASLT(MatmulDescDestroy),
        SWAN_CUBLASLT(MatmulDescSetAttribute),
        SWAN_CUBLASLT(MatmulPreferenceCreate),
        SWAN_CUBLASLT(MatmulPreferenceDestroy),
        SWAN_CUBLASLT(MatmulPreferenceSetAttribute),
        SWAN_CUBLASLT(MatrixLayoutCreate),
        SWAN_CUBLASLT(MatrixLayoutDestroy),
        SWAN_CUBLASLT(MatrixLayoutSetAttribute) {
  }
#undef SWAN_CUBLASLT

  decltype(&::cublasLtCreate) Create;
  decltype(&::cublasLtDestroy) Destroy;
  decltype(&::cublasLtGetStatusString) GetStatusString;
  decltype(&::cublasLtMatmul) Matmul;
  decltype(&::cublasLtMatmulAlgoGetHeuristic) MatmulAlgoGetHeuristic;
  decltype(&::cublasLtMatmulDescCreate) MatmulDescCreate;
  decltype(&::cublasLtMatmulDescDestroy) MatmulDescDestroy;
  decltype(&::cublasLtMatmulDescSetAttribute) MatmulDescSetAttribute;
  decltype(&::cublasLtMatmulPreferenceCreate) MatmulPreferenceCreate;
  decltype(&::cublasLtMatmulPreferenceDestroy) MatmulPreferenceDestroy;
  decltype(&::cublasLtMatmulPreferenceSetAttribute) MatmulPreferenceSetAttribute;
  decltype(&::cublasLtMatrixLayoutCreate) MatrixLayoutCreate;
  decltype(&::cublasLtMatrixLayoutDestroy) MatrixLayoutDestroy;
  decltype(&::cublasLtMatrixLayoutSetAttribute) MatrixLayoutSetAttribute;

  void check(cublasStatus_t status, const char* call) const {
    if (status != CUBLAS_STATUS_SUCCESS)
      fail(ErrorCode::kInternal, "CUDA: cublasLt{} failed: {}.", call, GetStatusString(status));
  }
};

cudaDataType_t data_type(DType dtype) {
  switch (dtype) {
    case DType::kF32:
      return CUDA_R_32F;
    case DType::kF16:
      return CUDA_R_16F;
    case DType::kBF16:
      return CUDA_R_16BF;
    case DType::kF8E4M3:
      return CUDA_R_8F_E4M3;
    default:
      fail_dtype(dtype);
  }
}

cublasLtEpilogue_t epilogue(ops::Activation activation, bool bias) {
  switch (activation) {
    case ops::Activation::kNone:
      return bias ? CUBLASLT_EPILOGUE_BIAS : CUBLASLT_EPILOGUE_DEFAULT;
    case ops::Activation::kRelu:
      return bias ? CUBLASLT_EPILOGUE_RELU_BIAS : CUBLASLT_EPILOGUE_RELU;
    case ops::Activation::kGeluTanh:
      return bias ? CUBLASLT_EPILOGUE_GELU_BIAS : CUBLASLT_EPILOGUE_GELU;
    default:
      fail(ErrorCode::kInternal, "CUDA: cuBLASLt cannot fuse activation {}.", static_cast<int>(activation));
  }
}

// The power of two that the address, and those of a batch's further matrices, are multiples of.
uint32_t alignment(const void* address, int64_t stride, DType dtype) {
  const auto bits =
      reinterpret_cast<uintptr_t>(address) | static_cast<uintptr_t>(stride) * size_of(dtype) | kMostAligned;
  return static_cast<uint32_t>(bits & ~(bits - 1));
}

// All that an algorithm depends on.
struct Kind {
  std::array<int64_t, 10> extents;  // m, n, k, leading dimensions, batch, strides
  DType dtype, out_dtype;
  bool b_transposed, bias, scaled, fast_accumulation;
  ops::Activation activation;
  std::array<uint32_t, 6> alignments;  // of A, B, D, bias, scales of A, scales of B
  auto operator<=>(const Kind&) const = default;
};

struct Algorithm {
  cublasLtMatmulAlgo_t algorithm;
  size_t workspace;
};

struct Plan {
  cublasLtMatmulDesc_t operation = nullptr;
  cublasLtMatrixLayout_t weight = nullptr, input = nullptr, output = nullptr;
  std::vector<Algorithm> algorithms;  // best first; those that turned out not to work are gone
  bool tuned = false;
};

// Statuses that say that the library has nothing for a product, rather than that something went wrong.
bool refused(cublasStatus_t status) {
  return status == CUBLAS_STATUS_NOT_SUPPORTED || status == CUBLAS_STATUS_INVALID_VALUE ||
         status == CUBLAS_STATUS_ARCH_MISMATCH;
}

struct Event {
  Event() { check(cudaEventCreate(&event), "cudaEventCreate"); }
  Event(const Event&) = delete;
  Event& operator=(const Event&) = delete;
  ~Event() { (void)cudaEventDestroy(event); }
  cudaEvent_t event = nullptr;
};

bool is_recording(cudaStream_t stream) {
  cudaStreamCaptureStatus status = cudaStreamCaptureStatusNone;
  check(cudaStreamIsCapturing(stream, &status), "cudaStreamIsCapturing");
  return status != cudaStreamCaptureStatusNone;
}

bool autotune_wanted() {
  const char* wanted = std::getenv("SWAN_CUDA_AUTOTUNE");
  return wanted != nullptr && std::string(wanted) == "1";
}
}  // namespace

struct CublasLt::Impl {
  explicit Impl(CudaDevice& device)
      : library("libcublasLt.so.13", "nvidia-cublas"),
        lt(library),
        workspace(device.allocate(kWorkspace)),
        stream(device.stream()),
        autotune(autotune_wanted()) {
    lt.check(lt.Create(&handle), "Create");
  }

  Plan make(const Kind& kind, const Matmul& product) const;
  [[nodiscard]] bool scale(const Plan& plan, const Matmul& product) const;
  void tune(Plan& plan, const Matmul& product, const void* a, const void* b, void* d) const;
  cublasStatus_t run(const Plan& plan, const Algorithm& chosen, const Matmul& product, const void* a, const void* b,
                     void* d) const {
    const float beta = 0;
    return lt.Matmul(handle, plan.operation, &product.alpha, b, plan.weight, a, plan.input, &beta, d, plan.output, d,
                     plan.output, &chosen.algorithm, workspace.get(), chosen.workspace, stream);
  }
  void set(const Plan& plan, cublasLtMatmulDescAttributes_t attribute, const auto& value) const {
    lt.check(lt.MatmulDescSetAttribute(plan.operation, attribute, &value, sizeof(value)), "MatmulDescSetAttribute");
  }
  cublasLtMatrixLayout_t layout(DType dtype, int64_t rows, int64_t columns, int64_t leading, int64_t batch,
                                int64_t stride) const {
    cublasLtMatrixLayout_t made = nullptr;
    lt.check(lt.MatrixLayoutCreate(&made, data_type(dtype), static_cast<uint64_t>(rows), static_cast<uint64_t>(columns),
                                   leading),
             "MatrixLayoutCreate");
    if (batch == 1) return made;
    const auto count = static_cast<int32_t>(batch);
    lt.check(lt.MatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_BATCH_COUNT, &count, sizeof(count)),
             "MatrixLayoutSetAttribute");
    lt.check(lt.MatrixLayoutSetAttribute(made, CUBLASLT_MATRIX_LAYOUT_STRIDED_BATCH_OFFSET, &stride, sizeof(stride)),
             "MatrixLayoutSetAttribute");
    return made;
  }

  DynamicLibrary library;
  Functions lt;
  std::shared_ptr<void> workspace;  // one for all products: they follow each other in one stream
  cudaStream_t stream;
  bool autotune;
  cublasLtHandle_t handle = nullptr;
  std::mutex mutex;  // of the plans: each holds the bias of its latest call
  std::map<Kind, Plan> plans;
};

// Scales of rows, as D^T = B A^T sees them: of its first matrix ours of B. False: the library does not know such.
bool CublasLt::Impl::scale(const Plan& plan, const Matmul& p) const {
  const auto mode = static_cast<int32_t>(CUBLASLT_MATMUL_MATRIX_SCALE_OUTER_VEC_32F);
  const auto try_set = [&](cublasLtMatmulDescAttributes_t attribute, const auto& value) {
    return lt.MatmulDescSetAttribute(plan.operation, attribute, &value, sizeof(value)) == CUBLAS_STATUS_SUCCESS;
  };
  return try_set(CUBLASLT_MATMUL_DESC_A_SCALE_MODE, mode) && try_set(CUBLASLT_MATMUL_DESC_B_SCALE_MODE, mode) &&
         try_set(CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, p.scales_b) &&
         try_set(CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, p.scales_a);
}

// The library's matrices are column-major, so it sees ours transposed: it is asked for D^T = B A^T, whose rows are the
// n columns of D. A bias over rows, which is what it can fuse, is then one over n.
Plan CublasLt::Impl::make(const Kind& kind, const Matmul& p) const {
  Plan plan;
  lt.check(lt.MatmulDescCreate(&plan.operation, CUBLAS_COMPUTE_32F, CUDA_R_32F), "MatmulDescCreate");
  set(plan, CUBLASLT_MATMUL_DESC_TRANSA, p.b_transposed ? CUBLAS_OP_T : CUBLAS_OP_N);
  set(plan, CUBLASLT_MATMUL_DESC_TRANSB, CUBLAS_OP_N);
  set(plan, CUBLASLT_MATMUL_DESC_EPILOGUE, epilogue(p.activation, p.bias != nullptr));
  if (p.bias != nullptr) {
    set(plan, CUBLASLT_MATMUL_DESC_BIAS_DATA_TYPE, static_cast<int32_t>(data_type(p.out_dtype)));
    set(plan, CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias);  // the heuristic looks at its alignment
  }
  if (p.fast_accumulation) set(plan, CUBLASLT_MATMUL_DESC_FAST_ACCUM, int8_t{1});
  const bool known = p.scales_a == nullptr || scale(plan, p);
  plan.weight = p.b_transposed ? layout(p.dtype, p.k, p.n, p.ldb, p.batch, p.stride_b)
                               : layout(p.dtype, p.n, p.k, p.ldb, p.batch, p.stride_b);
  plan.input = layout(p.dtype, p.k, p.m, p.lda, p.batch, p.stride_a);
  plan.output = layout(p.out_dtype, p.n, p.m, p.ldd, p.batch, p.stride_d);

  if (!known) return plan;

  cublasLtMatmulPreference_t preference = nullptr;
  lt.check(lt.MatmulPreferenceCreate(&preference), "MatmulPreferenceCreate");
  const auto prefer = [&](cublasLtMatmulPreferenceAttributes_t attribute, const auto& value) {
    lt.check(lt.MatmulPreferenceSetAttribute(preference, attribute, &value, sizeof(value)),
             "MatmulPreferenceSetAttribute");
  };
  prefer(CUBLASLT_MATMUL_PREF_MAX_WORKSPACE_BYTES, static_cast<uint64_t>(kWorkspace));
  // Sums that are split must not pass through 16 bits on their way.
  prefer(CUBLASLT_MATMUL_PREF_REDUCTION_SCHEME_MASK, static_cast<uint32_t>(CUBLASLT_REDUCTION_SCHEME_COMPUTE_TYPE));
  const auto& [a, b, d, bias, scales_a, scales_b] = kind.alignments;
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_A_BYTES, b);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_B_BYTES, a);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_C_BYTES, d);
  prefer(CUBLASLT_MATMUL_PREF_MIN_ALIGNMENT_D_BYTES, d);
  std::array<cublasLtMatmulHeuristicResult_t, kCandidates> found;
  int count = 0;
  const cublasStatus_t status = lt.MatmulAlgoGetHeuristic(handle, plan.operation, plan.weight, plan.input, plan.output,
                                                          plan.output, preference, kCandidates, found.data(), &count);
  (void)lt.MatmulPreferenceDestroy(preference);
  if (status != CUBLAS_STATUS_SUCCESS && !refused(status)) lt.check(status, "MatmulAlgoGetHeuristic");
  for (int i = 0; status == CUBLAS_STATUS_SUCCESS && i < count; ++i) {
    const cublasLtMatmulHeuristicResult_t& one = found[static_cast<size_t>(i)];
    if (one.state == CUBLAS_STATUS_SUCCESS) plan.algorithms.push_back({one.algo, one.workspaceSize});
  }
  return plan;
}

// Puts the candidates in the order of their times.
void CublasLt::Impl::tune(Plan& plan, const Matmul& product, const void* a, const void* b, void* d) const {
  constexpr int kRuns = 5;
  const Event begin, end;
  std::vector<std::pair<float, size_t>> times;
  for (size_t i = 0; i < plan.algorithms.size(); ++i) {
    const Algorithm& candidate = plan.algorithms[i];
    if (run(plan, candidate, product, a, b, d) != CUBLAS_STATUS_SUCCESS) continue;  // warms the caches otherwise
    check(cudaEventRecord(begin.event, stream), "cudaEventRecord");
    for (int repeat = 0; repeat < kRuns; ++repeat) lt.check(run(plan, candidate, product, a, b, d), "Matmul");
    check(cudaEventRecord(end.event, stream), "cudaEventRecord");
    check(cudaEventSynchronize(end.event), "cudaEventSynchronize");
    float milliseconds = 0;
    check(cudaEventElapsedTime(&milliseconds, begin.event, end.event), "cudaEventElapsedTime");
    times.emplace_back(milliseconds, i);
  }
  std::sort(times.begin(), times.end());
  std::vector<Algorithm> sorted;
  for (const auto& [time, i] : times) sorted.push_back(plan.algorithms[i]);
  plan.algorithms = std::move(sorted);
  plan.tuned = true;
}

CublasLt::CublasLt(CudaDevice& device) : impl_(std::make_unique<Impl>(device)) {}

CublasLt::~CublasLt() {
  for (auto& [kind, plan] : impl_->plans) {
    for (const cublasLtMatrixLayout_t layout : {plan.weight, plan.input, plan.output})
      (void)impl_->lt.MatrixLayoutDestroy(layout);
    (void)impl_->lt.MatmulDescDestroy(plan.operation);
  }
  (void)impl_->lt.Destroy(impl_->handle);
}

bool CublasLt::matmul(const Matmul& p, const void* a, const void* b, void* d) {
  if (p.m == 0 || p.n == 0 || p.batch == 0) return true;
  const bool several = p.batch > 1;
  const Kind kind = {
      .extents = {p.m, p.n, p.k, p.lda, p.ldb, p.ldd, p.batch, several ? p.stride_a : 0, several ? p.stride_b : 0,
                  several ? p.stride_d : 0},
      .dtype = p.dtype,
      .out_dtype = p.out_dtype,
      .b_transposed = p.b_transposed,
      .bias = p.bias != nullptr,
      .scaled = p.scales_a != nullptr,
      .fast_accumulation = p.fast_accumulation,
      .activation = p.activation,
      .alignments = {alignment(a, several ? p.stride_a : 0, p.dtype), alignment(b, several ? p.stride_b : 0, p.dtype),
                     alignment(d, several ? p.stride_d : 0, p.out_dtype), alignment(p.bias, 0, p.out_dtype),
                     alignment(p.scales_a, 0, DType::kF32), alignment(p.scales_b, 0, DType::kF32)}};
  const std::scoped_lock lock(impl_->mutex);
  auto it = impl_->plans.find(kind);
  if (it == impl_->plans.end()) it = impl_->plans.emplace(kind, impl_->make(kind, p)).first;
  Plan& plan = it->second;
  if (p.bias != nullptr) impl_->set(plan, CUBLASLT_MATMUL_DESC_BIAS_POINTER, p.bias);
  if (p.scales_a != nullptr && !plan.algorithms.empty()) {
    impl_->set(plan, CUBLASLT_MATMUL_DESC_A_SCALE_POINTER, p.scales_b);
    impl_->set(plan, CUBLASLT_MATMUL_DESC_B_SCALE_POINTER, p.scales_a);
  }
  if (impl_->autotune && !plan.tuned && plan.algorithms.size() > 1 && !is_recording(impl_->stream))
    impl_->tune(plan, p, a, b, d);

  cublasStatus_t status = CUBLAS_STATUS_NOT_SUPPORTED;
  while (!plan.algorithms.empty()) {
    status = impl_->run(plan, plan.algorithms.front(), p, a, b, d);
    if (status == CUBLAS_STATUS_SUCCESS) return true;
    if (!refused(status)) break;
    plan.algorithms.erase(plan.algorithms.begin());  // promised by the heuristic, refused by the library
  }
  const bool plain = p.bias == nullptr && p.activation == ops::Activation::kNone && p.dtype != DType::kF8E4M3;
  if (plan.algorithms.empty() && !plain) return false;
  fail(ErrorCode::kInternal, "CUDA: cublasLtMatmul of {} [{}, {}] by [{}, {}] (batch {}) failed: {}.", p.dtype, p.m,
       p.k, p.k, p.n, p.batch, impl_->lt.GetStatusString(status));
}

}  // namespace swan::backends::cuda
