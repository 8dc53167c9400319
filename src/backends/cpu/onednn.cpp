#include "cpu/onednn.h"

#include <omp.h>

#include <array>
#include <memory>

#include "core/allocator.h"

namespace swan::backends {

namespace {
constexpr int kScratchpadSlot = 0;
constexpr int kSlots = 4;
}  // namespace

dnnl::engine& onednn_engine() {
  static auto* engine = new dnnl::engine(dnnl::engine::kind::cpu, 0);  // leaked: primitives may outlive main's statics
  return *engine;
}

void limit_onednn_isa(dnnl::cpu_isa isa) { dnnl::set_max_cpu_isa(isa); }

SingleThreadedScope::SingleThreadedScope() : threads_(omp_get_max_threads()) { omp_set_num_threads(1); }
SingleThreadedScope::~SingleThreadedScope() { omp_set_num_threads(threads_); }

dnnl::primitive_attr onednn_attributes() {
  dnnl::primitive_attr attributes;
  attributes.set_scratchpad_mode(dnnl::scratchpad_mode::user);
  return attributes;
}

void onednn_run(const dnnl::primitive& primitive, const dnnl::memory::desc& scratchpad,
                std::unordered_map<int, dnnl::memory> arguments) {
  thread_local dnnl::stream stream(onednn_engine());
  const size_t bytes = scratchpad.get_size();
  if (bytes > 0)
    arguments.emplace(DNNL_ARG_SCRATCHPAD, dnnl::memory(scratchpad, onednn_engine(),
                                                        thread_scratch(kScratchpadSlot, bytes / sizeof(float) + 1)));
  primitive.execute(stream, arguments);
  stream.wait();
}

float* thread_scratch(int slot, size_t floats) {
  struct Buffer {
    std::shared_ptr<void> data;
    size_t floats = 0;
  };
  thread_local std::array<Buffer, kSlots> buffers;
  Buffer& buffer = buffers.at(static_cast<size_t>(slot));
  if (buffer.floats < floats) {
    buffer.data.reset();
    buffer.data = CachingAllocator::cpu().allocate(floats * sizeof(float));
    buffer.floats = floats;
  }
  return static_cast<float*>(buffer.data.get());
}

}  // namespace swan::backends
