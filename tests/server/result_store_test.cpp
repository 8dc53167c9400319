// Results stay when they are whole, whatever ended the process, and go when their time or their room is over.

#include "server/result_store.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "server/job_json.h"
#include "server/random.h"
#include "swan/error.h"

namespace swan::server {
namespace {

namespace fs = std::filesystem;

class ResultStoreTest : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = fs::path(testing::TempDir()) / ("swan_store_" + random_word(12));
    fs::create_directories(folder_);
  }
  void TearDown() override { fs::remove_all(folder_); }

  [[nodiscard]] std::unique_ptr<ResultStore> open(int64_t ttl = 3600, uint64_t bytes = 1 << 20) const {
    return std::make_unique<ResultStore>(folder_ / "store", std::chrono::seconds(ttl), bytes);
  }
  // A finished job with one result of so many bytes. @return its id
  static std::string add(ResultStore& store, double finished_at, size_t bytes = 100,
                         std::vector<std::string>* removed = nullptr) {
    JobRequest request;
    request.prompt = "a prompt";
    request.model = "m";
    request.format = "png";
    request.seed = 7;
    const Job job(request, "someone");
    std::ofstream(store.begin(job.id) + "/0.png") << std::string(bytes, 'x');
    JobState state = job.state();
    state.finished_at = finished_at;
    JobResult& result = state.results.emplace_back();
    result.file = "0.png";
    result.content_type = "image/png";
    result.bytes = bytes;
    result.seed = 7;
    const auto gone = store.commit(job.id, record_json(job, state), finished_at);
    if (removed != nullptr) *removed = gone;
    return job.id;
  }
  static std::vector<JobPointer> load(ResultStore& store, int* complaints = nullptr) {
    return store.load([&](const std::string&) {
      if (complaints != nullptr) ++*complaints;
    });
  }
  [[nodiscard]] fs::path job(const std::string& id) const { return folder_ / "store" / "jobs" / id; }

  fs::path folder_;
};

TEST_F(ResultStoreTest, FindsWhatItWroteAfterARestart) {
  std::string id;
  {
    const auto store = open();
    id = add(*store, 1000);
    EXPECT_EQ(store->jobs(), 1U);
    EXPECT_EQ(store->open(id, "0.png")->size(), 100U);
  }
  const auto store = open();
  const auto jobs = load(*store);
  ASSERT_EQ(jobs.size(), 1U);
  EXPECT_EQ(jobs[0]->id, id);
  EXPECT_EQ(jobs[0]->owner, "someone");
  EXPECT_EQ(jobs[0]->status(), Status::kSucceeded);
  EXPECT_EQ(jobs[0]->request.prompt, "a prompt");
  EXPECT_EQ(jobs[0]->state().results.at(0).seed, 7U);
  EXPECT_EQ(jobs[0]->state().expires_at, 1000 + 3600);
  EXPECT_TRUE(jobs[0]->events().wait(0, std::chrono::milliseconds(0)).closed);
}

TEST_F(ResultStoreTest, WhatWasNotFinishedIsGoneAfterARestart) {
  {
    const auto store = open();
    std::ofstream(store->begin(new_job_id()) + "/0.png") << "half";
  }
  const auto store = open();
  EXPECT_TRUE(load(*store).empty());
  EXPECT_TRUE(fs::is_empty(folder_ / "store" / "new"));
}

TEST_F(ResultStoreTest, DamagedJobsAreLeftOutAndNamed) {
  std::string no_record, no_file, other;
  {
    const auto store = open();
    no_record = add(*store, 1);
    no_file = add(*store, 2);
    other = add(*store, 3);
  }
  std::ofstream(job(no_record) / "job.json") << "{\"id\": ";
  fs::remove(job(no_file) / "0.png");
  fs::create_directory(job("not a job"));
  const auto store = open();
  int complaints = 0;
  const auto jobs = load(*store, &complaints);
  ASSERT_EQ(jobs.size(), 1U);
  EXPECT_EQ(jobs[0]->id, other);
  EXPECT_EQ(complaints, 2);
}

TEST_F(ResultStoreTest, TheOldestMakeRoom) {
  const auto store = open(3600, 8000);
  const std::string first = add(*store, 1, 2000);
  const std::string second = add(*store, 2, 2000);
  std::vector<std::string> removed;
  const std::string third = add(*store, 3, 4000, &removed);
  EXPECT_EQ(removed, std::vector<std::string>{first});
  EXPECT_THROW((void)store->open(first, "0.png"), Error);
  EXPECT_EQ(store->open(second, "0.png")->size(), 2000U);
  EXPECT_LE(store->bytes(), 8000U);
  const std::string huge = add(*store, 4, 20000, &removed);
  EXPECT_EQ(removed.size(), 2U);
  EXPECT_EQ(store->open(huge, "0.png")->size(), 20000U) << "the newest stays: its client has not seen it yet";
}

TEST_F(ResultStoreTest, RecordsAreBoundedForTheyAreInMemory) {
  const auto open_for = [&](uint64_t records) {
    return std::make_unique<ResultStore>(folder_ / "store", std::chrono::hours(1), 1 << 20, records);
  };
  uint64_t record = 0;
  std::vector<std::string> ids;
  {
    const auto store = open_for(1 << 20);
    for (int i = 0; i < 3; ++i) ids.push_back(add(*store, i + 1));
    record = fs::file_size(job(ids[0]) / "job.json");
  }
  const auto store = open_for(5 * record / 2);
  EXPECT_EQ(load(*store).size(), 2U);
  std::vector<std::string> removed;
  (void)add(*store, 4, 100, &removed);
  EXPECT_EQ(removed, std::vector<std::string>{ids[1]});
}

TEST_F(ResultStoreTest, TheOldestGoWhereANewServerHasLessRoom) {
  std::vector<std::string> ids;
  {
    const auto store = open(3600, 20000);
    for (int i = 0; i < 4; ++i) ids.push_back(add(*store, i + 1, 2000));
  }
  const auto store = open(3600, 6000);
  const std::vector<JobPointer> jobs = load(*store);
  ASSERT_EQ(jobs.size(), 2U);
  EXPECT_TRUE(std::none_of(jobs.begin(), jobs.end(), [&](const JobPointer& j) { return j->id == ids[0]; }));
  EXPECT_LE(store->bytes(), 6000U);
  EXPECT_FALSE(fs::exists(job(ids[0])));
  EXPECT_TRUE(fs::exists(job(ids[3])));
}

TEST_F(ResultStoreTest, OldOnesExpire) {
  const auto store = open(100);
  const std::string old = add(*store, 1000);
  const std::string young = add(*store, 1050);
  const auto reader = store->open(old, "0.png");
  EXPECT_EQ(store->expire(1101), std::vector<std::string>{old});
  EXPECT_FALSE(fs::exists(job(old)));
  EXPECT_TRUE(fs::exists(job(young)));
  EXPECT_EQ(reader->size(), 100U) << "who reads it goes on reading";
}

TEST_F(ResultStoreTest, RemovesAndAbandons) {
  const auto store = open();
  const std::string id = add(*store, 1);
  store->remove(id);
  store->remove(id);
  EXPECT_EQ(store->jobs(), 0U);
  EXPECT_EQ(store->bytes(), 0U);
  const std::string begun = new_job_id();
  const std::string path = store->begin(begun);
  store->abandon(begun);
  EXPECT_FALSE(fs::exists(path));
}

TEST_F(ResultStoreTest, IsForOneServerAndItsUserAlone) {
  const auto store = open();
  EXPECT_THROW((void)open(), Error);
  const auto others = fs::perms::group_all | fs::perms::others_all;
  EXPECT_EQ(fs::status(folder_ / "store").permissions() & others, fs::perms::none);
}

}  // namespace
}  // namespace swan::server
