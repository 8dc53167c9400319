#include "cuda/cudnn_runtime.h"

#include <gtest/gtest.h>

#include <fstream>
#include <iterator>
#include <regex>
#include <set>
#include <string>

namespace swan::backends::cuda {
namespace {

// The functions of the CUDA runtime that cudnn-frontend looks up by name, as its header says.
std::set<std::string> functions_looked_up() {
  std::ifstream file(SWAN_CUDNN_FRONTEND_SHIM);
  const std::string text{std::istreambuf_iterator<char>(file), {}};
  const std::regex call(R"((NV_FE_CALL_TO_CUDA\(\s*\w+,|CudaLibrary::CUDART,)\s*"?(cuda[A-Z]\w*))");
  std::set<std::string> names;
  for (std::sregex_iterator it(text.begin(), text.end(), call), end; it != end; ++it) names.insert((*it)[2]);
  return names;
}

TEST(CudnnRuntime, HasEveryFunctionThatTheFrontendLooksUp) {
  // Of older runtimes: it calls them where the runtime says it is of CUDA 12.
  const std::set<std::string> older = {"cudaGetDeviceProperties_v2", "cudaGraphNodeGetDependencies_v2",
                                       "cudaGraphNodeGetDependentNodes_v2", "cudaStreamGetCaptureInfo_v2"};
  const std::set<std::string> names = functions_looked_up();
  EXPECT_GE(names.size(), 30U);
  EXPECT_TRUE(names.contains("cudaStreamBeginCapture"));
  void* const runtime = frontend_library("libcudart.so.13", 0);
  ASSERT_NE(runtime, nullptr);
  for (const std::string& name : names) {
    if (older.contains(name)) continue;
    EXPECT_NE(frontend_symbol(runtime, name.c_str()), nullptr) << name;
  }
  EXPECT_EQ(frontend_symbol(runtime, "cudaNoSuchFunction"), nullptr);
}

}  // namespace
}  // namespace swan::backends::cuda
