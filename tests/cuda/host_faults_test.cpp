// A device that fails: whichever call it is, the caller sees right results, no secret stays behind, no slot is lost but
// those that were abandoned, and a device that goes on failing is put aside.
#include <gtest/gtest.h>

#include "tests/cuda/host_batch.hpp"

namespace megaseal::test {
namespace {

constexpr BatchShape several_pieces{.num = 40, .max_len = 8000, .in_place = true, .one_key = false};

std::string reason() {
  const char* const why = gpu::unavailable();
  return why ? why : "";
}

class cudaFaults : public ::testing::TestWithParam<Kind> {};

// How many calls a start and two runs make.
uint64_t num_calls_of(Batch& batch) {
  World world(small_slots());
  EXPECT_EQ(batch.run(cuda_table), "");
  EXPECT_EQ(batch.run(cuda_table), "");
  EXPECT_EQ(gpu::report().num_faults, 0u);
  return world.faulty.num_calls();
}

TEST_P(cudaFaults, OneCallFails) {
  Batch batch(GetParam(), several_pieces, 20);
  const uint64_t num = num_calls_of(batch);
  ASSERT_GT(num, 10u);
  uint64_t faults = 0;
  for (uint64_t n = 1; n <= num; n++) {
    World world(small_slots(), 1, false);
    world.faulty.set({.first = n});
    for (int round = 0; round < 2; round++) {
      EXPECT_EQ(batch.run(cuda_table), "") << "call " << n << ", round " << round;
      EXPECT_EQ(leftovers(world.host, batch.secrets), "") << "call " << n << ", round " << round;
    }
    const gpu::DeviceStatus status = gpu::report();
    EXPECT_LE(status.num_faults, 1u) << "call " << n;
    EXPECT_EQ(status.num_abandoned, 0u) << "call " << n;
    EXPECT_EQ(status.num_busy, 0u) << "call " << n;
    faults += status.num_faults;
    if (status.num_slots > 0) {
      EXPECT_EQ(reason(), "") << "call " << n;
      EXPECT_GT(status.num_pieces, 0u) << "call " << n;
    }
  }
  EXPECT_GT(faults, num / 3);
}

TEST_P(cudaFaults, AnAnswerIsAnError) {
  Batch batch(GetParam(), several_pieces, 21);
  for (uint64_t n = 1; n <= 4; n++) {
    World world(small_slots());
    world.faulty.set({.kind = Call::query, .first = n});
    EXPECT_EQ(batch.run(cuda_table), "");
    const gpu::DeviceStatus status = gpu::report();
    EXPECT_EQ(status.num_faults, world.faulty.num_calls(Call::query) >= n ? 1u : 0u);
    EXPECT_EQ(status.num_abandoned, 0u);
    EXPECT_EQ(leftovers(world.host, batch.secrets), "");
  }
}

TEST_P(cudaFaults, TheDeviceIsLost) {
  Batch batch(GetParam(), several_pieces, 22);
  const uint64_t num = num_calls_of(batch);
  for (uint64_t n = 4; n <= num; n++) {  // the first three are those of the start
    World world(small_slots());
    world.faulty.set({.first = n - 3, .last = ~uint64_t(0), .on_fault = [&] { world.host.lose(); }});
    for (int round = 0; round < 5; round++) {
      EXPECT_EQ(batch.run(cuda_table), "") << "from call " << n << " on, round " << round;
      EXPECT_EQ(leftovers(world.host, batch.secrets, true), "")
          << "from call " << n << " on, round " << round;
    }
    EXPECT_NE(reason().find("put aside"), std::string::npos) << "from call " << n << " on: " << reason();
    const gpu::DeviceStatus status = gpu::report();
    EXPECT_EQ(status.num_busy, 0u);
    EXPECT_EQ(status.put_aside, reason());
    // Put aside means left alone.
    const uint64_t calls = world.faulty.num_calls();
    EXPECT_EQ(batch.run(cuda_table), "");
    EXPECT_EQ(world.faulty.num_calls(), calls);
  }
}

TEST_P(cudaFaults, OneKindOfCallAlwaysFails) {
  Batch batch(GetParam(), several_pieces, 23);
  for (const Call kind :
       {Call::use, Call::create_stream, Call::create_event, Call::alloc_device, Call::alloc_pinned,
        Call::upload, Call::download, Call::zero, Call::record, Call::launch, Call::query}) {
    World world(small_slots());
    const auto message = [&] { return "kind " + std::to_string(int(kind)); };
    world.faulty.set({.kind = kind, .first = 1, .last = ~uint64_t(0), .error = 2, .on_fault = [&] {
                        // What cannot be waited for must not go on beside the test.
                        if (kind == Call::query || kind == Call::record) world.host.lose();
                      }});
    for (int round = 0; round < 4; round++) EXPECT_EQ(batch.run(cuda_table), "") << message();
    EXPECT_NE(reason().find("put aside after 3 faults in a row"), std::string::npos) << message() << reason();
    EXPECT_NE(reason().find("out of memory"), std::string::npos) << message() << reason();
    EXPECT_EQ(gpu::report().num_busy, 0u);
    EXPECT_EQ(leftovers(world.host, batch.secrets, gpu::report().num_abandoned > 0), "") << message();
  }
}

TEST_P(cudaFaults, AHungKernelIsAbandonedWithItsSlot) {
  Batch batch(GetParam(), several_pieces, 24);
  gpu::DeviceOptions options = small_slots();
  options.timeout_ms = 150;
  World world(options);
  world.faulty.set({.hung_record = 1});
  EXPECT_EQ(batch.run(cuda_table), "");
  gpu::DeviceStatus status = gpu::report();
  EXPECT_EQ(status.num_abandoned, 1u);
  EXPECT_EQ(status.num_faults, 1u);
  EXPECT_EQ(status.num_busy, 0u);
  EXPECT_EQ(reason(), "");
  EXPECT_EQ(leftovers(world.host, batch.secrets, true), "");
  // The rest of the ring goes on.
  for (int round = 0; round < 3; round++) EXPECT_EQ(batch.run(cuda_table), "");
  EXPECT_EQ(gpu::report().num_abandoned, 1u);
  // Its memory is never freed: what hangs may come to itself.
  gpu::use_runtime(nullptr, {});
  EXPECT_EQ(world.host.num_memories(), 2u);
  EXPECT_EQ(world.host.num_streams(), 1u);
  EXPECT_EQ(world.host.num_events(), 1u);
}

INSTANTIATE_TEST_SUITE_P(Kinds, cudaFaults, ::testing::ValuesIn(all_kinds),
                         [](const auto& param_info) { return name_of(param_info.param); });

// A program that stops until it is let go.
struct Gate {
  static inline std::mutex mutex;
  static inline std::condition_variable changed;
  static inline int to_stop = 0;
  static inline bool open = false;
  static int program(const gpu::X25519Job& job, gpu::Stream stream) {
    {
      std::unique_lock lock(mutex);
      if (to_stop > 0) {
        to_stop--;
        changed.wait(lock, [] { return open; });
      }
    }
    return reference_programs().x25519_public(job, stream);
  }
};

TEST(cudaHung, KernelsThatComeToThemselvesDisturbNobody) {
  gpu::Programs programs = reference_programs();
  programs.x25519_public = Gate::program;
  HostRuntime host(programs);
  gpu::DeviceOptions options = small_slots();
  options.timeout_ms = 150;
  options.max_faults = 100;
  gpu::use_runtime(&host, options);
  Gate::to_stop = 3;
  Gate::open = false;
  Batch batch(Kind::hpke_seal, several_pieces, 25), other(Kind::publics, several_pieces, 26);
  for (int round = 0; round < 4; round++) {
    EXPECT_EQ(batch.run(cuda_table), "");
    EXPECT_EQ(other.run(cuda_table), "");
  }
  EXPECT_EQ(gpu::report().num_abandoned, 3u);
  EXPECT_EQ(reason(), "");
  EXPECT_GT(gpu::report().num_pieces, 0u);
  {
    const std::lock_guard lock(Gate::mutex);
    Gate::open = true;
  }
  Gate::changed.notify_all();
  EXPECT_EQ(batch.run(cuda_table), "");
  host.drain();
  gpu::use_runtime(nullptr, {});
  EXPECT_EQ(host.num_streams(), 3u);
}

// Where everything hangs from some piece on, a tile waits for the pieces that are on their way then, and for no others.
TEST(cudaHung, ATileCostsOneTimeLimit) {
  gpu::DeviceOptions options = small_slots();
  options.timeout_ms = 1200;
  options.num_slots = 12;
  options.max_faults = 100;
  for (const auto& [kind, first] :
       {std::pair{Kind::hpke_seed, 1u}, {Kind::hpke_open, 2u}, {Kind::sealedbox_seal, 2u}}) {
    World world(options);
    Batch batch(kind, several_pieces, 30);
    world.faulty.set({.hung_record = first, .last_hung_record = ~uint64_t(0)});
    EXPECT_EQ(batch.run(cuda_table), "") << name_of(kind);
    EXPECT_GT(gpu::report().num_abandoned, 0u) << name_of(kind);
    EXPECT_LE(gpu::report().num_abandoned, 4u) << name_of(kind) << ": offered again";
    EXPECT_EQ(gpu::report().num_pieces, first - 1) << name_of(kind);
    EXPECT_EQ(reason(), "") << name_of(kind);
  }
}

TEST(cudaHung, OnceAllSlotsAreGoneTheDeviceIsPutAside) {
  gpu::DeviceOptions options = small_slots();
  options.timeout_ms = 50;
  options.num_slots = 2;
  World world(options);
  Batch batch(Kind::shared, {.num = 30}, 27);
  for (int round = 0; round < 2; round++) {
    world.faulty.set({.hung_record = 1});
    EXPECT_EQ(batch.run(cuda_table), "");
  }
  EXPECT_NE(reason().find("none of its slots is left"), std::string::npos) << reason();
  EXPECT_EQ(gpu::report().num_abandoned, 2u);
}

// A free would wait for the kernel that hangs: a slot that is too small stays so, and its piece is the CPU's.
TEST(cudaHung, NothingIsFreedBesideIt) {
  gpu::DeviceOptions options = small_slots();
  options.slot_bytes = 8 << 20;
  options.timeout_ms = 150;
  World world(options);
  Batch small(Kind::shared, {.num = 30}, 31), large(Kind::seal, {.num = 300, .max_len = 20000}, 32);
  EXPECT_EQ(small.run(cuda_table), "");
  world.faulty.set({.hung_record = 1});
  EXPECT_EQ(small.run(cuda_table), "");
  EXPECT_EQ(gpu::report().num_abandoned, 1u);
  EXPECT_EQ(small.run(cuda_table), "") << "in a slot of its own";
  EXPECT_EQ(gpu::report().num_pieces, 2u);
  EXPECT_EQ(large.run(cuda_table), "");
  EXPECT_EQ(gpu::report().num_pieces, 2u);
  EXPECT_EQ(gpu::report().num_faults, 2u);
  EXPECT_EQ(world.faulty.num_calls(Call::free_device) + world.faulty.num_calls(Call::free_pinned), 0u);
  EXPECT_EQ(small.run(cuda_table), "");
  EXPECT_EQ(gpu::report().num_pieces, 3u) << "in that slot again";
  EXPECT_EQ(leftovers(world.host, large.secrets, true), "");
}

TEST(cudaHung, WaitingCallersAreToldWhenADeviceIsPutAside) {
  HostRuntime host(reference_programs());
  gpu::DeviceOptions options = small_slots();
  options.num_slots = 1;
  options.max_faults = 1;
  gpu::Devices devices(host, options);
  gpu::Slot* const slot = devices.acquire(true);
  ASSERT_NE(slot, nullptr);
  gpu::Slot* got = slot;
  std::thread waiting([&] { got = devices.acquire(true); });
  std::this_thread::sleep_for(std::chrono::milliseconds(20));
  slot->failed_call = "launch";
  slot->error = 2;
  devices.fail(*slot);
  waiting.join();
  EXPECT_EQ(got, nullptr);
}

TEST(cudaFaultsInARow, AreForgottenAtTheFirstSuccess) {
  World world(small_slots());
  Batch batch(Kind::seal, {.num = 10}, 28);
  for (int round = 0; round < 10; round++) {
    world.faulty.set({.kind = Call::launch, .first = 1, .last = 2});
    EXPECT_EQ(batch.run(cuda_table), "");
    EXPECT_EQ(batch.run(cuda_table), "");
    EXPECT_EQ(batch.run(cuda_table), "");
  }
  EXPECT_EQ(reason(), "");
  EXPECT_EQ(gpu::report().num_faults, 20u);
  EXPECT_EQ(gpu::report().num_pieces, 10u);
}

TEST(cudaFaultsOfOneDevice, LeaveTheOtherAtWork) {
  HostRuntime host(reference_programs(), 2);
  gpu::DeviceOptions options = small_slots();
  gpu::Devices devices(host, options);
  // Device 0 fails three times.
  for (int n = 0; n < 3;) {
    std::vector<gpu::Slot*> held;
    while (gpu::Slot* s = devices.acquire(false)) held.push_back(s);
    for (gpu::Slot* s : held) {
      s->failed_call = "launch", s->error = 2;
      if (s->device == 0 && n < 3) {
        devices.fail(*s);
        n++;
      } else if (s->device == 1) {
        devices.release(*s);
      } else {
        devices.fail(*s);
      }
    }
  }
  EXPECT_EQ(devices.unavailable(), nullptr);
  EXPECT_NE(std::string(devices.status(0).put_aside), "");
  EXPECT_EQ(std::string(devices.status(1).put_aside), "");
  for (int n = 0; n < 4; n++) {
    gpu::Slot* const s = devices.acquire(false);
    ASSERT_NE(s, nullptr);
    EXPECT_EQ(s->device, 1u);
  }
  EXPECT_EQ(devices.acquire(false), nullptr);
}

TEST(cudaTested, ADeviceByItself) {
  HostRuntime host(reference_programs(), 3);
  gpu::Devices devices(host, small_slots());
  devices.use_only(1);
  for (int n = 0; n < 4; n++) {
    gpu::Slot* const s = devices.acquire(false);
    ASSERT_NE(s, nullptr);
    EXPECT_EQ(s->device, 1u);
    if (n > 0) devices.release(*s);
  }
  devices.put_aside(1, "wrong");
  EXPECT_EQ(devices.acquire(true), nullptr) << "nobody waits for what will not come";
  EXPECT_FALSE(devices.idle());
  EXPECT_EQ(devices.unavailable(), nullptr);
  devices.use_only(gpu::Devices::any);
  EXPECT_TRUE(devices.idle());
  gpu::Slot* const s = devices.acquire(true);
  ASSERT_NE(s, nullptr);
  EXPECT_NE(s->device, 1u);
}

// One leaves its work to the CPU, one does it wrong, one is sound; and then none.
TEST(cudaTested, EachDeviceAndThoseThatFailArePutAside) {
  World world(small_slots(), 3);
  Batch batch(Kind::seal, {.num = 30}, 40);
  int calls = 0;
  const auto slots_fail = [&]() -> std::string {
    if (calls == 0) world.faulty.set({.kind = Call::launch, .first = 1});
    EXPECT_EQ(batch.run(cuda_table), "");
    return calls++ == 1 ? "wrong" : "";
  };
  EXPECT_EQ(gpu::test_each(slots_fail), "");
  EXPECT_EQ(calls, 3);
  EXPECT_EQ(reason(), "");
  EXPECT_EQ(gpu::report().num_faults, 1u);
  EXPECT_EQ(gpu::report().num_pieces, 2u);
  EXPECT_EQ(batch.run(cuda_table), "");
  EXPECT_EQ(gpu::report().num_pieces, 3u);
  EXPECT_EQ(gpu::test_each([] { return std::string("all wrong"); }), "all wrong");
  EXPECT_NE(reason().find("put aside by its self-test: the device failed"), std::string::npos) << reason();
}

// A tile that goes wrong in the middle: what came before is done, what comes after is not done twice.
TEST(cudaHpke, SaysHowManyOfTheFirstItemsWereDone) {
  for (uint64_t n = 1; n <= 3; n++) {
    World world(small_slots());
    Batch batch(Kind::hpke_seal, several_pieces, 29);
    world.faulty.set({.kind = Call::download, .first = n});
    EXPECT_EQ(batch.run(cuda_table), "");
    EXPECT_EQ(gpu::report().num_faults, 1u);
    EXPECT_EQ(leftovers(world.host, batch.secrets), "");
  }
}

}  // namespace
}  // namespace megaseal::test
