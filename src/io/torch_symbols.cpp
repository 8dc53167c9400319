#include "io/torch_symbols.h"

#include <algorithm>
#include <array>
#include <string>

namespace swan::io {

namespace {

using enum TorchMeaning;

constexpr std::array kSymbols = std::to_array<TorchSymbol>({
    // torch/storage.py: _dtype_to_storage_type_map
    {"torch.FloatStorage", kElementType, "F32", 4, DType::kF32},
    {"torch.HalfStorage", kElementType, "F16", 2, DType::kF16},
    {"torch.BFloat16Storage", kElementType, "BF16", 2, DType::kBF16},
    {"torch.CharStorage", kElementType, "I8", 1, DType::kI8},
    {"torch.ByteStorage", kElementType, "U8", 1, DType::kU8},
    {"torch.IntStorage", kElementType, "I32", 4, DType::kI32},
    {"torch.LongStorage", kElementType, "I64", 8, DType::kI64},
    {"torch.DoubleStorage", kElementType, "F64", 8},
    {"torch.ShortStorage", kElementType, "I16", 2},
    {"torch.BoolStorage", kElementType, "BOOL", 1},
    {"torch.ComplexFloatStorage", kElementType, "C64", 8},
    {"torch.ComplexDoubleStorage", kElementType, "C128", 16},
    {"torch.QInt8Storage", kElementType, "QINT8", 1},
    {"torch.QUInt8Storage", kElementType, "QUINT8", 1},
    {"torch.QInt32Storage", kElementType, "QINT32", 4},
    {"torch.QUInt4x2Storage", kElementType, "QUINT4X2", 1},
    {"torch.QUInt2x4Storage", kElementType, "QUINT2X4", 1},
    {"torch.UntypedStorage", kElementType, "U8", 1, DType::kU8},
    {"torch.storage.UntypedStorage", kElementType, "U8", 1, DType::kU8},
    {"torch.float32", kElementType, "F32", 4, DType::kF32},
    {"torch.float16", kElementType, "F16", 2, DType::kF16},
    {"torch.bfloat16", kElementType, "BF16", 2, DType::kBF16},
    {"torch.float8_e4m3fn", kElementType, "F8_E4M3", 1, DType::kF8E4M3},
    {"torch.float8_e5m2", kElementType, "F8_E5M2", 1, DType::kF8E5M2},
    {"torch.int8", kElementType, "I8", 1, DType::kI8},
    {"torch.uint8", kElementType, "U8", 1, DType::kU8},
    {"torch.int32", kElementType, "I32", 4, DType::kI32},
    {"torch.int64", kElementType, "I64", 8, DType::kI64},
    {"torch.float64", kElementType, "F64", 8},
    {"torch.int16", kElementType, "I16", 2},
    {"torch.uint16", kElementType, "U16", 2},
    {"torch.uint32", kElementType, "U32", 4},
    {"torch.uint64", kElementType, "U64", 8},
    {"torch.bool", kElementType, "BOOL", 1},
    {"torch.complex32", kElementType, "C32", 4},
    {"torch.complex64", kElementType, "C64", 8},
    {"torch.complex128", kElementType, "C128", 16},
    {"torch.float8_e4m3fnuz", kElementType, "F8_E4M3FNUZ", 1},
    {"torch.float8_e5m2fnuz", kElementType, "F8_E5M2FNUZ", 1},
    {"torch.float8_e8m0fnu", kElementType, "F8_E8M0", 1},
    {"torch.float4_e2m1fn_x2", kElementType, "F4", 1},
    // torch/_utils.py, torch/_tensor.py
    {"torch._utils._rebuild_tensor", kTensor},
    {"torch._utils._rebuild_tensor_v2", kTensor},
    {"torch._utils._rebuild_tensor_v3", kTypedTensor},
    {"torch._utils._rebuild_parameter", kWrapper},
    {"torch._utils._rebuild_parameter_with_state", kWrapper},
    {"torch.nn.parameter.Parameter", kWrapper},
    {"torch._tensor._rebuild_from_type_v2", kSubclass},
    {"torch._utils._rebuild_qtensor", kForeignTensor, "quantised"},
    {"torch._utils._rebuild_sparse_tensor", kForeignTensor, "sparse"},
    {"torch._utils._rebuild_meta_tensor_no_storage", kForeignTensor, "meta"},
    {"torch._utils._rebuild_wrapper_subclass", kForeignTensor, "of a subclass"},
    {"torch._utils._rebuild_device_tensor_from_numpy", kForeignTensor, "of a foreign device"},
    {"torch._utils._rebuild_device_tensor_from_cpu_tensor", kForeignTensor, "of a foreign device"},
    // Containers; the unpickler makes dictionaries of the first three.
    {"collections.OrderedDict"},
    {"collections.defaultdict"},
    {"collections.Counter"},
    {"torch.Size"},
    {"torch.Tensor"},
    {"torch.device"},
    {"torch.serialization._get_layout"},
    {"torch.torch_version.TorchVersion"},
    // Python 3 writes protocol 2 with Python 2's names.
    {"_codecs.encode"},
    {"builtins.bytearray"},
    {"__builtin__.bytearray"},
    {"builtins.set"},
    {"__builtin__.set"},
    {"builtins.complex"},
    {"__builtin__.complex"},
    {"builtins.dict"},
    {"__builtin__.dict"},
    {"builtins.list"},
    {"__builtin__.list"},
    // Options and counts of a training run.
    {"argparse.Namespace"},
    {"numpy.core.multiarray.scalar"},
    {"numpy.core.multiarray._reconstruct"},
    {"numpy._core.multiarray.scalar"},
    {"numpy._core.multiarray._reconstruct"},
    {"numpy.dtype"},
    {"numpy.ndarray"},
    {"pathlib.PosixPath"},
});

}  // namespace

const TorchSymbol* find_torch_symbol(std::string_view name) {
  // Storages that were on a GPU when old versions of torch saved them.
  constexpr std::string_view kOnGpu = "torch.cuda.";
  std::string elsewhere;
  if (name.starts_with(kOnGpu) && name.ends_with("Storage"))
    name = elsewhere = "torch." + std::string(name.substr(kOnGpu.size()));
  const auto* found =
      std::find_if(kSymbols.begin(), kSymbols.end(), [&](const TorchSymbol& symbol) { return symbol.name == name; });
  return found == kSymbols.end() ? nullptr : found;
}

}  // namespace swan::io
