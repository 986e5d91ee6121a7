#define MEGASEAL_ISA cuda
#include "backends/cuda/cipher.hpp"
#include "backends/cuda/kernel.cuh"
#include "backends/cuda/launches.hpp"

namespace megaseal::gpu::device {

namespace {

template <class Program>
int launch(const typename Program::Job& job, Stream stream) {
  const cuda::u32 blocks = Program::num_blocks(job);
  if (blocks == 0) return 0;
  cuda::kernel<Program><<<blocks, Program::block, 0, static_cast<cudaStream_t>(stream)>>>(job);
  return int(cudaGetLastError());
}

template <bool kSeal, class Format>
int launch_parts(const CipherJob& job, Stream stream) {
  return cuda::cipher_parts<kSeal, Format>(job, [stream]<class Program>(Program, const cuda::CipherPart& part) {
    return launch<Program>(part, stream);
  });
}

}  // namespace

int launch_chacha20_stream(const StreamJob& job, Stream stream) { return launch<cuda::StreamProgram>(job, stream); }
int launch_chacha20poly1305_seal(const CipherJob& job, Stream stream) {
  return launch_parts<true, cuda::AeadFormat>(job, stream);
}
int launch_chacha20poly1305_open(const CipherJob& job, Stream stream) {
  return launch_parts<false, cuda::AeadFormat>(job, stream);
}
int launch_secretbox_seal(const CipherJob& job, Stream stream) {
  return launch_parts<true, cuda::SecretboxFormat>(job, stream);
}
int launch_secretbox_open(const CipherJob& job, Stream stream) {
  return launch_parts<false, cuda::SecretboxFormat>(job, stream);
}

}  // namespace megaseal::gpu::device
