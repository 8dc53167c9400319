// Which models stay open.

#include "server/model_pool.h"

#include <gtest/gtest.h>

#include "../cli/fake_engine.h"

namespace swan::server {
namespace {

class ModelPoolTest : public testing::Test {
 protected:
  void SetUp() override {
    cli::fake_engine() = {};
    cli::fake_engine().info.components.emplace_back().bytes = 100;  // of every model
  }
  [[nodiscard]] std::unique_ptr<ModelPool> pool(uint64_t memory) {
    return std::make_unique<ModelPool>(
        std::vector<ModelSource>{{"a", "path a", "image"}, {"b", "path b", "image"}, {"v", "path v", "video"}},
        std::vector<LoraSource>{{"style", "style.safetensors"}}, LoadOptions(), memory,
        ModelPool::Listener{.opened = [this](const std::string& name) { story_ += "+" + name; },
                            .evicted = [this](const std::string& name) { story_ += "-" + name; }});
  }
  std::string story_;
};

TEST_F(ModelPoolTest, AllStayOpenWithoutABound) {
  const auto models = pool(0);
  EXPECT_EQ(models->open_models(), 3);
  (void)models->image("a", {});
  (void)models->video("v", {});
  EXPECT_EQ(story_, "+a+b+v") << "opened once";
  EXPECT_EQ(models->find("v")->defaults.num_frames, 9);
  EXPECT_EQ(models->default_of(Kind::kImage)->name, "a");
  EXPECT_FALSE(models->find("b")->is_default);
  EXPECT_FALSE(models->find("c"));
}

TEST_F(ModelPoolTest, ThoseUsedLeastRecentlyAreClosed) {
  const auto models = pool(200);
  EXPECT_EQ(story_, "+a+b-a+v");
  story_.clear();
  (void)models->image("b", {});  // is open: now the latest
  (void)models->image("a", {});
  EXPECT_EQ(story_, "-v+a");
  EXPECT_FALSE(models->find("v")->open);
  EXPECT_TRUE(models->find("b")->open);
}

TEST_F(ModelPoolTest, OneModelIsAlwaysOpen) {
  const auto models = pool(10);
  EXPECT_EQ(models->open_models(), 1);
  (void)models->image("b", {});
  EXPECT_EQ(models->open_models(), 1);
}

TEST_F(ModelPoolTest, LorasAreSetWhereTheyChange) {
  const auto models = pool(0);
  (void)models->image("a", {{"style", 0.5}});
  ASSERT_EQ(cli::fake_engine().loras.size(), 1U);
  EXPECT_EQ(cli::fake_engine().loras[0].path, "style.safetensors");
  cli::fake_engine().loras.clear();
  (void)models->image("a", {{"style", 0.5}});
  EXPECT_TRUE(cli::fake_engine().loras.empty()) << "they are there already";
  cli::fake_engine().loras = {{}};
  (void)models->image("a", {});
  EXPECT_TRUE(cli::fake_engine().loras.empty()) << "set to none";
}

}  // namespace
}  // namespace swan::server
