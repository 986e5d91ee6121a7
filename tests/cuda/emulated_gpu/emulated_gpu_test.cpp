// The emulated GPU computes what the host does, and finds what is wrong with a kernel.
#include <gtest/gtest.h>

#include <algorithm>
#include <new>
#include <random>
#include <vector>

#include "tests/cuda/emulated_gpu/launch.hpp"
#include "tests/cuda/emulated_gpu/planted.hpp"

namespace megaseal::test {
namespace {

// Of a device.
class Numbers {
 public:
  explicit Numbers(size_t n, int device = 0)
      : n_(n),
        at_(reinterpret_cast<unsigned*>(ptx::allocate(4 * n, device))),
        seen_(reinterpret_cast<unsigned*>(ptx::seen_by_host(at_, 4 * n, device))) {
    if (!seen_) throw std::bad_alloc();
  }
  ~Numbers() { EXPECT_TRUE(ptx::release(reinterpret_cast<uint8_t*>(at_))); }
  Numbers(const Numbers&) = delete;
  Numbers& operator=(const Numbers&) = delete;
  unsigned& operator[](size_t i) { return seen_[i]; }
  size_t size() const { return n_; }
  unsigned* at() const { return at_; }
  void written() { ptx::wrote(at_, 4 * n_); }

 private:
  const size_t n_;
  unsigned *const at_, *const seen_;
};

void run(const char* kernel, unsigned blocks, const Planted& job) {
  const ptx::Kernel* const found = ptx::find_kernel(kernel);
  ASSERT_NE(found, nullptr) << kernel;
  ASSERT_EQ(found->parameter_size, sizeof job);
  ptx::launch(*found, blocks, planted_lanes, reinterpret_cast<const uint8_t*>(&job), 0);
}

TEST(cudaEmulatedGpu, ComputesWhatTheHostDoes) {
  constexpr unsigned num = 4000, edges[] = {0, 1, 2, 31, 32, 63, 0x7fffffff, 0x80000000, 0xffff, 0xffffffff};
  std::mt19937 random(1);
  Numbers in(3 * num), out(num * planted_results);
  for (size_t i = 0; i < in.size(); i++) in[i] = random() % 3 ? random() : edges[random() % std::size(edges)];
  in.written();
  run("arithmetic", (num + planted_lanes - 1) / planted_lanes, {num, in.at(), out.at()});
  for (unsigned i = 0; i < num; i++) {
    unsigned expected[planted_results];
    planted_arithmetic(expected, in[3 * i], in[3 * i + 1], in[3 * i + 2]);
    for (unsigned k = 0; k < planted_results; k++)
      ASSERT_EQ(out[i * planted_results + k], expected[k]) << i << " " << k;
  }
}

TEST(cudaEmulatedGpu, BlocksShareMemoryAndWait) {
  constexpr unsigned blocks = 5, num = blocks * planted_lanes - 7;
  Numbers in(num), out(blocks + 1);
  unsigned sums[blocks] = {}, all = 0;
  for (unsigned i = 0; i < num; i++) in[i] = i * i, sums[i / planted_lanes] += i * i, all += i * i;
  for (unsigned b = 0; b <= blocks; b++) out[b] = 0;
  in.written();
  out.written();
  run("sums", blocks, {num, in.at(), out.at()});
  for (unsigned b = 0; b < blocks; b++) EXPECT_EQ(out[b], sums[b]);
  EXPECT_EQ(out[blocks], all);
}

TEST(cudaEmulatedGpu, TheHostCannotFollowADevicesAddress) {
  Numbers number(1);
  EXPECT_DEATH(std::exit(int(*static_cast<volatile unsigned*>(number.at()))), "");
}

struct Fault {
  const char *kernel, *message;
};
class cudaEmulatedGpuFinds : public ::testing::TestWithParam<Fault> {};

TEST_P(cudaEmulatedGpuFinds, Planted) {
  constexpr unsigned blocks = 2, num = blocks * planted_lanes;
  // One more than there are lanes, for a counter, but where a kernel is to run out of it.
  Numbers in(num, GetParam().kernel == std::string("sums") ? 1 : 0),
      out(num + (GetParam().kernel == std::string("writes_beyond") ? 0 : 1));
  for (unsigned i = 0; i < num; i++) in[i] = 100 + i;
  in.written();
  if (GetParam().kernel == std::string("reads_what_another_block_wrote")) out.written();
  EXPECT_DEATH(run(GetParam().kernel, blocks, {num, in.at(), out.at()}), GetParam().message);
}
INSTANTIATE_TEST_SUITE_P(
    All, cudaEmulatedGpuFinds,
    ::testing::Values(Fault{"reads_beyond", "reads 4 bytes .* memory that it does not have"},
                      Fault{"writes_beyond", "writes 4 bytes .* memory that it does not have"},
                      Fault{"is_not_aligned", "16 bytes at .*: not aligned"},
                      Fault{"reads_what_nobody_wrote", "reads global memory at .* that nobody wrote"},
                      Fault{"shares_what_nobody_wrote", "reads shared memory at .* that nobody wrote"},
                      Fault{"does_not_wait",
                            "shared memory at .* that lane .*, and no barrier|"
                            "shared memory at .* that nobody wrote"},
                      Fault{"overwrites",
                            "writes shared memory at .* that lane .* read, and no barrier|"
                            "reads shared memory at .* that lane .* wrote, and no barrier"},
                      Fault{"reads_what_another_block_wrote", "global memory .* no barrier between"},
                      Fault{"waits_for_some", "waits for others, which wait elsewhere or have ended"},
                      Fault{"waits_in_two_places", "waits for others, which wait elsewhere or have ended"},
                      Fault{"does_what_is_unknown", "an instruction unknown to ptx_to_cpp.py: .*f32"},
                      Fault{"sums", "memory of device 1, on device 0"},
                      Fault{"leaves_something", "leaves what it wrote"}),
    [](const auto& fault) { return std::string(fault.param.kernel); });

}  // namespace
}  // namespace megaseal::test
