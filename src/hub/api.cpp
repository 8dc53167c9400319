#include "hub/api.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <set>

#include "core/error.h"
#include "hub/digest.h"
#include "hub/names.h"
#include "io/json.h"

namespace swan::hub {

namespace {

constexpr size_t kMostFiles = 200'000;
constexpr size_t kMostPages = 1'000;

// A string of an object, or empty.
std::string text_of(const nlohmann::json& object, const char* key) {
  if (!object.is_object()) return "";
  const auto it = object.find(key);
  return it != object.end() && it->is_string() ? it->get<std::string>() : "";
}

// What a server wrote about an error, on one line and not too long.
std::string said(const HttpAnswer& answer) {
  std::string text(header(answer.headers, "x-error-message"));
  if (text.empty() && answer.body.starts_with('{')) {
    const nlohmann::json body = nlohmann::json::parse(answer.body, nullptr, false);
    text = text_of(body, "error");
  }
  constexpr size_t kLongest = 300;
  text = printable_utf8(text.substr(0, kLongest));
  std::replace_if(
      text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) < ' '; }, ' ');
  return text;
}

std::string with_reason(const std::string& reason) { return reason.empty() ? "" : " (" + reason + ")"; }

// A name must be fit to be written, and no file may also be another's folder.
void check_names(const std::vector<RemoteFile>& files, const std::string& repo) {
  std::set<std::string> paths;
  for (const RemoteFile& file : files) {
    if (const std::string problem = path_problem(file.path); !problem.empty())
      fail(ErrorCode::kCorruptFile, "cannot use {}: the hub lists a file '{}', which must not be written: {}.", repo,
           file.path, problem);
    if (!paths.insert(file.path).second)
      fail(ErrorCode::kCorruptFile, "cannot use {}: the hub lists the file '{}' twice.", repo, file.path);
  }
  for (const std::string& path : paths)
    for (size_t slash = path.find('/'); slash != std::string::npos; slash = path.find('/', slash + 1))
      if (paths.contains(path.substr(0, slash)))
        fail(ErrorCode::kCorruptFile, "cannot use {}: the hub lists '{}' as a file and as a folder.", repo,
             path.substr(0, slash));
}

}  // namespace

HubApi::HubApi(const Environment& env, const Stop& stop, std::string repo, std::string doing,
               std::function<void(const std::string&)> waiting)
    : env_(env),
      stop_(stop),
      repo_(std::move(repo)),
      doing_(std::move(doing)),
      waiting_(std::move(waiting)),
      client_(env, stop) {}

std::string HubApi::page() const {
  const std::string base = env_.endpoint.str();
  return (base.ends_with('/') ? base : base + "/") + repo_;
}
std::string HubApi::resolve_address(const std::string& revision, const std::string& path) const {
  return page() + "/resolve/" + url_escaped(revision, false) + "/" + url_escaped(path, true);
}
std::string HubApi::api_address(const std::string& rest) const {
  const std::string base = env_.endpoint.str();
  return (base.ends_with('/') ? base : base + "/") + "api/models/" + repo_ + rest;
}

HttpRequest HubApi::small_request(std::string url) const {
  HttpRequest request;
  request.url = std::move(url);
  request.timeout = std::chrono::minutes(5);
  request.answer_soon = true;
  return request;
}

HttpAnswer HubApi::send(const HttpRequest& request, bool patiently) {
  std::string why;
  try {
    if (patiently) return send_patiently(client_, request, env_, stop_, waiting_);
    HttpAnswer answer = client_.send(request);
    if (!answer.retryable()) return answer;
    why = fmt::format("status {}", answer.status);
  } catch (const ConnectionError& e) {
    why = e.what();
  }
  throw ConnectionError(
      fmt::format("cannot {} {}: the hub {} cannot be reached ({}); check the network, the proxy (https_proxy) and "
                  "HF_ENDPOINT, or work with what is cached: --offline.",
                  doing_, repo_, env_.endpoint.origin(), why));
}

nlohmann::json HubApi::json_of(const HttpRequest& request, const std::string& revision) {
  const HttpAnswer answer = send(request);
  if (answer.status < 200 || answer.status >= 300) refuse(answer, revision, "");
  return parsed(answer, request.url.substr(0, request.url.find('?')));
}

nlohmann::json HubApi::parsed(const HttpAnswer& answer, const std::string& what) const {
  try {
    return io::parse_json(answer.body, what);
  } catch (const Error& e) {
    fail_unavailable(
        e.code(),
        "cannot {} {}: {} does not answer as a hub does: {} Check HF_ENDPOINT, and whether the network here "
        "wants you to log in first.",
        doing_, repo_, env_.endpoint.origin(), e.what());
  }
}

FileHead HubApi::head(const std::string& revision, const std::string& path, bool patiently) {
  HttpRequest request = small_request(resolve_address(revision, path));
  request.method = "HEAD";
  const HttpAnswer answer = send(request, patiently);
  FileHead head;
  if (const std::string commit(header(answer.headers, "x-repo-commit")); is_commit(commit)) head.commit = commit;
  const bool redirected = answer.status >= 300 && answer.status < 400;
  if (answer.status == 404 && header(answer.headers, "x-error-code") == "EntryNotFound" && !head.commit.empty()) {
    head.exists = false;
    return head;
  }
  if (answer.status < 200 || answer.status >= 400) refuse(answer, revision, path);
  const std::string_view linked = header(answer.headers, "x-linked-etag");
  head.etag = normalized_etag(!linked.empty() ? linked : header(answer.headers, "etag"));
  head.size = parse_size(header(answer.headers, "x-linked-size"));
  if (!head.size && !redirected) head.size = parse_size(header(answer.headers, "content-length"));
  return head;
}

std::string HubApi::commit_of(const std::string& revision) {
  const nlohmann::json info =
      json_of(small_request(api_address("/revision/" + url_escaped(revision, false))), revision);
  std::string commit = text_of(info, "sha");
  if (!is_commit(commit))
    fail(ErrorCode::kIo, "cannot {} {}: {} does not say which commit '{}' is; check that HF_ENDPOINT is a hub.", doing_,
         repo_, env_.endpoint.origin(), revision);
  return commit;
}

std::vector<RemoteFile> HubApi::tree(const std::string& commit, bool patiently) {
  std::vector<RemoteFile> files;
  std::string address = api_address("/tree/" + commit + "?recursive=true&expand=false");
  const std::string what = "the list of files of " + repo_;
  for (size_t page = 0; !address.empty(); ++page) {
    const HttpAnswer answer = send(small_request(address), patiently);
    if (answer.status < 200 || answer.status >= 300) refuse(answer, commit, "");
    const nlohmann::json list = parsed(answer, what);
    if (!list.is_array()) fail(ErrorCode::kCorruptFile, "{} is no list; check that HF_ENDPOINT is a hub.", what);
    for (const nlohmann::json& entry : list) {
      RemoteFile file{.path = text_of(entry, "path"), .size = 0, .etag = {}};
      if (file.path.empty())
        fail(ErrorCode::kCorruptFile, "{} has an entry without a path; check that HF_ENDPOINT is a hub.", what);
      if (text_of(entry, "type") != "file") continue;
      const bool lfs = entry.contains("lfs") && entry["lfs"].is_object();
      const nlohmann::json& content = lfs ? entry["lfs"] : entry;
      const auto size = content.find("size");
      constexpr uint64_t kMostBytes = uint64_t{1} << 50U;
      if (size == content.end() || !size->is_number_unsigned() || size->get<uint64_t>() > kMostBytes)
        fail(ErrorCode::kCorruptFile, "{} says no usable size of '{}'; check that HF_ENDPOINT is a hub.", what,
             file.path);
      file.size = size->get<uint64_t>();
      std::string name = text_of(content, "oid");
      if (name.starts_with("sha256:")) name.erase(0, 7);  // as some mirrors write it
      if (DigestKind kind{}; digest_kind(name, kind)) file.etag = name;
      files.push_back(std::move(file));
    }
    if (files.size() > kMostFiles || page > kMostPages)
      fail(ErrorCode::kUnsupported, "{} is longer than {} entries or {} pages; Swan reads none so large.", what,
           kMostFiles, kMostPages);
    const std::string next = next_link(header(answer.headers, "link"));
    const auto base = parse_url(answer.url);
    const auto url = next.empty() || !base ? std::nullopt : resolve_url(*base, next);
    if (!next.empty() && (!url || !url->same_origin(env_.endpoint)))
      fail(ErrorCode::kIo, "{} goes on at another server, where Swan does not follow.", what);
    address = url ? url->str() : "";
  }
  check_names(files, repo_);
  return files;
}

void HubApi::refuse(const HttpAnswer& answer, const std::string& revision, const std::string& path) const {
  const std::string code(header(answer.headers, "x-error-code"));
  const std::string reason = said(answer);
  const std::string what = path.empty() ? repo_ : repo_ + "/" + path;
  const std::string credentials =
      env_.token.empty()
          ? "log in (hf auth login), or set HF_TOKEN to a token of " + env_.endpoint.origin() + "/settings/tokens"
          : "check that the token of " + env_.token_source + " is of an account that may " +
                (doing_ == "push" ? "write to it" : "read it");
  if (code == "GatedRepo")
    fail_unavailable(
        ErrorCode::kIo,
        "cannot {} {}: its authors ask to accept a licence first{}; open {} in a browser, accept it, and {}.", doing_,
        what, with_reason(reason), page(), credentials);
  if (code == "RevisionNotFound")
    fail(ErrorCode::kNotFound, "cannot {} {}: it has no revision '{}'; check the name of the branch, tag or commit.",
         doing_, what, revision);
  if (code == "EntryNotFound")
    fail(ErrorCode::kNotFound, "cannot {} {}: there is no such file in revision '{}'; check the name.", doing_, what,
         revision);
  const bool bad_token = answer.status == 401 && !env_.token.empty() && reason.find("nvalid") != std::string::npos;
  if (bad_token)
    fail_unavailable(ErrorCode::kIo,
                     "cannot {} {}: {} does not know the token of {}{}; make a new one, or take it away.", doing_, what,
                     env_.endpoint.origin(), env_.token_source, with_reason(reason));
  if (code == "RepoNotFound" || answer.status == 401 || (answer.status == 404 && path.empty()))
    fail_unavailable(
        ErrorCode::kNotFound,
        "cannot {} {}: {} has no such model, or it is private; check the name, and for a private model {}.", doing_,
        repo_, env_.endpoint.origin(), credentials);
  if (answer.status == 403)
    fail_unavailable(ErrorCode::kIo, "cannot {} {}: {} forbids it{}; {}.", doing_, what, env_.endpoint.origin(),
                     with_reason(reason), credentials);
  if (answer.status == 429) {
    const auto asked = retry_after(answer.headers, std::time(nullptr));
    fail(ErrorCode::kIo, "cannot {} {}: {} has had too many requests{}; try again {}{}.", doing_, what,
         env_.endpoint.origin(), with_reason(reason), asked ? fmt::format("in {} s", asked->count()) : "later",
         env_.token.empty() ? ", or log in, which allows more" : "");
  }
  if (answer.status >= 500)
    fail(ErrorCode::kIo, "cannot {} {}: {} is out of order (status {}){}; try again later.", doing_, what,
         env_.endpoint.origin(), answer.status, with_reason(reason));
  fail(ErrorCode::kIo, "cannot {} {}: {} answered with status {}{}; check the name, and that HF_ENDPOINT is a hub.",
       doing_, what, env_.endpoint.origin(), answer.status, with_reason(reason));
}

}  // namespace swan::hub
