// The host's side of the CUDA backend over a stand-in for a device: every operation, shared slots, bounded memory, and
// what is said where no device can be used.
#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <future>
#include <thread>

#include "backends/registry.hpp"
#include "tests/cuda/host_batch.hpp"

namespace megaseal::test {
namespace {

std::string reason() {
  const char* const why = gpu::unavailable();
  return why ? why : "";
}

class cudaRing : public ::testing::TestWithParam<Kind> {};

TEST_P(cudaRing, AgreesWithLibsodiumFromOneItemToSeveralSlots) {
  World world(small_slots());
  ASSERT_EQ(reason(), "");
  uint64_t seed = 1, pieces = 0;
  for (const uint32_t num : {1u, 2u, 17u, 250u})
    for (const bool in_place : {false, true})
      for (const bool one_key : {false, true})
        for (const Aad aad : {Aad::none, Aad::one, Aad::each}) {
          if (num == 250 && in_place != one_key) continue;
          Batch batch(GetParam(),
                      {.num = num, .max_len = 2500, .in_place = in_place, .one_key = one_key, .aad = aad},
                      seed++);
          EXPECT_EQ(batch.run(cuda_table), "");
          EXPECT_EQ(leftovers(world.host, batch.secrets), "");
          const gpu::DeviceStatus now = gpu::report();
          EXPECT_GT(now.num_pieces, pieces) << "the device had no part in it";
          pieces = now.num_pieces;
        }
  const gpu::DeviceStatus status = gpu::report();
  EXPECT_EQ(status.num_faults, 0u);
  EXPECT_EQ(status.num_busy, 0u);
  EXPECT_EQ(status.num_abandoned, 0u);
  // One copy each way.
  EXPECT_EQ(world.faulty.num_calls(Call::upload), pieces);
  EXPECT_EQ(world.faulty.num_calls(Call::download), pieces);
}

TEST_P(cudaRing, ATileOfManyShortMessagesTravelsInPieces) {
  World world(small_slots());
  Batch batch(GetParam(), {.num = 1700, .max_len = 20}, 3);
  EXPECT_EQ(batch.run(cuda_table), "");
  EXPECT_GT(gpu::report().num_pieces, 2u);
  EXPECT_EQ(leftovers(world.host, batch.secrets), "");
}

TEST_P(cudaRing, WhatIsTooLongForASlotIsTheCpus) {
  for (const size_t number : {0u, 20u, 39u}) {
    World world(small_slots());
    Batch batch(GetParam(),
                {.num = 40, .max_len = 4000, .in_place = true, .long_item = number, .long_len = 70000}, 4);
    EXPECT_EQ(batch.run(cuda_table), "");
    EXPECT_EQ(gpu::report().num_faults, 0u);
    const bool has_text = GetParam() != Kind::shared && GetParam() != Kind::publics;
    EXPECT_GT(gpu::report().num_pieces, has_text ? 1u : 0u) << "of the others, before and behind it";
    EXPECT_EQ(leftovers(world.host, batch.secrets), "");
  }
}

TEST_P(cudaRing, NothingToDoIsNothing) {
  World world(small_slots());
  Batch batch(GetParam(), {.num = 0}, 5);
  EXPECT_EQ(batch.run(cuda_table), "");
  EXPECT_EQ(gpu::report().num_pieces, 0u);
}

INSTANTIATE_TEST_SUITE_P(Kinds, cudaRing, ::testing::ValuesIn(all_kinds),
                         [](const auto& param_info) { return name_of(param_info.param); });

TEST(cudaRingShared, ByManyCallersOnTwoDevices) {
  World world(small_slots(), 2);
  world.host.program_time = std::chrono::microseconds(300);
  std::vector<std::string> wrong(std::size(all_kinds));
  std::vector<Batch> batches;
  for (size_t t = 0; t < wrong.size(); t++)
    batches.emplace_back(all_kinds[t], BatchShape{.num = 120, .max_len = 2500, .in_place = t % 2 == 0},
                         100 + t);
  std::vector<std::thread> threads;
  for (size_t t = 0; t < wrong.size(); t++)
    threads.emplace_back([&, t] {
      for (int round = 0; round < 6 && wrong[t].empty(); round++) wrong[t] = batches[t].run(cuda_table);
    });
  for (std::thread& t : threads) t.join();
  for (const std::string& w : wrong) EXPECT_EQ(w, "");
  for (const Batch& b : batches) EXPECT_EQ(leftovers(world.host, b.secrets), "");
  const gpu::DeviceStatus status = gpu::report();
  EXPECT_EQ(status.num_faults, 0u);
  EXPECT_EQ(status.num_busy, 0u);
  EXPECT_EQ(status.num_slots, 8u);
}

TEST(cudaRingShared, TilesGoToTheDeviceThatIsFree) {
  HostRuntime host(reference_programs(), 3);
  gpu::Devices devices(host, small_slots());
  std::vector<gpu::Slot*> held;
  std::vector<uint32_t> of_device(3);
  for (int n = 0; n < 6; n++) {
    held.push_back(devices.acquire(false));
    ASSERT_NE(held.back(), nullptr);
    of_device[held.back()->device]++;
  }
  EXPECT_EQ(of_device, (std::vector<uint32_t>{2, 2, 2}));
  for (gpu::Slot* s : held) devices.release(*s);
  EXPECT_EQ(devices.status().num_busy, 0u);
}

TEST(cudaRingShared, WhenTheQueueIsLongTheCpuDoesIt) {
  HostRuntime host(reference_programs());
  gpu::DeviceOptions options = small_slots();
  options.max_waiting = 0;
  gpu::Devices devices(host, options);
  std::vector<gpu::Slot*> held;
  while (gpu::Slot* s = devices.acquire(false)) held.push_back(s);
  EXPECT_EQ(held.size(), options.num_slots);
  EXPECT_FALSE(devices.idle());
  EXPECT_EQ(devices.acquire(true), nullptr);
  devices.release(*held.back());
  EXPECT_TRUE(devices.idle());
  EXPECT_EQ(devices.acquire(true), held.back());
  for (gpu::Slot* s : held) devices.release(*s);
}

TEST(cudaRingShared, AWaitingCallerGetsTheSlotThatComesBack) {
  HostRuntime host(reference_programs());
  gpu::Devices devices(host, small_slots());
  std::vector<gpu::Slot*> held;
  while (gpu::Slot* s = devices.acquire(false)) held.push_back(s);
  gpu::Slot* got = nullptr;
  std::thread waiting([&] { got = devices.acquire(true); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  devices.release(*held[1]);
  waiting.join();
  EXPECT_EQ(got, held[1]);
  for (gpu::Slot* s : held) devices.release(*s);
}

TEST(cudaRingShared, WithAThreadThatCapturesAStream) {
  World world(small_slots());
  world.host.is_captured_elsewhere = true;
  for (const Kind kind : all_kinds)
    EXPECT_EQ(Batch(kind, {.num = 250, .max_len = 2500}, 34).run(cuda_table), "");
  EXPECT_EQ(gpu::report().num_faults, 0u);
  EXPECT_GT(gpu::report().num_pieces, 12u);
  // The caller's thread is as it was.
  int mode = gpu::capture_relaxed;
  EXPECT_EQ(world.host.exchange_capture_mode(&mode), 0);
  EXPECT_EQ(mode, gpu::capture_global);
  EXPECT_EQ(world.host.exchange_capture_mode(&mode), 0);
  gpu::use_runtime(nullptr, {});
  EXPECT_EQ(world.host.num_memories(), 0u);
}

TEST(cudaSecrets, AreGoneFromTheSlotBeforeAnyResultIsRead) {
  HostRuntime host(reference_programs());
  gpu::Devices devices(host, small_slots());
  gpu::Slot* const slot = devices.acquire(false);
  ASSERT_TRUE(slot && devices.prepare(*slot, 4096, 8192));
  std::fill_n(slot->pinned, 4096, uint8_t(0x77));
  // Uploaded: 3072 bytes, of which [256, 1024) are secrets; the programs leave more in the device's memory.
  const auto launch = [&](const gpu::Programs&, uint8_t* memory, gpu::Stream) {
    host.drain();
    EXPECT_EQ(memory[0], 0x77);
    EXPECT_EQ(memory[3071], 0x77);
    std::fill_n(memory + 3072, 8192 - 3072, uint8_t(0x78));
    return 0;
  };
  ASSERT_TRUE(devices.submit(*slot, 3072, 256, 1024, 4096, launch) && devices.finish(*slot));
  EXPECT_TRUE(all_zero({slot->pinned + 256, 1024 - 256}));
  EXPECT_TRUE(all_zero({slot->memory, 8192}));
  EXPECT_EQ(slot->pinned[1024], 0x77);
  EXPECT_EQ(slot->pinned[3072], 0x78);
  EXPECT_EQ(slot->pinned[4095], 0x78);
  devices.release(*slot, 2048, 3072);
  EXPECT_TRUE(all_zero({slot->pinned, 2048}));
  EXPECT_TRUE(all_zero({slot->pinned + 3072, 1024}));
}

TEST(cudaSecrets, OfOthersAreGoneFromFreshMemory) {
  HostRuntime host(reference_programs());
  gpu::DeviceOptions options = small_slots();
  options.slot_bytes = 4 << 20;
  gpu::Devices devices(host, options);
  gpu::Slot* const slot = devices.acquire(false);
  for (const uint64_t bytes : {uint64_t(4096), uint64_t(3) << 20}) {
    ASSERT_TRUE(slot && devices.prepare(*slot, 4096, bytes));
    host.drain();
    EXPECT_GE(slot->memory_bytes, bytes);
    EXPECT_TRUE(all_zero({slot->memory, slot->memory + slot->memory_bytes}));
  }
  devices.release(*slot);
}

// Also where the call that was to wipe it never came.
TEST(cudaSecrets, OfOthersAreGoneFromMemoryThatAFaultLeftUnused) {
  for (const Call kind : {Call::alloc_pinned, Call::zero}) {
    HostRuntime host(reference_programs());
    FaultyRuntime faulty(host);
    gpu::Devices devices(faulty, small_slots());
    FaultyRuntime::Plan plan;
    plan.kind = kind;
    plan.first = 1;
    faulty.set(plan);
    gpu::Slot* slot = devices.acquire(false);
    ASSERT_NE(slot, nullptr);
    EXPECT_FALSE(devices.prepare(*slot, 4096, 4096));
    uint8_t* const memory = slot->memory;
    devices.fail(*slot);
    slot = devices.acquire(false);
    ASSERT_NE(slot, nullptr);
    ASSERT_TRUE(devices.prepare(*slot, 4096, 4096));
    EXPECT_EQ(slot->memory, memory) << "another slot, which shows nothing";
    host.drain();
    EXPECT_TRUE(all_zero({slot->memory, slot->memory + slot->memory_bytes}));
    devices.release(*slot);
  }
}

TEST(cudaOrder, IsGivenWhereLengthsDiffer) {
  World world(small_slots());
  const auto seal = [](size_t shortest, size_t longest) {
    const uint64_t before[] = {num_ordered_jobs, num_unordered_jobs};
    Batch batch(Kind::seal, {.num = 9, .max_len = shortest, .long_item = 4, .long_len = longest}, 31);
    EXPECT_EQ(batch.run(cuda_table), "");
    return std::vector<uint64_t>{num_ordered_jobs - before[0], num_unordered_jobs - before[1]};
  };
  EXPECT_EQ(seal(0, 0), (std::vector<uint64_t>{0, 1}));
  EXPECT_EQ(seal(0, 1), (std::vector<uint64_t>{1, 0}));
  EXPECT_EQ(seal(3000, 9000), (std::vector<uint64_t>{1, 0}));
  // The stand-in looks whether it is an order of lengths, those of long messages, too.
  EXPECT_EQ(Batch(Kind::seal, {.num = 60, .max_len = 30000}, 32).run(cuda_table), "");
}

TEST(cudaTables, AreMadeWhereEnoughItemsGoByThem) {
  const auto num_jobs = [](Kind kind, uint32_t num, bool for_all = false) {
    const uint64_t before = num_prepared_jobs;
    if (for_all) gpu::make_tables_for_all(true);
    EXPECT_EQ(Batch(kind, {.num = num, .max_len = 100}, 33).run(cuda_table), "");
    gpu::make_tables_for_all(false);
    return num_prepared_jobs - before;
  };
  gpu::DeviceOptions options = small_slots();
  options.min_by_table = 24;
  World world(options);
  for (const Kind kind : {Kind::shared, Kind::hpke_seal, Kind::hpke_seed, Kind::sealedbox_seal, Kind::sealedbox_seed}) {
    EXPECT_GT(num_jobs(kind, 48), 0u) << name_of(kind);
    EXPECT_EQ(num_jobs(kind, 24), 0u) << name_of(kind);
    EXPECT_EQ(num_jobs(kind, 24, true), 1u) << name_of(kind);
  }
  for (const Kind kind : {Kind::publics, Kind::hpke_open, Kind::sealedbox_open})
    EXPECT_EQ(num_jobs(kind, 48, true), 0u) << name_of(kind);
}

TEST(cudaMemory, StaysBelowTheCapAndGrowsWithTheBatch) {
  // Slots of 4 MiB, pinned and on the device, of which the cap allows three.
  gpu::DeviceOptions options = small_slots();
  options.slot_bytes = 4 << 20;
  options.max_bytes = 25 << 20;
  World world(options);
  uint64_t peak = 0, last = 0;
  for (const uint32_t num : {1u, 600u, 6000u, 9000u}) {
    Batch batch(Kind::seal, {.num = num, .max_len = 4000}, num);
    ASSERT_EQ(batch.run(cuda_table), "");
    EXPECT_EQ(leftovers(world.host, {batch.secrets.begin(), batch.secrets.begin() + 2}), "");
    const gpu::DeviceStatus status = gpu::report();
    uint64_t really = 0;
    world.host.for_each([&](const HostRuntime::Memory& m) { really += m.size; });
    EXPECT_EQ(status.pinned_bytes + status.device_bytes, really) << "what is reported is what was taken";
    EXPECT_GE(really, last);
    last = really;
    peak = std::max(peak, really);
    if (num == 1) {
      EXPECT_EQ(really, 2u << 20) << "a single message takes a small slot";
    }
  }
  EXPECT_LE(peak, options.max_bytes);
  EXPECT_GT(peak, 8u << 20);
  EXPECT_EQ(gpu::report().num_slots, 3u);
}

TEST(cudaMemory, ASmallCapMakesSmallSlotsAndATinyOneNone) {
  HostRuntime host(reference_programs(), 2);
  gpu::DeviceOptions options;
  options.max_bytes = 3 << 20;
  gpu::Devices devices(host, options);
  EXPECT_EQ(devices.unavailable(), nullptr);
  const gpu::DeviceStatus status = devices.status();
  EXPECT_GE(status.num_slots, 4u);
  EXPECT_LE(2 * status.num_slots * devices.slot_bytes(), options.max_bytes);
  options.max_bytes = 100 << 10;
  gpu::Devices none(host, options);
  ASSERT_NE(none.unavailable(), nullptr);
  EXPECT_NE(std::string(none.unavailable()).find("memory"), std::string::npos);
  EXPECT_EQ(none.acquire(true), nullptr);
}

TEST(cudaUnavailable, SaysWhyAndTheCpuServes) {
  const auto says = [](const std::string& expected, int devices, auto change) {
    World world(small_slots(), devices, false);
    change(world.host);
    EXPECT_NE(reason().find(expected), std::string::npos) << reason();
    EXPECT_NE(std::string(gpu::report().put_aside).find(expected), std::string::npos);
    EXPECT_FALSE(gpu::idle());
    for (const Kind kind : all_kinds) EXPECT_EQ(Batch(kind, {.num = 20}, 9).run(cuda_table), "");
    EXPECT_EQ(world.host.num_memories() + world.host.num_streams(), 0u);
  };
  says("no CUDA device", 0, [](HostRuntime&) {});
  says("no CUDA driver", 1, [](HostRuntime& host) { host.driver_version = 0; });
  says("for CUDA 12.4, older than CUDA 13", 1, [](HostRuntime& host) { host.driver_version = 12040; });
  says("compute capability 9.0", 1, [](HostRuntime& host) { host.compute_major = 7; });
  says("prohibits its use", 1, [](HostRuntime& host) { host.prohibited = 0; });
  gpu::use_runtime(nullptr, {});
  if (!gpu::default_runtime()) {
    EXPECT_NE(reason(), "");
  }
}

TEST(cudaUnavailable, OneOfTwoDevicesIsLeftOut) {
  World world(small_slots(), 2, false);
  world.host.prohibited = 0;
  EXPECT_EQ(reason(), "");
  EXPECT_STREQ(gpu::report().name, "stand-in 1, driver for CUDA 13.0");
  EXPECT_EQ(Batch(Kind::seal, {.num = 20}, 9).run(cuda_table), "");
  EXPECT_EQ(gpu::report().num_pieces, 1u);
}

TEST(cudaUnavailable, ANewerDriverWillDo) {
  World world(small_slots(), 1, false);
  world.host.driver_version = 13020;
  EXPECT_EQ(reason(), "");
  EXPECT_STREQ(gpu::report().name, "stand-in 0, driver for CUDA 13.2");
}

#if !defined(__SANITIZE_THREAD__)
TEST(cudaUnavailable, InAForkedChild) {
  World world(small_slots());
  Batch batch(Kind::hpke_seal, {.num = 30}, 10), other(Kind::seal, {.num = 30}, 11);
  ASSERT_EQ(batch.run(cuda_table), "");
  const uint64_t calls = world.faulty.num_calls();
  const pid_t child = fork();
  ASSERT_GE(child, 0);
  if (child == 0) {
    const bool right = batch.run(cuda_table).empty() && other.run(cuda_table).empty() &&
                       reason().find("forked") != std::string::npos && !gpu::idle() &&
                       world.faulty.num_calls() == calls && *gpu::report().put_aside;
    _exit(right ? 0 : 1);
  }
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(batch.run(cuda_table), "") << "the parent's device goes on";
  EXPECT_EQ(reason(), "");
}

TEST(cudaUnavailable, InAChildForkedWhileTheDeviceWasBeingStarted) {
  World world(small_slots(), 1, false);
  std::promise<void> is_starting, may_go_on;
  world.host.on_start = [&] {
    is_starting.set_value();
    may_go_on.get_future().wait();
  };
  std::thread starter([] { (void)gpu::unavailable(); });
  is_starting.get_future().wait();
  EXPECT_FALSE(gpu::idle());
  EXPECT_FALSE(gpu::limit_memory(1 << 20)) << "too late";
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    const bool right = Batch(Kind::hpke_seal, {.num = 30}, 10).run(cuda_table).empty() &&
                       Batch(Kind::seal, {.num = 30}, 11).run(cuda_table).empty() &&
                       reason().find("forked while") != std::string::npos && !gpu::idle() &&
                       *gpu::report().put_aside;
    gpu::set_fallback(KernelTable{});
    _exit(right ? 0 : 1);
  }
  may_go_on.set_value();
  starter.join();
  ASSERT_GT(child, 0);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(reason(), "");
  EXPECT_EQ(Batch(Kind::hpke_seal, {.num = 30}, 10).run(cuda_table), "");
  EXPECT_GT(gpu::report().num_pieces, 0u);
}
#endif

TEST(cudaFallback, IsTheTableThatWasSetAndScalarWhereThatHasNone) {
  World world(small_slots(), 0);
  static std::atomic<int> calls;
  calls = 0;
  KernelTable mine = {};
  mine.x25519_public = [](const X25519Tile* tile) {
    calls++;
    scalar_table.x25519_public(tile);
  };
  gpu::set_fallback(mine);
  EXPECT_EQ(Batch(Kind::publics, {.num = 3}, 12).run(cuda_table), "");
  EXPECT_EQ(calls, 1);
  EXPECT_EQ(Batch(Kind::seal, {.num = 3}, 12).run(cuda_table), "");
  gpu::set_fallback(KernelTable{});
}

}  // namespace
}  // namespace megaseal::test
