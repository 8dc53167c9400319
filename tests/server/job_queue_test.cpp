// Whose turn it is, what is computed together, and what is refused.

#include "server/job_queue.h"

#include <gtest/gtest.h>

#include <thread>

namespace swan::server {
namespace {

JobPointer job(const std::string& owner, const std::string& prompt, int64_t width = 64, int n = 1) {
  JobRequest request;
  request.prompt = prompt;
  request.model = "m";
  request.format = "png";
  request.width = width;
  request.n = n;
  return std::make_shared<Job>(request, owner);
}

void push(JobQueue& queue, const JobPointer& job) { ASSERT_EQ(queue.push(job), JobQueue::Push::kTaken); }

std::string prompts(const std::vector<JobPointer>& jobs) {
  std::string text;
  for (const JobPointer& j : jobs) text += j->request.prompt;
  return text;
}

TEST(JobQueue, ClientsTakeTurns) {
  JobQueue queue(100, 100);
  for (const char* prompt : {"a", "b", "c"}) push(queue, job("first", prompt));
  push(queue, job("second", "x"));
  push(queue, job("third", "y"));
  EXPECT_EQ(queue.clients(), 3);
  std::string order;
  for (int i = 0; i < 5; ++i) order += prompts(queue.pop(1));
  EXPECT_EQ(order, "axybc");
  EXPECT_EQ(queue.size(), 0);
}

TEST(JobQueue, AlikeJobsAreTakenTogether) {
  JobQueue queue(100, 100);
  push(queue, job("one", "a"));
  push(queue, job("one", "W", 128));
  push(queue, job("two", "b"));
  push(queue, job("two", "c", 64, 2));
  push(queue, job("two", "d"));
  EXPECT_EQ(prompts(queue.pop(4)), "abc") << "four pictures, and not those of another width";
  EXPECT_EQ(prompts(queue.pop(4)), "d") << "the other client's turn";
  EXPECT_EQ(prompts(queue.pop(4)), "W");
}

TEST(JobQueue, AJobLargerThanABatchIsTakenAlone) {
  JobQueue queue(100, 100);
  push(queue, job("one", "a", 64, 8));
  push(queue, job("one", "b"));
  EXPECT_EQ(prompts(queue.pop(4)), "a");
}

TEST(JobQueue, VideosAreTakenAlone) {
  JobQueue queue(100, 100);
  JobRequest request;
  request.kind = Kind::kVideo;
  request.model = "v";
  request.format = "mp4";
  request.prompt = "v";
  push(queue, std::make_shared<Job>(request, "one"));
  push(queue, std::make_shared<Job>(request, "one"));
  EXPECT_EQ(queue.pop(4).size(), 1U);
}

TEST(JobQueue, IsBounded) {
  JobQueue queue(3, 2);
  push(queue, job("one", "a"));
  push(queue, job("one", "b"));
  EXPECT_EQ(queue.push(job("one", "c")), JobQueue::Push::kClientFull);
  push(queue, job("two", "d"));
  EXPECT_EQ(queue.push(job("three", "e")), JobQueue::Push::kFull);
}

TEST(JobQueue, SaysHowManyTurnsAJobWaits) {
  JobQueue queue(100, 100);
  const JobPointer a = job("one", "a");
  const JobPointer b = job("one", "b", 32);
  const JobPointer c = job("two", "c", 16);
  for (const JobPointer& j : {a, b, c}) push(queue, j);
  EXPECT_EQ(a->state().queue_position, 1);
  EXPECT_EQ(c->state().queue_position, 2);
  EXPECT_EQ(b->state().queue_position, 3);
  EXPECT_EQ(prompts(queue.pop(1)), "a");
  EXPECT_EQ(c->state().queue_position, 1);
  EXPECT_TRUE(queue.remove(*c));
  EXPECT_FALSE(queue.remove(*c));
  EXPECT_EQ(b->state().queue_position, 1);
}

TEST(JobQueue, ClosingGivesBackWhatWaitsAndEndsWaiting) {
  JobQueue queue(100, 100);
  std::vector<JobPointer> last = {nullptr};
  std::thread waiting([&] { last = queue.pop(1); });
  EXPECT_TRUE(queue.close().empty());
  waiting.join();
  EXPECT_TRUE(last.empty());
  EXPECT_EQ(queue.push(job("one", "a")), JobQueue::Push::kClosed);
}

TEST(Job, TheFirstEndCounts) {
  const JobPointer j = job("one", "a");
  EXPECT_TRUE(j->start(1));
  EXPECT_TRUE(j->cancel("enough"));
  EXPECT_FALSE(j->succeed({}, 1, 2));
  EXPECT_FALSE(j->fail(500, "x", "y"));
  EXPECT_FALSE(j->start(1));
  EXPECT_EQ(j->status(), Status::kCancelled);
  EXPECT_EQ(j->state().error->message, "enough");
}

TEST(Job, FailsWithAnyMessage) {
  const JobPointer j = job("one", "a");
  EXPECT_TRUE(j->fail(500, "io", "cannot read \xff"));
  EXPECT_NE(j->events().wait(0, std::chrono::hours(1)).events.at(0).data.find("cannot read"), std::string::npos);
}

TEST(EventLog, KeepsTheLatestOfEachName) {
  EventLog log;
  log.add("started", "{}");
  for (int i = 0; i < 1000; ++i) log.add("progress", std::to_string(i));
  log.add("preview", "p");
  const EventLog::News all = log.wait(0, std::chrono::milliseconds(0));
  ASSERT_EQ(all.events.size(), 3U);
  EXPECT_EQ(all.events[0].name, "started");
  EXPECT_EQ(all.events[1].data, "999");
  EXPECT_FALSE(all.closed);
  EXPECT_TRUE(log.wait(all.events.back().id, std::chrono::milliseconds(1)).events.empty());
  log.close("done", "{}");
  log.add("progress", "late");
  const EventLog::News rest = log.wait(all.events.back().id, std::chrono::hours(1));
  ASSERT_EQ(rest.events.size(), 1U);
  EXPECT_EQ(rest.events[0].name, "done");
  EXPECT_TRUE(rest.closed);
  EXPECT_TRUE(log.wait(rest.events[0].id, std::chrono::hours(1)).events.empty());
  // Whoever listened to this job on a server that was restarted since has an id of then.
  EXPECT_EQ(log.wait(rest.events[0].id + 1, std::chrono::hours(1)).events.size(), 3U);
}

TEST(EventLog, WakesThoseWhoWait) {
  EventLog log;
  std::thread writer([&] { log.add("progress", "1"); });
  EXPECT_EQ(log.wait(0, std::chrono::hours(1)).events.size(), 1U);
  writer.join();
}

}  // namespace
}  // namespace swan::server
