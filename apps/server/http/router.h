#pragma once

#include <functional>
#include <map>
#include <string>
#include <vector>

#include "server/http/response.h"

namespace swan::server {

/// Who may call a route.
enum class Access {
  kOpen,        ///< everybody: no data of anyone
  kKey,         ///< with an API key, where the server has some
  kKeyOrToken,  ///< the same, or with the token of the job that the path names
};

/// What stands for {name} in a route's path.
using PathValues = std::map<std::string, std::string>;
using RouteHandler = std::function<Response(const Request&, const PathValues&)>;

struct Route {
  std::string method;
  std::string path;  ///< "/v1/jobs/{job_id}"; also its label in metrics
  Access access = Access::kKey;
  RouteHandler handler;
};

/// The route of a request, or which methods its path has.
struct RouteMatch {
  const Route* route = nullptr;
  PathValues values = {};
  std::vector<std::string> allowed = {};  ///< empty where there is no such path
};

/// Finds routes by method and path. GET answers HEAD too.
class Router {
 public:
  void add(const std::string& method, const std::string& path, Access access, RouteHandler handler);
  [[nodiscard]] RouteMatch match(const Request& request) const;

 private:
  struct Entry {
    Route route;
    std::vector<std::string> segments;
  };
  std::vector<Entry> entries_;
};

}  // namespace swan::server
