# The CUDA backend is built where there is a toolkit: SWAN_CUDA is AUTO, ON (its absence is an error) or OFF.
#
# ./dev puts NVIDIA's compiler and headers into build/cuda-toolkit (tools/cuda/fetch_toolkit.sh); an installed toolkit of
# version 13 with cuDNN's headers serves as well. cuBLASLt and cuDNN are loaded when a GPU is first used, so that one
# binary runs on machines without them.
set(SWAN_CUDA AUTO CACHE STRING "Build the CUDA backend: AUTO, ON or OFF")
set_property(CACHE SWAN_CUDA PROPERTY STRINGS AUTO ON OFF)
set(SWAN_CUDA_TOOLKIT ${PROJECT_SOURCE_DIR}/build/cuda-toolkit CACHE PATH "Folder with bin/nvcc and include/")
set(SWAN_CUDA_ARCHITECTURES 90a-real CACHE STRING "GPU architectures that kernels are compiled for, as CMake names them")

set(SWAN_HAS_CUDA OFF)
if(SWAN_CUDA)
  find_program(SWAN_NVCC nvcc HINTS ${SWAN_CUDA_TOOLKIT}/bin ENV CUDA_HOME PATH_SUFFIXES bin
               PATHS /usr/local/cuda/bin NO_CACHE)
  find_path(SWAN_CUDNN_INCLUDE cudnn.h HINTS ${SWAN_CUDA_TOOLKIT}/include NO_CACHE)
  find_path(SWAN_CUDNN_FRONTEND_INCLUDE cudnn_frontend.h HINTS ${SWAN_CUDA_TOOLKIT}/include NO_CACHE)
  if(SWAN_NVCC AND SWAN_CUDNN_INCLUDE AND SWAN_CUDNN_FRONTEND_INCLUDE)
    set(SWAN_HAS_CUDA ON)
  elseif(SWAN_CUDA STREQUAL "ON")
    message(FATAL_ERROR "SWAN_CUDA is ON, but nvcc (found: ${SWAN_NVCC}), cudnn.h (${SWAN_CUDNN_INCLUDE}) or "
                        "cudnn_frontend.h (${SWAN_CUDNN_FRONTEND_INCLUDE}) is missing: run ./dev setup-cuda, or set "
                        "SWAN_CUDA_TOOLKIT.")
  endif()
endif()
if(SWAN_HAS_CUDA)
  set(CMAKE_CUDA_COMPILER ${SWAN_NVCC})
  # CMake 3.25 does not know the names of families, such as 100f: nvcc gets them from us.
  set(CMAKE_CUDA_ARCHITECTURES OFF)
  set(SWAN_CUDA_GENCODE "")
  foreach(architecture IN LISTS SWAN_CUDA_ARCHITECTURES)
    if(NOT architecture MATCHES "^([0-9]+[af]?)(-real|-virtual)?$")
      message(FATAL_ERROR "SWAN_CUDA_ARCHITECTURES holds '${architecture}', but must be names such as 89, 90a-real or 120f.")
    endif()
    set(number ${CMAKE_MATCH_1})
    set(kind "${CMAKE_MATCH_2}")
    if(NOT kind STREQUAL "-virtual")
      string(APPEND SWAN_CUDA_GENCODE " -gencode arch=compute_${number},code=sm_${number}")
    endif()
    if(NOT kind STREQUAL "-real")
      string(APPEND SWAN_CUDA_GENCODE " -gencode arch=compute_${number},code=compute_${number}")
    endif()
  endforeach()
  # The static runtime needs no library on machines without a GPU.
  set(CMAKE_CUDA_RUNTIME_LIBRARY Static)
  get_filename_component(SWAN_CUDA_ROOT ${SWAN_NVCC} DIRECTORY)
  get_filename_component(SWAN_CUDA_ROOT ${SWAN_CUDA_ROOT} DIRECTORY)
  set(CMAKE_CUDA_FLAGS_INIT "-L${SWAN_CUDA_ROOT}/lib")
  enable_language(CUDA)
  string(APPEND CMAKE_CUDA_FLAGS "${SWAN_CUDA_GENCODE}")
  # CMake 3.25 does not know the dialects of nvcc 13.
  set(CMAKE_CUDA20_STANDARD_COMPILE_OPTION -std=c++20)
  set(CMAKE_CUDA20_EXTENSION_COMPILE_OPTION -std=c++20)
  find_library(SWAN_CUDART cudart_static HINTS ${SWAN_CUDA_ROOT}/lib ${SWAN_CUDA_ROOT}/lib64 REQUIRED NO_CACHE)
  message(STATUS "CUDA backend: ${CMAKE_CUDA_COMPILER} ${CMAKE_CUDA_COMPILER_VERSION}, for ${SWAN_CUDA_ARCHITECTURES}")
endif()
