#pragma once

namespace swan::backends::cuda {

/// What cudnn-frontend's dlopen and dlsym are replaced by. It would load a CUDA runtime of its own, which machines
/// without a toolkit lack: "libcudart.so.13" is answered with the one that is linked into us, of which the table in
/// cudnn_runtime.cpp has the functions that cudnn-frontend calls on our way through it; others are reported as missing.
void* frontend_library(const char* file, int flags) noexcept;
void* frontend_symbol(void* library, const char* name) noexcept;

}  // namespace swan::backends::cuda
