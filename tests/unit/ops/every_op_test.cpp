// What holds for all operations: the same bytes on any number of threads, inputs anywhere in memory and left alone, and
// a clear error where a backend lacks one.
#include "every_op.h"

#include <cstring>

#include "core/parallel.h"
#include "ops/elementwise.h"
#include "ops/picture.h"

namespace swan::ops::testing {
namespace {

class EveryOp : public ::testing::TestWithParam<std::tuple<Backend, OpRun>> {
 protected:
  ~EveryOp() override { set_num_threads(0); }
  [[nodiscard]] const OpRun& op() const { return std::get<1>(GetParam()); }
  Context ctx = std::get<0>(GetParam()).context();
};
INSTANTIATE_TEST_SUITE_P(Backends, EveryOp,
                         ::testing::Combine(::testing::ValuesIn(all_backends()), ::testing::ValuesIn(every_op())),
                         [](const auto& info) {
                           return std::string(std::get<0>(info.param).name) + "_" + std::get<1>(info.param).name;
                         });

TEST_P(EveryOp, DoesNotDependOnThreads) {
  set_num_threads(1);
  const Tensor alone = op().run(op().inputs, ctx);
  for (const int threads : {2, 5}) {
    set_num_threads(threads);
    EXPECT_TRUE(identical(op().run(op().inputs, ctx), alone)) << threads << " threads";
  }
  set_num_threads(0);
  EXPECT_TRUE(identical(op().run(op().inputs, ctx), alone)) << "the default number of threads";
}

TEST_P(EveryOp, LeavesItsInputsAlone) {
  std::vector<Tensor> before;
  for (const Tensor& input : op().inputs) before.push_back(input.clone());
  const Tensor y = op().run(op().inputs, ctx);
  for (size_t i = 0; i < before.size(); ++i) {
    EXPECT_TRUE(identical(op().inputs[i], before[i])) << "input " << i;
    EXPECT_NE(y.raw(), op().inputs[i].raw()) << "the result shares the bytes of input " << i;
  }
}

TEST_P(EveryOp, TakesInputsAtAnyAddress) {
  std::vector<Tensor> moved;
  for (const Tensor& input : op().inputs) moved.push_back(misaligned(input));
  const Tensor expected = op().run(op().inputs, ctx);
  // The same arithmetic, though a library may choose another kernel for it; the longest sum has 8209 terms.
  EXPECT_TRUE(
      close(op().run(moved, ctx), expected, {.relative = 8 * kEpsilon, .absolute = 100 * kEpsilon * rms(expected)}));
}

TEST(Dispatch, NamesTheOperationThatABackendLacks) {
  KernelTable none = oracle_kernels();
  // The table is a name and function pointers only (KnownValues.TableHasEveryEntry relies on it too).
  std::memset(static_cast<void*>(&none), 0, sizeof(none));
  none.name = "none";
  Context ctx(none);
  EXPECT_THROW((void)count_nonfinite(normal({3}, 1), ctx), Error);
  EXPECT_THROW((void)pack_rgb(normal({1, 3, 2, 2}, 1), ctx), Error);
  for (const OpRun& op : every_op()) {
    // Run names are the operation's, with what is special about the run after it.
    std::string prefix = std::string(op.name).substr(0, 4);
    expect_error([&] { (void)op.run(op.inputs, ctx); }, ErrorCode::kUnsupported, {prefix, "the none backend"});
  }
}

}  // namespace
}  // namespace swan::ops::testing
