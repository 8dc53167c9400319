#include "server/result_store.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <system_error>

#include "server/job_json.h"
#include "server/random.h"
#include "swan/error.h"

namespace swan::server {

namespace {

namespace fs = std::filesystem;

constexpr const char* kRecord = "job.json";
constexpr size_t kMostJobs = 10'000;  // each is in memory too

Error failed(const std::string& what, const std::string& path, const std::string& reason) {
  return Error(ErrorCode::kIo, fmt::format("cannot {} '{}': {}", what, path, reason));
}

// Brings a file's bytes, or a folder's names, to the disk.
void sync(const fs::path& path) {
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) throw failed("open", path, std::strerror(errno));
  const int result = fsync(descriptor);
  const int error = errno;
  close(descriptor);
  // Some file systems know no fsync of folders.
  if (result != 0 && error != EINVAL) throw failed("sync", path, std::strerror(error));
}

void make_private_folder(const std::string& path) {
  std::error_code error;
  fs::create_directories(path, error);
  if (error) throw failed("make the folder", path, error.message());
  fs::permissions(path, fs::perms::owner_all, error);  // results are their owners' alone
}

uint64_t size_of(const fs::path& folder) {
  uint64_t bytes = 0;
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (entry.is_regular_file()) bytes += entry.file_size();
  }
  return bytes;
}

}  // namespace

ResultStore::ResultStore(std::string directory, std::chrono::seconds ttl, uint64_t max_bytes, uint64_t max_records)
    : directory_(std::move(directory)), ttl_(ttl), max_bytes_(max_bytes), max_records_(max_records) {
  make_private_folder(directory_);
  const std::string path = directory_ + "/lock";
  lock_ = ::open(path.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600);
  if (lock_ < 0) throw failed("open", path, std::strerror(errno));
  if (flock(lock_, LOCK_EX | LOCK_NB) != 0) {
    close(lock_);
    throw Error(ErrorCode::kIo,
                fmt::format("'{}' is in use by another server; name another folder with --data-dir", directory_));
  }
  try {
    std::error_code error;
    fs::remove_all(directory_ + "/new", error);
    make_private_folder(directory_ + "/new");
    make_private_folder(directory_ + "/jobs");
  } catch (...) {
    close(lock_);
    throw;
  }
}

ResultStore::~ResultStore() { close(lock_); }

std::vector<JobPointer> ResultStore::load(const std::function<void(const std::string&)>& complain) {
  std::vector<JobPointer> jobs;
  const std::lock_guard lock(mutex_);
  for (const auto& folder : fs::directory_iterator(directory_ + "/jobs")) {
    const std::string id = folder.path().filename();
    if (!is_job_id(id)) continue;
    try {
      std::ifstream file(folder.path() / kRecord);
      JobPointer job = read_record(nlohmann::json::parse(file), ttl_);
      if (job->id != id) throw std::runtime_error("it is the record of another job");
      for (const JobResult& result : job->state().results) {
        if (!fs::is_regular_file(folder.path() / fs::path(result.file).filename())) {
          throw std::runtime_error(result.file + " is not there");
        }
      }
      keep(id, {.finished_at = job->state().finished_at,
                .bytes = size_of(folder.path()),
                .record = fs::file_size(folder.path() / kRecord)});
      jobs.push_back(std::move(job));
    } catch (const std::exception& e) {
      complain(fmt::format("{}: {}; it is left out", folder.path().string(), e.what()));
    }
  }
  // There may be less room than the server before had.
  for (const std::string& id : shrink("")) std::erase_if(jobs, [&](const JobPointer& job) { return job->id == id; });
  std::sort(jobs.begin(), jobs.end(),
            [](const JobPointer& a, const JobPointer& b) { return a->created_at < b->created_at; });
  return jobs;
}

std::string ResultStore::begin(const std::string& job_id) {
  std::string path = directory_ + "/new/" + job_id;
  std::error_code error;
  fs::remove_all(path, error);
  make_private_folder(path);
  return path;
}

std::vector<std::string> ResultStore::commit(const std::string& job_id, const nlohmann::json& record,
                                             double finished_at) {
  const fs::path written = fs::path(directory_) / "new" / job_id;
  const fs::path path = fs::path(directory_) / "jobs" / job_id;
  const std::string text = record.dump();
  {
    std::ofstream file(written / kRecord);
    file << text << '\n';
    file.close();
    if (!file) throw failed("write", written / kRecord, std::strerror(errno));
  }
  for (const auto& entry : fs::directory_iterator(written)) sync(entry.path());
  sync(written);
  const uint64_t bytes = size_of(written);

  const std::lock_guard lock(mutex_);
  std::error_code error;
  fs::rename(written, path, error);
  if (error) throw failed("rename", written, error.message());
  keep(job_id, {.finished_at = finished_at, .bytes = bytes, .record = text.size()});
  sync(path.parent_path());
  return shrink(job_id);
}

void ResultStore::abandon(const std::string& job_id) noexcept {
  std::error_code error;
  fs::remove_all(directory_ + "/new/" + job_id, error);
}

std::shared_ptr<const OpenFile> ResultStore::open(const std::string& job_id, const std::string& file) const {
  return std::make_shared<OpenFile>(fmt::format("{}/jobs/{}/{}", directory_, job_id, file));
}

// Under the mutex, as the next two.
void ResultStore::keep(const std::string& job_id, const Entry& entry) {
  entries_[job_id] = entry;
  bytes_ += entry.bytes;
  records_ += entry.record;
}

void ResultStore::erase(const std::string& job_id) {
  const auto found = entries_.find(job_id);
  if (found == entries_.end()) return;
  bytes_ -= found->second.bytes;
  records_ -= found->second.record;
  entries_.erase(found);
  // Out of sight by one rename, so that a killed process leaves no half of it either.
  std::error_code error;
  const std::string gone = directory_ + "/new/gone_" + job_id;
  fs::rename(directory_ + "/jobs/" + job_id, gone, error);
  fs::remove_all(gone, error);
}

void ResultStore::remove(const std::string& job_id) {
  const std::lock_guard lock(mutex_);
  erase(job_id);
}

// As long as there are too many bytes, on disk or in memory, or jobs. The oldest go, but never the one that was just
// made: its client has not seen it yet.
std::vector<std::string> ResultStore::shrink(const std::string& keep) {
  std::vector<std::string> removed;
  while (((bytes_ > max_bytes_ || records_ > max_records_) && entries_.size() > 1) || entries_.size() > kMostJobs) {
    auto oldest = entries_.end();
    for (auto it = entries_.begin(); it != entries_.end(); ++it) {
      if (it->first == keep) continue;
      if (oldest == entries_.end() || it->second.finished_at < oldest->second.finished_at) oldest = it;
    }
    removed.push_back(oldest->first);
    erase(removed.back());
  }
  return removed;
}

std::vector<std::string> ResultStore::expire(double now) {
  std::vector<std::string> old;
  const std::lock_guard lock(mutex_);
  for (const auto& [id, entry] : entries_) {
    if (entry.finished_at + static_cast<double>(ttl_.count()) < now) old.push_back(id);
  }
  for (const std::string& id : old) erase(id);
  return old;
}

uint64_t ResultStore::bytes() const {
  const std::lock_guard lock(mutex_);
  return bytes_;
}
size_t ResultStore::jobs() const {
  const std::lock_guard lock(mutex_);
  return entries_.size();
}

}  // namespace swan::server
