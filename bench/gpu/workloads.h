#pragma once

#include <functional>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "core/device.h"
#include "models/timing.h"

namespace swan::bench {

struct GpuOptions {
  std::string weights;  ///< folder of components, each a folder named as its manifest
  DType dtype = DType::kBF16;
  bool f8 = false;  ///< big linear layers multiply in e4m3, the rest is in `dtype`
  int device = 0;
  [[nodiscard]] std::string dtype_name() const { return f8 ? "fp8" : swan::dtype_name(dtype); }
};

/// Something to time, with its weights, on one GPU.
struct Workload {
  Device* device;
  std::function<void()> run;  ///< leaves the device's work queued
  double flops = 0;           ///< of one run's products and attention, see flops.h; 0: not counted
  double bytes = 0;           ///< that one run reads and writes; 0: not counted
  /// What one run gives, in f32 on the host; not set where quality is not compared.
  std::function<Tensor()> output = {};
  /// Seconds of each stage of the last run; not set where a run has no stages.
  std::function<std::vector<std::pair<std::string, double>>()> stages = {};
};

using Workloads = std::map<std::string, Workload (*)(const GpuOptions&)>;

/// One network: "sana-1.6b", "dcae-1024", "wan-1.3b-81", ...
[[nodiscard]] Workloads networks();
/// A pipeline from embeddings to pixels: "sana-1.6b-20", ...
[[nodiscard]] Workloads whole_runs();
/// What the card reaches by the calls that networks make: "gemm-ceiling", "copy-ceiling".
[[nodiscard]] Workloads ceilings();

}  // namespace swan::bench
