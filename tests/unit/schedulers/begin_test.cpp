// Runs that begin in the middle, as from a picture: against diffusers 0.42.1 after set_begin_index, with
// v = tanh(0.7 x) + 0.1 t / 1000 and flow_shift 3.
#include <gtest/gtest.h>

#include <array>
#include <memory>
#include <string>

#include "core/context.h"
#include "core/generator.h"
#include "reference/kernels.h"
#include "schedulers/scheduler.h"
#include "support/close.h"
#include "support/expect_error.h"
#include "support/golden.h"
#include "swan/pipeline.h"
#include "synthetic_model.h"

namespace swan::schedulers {
namespace {

std::unique_ptr<Scheduler> solver(const std::string& name) {
  return make_scheduler(support::golden_path("models/sana/scheduler/scheduler_config.json"), name, 3);
}

Tensor four(const std::array<float, 4>& values) {
  Tensor x = Tensor::empty({1, 4, 1, 1}, DType::kF32);
  std::copy(values.begin(), values.end(), x.data_mut<float>());
  return x;
}

struct Case {
  const char* name;
  int steps, first;
  std::array<float, 4> expected;
};

TEST(Begin, InTheMiddleAsDiffusersDoes) {
  const std::array cases = std::to_array<Case>({
      {"dpmsolver++", 6, 2, {0.2335933F, -0.5951604F, 0.0989588F, 1.2472770F}},
      {"dpmsolver++", 7, 1, {0.2179866F, -0.5691597F, 0.0902448F, 1.1820643F}},
      {"dpmsolver++3m", 6, 2, {0.2335933F, -0.5951604F, 0.0989588F, 1.2472770F}},
      {"dpmsolver++3m", 7, 1, {0.2188739F, -0.5695974F, 0.0908772F, 1.1832325F}},
      {"dpmsolver++2s", 6, 2, {0.2274705F, -0.5924773F, 0.0944707F, 1.2412874F}},
      {"dpmsolver++2s", 7, 1, {0.2144649F, -0.5676128F, 0.0876693F, 1.1782168F}},
      {"dpmsolver++3s", 6, 2, {0.2303890F, -0.5937967F, 0.0966031F, 1.2441362F}},
      {"dpmsolver++3s", 7, 1, {0.2188349F, -0.5695165F, 0.0908736F, 1.1828052F}},
      {"unipc", 6, 2, {0.2347282F, -0.5955654F, 0.0997937F, 1.2482270F}},
      {"unipc", 7, 1, {0.2187825F, -0.5694292F, 0.0908315F, 1.1829356F}},
      {"flow-euler", 6, 2, {0.2294331F, -0.6019949F, 0.0946571F, 1.2651666F}},
      {"flow-euler", 7, 1, {0.2073471F, -0.5662281F, 0.0822146F, 1.1753968F}},
      {"flow-heun", 6, 2, {0.2650340F, -0.6204820F, 0.1202730F, 1.3058110F}},
      {"flow-heun", 7, 1, {0.2357669F, -0.5810950F, 0.1026634F, 1.2120056F}},
  });
  Context ctx(backends::reference_kernels());
  for (const Case& c : cases) {
    const auto scheduler = solver(c.name);
    scheduler->set_timesteps(c.steps);
    const int first = c.first * scheduler->order();
    scheduler->set_begin_index(first);
    Tensor x = four({0.5F, -1, 0.25F, 2});
    for (int i = first; i < static_cast<int>(scheduler->timesteps().size()); ++i)
      x = scheduler->step(synthetic_model(x, scheduler->timesteps()[static_cast<size_t>(i)]), i, x, {}, ctx);
    EXPECT_TRUE(support::close(x, four(c.expected), 2e-6)) << c.name << ", " << c.steps << " steps from " << c.first;
  }
}

// Whatever is left out, every solver gets to a point that the velocity always leads to, those that draw noise too.
TEST(Begin, EverySolverGetsToTheEnd) {
  Context ctx(backends::reference_kernels());
  const Tensor end = Generator(1).randn({1, 4, 3, 3});
  for (const auto& [name, description] : scheduler_names()) {
    if (name == "scm") continue;
    const auto scheduler = solver(name);
    for (const int first : {0, 1, 3, 4}) {
      scheduler->set_timesteps(5);
      const int begin = first * scheduler->order();
      scheduler->set_begin_index(begin);
      Generator generator(2);
      Tensor x = scheduler->add_noise(end, generator.randn(end.shape()), begin, ctx);
      for (int i = begin; i < static_cast<int>(scheduler->timesteps().size()); ++i) {
        const float sigma = scheduler->sigmas()[static_cast<size_t>(i)];
        Tensor velocity = Tensor::empty(x.shape(), DType::kF32);
        for (int64_t n = 0; n < x.numel(); ++n)
          velocity.data_mut<float>()[n] = (x.data<float>()[n] - end.data<float>()[n]) / sigma;
        x = scheduler->step(velocity, i, x, scheduler->needs_noise() ? generator.randn(x.shape()) : Tensor(), ctx);
      }
      EXPECT_TRUE(support::close(x, end, 1e-5)) << name << " from " << first;
    }
  }
}

TEST(Begin, NoiseIsAddedAsTheFlowMixesIt) {
  Context ctx(backends::reference_kernels());
  const auto scheduler = solver("flow-euler");
  scheduler->set_timesteps(4);
  const float sigma = scheduler->sigmas()[2];
  const Tensor x = scheduler->add_noise(four({1, 2, 0, -1}), four({0, 1, 1, 3}), 2, ctx);
  EXPECT_TRUE(support::close(x, four({1 - sigma, 2 - sigma, sigma, -1 + 4 * sigma}), 1e-6));
}

TEST(Begin, OutsideTheRunItIsRefused) {
  Context ctx(backends::reference_kernels());
  const auto scheduler = solver("unipc");
  scheduler->set_timesteps(4);
  for (const int first : {-1, 4})
    expect_error(ErrorCode::kInvalidArgument, {"unipc", "none is left"}, [&] { scheduler->set_begin_index(first); });
  scheduler->set_begin_index(2);
  const Tensor x = four({1, 2, 3, 4});
  expect_error(ErrorCode::kInvalidArgument, {"step 0", "step 2"}, [&] { (void)scheduler->step(x, 0, x, {}, ctx); });
  (void)scheduler->step(x, 2, x, {}, ctx);
  scheduler->set_timesteps(4);  // begins anew
  (void)scheduler->step(x, 0, x, {}, ctx);
}

}  // namespace
}  // namespace swan::schedulers
