#pragma once

#include <atomic>
#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "swan/export.h"
#include "swan/pipeline.h"

namespace swan {

/// Where models come from and where they are kept. What is empty or unset is what the environment says, in the words of
/// Python's huggingface_hub, whose cache this is; see docs/HUB.md. Tokens come from the environment or its files alone.
struct HubOptions {
  std::string endpoint = {};         ///< "https://mirror.example.org"; empty: $HF_ENDPOINT, else https://huggingface.co
  std::string cache = {};            ///< a folder; empty: $HF_HUB_CACHE, else "hub" in $HF_HOME or ~/.cache/huggingface
  std::optional<bool> offline = {};  ///< unset: $HF_HUB_OFFLINE
  std::string revision = {};         ///< of names that have none: a branch, a tag, a commit or refs/pr/N; empty: main
  int connections = 8;               ///< at once, 1 to 64: files, and ranges of large ones
};

/// How far a transfer has come.
struct HubProgress {
  std::string stage;      ///< "download", "check", "hash" or "upload"
  std::string file = {};  ///< the one that was begun last
  int files_done = 0, files = 0;
  uint64_t bytes_done = 0, bytes = 0;  ///< bytes_done counts what was there before
  double bytes_per_second = 0;         ///< over the last seconds
  double seconds_left = -1;            ///< negative: not known
};

struct HubFile {
  std::string path;  ///< in the repository
  uint64_t bytes = 0;
  bool cached = false;  ///< it was there already
};

/// What was pulled, or is about to be.
struct PullResult {
  std::string repo, commit;
  std::string path;  ///< the folder of the snapshot, or the file or folder in it that the name names
  std::vector<HubFile> files;
  [[nodiscard]] SWAN_API uint64_t bytes() const;
  [[nodiscard]] SWAN_API uint64_t missing_bytes() const;  ///< of files that were not cached
};

/// What a caller hears. Functions are called under a lock, on any thread.
struct HubCallbacks {
  std::function<void(const PullResult&)> begin = {};      ///< something is about to be downloaded
  std::function<void(const HubProgress&)> progress = {};  ///< a few times a second
  std::function<void(const std::string&)> waiting = {};   ///< for what: another process, or a server that asked for it
  const std::atomic<bool>* cancel = nullptr;              ///< set it to stop: Error kCancelled; what is there stays
};

/// Which files of a repository. By default those that Swan reads: of the pipeline's components the configurations, one
/// set of weights (safetensors) and what tokenizers and schedulers need, and README and licence.
struct PullOptions {
  std::string variant = {};                  ///< weights of a variant, such as fp16, where there are such
  std::vector<std::string> include = {};     ///< patterns (*, ?, [abc]; * goes through folders): these files instead
  std::vector<std::string> exclude = {};     ///< and not these
  std::vector<std::string> components = {};  ///< only these of a pipeline, such as "vae"; empty: all
  std::vector<std::string> weightless = {};  ///< components whose weights come from elsewhere
  bool dry_run = false;                      ///< say what would be downloaded (only indexes are)
};

/// Whether a name means a model of a hub rather than a file or folder: "org/name[@revision]", a file or folder in such
/// ("org/name/file.gguf", "org/name/vae@v2"), hf://org/name@v2/vae, or the address of its page. What is there on disk
/// is never one. @param hub  its endpoint counts, for addresses
[[nodiscard]] SWAN_API bool is_hub_name(const std::string& name, const HubOptions& hub = {});

/// Makes the files of a model be in the cache. Without the network if they are there and the revision is a commit; a
/// branch or tag costs one small request, and when the hub cannot be reached, or refuses, what it was last is used,
/// with a warning. Files are checked: size and SHA-256, or git's SHA-1 of small ones. What is cut off is resumed.
/// @throws Error kInvalidArgument for what is no name; kNotFound for a repository, revision or file that is not there;
///         kIo when the hub cannot be reached or refuses, or the disk is full; kCorruptFile when what it sends is not
///         what it lists; kUnsupported for pickled weights alone; kCancelled. Each says what to do.
[[nodiscard]] SWAN_API PullResult pull_model(const std::string& name, const PullOptions& options = {},
                                             const HubOptions& hub = {}, const HubCallbacks& callbacks = {});

struct PushOptions {
  bool make_private = false;              ///< a repository that is made for this
  bool create_pr = false;                 ///< a pull request instead of a commit to the branch
  std::string message = {};               ///< of the commit; empty: one that names the folder
  std::vector<std::string> include = {};  ///< patterns as of PullOptions: only these
  std::vector<std::string> exclude = {};  ///< and not these
};

struct PushResult {
  std::string repo, commit;
  std::string url;                  ///< of the repository's page
  std::string pull_request = {};    ///< its address, with PushOptions::create_pr
  bool created = false;             ///< the repository was not there before
  bool unchanged = false;           ///< everything was there already, and nothing was committed
  std::vector<HubFile> files = {};  ///< cached: the hub had the content already
  uint64_t uploaded_bytes = 0;      ///< of files that it had not
};

/// Puts the files of a folder into a repository, which is made if it is not there, as one commit to a branch
/// (HubOptions::revision, made likewise). Large files are uploaded first, several at once; what an attempt that was cut
/// off had brought there is not sent again. Hidden files and what downloads left behind stay out.
/// @param name  "org/name", or with "@branch"
/// @throws Error kInvalidArgument, kNotFound (the folder), kIo when the hub refuses or cannot be reached, kCancelled
[[nodiscard]] SWAN_API PushResult push_model(const std::string& folder, const std::string& name,
                                             const PushOptions& options = {}, const HubOptions& hub = {},
                                             const HubCallbacks& callbacks = {});

/// A picture or video that a card shows.
struct CardSample {
  std::string file;  ///< path from the card on
  std::string prompt;
};

struct CardOptions {
  std::string license = {};     ///< the hub's name for it, such as apache-2.0; empty: none is said
  std::string base_model = {};  ///< "org/name" that it was made from
  std::string repo = {};        ///< "org/name" that it will have; empty: the folder's name stands in examples
  std::vector<std::string> tags = {};
  std::vector<CardSample> samples = {};
};

/// Text of a README.md for a model in diffusers' layout, as hubs show it: metadata (YAML), how to use it with Swan and
/// with diffusers, and what it holds: classes, parameters, how they are stored, sizes.
/// @throws Error as inspect_model; kInvalidArgument for a licence or name that cannot be one; kCorruptFile when weights
///         are missing
[[nodiscard]] SWAN_API std::string model_card(const std::string& folder, const CardOptions& options = {});
/// Writes it, whole or not at all. @throws Error kInvalidArgument when there is one and `overwrite` is not set; kIo
SWAN_API void write_model_card(const std::string& path, const std::string& text, bool overwrite);

/// What every caller does before it opens a model: names of a hub's models, in `model` and in the paths of `load`
/// (components, LoRAs, a ControlNet), are pulled, as far as they are needed, and become paths. Paths on disk stay as
/// they are. A path into the cache of another machine, as the settings of a picture may hold it, is that commit's
/// model.
/// @throws Error as pull_model
SWAN_API void pull_models(std::string& model, LoadOptions& load, const HubOptions& hub = {},
                          const HubCallbacks& callbacks = {});

}  // namespace swan
