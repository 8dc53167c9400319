#include "hub/cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <filesystem>
#include <string_view>
#include <system_error>

#include "core/error.h"
#include "core/log.h"
#include "hub/http.h"
#include "hub/names.h"
#include "io/system.h"

namespace swan::hub {

namespace {

namespace fs = std::filesystem;

// "org/name" as one folder's name.
std::string folder_name(std::string repo) {
  if (const size_t slash = repo.find('/'); slash != std::string::npos) repo.replace(slash, 1, "--");
  return "models--" + repo;
}

void make_folder(const fs::path& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error && !fs::is_directory(path))
    fail(ErrorCode::kIo,
         "cannot make the folder {}: {}; check its permissions, or keep models elsewhere with HF_HUB_CACHE.",
         path.string(), error.message());
}

// A name beside `path` that nobody else uses.
std::string temporary_name(const std::string& path) {
  static std::atomic<unsigned> counter{0};
  return fmt::format("{}.{}-{}.tmp", path, ::getpid(), counter++);
}

// Backup programs leave out folders with this file (https://bford.info/cachedir/); huggingface_hub writes it too.
void tag_cache(const std::string& cache) {
  const std::string path = cache + "/CACHEDIR.TAG";
  std::error_code error;
  if (fs::exists(path, error)) return;
  try {
    io::AtomicFile file(path);
    file.write(
        "Signature: 8a477f597d28d172789f06886806bc55\n# This file is a cache directory tag created by Swan, for the "
        "cache "
        "of models that it shares with huggingface_hub.\n");
    file.commit();
  } catch (const Error&) {  // nothing depends on it
  }
}

}  // namespace

CachedRepo::CachedRepo(const std::string& cache, const std::string& repo, bool symlinks)
    : cache_(cache),
      folder_(cache + "/" + folder_name(repo)),
      locks_(cache + "/.locks/" + folder_name(repo)),
      symlinks_(symlinks) {}

void CachedRepo::prepare(const std::string& commit) const {
  make_folder(folder_ + "/blobs");
  make_folder(locks_);
  make_folder(snapshot(commit));
  tag_cache(cache_);
}

std::optional<std::string> CachedRepo::ref(const std::string& revision) const {
  std::error_code error;
  const std::string path = folder_ + "/refs/" + revision;
  if (!fs::is_regular_file(path, error)) return std::nullopt;
  constexpr size_t kLongest = 256;
  std::string commit = io::read_file(path, kLongest);
  while (!commit.empty() && (commit.back() == '\n' || commit.back() == ' ')) commit.pop_back();
  if (!is_commit(commit)) return std::nullopt;
  return commit;
}

void CachedRepo::set_ref(const std::string& revision, const std::string& commit) const {
  if (revision == commit || ref(revision) == commit) return;
  const std::string path = folder_ + "/refs/" + revision;
  std::error_code error;
  fs::create_directories(fs::path(path).parent_path(), error);
  try {
    io::AtomicFile file(path);
    file.write(commit);
    file.commit();
  } catch (const Error& e) {
    log(LogLevel::kWarning, "what '{}' is at the hub is not noted: {}", revision, e.what());
  }
}

bool CachedRepo::is_absent(const std::string& commit, const std::string& path) const {
  std::error_code error;
  return fs::is_regular_file(folder_ + "/.no_exist/" + commit + "/" + path, error);
}

void CachedRepo::set_absent(const std::string& commit, const std::string& path) const {
  const fs::path mark = folder_ + "/.no_exist/" + commit + "/" + path;
  std::error_code error;
  fs::create_directories(mark.parent_path(), error);
  try {
    io::AtomicFile(mark.string()).commit();
  } catch (const Error&) {  // it is asked again the next time
  }
}

std::set<std::string> CachedRepo::files(const std::string& commit) const {
  std::set<std::string> found;
  const fs::path root = snapshot(commit);
  std::error_code error;
  for (fs::recursive_directory_iterator it(root, error), end; !error && it != end; it.increment(error)) {
    std::error_code ignored;
    if (it->is_regular_file(ignored)) found.insert(it->path().lexically_relative(root).generic_string());
  }
  return found;
}

bool CachedRepo::has(const std::string& commit, const std::string& path) const {
  std::error_code error;
  return fs::is_regular_file(snapshot(commit) + "/" + path, error);
}

void CachedRepo::link(const std::string& commit, const std::string& path, const std::string& etag, bool moves) const {
  const fs::path pointer = snapshot(commit) + "/" + path;
  const fs::path content = blob(etag);
  make_folder(pointer.parent_path());
  // A folder on the way may be a link that somebody planted; writing through it would leave the snapshot.
  std::error_code error;
  const fs::path real = fs::weakly_canonical(pointer.parent_path(), error);
  const fs::path root = fs::weakly_canonical(snapshot(commit), error);
  if (const fs::path inside = real.lexically_relative(root); inside.empty() || *inside.begin() == "..")
    fail(ErrorCode::kIo, "cannot write {}: a folder in it leads out of the snapshot; remove {}.", pointer.string(),
         snapshot(commit));
  const std::string temporary = temporary_name(pointer.string());
  error = {};
  if (symlinks_) fs::create_symlink(content.lexically_relative(pointer.parent_path()), temporary, error);
  // Where there are no links the snapshot gets the file itself.
  if (!symlinks_ || error) {
    error = {};
    fs::create_hard_link(content, temporary, error);
    if (error && moves) {
      fs::rename(content, pointer, error);
      if (!error) return;
    }
    if (error) {
      error = {};
      fs::copy_file(content, temporary, error);
    }
  }
  if (!error) fs::rename(temporary, pointer, error);
  if (!error) return;
  std::error_code ignored;
  fs::remove(temporary, ignored);
  fail(ErrorCode::kIo, "cannot write {}: {}; check the folder, its permissions and the free space.", pointer.string(),
       error.message());
}

FileLock::FileLock(const std::string& path, const Stop& stop, const std::function<void()>& waiting) {
  constexpr std::chrono::milliseconds kLook(100);
  for (bool first = true;; first = false) {
    // The mode is huggingface_hub's: a group may share a cache.
    fd_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0664);
    if (fd_ < 0)
      fail(ErrorCode::kIo,
           "cannot open the lock {}: {}; check its permissions, or keep models elsewhere with HF_HUB_CACHE.", path,
           io::system_message(errno));
    if (::flock(fd_, LOCK_EX | LOCK_NB) == 0) {
      // Some versions of filelock remove the file when they let go: then this one is nobody's any more.
      struct stat held {
      }, there{};
      if (::fstat(fd_, &held) == 0 && ::stat(path.c_str(), &there) == 0 && held.st_ino == there.st_ino &&
          held.st_dev == there.st_dev)
        return;
    } else if (errno != EWOULDBLOCK && errno != EINTR && errno != EACCES) {
      // A file system without locks. Content is written under a name of its process's own kind and checked, so that
      // the worst is a download made twice.
      log(LogLevel::kWarning, "{} cannot be locked: {}; do not fetch the same model twice at once.", path,
          io::system_message(errno));
      return;
    }
    ::close(fd_);
    fd_ = -1;
    if (first && waiting) waiting();
    wait_unless(stop, kLook);
  }
}

FileLock::~FileLock() {
  if (fd_ >= 0) ::close(fd_);
}

}  // namespace swan::hub
