#include "hub/cache.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <atomic>
#include <filesystem>
#include <thread>

#include "support/expect_error.h"
#include "support/temp_dir.h"

namespace swan::hub {
namespace {

namespace fs = std::filesystem;
const std::string kCommit(40, 'a');

TEST(HubCache, LinksRefsAndAbsences) {
  const support::TempDir folder;
  const CachedRepo repo(folder.path(), "org/name");
  EXPECT_FALSE(repo.ref("main"));
  EXPECT_TRUE(repo.files(kCommit).empty());
  repo.prepare(kCommit);
  folder.write("models--org--name/blobs/e1", "content");
  repo.link(kCommit, "a/b/c.json", "e1");
  EXPECT_EQ(fs::read_symlink(repo.snapshot(kCommit) + "/a/b/c.json"), "../../../../blobs/e1");
  repo.link(kCommit, "a/b/c.json", "e1");  // again is no error
  EXPECT_EQ(repo.files(kCommit), std::set<std::string>{"a/b/c.json"});
  EXPECT_TRUE(repo.has(kCommit, "a/b/c.json"));
  fs::remove(repo.blob("e1"));
  EXPECT_FALSE(repo.has(kCommit, "a/b/c.json")) << "a link to nothing is no file";
  EXPECT_TRUE(repo.files(kCommit).empty());
  repo.set_ref("refs/pr/1", kCommit);
  EXPECT_EQ(repo.ref("refs/pr/1"), kCommit);
  folder.write("models--org--name/refs/bad", "../../etc");
  EXPECT_FALSE(repo.ref("bad"));
  EXPECT_FALSE(repo.is_absent(kCommit, "x/y"));
  repo.set_absent(kCommit, "x/y");
  EXPECT_TRUE(repo.is_absent(kCommit, "x/y"));
}

TEST(HubCache, ALockHasOneHolder) {
  const support::TempDir folder;
  const std::string path = folder.file("x.lock");
  Stop stop;
  std::atomic<bool> waited = false;
  auto first = std::make_unique<FileLock>(path, stop, [] { ADD_FAILURE() << "nobody has it"; });
  struct stat status {};
  ASSERT_EQ(::stat(path.c_str(), &status), 0);
  std::thread let_go([&] {
    while (!waited) std::this_thread::yield();
    first.reset();
  });
  const FileLock second(path, stop, [&] { waited = true; });
  let_go.join();
  EXPECT_TRUE(waited);
  stop.failed = true;
  expect_error(ErrorCode::kCancelled, {"cancelled"}, [&] { FileLock(path, stop, {}); });
}

TEST(HubCache, ALockWhoseFileWasRemovedIsTakenAnew) {
  const support::TempDir folder;
  const std::string path = folder.file("x.lock");
  const Stop stop;
  const FileLock first(path, stop, {});
  fs::remove(path);  // as some versions of filelock do when they let go
  const FileLock second(path, stop, [] { ADD_FAILURE() << "it is another file"; });
  EXPECT_TRUE(fs::exists(path));
}

}  // namespace
}  // namespace swan::hub
