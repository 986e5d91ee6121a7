// The CUDA backend on a real device, in batches short enough for compute-sanitizer. Skipped, by name, where there is none.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

#include "backends/cuda/cuda.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/reference.hpp"
#include "tests/support/schemes.hpp"

namespace megaseal::test {
namespace {

// None of our kernels: where this fails under a tool that watches a device, the tool cannot watch this one.
TEST(CudaRuntime, TakesAndGivesBackMemory) {
  gpu::Runtime* const runtime = gpu::default_runtime();
  int num = 0;
  if (!runtime || runtime->num_devices(&num) != gpu::success || num == 0) GTEST_SKIP() << "no CUDA device";
  void* memory = nullptr;
  gpu::Stream stream = nullptr;
  ASSERT_EQ(runtime->use(0), gpu::success);
  ASSERT_EQ(runtime->create_stream(&stream), gpu::success);
  ASSERT_EQ(runtime->alloc_device(&memory, 4096), gpu::success);
  EXPECT_EQ(runtime->zero(memory, 4096, stream), gpu::success);
  EXPECT_EQ(runtime->destroy_stream(stream), gpu::success);
  EXPECT_EQ(runtime->free_device(memory), gpu::success);
}

class CudaDeviceShort : public ::testing::Test {
 protected:
  void SetUp() override {
    use_stand_in(false);
    if (const char* why = gpu::unavailable()) {
      ASSERT_FALSE(device_is_needed()) << why;
      GTEST_SKIP() << why;
    }
  }
};

TEST_F(CudaDeviceShort, SelfTest) {
  gpu::make_tables_for_all(true);
  EXPECT_EQ(testing::self_test(cuda_table), "");
  EXPECT_EQ(gpu::report().num_faults, 0u) << "the CPU answered for it";
  EXPECT_GT(gpu::report().num_pieces, 0u);
  gpu::make_tables_for_all(false);
}

// By tables of recipients as well, which so few messages would not have otherwise.
TEST_F(CudaDeviceShort, EverySchemeWithTheBytesOfTheCpu) {
  const Engine cuda = make_engine("cuda", 2), scalar = make_engine("scalar", 1);
  gpu::make_tables_for_all(true);
  const std::vector<size_t> items = first_items(150);
  for (const auto& scheme : all_schemes()) {
    SCOPED_TRACE(scheme->name());
    const Results sealed = scheme->seal(cuda.get(), Layout::packed, items);
    EXPECT_EQ(sealed.out, scheme->seal(scalar.get(), Layout::packed, items).out);
    std::vector<Bytes> spoilt = sealed.out;
    for (size_t i = 0; i < items.size(); i += 7) spoilt[i].back() ^= 1;
    const Results opened = scheme->open(cuda.get(), Layout::in_place, items, spoilt);
    const Results expected = scheme->open(scalar.get(), Layout::in_place, items, spoilt);
    EXPECT_EQ(opened.statuses, expected.statuses);
    EXPECT_EQ(opened.out, expected.out);
  }
  gpu::make_tables_for_all(false);
  EXPECT_EQ(gpu::report().num_faults, 0u);
}

TEST_F(CudaDeviceShort, ManyCallersAtOnce) {
  const Engine cuda = make_engine("cuda", 1);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> callers;
  for (size_t t = 0; t < 6; t++)
    callers.emplace_back([&, t] {
      const Scheme& scheme = *all_schemes()[t % all_schemes().size()];
      const std::vector<size_t> items = first_items(100 + t);
      const Results opened =
          scheme.open(cuda.get(), Layout::packed, items, scheme.seal(cuda.get(), Layout::packed, items).out);
      wrong += !opened.ok();
      for (size_t i = 0; i < items.size(); i++) wrong += opened.out[i] != scheme.text(i);
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(gpu::report().num_faults, 0u);
}

// Each passed the self-test by itself and takes some of the work; the calls for each are made with it as the thread's device.
TEST_F(CudaDeviceShort, EachOfSeveralTakesPart) {
  const uint32_t num = gpu::num_devices();
  if (num < 2) GTEST_SKIP() << "one CUDA device";
  const Engine cuda = make_engine("cuda", 1);
  std::vector<uint64_t> before;
  for (uint32_t n = 0; n < num; n++) before.push_back(gpu::report(n).num_pieces);
  const auto all_took_part = [&] {
    for (uint32_t n = 0; n < num; n++)
      if (gpu::report(n).num_pieces == before[n]) return false;
    return true;
  };
  Random random;
  Bytes secrets, points, expected;
  for (int i = 0; i < 200; i++) {
    const Bytes secret = random.bytes(32), point = reference::x25519_public(random.bytes(32)),
                shared = reference::x25519(secret, point);
    secrets.insert(secrets.end(), secret.begin(), secret.end());
    points.insert(points.end(), point.begin(), point.end());
    expected.insert(expected.end(), shared.begin(), shared.end());
  }
  std::atomic<int> wrong = 0;
  for (int round = 0; round < 100 && !all_took_part(); round++) {
    std::vector<std::thread> callers;
    for (uint32_t t = 0; t < 4 * num; t++)
      callers.emplace_back([&] {
        Bytes out(expected.size());
        wrong += megaseal_x25519_batch(cuda.get(), out.data(), nullptr, nullptr, 200, secrets.data(), 32,
                                       points.data(), 32) != MEGASEAL_ERROR_NONE ||
                 out != expected;
      });
    for (std::thread& caller : callers) caller.join();
  }
  EXPECT_EQ(wrong, 0);
  EXPECT_TRUE(all_took_part());
  for (uint32_t n = 0; n < num; n++) EXPECT_STREQ(gpu::report(n).put_aside, "");
  EXPECT_EQ(gpu::report().num_faults, 0u);
}

}  // namespace
}  // namespace megaseal::test
