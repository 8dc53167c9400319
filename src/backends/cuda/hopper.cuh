#pragma once

#include <cuda.h>

#include <cstdint>

// What Hopper offers beside products (wgmma.cuh): barriers in shared memory, tiles brought by the copy engine, clusters
// of blocks, registers that warp groups hand to each other. Ref: PTX ISA: mbarrier, cp.async.bulk.tensor, setmaxnreg
namespace swan::backends::cuda {

__device__ __forceinline__ uint32_t shared_address(const void* p) {
  return static_cast<uint32_t>(__cvta_generic_to_shared(p));
}

// ---- Barriers: 8 bytes of shared memory, at `at`

__device__ __forceinline__ void barrier_init(uint32_t at, int arrivals) {
  asm volatile("mbarrier.init.shared::cta.b64 [%0], %1;\n" ::"r"(at), "r"(arrivals));
}
/// Makes initialised barriers known to the copy engine and to the cluster.
__device__ __forceinline__ void barriers_are_ready() {
  asm volatile("fence.mbarrier_init.release.cluster;\nfence.proxy.async.shared::cta;\n" ::: "memory");
}
/// Arrives, and makes the phase wait for that many bytes too.
__device__ __forceinline__ void barrier_expect(uint32_t at, int bytes) {
  asm volatile("mbarrier.arrive.expect_tx.shared::cta.b64 _, [%0], %1;\n" ::"r"(at), "r"(bytes) : "memory");
}
/// Arrives at the barrier of the same address in a block of the cluster.
__device__ __forceinline__ void barrier_arrive(uint32_t at, int rank) {
  asm volatile(
      "{\n.reg .b32 there;\nmapa.shared::cluster.u32 there, %0, %1;\n"
      "mbarrier.arrive.shared::cluster.b64 _, [there];\n}\n" ::"r"(at),
      "r"(rank)
      : "memory");
}
/// Until the phase of that parity has ended; that before the first has parity 1.
__device__ __forceinline__ void barrier_wait(uint32_t at, uint32_t parity) {
  uint32_t done = 0;
  while (done == 0)
    asm volatile("{\n.reg .pred p;\nmbarrier.try_wait.parity.shared::cta.b64 p, [%1], %2;\nselp.u32 %0, 1, 0, p;\n}\n"
                 : "=r"(done)
                 : "r"(at), "r"(parity)
                 : "memory");
}

/// Barriers of a block by number, for `threads` of it; 0 is __syncthreads'.
__device__ __forceinline__ void named_sync(int id, int threads) {
  asm volatile("bar.sync %0, %1;\n" ::"r"(id), "r"(threads) : "memory");
}
__device__ __forceinline__ void named_arrive(int id, int threads) {
  asm volatile("bar.arrive %0, %1;\n" ::"r"(id), "r"(threads) : "memory");
}

// ---- Clusters

__device__ __forceinline__ int cluster_rank() {
  uint32_t rank;
  asm volatile("mov.u32 %0, %%cluster_ctarank;\n" : "=r"(rank));
  return static_cast<int>(rank);
}
__device__ __forceinline__ void cluster_sync() {
  asm volatile("barrier.cluster.arrive.release.aligned;\nbarrier.cluster.wait.acquire.aligned;\n" ::: "memory");
}

// ---- The copy engine

/// Where a box of a 4-D tensor starts, innermost first. What lies beyond the tensor is read as zeros.
struct BoxCorner {
  int x, y, z, w;
};
/// Brings a box to shared memory; its bytes count for the barrier.
__device__ __forceinline__ void load_box(uint32_t to, const CUtensorMap& map, const BoxCorner& at, uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes [%0], [%1, {%3, %4, %5, %6}], "
      "[%2];\n" ::"r"(to),
      "l"(&map), "r"(barrier), "r"(at.x), "r"(at.y), "r"(at.z), "r"(at.w)
      : "memory");
}
/// The same to every block of `blocks`, a mask, each at its own address and barrier.
__device__ __forceinline__ void load_box_for(uint16_t blocks, uint32_t to, const CUtensorMap& map, const BoxCorner& at,
                                             uint32_t barrier) {
  asm volatile(
      "cp.async.bulk.tensor.4d.shared::cluster.global.tile.mbarrier::complete_tx::bytes.multicast::cluster [%0], "
      "[%1, {%3, %4, %5, %6}], [%2], %7;\n" ::"r"(to),
      "l"(&map), "r"(barrier), "r"(at.x), "r"(at.y), "r"(at.z), "r"(at.w), "h"(blocks)
      : "memory");
}

// ---- Registers: by every thread of a warp group

template <int kRegisters>
__device__ __forceinline__ void take_registers() {
  asm volatile("setmaxnreg.inc.sync.aligned.u32 %0;\n" ::"n"(kRegisters));
}
template <int kRegisters>
__device__ __forceinline__ void give_registers() {
  asm volatile("setmaxnreg.dec.sync.aligned.u32 %0;\n" ::"n"(kRegisters));
}

}  // namespace swan::backends::cuda
