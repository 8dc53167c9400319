#pragma once

#include <dnnl.hpp>
#include <unordered_map>

namespace swan::backends {

/// The CPU engine of the process.
[[nodiscard]] dnnl::engine& onednn_engine();
/// Keeps oneDNN from using instructions above `isa`. Only effective before its first primitive.
void limit_onednn_isa(dnnl::cpu_isa isa);

/// While alive, oneDNN on this thread plans for and uses one thread. Swan cuts the work itself: oneDNN would cut by the
/// number of threads, and its results would change with it.
class SingleThreadedScope {
 public:
  SingleThreadedScope();
  ~SingleThreadedScope();
  SingleThreadedScope(const SingleThreadedScope&) = delete;
  SingleThreadedScope& operator=(const SingleThreadedScope&) = delete;

 private:
  int threads_;
};

/// Runs a primitive on this thread and waits. `scratch_bytes` of scratchpad are added to the arguments.
void onednn_run(const dnnl::primitive& primitive, const dnnl::memory::desc& scratchpad,
                std::unordered_map<int, dnnl::memory> arguments);

/// Attributes that every primitive of ours has: a scratchpad of the caller's, so that threads can share the primitive.
[[nodiscard]] dnnl::primitive_attr onednn_attributes();

/// At least `floats` floats of this thread's own, 64-byte aligned, valid until the next call with the same slot.
[[nodiscard]] float* thread_scratch(int slot, size_t floats);

}  // namespace swan::backends
