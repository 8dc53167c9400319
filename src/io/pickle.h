#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace swan::io {

/// A value in a pickle. Values name each other by their place in Pickle::values.
struct PickleValue {
  enum class Kind : uint8_t {
    kNone,
    kBool,        // number
    kInt,         // number
    kString,      // text
    kBytes,       // text
    kTuple,       // items
    kList,        // items; sets too
    kDict,        // items: key, value, key, value, ...
    kSymbol,      // text: "module.name" of something in Python, which stays a name
    kCall,        // items: a symbol, and the tuple of arguments that Python would call it with; nobody does here
    kPersistent,  // items: the one value by which the file refers to something outside the pickle
    kOther,       // a float or a large number
  };
  Kind kind = Kind::kNone;
  int64_t number = 0;
  std::string_view text = {};
  std::vector<uint32_t> items = {};
};

/// What a Python pickle describes, as data. In Python, reading a pickle runs whatever code it asks for; here a name of
/// Python's is a name, and a call is a note that there should be one. Values may contain themselves.
struct Pickle {
  std::vector<PickleValue> values;
  uint32_t root = 0;  ///< which of them the pickle is
  size_t bytes = 0;   ///< that it took

  [[nodiscard]] const PickleValue& operator[](uint32_t value) const { return values[value]; }
};

/// The name as it is kept if a pickle may mention it, else nothing. What it returns outlives the pickle.
using FindSymbol = std::string_view (*)(std::string_view name);

/// Reads the pickle at the beginning of `bytes`: the opcodes of protocols 2 to 5 that describe data. Memory stays below
/// some 200 MB and a few times the size of the pickle, whatever it says, and nothing recurses.
/// @param bytes        outlives the result, whose texts are pieces of it
/// @param path         of the file, for messages
/// @param find_symbol  knows the names of Python's that may be mentioned
/// @throws Error kUnsupported naming what else the pickle would have Python import; kCorruptFile for what no pickle of
///         data is
/// Ref: CPython's Lib/pickletools.py
[[nodiscard]] Pickle read_pickle(std::string_view bytes, const std::string& path, FindSymbol find_symbol);

}  // namespace swan::io
