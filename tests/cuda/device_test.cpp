// The CUDA backend on a real device, in batches short enough for compute-sanitizer. Skipped, by name, where there is none.
#include <gtest/gtest.h>

#include <atomic>
#include <thread>

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
    if (const char* why = gpu::unavailable()) GTEST_SKIP() << why;
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

// Slots of all of them, each of which passed the self-test by itself; the calls for each are made with it as the thread's device.
TEST_F(CudaDeviceShort, EachOfSeveralTakesPart) {
  int num = 0;
  ASSERT_EQ(gpu::default_runtime()->num_devices(&num), gpu::success);
  if (num < 2) GTEST_SKIP() << "one CUDA device";
  const uint32_t slots = gpu::report().num_slots;
  EXPECT_GE(slots, uint32_t(num));
  std::atomic<int> wrong = 0;
  std::vector<std::thread> callers;
  for (uint32_t t = 0; t < slots; t++)
    callers.emplace_back([&] {
      Random random;
      const Bytes secret = random.bytes(32);
      const Engine cuda = make_engine("cuda", 1);
      Bytes out(32 * 200), secrets, points;
      for (int i = 0; i < 200; i++) {
        const Bytes point = reference::x25519_public(random.bytes(32));
        secrets.insert(secrets.end(), secret.begin(), secret.end());
        points.insert(points.end(), point.begin(), point.end());
      }
      wrong += megaseal_x25519_batch(cuda.get(), out.data(), nullptr, nullptr, 200, secrets.data(), 32,
                                     points.data(), 32) != MEGASEAL_ERROR_NONE;
      for (size_t i = 0; i < 200; i++)
        wrong += Bytes(&out[32 * i], &out[32 * i] + 32) !=
                 reference::x25519(secret, Bytes(&points[32 * i], &points[32 * i] + 32));
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(gpu::report().num_faults, 0u);
}

}  // namespace
}  // namespace megaseal::test
