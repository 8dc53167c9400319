#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "server/http/response.h"
#include "server/job.h"

namespace swan::server {

/// What finished jobs made, on disk:
///
///     DIR/lock              held while a server uses the folder
///     DIR/new/JOB/...       being written; removed at the next start
///     DIR/jobs/JOB/job.json, 0.png, 1.png, ...
///
/// A job's files are written and synced in `new` and appear in `jobs` by one rename, so that whatever ends the process,
/// a job's folder is whole or is not there. Only ids that the server made itself (is_job_id) and names that it chose
/// become paths. Thread-safe.
class ResultStore {
 public:
  /// Opens the folder, making it if needed (for its owner alone), and removes what is left of a run that was killed.
  /// @throws Error kIo naming the folder and the reason, or that another server uses it
  /// @param max_records  the most bytes of jobs' records, which hold prompts and are kept in memory
  ResultStore(std::string directory, std::chrono::seconds ttl, uint64_t max_bytes,
              uint64_t max_records = uint64_t{128} << 20);
  ~ResultStore();
  ResultStore(const ResultStore&) = delete;
  ResultStore& operator=(const ResultStore&) = delete;

  /// The finished jobs that are there and have room, oldest first. Folders that cannot be read are left alone, and
  /// named.
  [[nodiscard]] std::vector<JobPointer> load(const std::function<void(const std::string&)>& complain);

  /// A folder to write a job's files into. @throws Error kIo
  [[nodiscard]] std::string begin(const std::string& job_id);
  /// Where the one thread that computes may put a file for a moment.
  [[nodiscard]] std::string scratch(const std::string& file) const { return directory_ + "/new/" + file; }
  /// Makes what begin() gave durable, with the record; then removes the oldest until all fits.
  /// @return jobs that were removed. @throws Error kIo, and nothing has changed then
  [[nodiscard]] std::vector<std::string> commit(const std::string& job_id, const nlohmann::json& record,
                                                double finished_at);
  /// Throws away what begin() gave.
  void abandon(const std::string& job_id) noexcept;

  /// @throws Error kNotFound
  [[nodiscard]] std::shared_ptr<const OpenFile> open(const std::string& job_id, const std::string& file) const;
  void remove(const std::string& job_id);
  /// Removes what is older than its time. @return the jobs
  [[nodiscard]] std::vector<std::string> expire(double now);

  [[nodiscard]] uint64_t bytes() const;
  [[nodiscard]] size_t jobs() const;

 private:
  struct Entry {
    double finished_at = 0;
    uint64_t bytes = 0;   ///< on disk
    uint64_t record = 0;  ///< of those the record, which is in memory too
  };
  void keep(const std::string& job_id, const Entry& entry);
  void erase(const std::string& job_id);
  [[nodiscard]] std::vector<std::string> shrink(const std::string& keep);

  const std::string directory_;
  const std::chrono::seconds ttl_;
  const uint64_t max_bytes_, max_records_;
  int lock_ = -1;
  mutable std::mutex mutex_;
  std::map<std::string, Entry> entries_;
  uint64_t bytes_ = 0, records_ = 0;  ///< sums of them
};

}  // namespace swan::server
