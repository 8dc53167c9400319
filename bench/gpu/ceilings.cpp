#include <memory>

#include "core/generator.h"
#include "cuda/kernels.h"
#include "gpu/workloads.h"
#include "ops/linear.h"
#include "ops/quantized.h"

namespace swan::bench {

namespace {

// y = x W^T with 8192 rows, inputs and outputs, on random numbers: products of zeros draw less power and run faster. In
// e4m3 both factors have been rounded before.
Workload product(const GpuOptions& options) {
  constexpr int64_t kSize = 8192;
  struct Kept {
    Context ctx;
    Tensor x;
    ops::LinearWeight weight;
    ops::QuantizedRows rounded_x = {}, rounded_weight = {};
  };
  Device& device = backends::cuda_device(options.device);
  Generator generator(0);
  const auto kept =
      std::make_shared<Kept>(Kept{.ctx = {backends::cuda_kernels(), &device, options.dtype},
                                  .x = generator.randn({kSize, kSize}).on(&device, options.dtype),
                                  .weight = {.weight = generator.randn({kSize, kSize}).on(&device, options.dtype)}});
  if (options.f8) {
    kept->rounded_x = ops::quantize_rows(kept->x, ops::Activation::kNone, kept->ctx);
    kept->rounded_weight = ops::quantize_weight(kept->weight.weight, kept->ctx);
    return {.device = &device,
            .run =
                [kept] {
                  (void)ops::linear_f8(kept->rounded_x, kept->rounded_weight, {}, ops::Activation::kNone, kept->ctx);
                },
            .flops = 2.0 * kSize * kSize * kSize};
  }
  return {.device = &device,
          .run = [kept] { (void)ops::linear(kept->x, kept->weight, ops::Activation::kNone, kept->ctx); },
          .flops = 2.0 * kSize * kSize * kSize};
}

// 2 GiB within the device.
Workload copy(const GpuOptions& options) {
  constexpr size_t kBytes = size_t{2} << 30;
  Device& device = backends::cuda_device(options.device);
  const std::shared_ptr<void> from = device.allocate(kBytes), to = device.allocate(kBytes);
  return {.device = &device,
          .run = [from, to, &device] { device.copy(to.get(), from.get(), kBytes); },
          .bytes = 2.0 * kBytes};
}

}  // namespace

Workloads ceilings() { return {{"gemm-ceiling", product}, {"copy-ceiling", copy}}; }

}  // namespace swan::bench
