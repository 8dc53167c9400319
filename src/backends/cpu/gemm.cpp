#include "cpu/gemm.h"

#include <map>
#include <mutex>
#include <shared_mutex>
#include <tuple>

#include "core/error.h"
#include "cpu/isa.h"
#include "cpu/onednn.h"

namespace swan::backends {

namespace {

using Md = dnnl::memory::desc;
constexpr auto kF32 = dnnl::memory::data_type::f32;

struct Primitive {
  Md a, b, bias, c, scratchpad;
  dnnl::matmul matmul;
};

Primitive make(const Gemm& g, bool with_bias) {
  Primitive p;
  p.a = Md({g.m, g.k}, kF32, dnnl::memory::dims{g.lda, 1});
  p.b = Md({g.k, g.n}, kF32, dnnl::memory::dims{g.b_row, g.b_col});
  p.c = Md({g.m, g.n}, kF32, dnnl::memory::dims{g.ldc, 1});
  p.bias = Md({1, g.n}, kF32, dnnl::memory::dims{g.n, 1});
#if DNNL_VERSION_MAJOR >= 3
  const auto pd = with_bias ? dnnl::matmul::primitive_desc(onednn_engine(), p.a, p.b, p.bias, p.c, onednn_attributes())
                            : dnnl::matmul::primitive_desc(onednn_engine(), p.a, p.b, p.c, onednn_attributes());
#else
  const auto desc = with_bias ? dnnl::matmul::desc(p.a, p.b, p.bias, p.c) : dnnl::matmul::desc(p.a, p.b, p.c);
  const dnnl::matmul::primitive_desc pd(desc, onednn_attributes(), onednn_engine());
#endif
  p.scratchpad = pd.scratchpad_desc();
  p.matmul = dnnl::matmul(pd);
  return p;
}

// Primitives by shape, for the life of the process: a model uses a few dozen.
const Primitive& primitive_for(const Gemm& g, bool with_bias) {
  using Key = std::tuple<int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, int64_t, bool>;
  static std::shared_mutex mutex;
  static auto* cache = new std::map<Key, Primitive>;
  const Key key(g.m, g.n, g.k, g.lda, g.b_row, g.b_col, g.ldc, with_bias);
  {
    const std::shared_lock lock(mutex);
    if (const auto it = cache->find(key); it != cache->end()) return it->second;
  }
  const std::unique_lock lock(mutex);
  const auto it = cache->find(key);
  return it != cache->end() ? it->second : cache->emplace(key, make(g, with_bias)).first->second;
}

dnnl::memory bind(const Md& md, const float* data) {
  return {md, onednn_engine(), const_cast<float*>(data)};  // oneDNN's handles are not const; inputs are not written
}

}  // namespace

void gemm(const Gemm& shape, const float* a, const float* b, const float* bias, float* c) {
  select_isa();
  const SingleThreadedScope single;
  try {
    const Primitive& p = primitive_for(shape, bias != nullptr);
    std::unordered_map<int, dnnl::memory> arguments = {
        {DNNL_ARG_SRC, bind(p.a, a)}, {DNNL_ARG_WEIGHTS, bind(p.b, b)}, {DNNL_ARG_DST, bind(p.c, c)}};
    if (bias != nullptr) arguments.emplace(DNNL_ARG_BIAS, bind(p.bias, bias));
    onednn_run(p.matmul, p.scratchpad, std::move(arguments));
  } catch (const dnnl::error& e) {
    fail(ErrorCode::kInternal, "oneDNN could not multiply [{}, {}] by [{}, {}]: {}.", shape.m, shape.k, shape.k,
         shape.n, e.what());
  }
}

}  // namespace swan::backends
