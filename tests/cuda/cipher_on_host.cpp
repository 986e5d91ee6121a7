#include <algorithm>

#define MEGASEAL_ISA cuda
#include "backends/cuda/cipher.hpp"
#include "tests/cuda/on_host.hpp"

namespace megaseal::gpu::on_host {

namespace {

template <bool kSeal, class Format>
int run(const CipherJob& job) {
  return cuda::cipher_parts<kSeal, Format>(job, []<class Program>(Program, const cuda::CipherPart& part) {
    cuda::run_on_host<Program>(part, Program::num_blocks(part));
    return 0;
  });
}

}  // namespace

int launch_chacha20_stream(const StreamJob& job, Stream) {
  cuda::run_on_host<cuda::StreamProgram>(job, cuda::StreamProgram::num_blocks(job));
  return 0;
}
int launch_cipher_order(const OrderJob& job, Stream) {
  std::fill_n(job.bins, 3 * OrderJob::num_bins + 1, 0);
  cuda::run_on_host<cuda::OrderProgram<false>>(job, cuda::OrderProgram<false>::num_blocks(job));
  cuda::run_on_host<cuda::OrderProgram<true>>(job, cuda::OrderProgram<true>::num_blocks(job));
  return 0;
}
int launch_chacha20poly1305_seal(const CipherJob& job, Stream) { return run<true, cuda::AeadFormat>(job); }
int launch_chacha20poly1305_open(const CipherJob& job, Stream) { return run<false, cuda::AeadFormat>(job); }
int launch_secretbox_seal(const CipherJob& job, Stream) { return run<true, cuda::SecretboxFormat>(job); }
int launch_secretbox_open(const CipherJob& job, Stream) { return run<false, cuda::SecretboxFormat>(job); }

}  // namespace megaseal::gpu::on_host
