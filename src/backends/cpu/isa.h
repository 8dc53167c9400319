#pragma once

namespace swan::backends {

/// Applies SWAN_CPU_ISA to Highway and oneDNN; once, before either is used. @throws Error kInvalidArgument for a level
/// that is not known or that the processor lacks
void select_isa();

}  // namespace swan::backends
