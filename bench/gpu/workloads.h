#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "core/device.h"
#include "models/timing.h"

namespace swan::bench {

struct GpuOptions {
  std::string weights;  ///< folder of files named as their manifests
  DType dtype = DType::kBF16;
  int device = 0;
};

/// Something to time, with its weights, on one GPU.
class Workload {
 public:
  /// @param run    leaves the device's work queued
  /// @param flops  floating-point operations of the products and attention of one run; 0: not counted
  Workload(Device& device, std::function<void()> run, double flops)
      : device_(&device), run_(std::move(run)), flops_(flops) {}
  void run() const { run_(); }
  [[nodiscard]] Device* device() const noexcept { return device_; }
  [[nodiscard]] double flops() const noexcept { return flops_; }

 private:
  Device* device_;
  std::function<void()> run_;
  double flops_;
};

/// By name: "sana-1.6b", "dcae-1024", "wan-1.3b", ...
[[nodiscard]] std::map<std::string, Workload (*)(const GpuOptions&)> workloads();

}  // namespace swan::bench
