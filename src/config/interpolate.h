#pragma once

#include "config/overrides.h"
#include "config/problems.h"
#include "config/schema.h"
#include "config/value.h"

namespace swan::config {

/// Replaces in every text of `root`:
///   ${path.to.value}       by the value there, which may be a list or a map where the text is nothing else
///   ${env:NAME}            by the environment variable
///   ${env:NAME:-default}   likewise, or by what follows where it is not set or empty
///   $${                    by ${
/// What comes out is a number or a flag where its key takes one, with or without quotes. Nothing else may stand between
/// the braces: a configuration gives the same today and tomorrow.
/// @param whole  false: `root` is a part, to which variables and other layers will add. What refers to a variable that
/// is
///               not set, or to a key of the schema without a value, stays as it is and is no problem
void interpolate(Value& root, const Schema& schema, const Variables& variables, bool whole, Problems& problems);

}  // namespace swan::config
