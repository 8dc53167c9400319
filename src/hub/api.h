#pragma once

#include <nlohmann/json_fwd.hpp>
#include <optional>
#include <string>
#include <vector>

#include "hub/environment.h"
#include "hub/http.h"
#include "hub/stop.h"

namespace swan::hub {

/// A file as a hub lists it.
struct RemoteFile {
  std::string path;
  uint64_t size = 0;
  std::string etag;  ///< the name of its content: SHA-256 of large files (LFS), else git's SHA-1
};

/// What a HEAD request for a file says.
struct FileHead {
  std::string commit;
  std::string etag;              ///< empty: it says none that is of use
  std::optional<uint64_t> size;  ///< nothing: not said
  bool exists = true;            ///< false: the revision has no such file, which tells the commit all the same
};

/// The hub's protocol, of one model, for one thread. What goes wrong is an Error that says what to do.
class HubApi {
 public:
  /// @param doing  for messages: "pull" or "push"
  HubApi(const Environment& env, const Stop& stop, std::string repo, std::string doing,
         std::function<void(const std::string&)> waiting = {});

  /// @param patiently  false: asks once, and takes a hub that is out of order for one that cannot be reached
  /// @throws ConnectionError when there is no answer; Error for those that mean failure
  [[nodiscard]] FileHead head(const std::string& revision, const std::string& path, bool patiently = true);
  /// The commit that a revision is, of the model's info.
  [[nodiscard]] std::string commit_of(const std::string& revision);
  /// All files of a commit, page by page. @param patiently  as of head  @throws Error kCorruptFile for names that must
  /// not be written, naming them
  [[nodiscard]] std::vector<RemoteFile> tree(const std::string& commit, bool patiently = true);

  /// The address of a file's content.
  [[nodiscard]] std::string resolve_address(const std::string& revision, const std::string& path) const;
  /// "https://host/api/models/org/name" + rest
  [[nodiscard]] std::string api_address(const std::string& rest) const;
  /// "https://host/org/name", where a person reads it
  [[nodiscard]] std::string page() const;

  /// Sends and gives the answer's JSON. @throws Error, also for an answer that is no JSON
  [[nodiscard]] nlohmann::json json_of(const HttpRequest& request, const std::string& revision = "");
  /// The JSON of an answer that is no error. @param what  it is, for messages
  /// @throws UnavailableError when it is none: this is no hub, or the page of a network that wants people to log in
  [[nodiscard]] nlohmann::json parsed(const HttpAnswer& answer, const std::string& what) const;
  /// Sends, as send_patiently, or once. Whether it is an error is the caller's to say.
  [[nodiscard]] HttpAnswer send(const HttpRequest& request, bool patiently = true);
  /// Throws what an answer means that is an error: UnavailableError where it is about who asks and not about what.
  /// @param revision, path  of what was asked for; may be empty
  [[noreturn]] void refuse(const HttpAnswer& answer, const std::string& revision, const std::string& path) const;

  [[nodiscard]] HttpClient& client() { return client_; }
  [[nodiscard]] const Environment& env() const { return env_; }
  [[nodiscard]] const Stop& stop() const { return stop_; }
  [[nodiscard]] const std::string& repo() const { return repo_; }

 private:
  [[nodiscard]] HttpRequest small_request(std::string url) const;

  const Environment& env_;
  const Stop& stop_;
  std::string repo_, doing_;
  std::function<void(const std::string&)> waiting_;
  HttpClient client_;
};

}  // namespace swan::hub
