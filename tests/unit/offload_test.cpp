// Batches shared with a device beside the CPU: one that is made up, and counts what it is given. Whatever it does, or fails
// to do, results and statuses are those of the CPU alone.
#include "engine/offload.hpp"

#include <gtest/gtest.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <future>
#include <set>
#include <thread>

#include "engine/tiles.hpp"
#include "tests/support/reference.hpp"
#include "tests/support/schemes.hpp"

namespace megaseal::test {
namespace {

/// What the made-up device is asked, and how it behaves.
struct Fake {
  static inline std::atomic<uint64_t> items = 0, tiles = 0, largest = 0, undone = 0;
  static inline std::atomic<bool> idle = true, does_whole_tiles = true, is_put_aside = false;
  static inline std::atomic<uint64_t> limit = 0;

  static void reset() {
    items = tiles = largest = undone = limit = 0;
    idle = does_whole_tiles = true;
    is_put_aside = false;
  }
  static void count(uint32_t num) {
    items += num;
    tiles++;
    for (uint64_t seen = largest; seen < num && !largest.compare_exchange_weak(seen, num);) {
    }
  }
  static uint32_t whole(void (*compose)(const Dispatch&, Workspace&, const HpkeTile&), const HpkeTile* tile) {
    HpkeTile done = *tile;
    if (!does_whole_tiles) {
      undone++;
      done.num = tile->num / 3;  // the rest is left to the CPU
    } else {
      count(tile->num);
    }
    Workspace w(tile->num);
    if (done.num > 0) compose(*process_dispatch(), w, done);
    return done.num;
  }

  static constexpr uint32_t tile_items = 40;
  static const BackendRow& row() {
    static const KernelTable table = [] {
      KernelTable t = {};
      t.name = "fake";
      t.lanes = 8;
      t.tile_items = tile_items;
      t.chacha20poly1305_seal = [](const AeadTile* tile) {
        count(tile->num);
        scalar_table.chacha20poly1305_seal(tile);
      };
      t.chacha20poly1305_open = [](const AeadTile* tile) {
        count(tile->num);
        scalar_table.chacha20poly1305_open(tile);
      };
      t.x25519_shared = [](const X25519Tile* tile) {
        count(tile->num);
        scalar_table.x25519_shared(tile);
      };
      t.x25519_public = [](const X25519Tile* tile) {
        count(tile->num);
        scalar_table.x25519_public(tile);
      };
      t.hpke_seal = [](const HpkeTile* tile) {
        return whole([](const Dispatch& d, Workspace& w, const HpkeTile& its) { hpke_seal_tile(d, w, its); },
                     tile);
      };
      t.hpke_open = [](const HpkeTile* tile) { return whole(hpke_open_tile, tile); };
      return t;
    }();
    static const DeviceBackend device = {
        .start = [] { return std::string(); },
        .idle = [] { return idle.load(); },
        .limit_memory = [](uint64_t bytes) { limit = bytes; },
        .leave_to = [](const KernelTable&) {},
        .test = [](const std::function<std::string()>& slots_fail) { return slots_fail(); },
        .report =
            [] {
              return DeviceReport{
                  .machine = "made up", .put_aside = is_put_aside ? "it failed" : "", .max_bytes = limit, .num_tiles = tiles};
            }};
    static const BackendRow the_row = {"fake", &table, "", &device};
    return the_row;
  }
};

/// The device pays from `crossover` items on, and is then `faster` times as fast as one thread.
DeviceCosts costs_with(double crossover, double faster) {
  DeviceCosts costs;
  for (WorkCost& work : costs.work) {
    work.cpu = {.call = 0, .item = 1000, .byte = 0};
    work.device = {.call = crossover * (1000 - 1000 / faster), .item = 1000 / faster, .byte = 0};
  }
  return costs;
}

Engine engine_beside(std::shared_ptr<DeviceStart> start, uint32_t num_threads = 3, size_t device_bytes = 0) {
  megaseal_engine_options options = {};
  options.struct_size = sizeof options;
  options.num_threads = num_threads;
  options.device_memory_bytes = device_bytes;
  megaseal_engine* engine = nullptr;
  throw_on(testing::engine_create_beside(&engine, &options, Fake::row(), std::move(start)),
           "engine_create_beside");
  return Engine(engine);
}

/// Of a device that has started.
Engine engine_beside(const DeviceCosts& costs, uint32_t num_threads = 3, size_t device_bytes = 0) {
  const auto start = std::make_shared<DeviceStart>([costs] {
    const BackendState state = examine(Fake::row());
    return StartedDevice{state.state == MEGASEAL_BACKEND_AVAILABLE, state.reason, costs};
  });
  EXPECT_EQ(start->wait().reason, "");
  Fake::items = Fake::tiles = Fake::largest = Fake::undone = 0;  // of the self-test
  return engine_beside(start, num_threads, device_bytes);
}

class OffloadSchemes : public SchemeTest {
 protected:
  void SetUp() override { Fake::reset(); }

  // Seals and opens `num` items with and without the device; every third is spoilt before it is opened.
  void compare(const Engine& beside, size_t num) {
    static const Engine alone = make_engine("", 2);
    const std::vector<size_t> items = first_items(num);
    const Results sealed = scheme().seal(beside.get(), Layout::packed, items);
    ASSERT_TRUE(sealed.ok());
    ASSERT_EQ(sealed.out, scheme().seal(alone.get(), Layout::packed, items).out);
    std::vector<Bytes> spoilt = sealed.out;
    for (size_t i = 0; i < num; i += 3) spoilt[i][spoilt[i].size() / 2] ^= 1;
    const Results opened = scheme().open(beside.get(), Layout::pointers, items, spoilt);
    const Results expected = scheme().open(alone.get(), Layout::pointers, items, spoilt);
    EXPECT_EQ(opened.statuses, expected.statuses);
    EXPECT_EQ(opened.num_failed, (num + 2) / 3);
    EXPECT_EQ(opened.out, expected.out);
  }
};

TEST_P(OffloadSchemes, SharesLargeBatchesWithTheSameResults) {
  for (uint32_t threads : {1u, 2u, 5u}) {
    const Engine engine = engine_beside(costs_with(10, 50), threads);
    compare(engine, 500);
    // Salsa20 is in no backend, and its boxes are the CPU's.
    EXPECT_EQ(Fake::items > 0, scheme().name() != "SealedBoxSalsa");
    EXPECT_LE(Fake::largest, Fake::tile_items);
  }
}

TEST_P(OffloadSchemes, KeepsSmallBatchesFromIt) {
  const Engine engine = engine_beside(costs_with(100, 50));
  compare(engine, 60);
  EXPECT_EQ(Fake::items, 0u);
}

TEST_P(OffloadSchemes, DoesOnTheCpuWhatItLeavesUndone) {
  const Engine engine = engine_beside(costs_with(10, 50));
  Fake::does_whole_tiles = false;
  compare(engine, 300);
  if (scheme().format() == MEGASEAL_FORMAT_HPKE) {
    EXPECT_GT(Fake::undone, 0u);
    EXPECT_EQ(Fake::items, 0u) << "its slots worked on a tile that it had left to the CPU";
  }
}

TEST_P(OffloadSchemes, SpillsToTheCpuWhileItIsBusy) {
  const Engine engine = engine_beside(costs_with(10, 50));
  Fake::idle = false;
  compare(engine, 300);
  EXPECT_EQ(Fake::items, 0u);
}

MEGASEAL_ON_EVERY_SCHEME(OffloadSchemes);

class Offloading : public ::testing::Test {
 protected:
  void SetUp() override { Fake::reset(); }
};

TEST_F(Offloading, SealsFreshKeysApartAndOpensAllOfThem) {
  const Engine engine = engine_beside(costs_with(10, 5), 4);
  constexpr size_t num = 3000;
  Bytes publics(32 * num), secrets(32 * num);
  ASSERT_EQ(megaseal_keygen_batch(engine.get(), publics.data(), secrets.data(), num), MEGASEAL_ERROR_NONE);
  EXPECT_GT(Fake::items, 0u);
  std::set<Bytes> different;
  for (size_t i = 0; i < num; i++) {
    const Bytes secret(secrets.begin() + long(32 * i), secrets.begin() + long(32 * i + 32));
    different.insert(secret);
    if (i % 16 == 0) {
      ASSERT_EQ(reference::x25519_public(secret),
                Bytes(publics.begin() + long(32 * i), publics.begin() + long(32 * i + 32)));
    }
  }
  EXPECT_EQ(different.size(), num);
}

TEST_F(Offloading, X25519InBatches) {
  const Engine engine = engine_beside(costs_with(10, 5), 4);
  Random random;
  constexpr size_t num = 700;
  const Bytes secrets = random.bytes(32 * num);
  Bytes points = random.bytes(32 * num), out(32 * num), statuses(num, 9);
  for (size_t i : {0, 5, 699}) std::fill_n(points.begin() + long(32 * i), 32, uint8_t(0));
  size_t failed = 0;
  ASSERT_EQ(megaseal_x25519_batch(engine.get(), out.data(), statuses.data(), &failed, num, secrets.data(), 32,
                                  points.data(), 32),
            MEGASEAL_ERROR_NONE);
  EXPECT_EQ(failed, 3u);
  EXPECT_GT(Fake::items, 0u);
  for (size_t i = 0; i < num; i++) {
    const auto at = long(32 * i);
    const bool low = i == 0 || i == 5 || i == 699;
    ASSERT_EQ(statuses[i], low ? MEGASEAL_LOW_ORDER : MEGASEAL_OK) << i;
    if (!low) {
      ASSERT_EQ(reference::x25519(Bytes(secrets.begin() + at, secrets.begin() + at + 32),
                                  Bytes(points.begin() + at, points.begin() + at + 32)),
                Bytes(out.begin() + at, out.begin() + at + 32))
          << i;
    }
  }
}

TEST_F(Offloading, ManyCallersAtOnce) {
  const Engine engine = engine_beside(costs_with(10, 5), 3);
  std::atomic<int> wrong = 0;
  std::vector<std::thread> callers;
  for (int t = 0; t < 8; t++)
    callers.emplace_back([&, t] {
      for (int round = 0; round < 5; round++) {
        if (t == 0) Fake::idle = round % 2;
        const Scheme& scheme = *all_schemes()[size_t(t) % all_schemes().size()];
        const std::vector<size_t> items = first_items(150);
        const Results sealed = scheme.seal(engine.get(), Layout::packed, items);
        const Results opened = scheme.open(engine.get(), Layout::packed, items, sealed.out);
        for (size_t i = 0; i < items.size(); i++) wrong += opened.out[i] != scheme.text(i);
        wrong += !opened.ok();
      }
    });
  for (std::thread& caller : callers) caller.join();
  EXPECT_EQ(wrong, 0);
}

TEST_F(Offloading, SaysWhatItDid) {
  const Engine engine = engine_beside(costs_with(10, 50), 3, 12345678);
  megaseal_device_info info = {};
  info.struct_size = sizeof info;
  ASSERT_EQ(megaseal_engine_device_info(engine.get(), &info), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(info.state, MEGASEAL_DEVICE_READY);
  EXPECT_STREQ(info.name, "made up");
  EXPECT_EQ(info.max_bytes, 12345678u);
  // A tile pays from 11 items on; a call takes three threads as long as 29.4 items, and the rest has to be worth 11.66.
  EXPECT_EQ(megaseal_device_crossover(engine.get(), MEGASEAL_OP_HPKE_SEAL, 256), 42u);
  EXPECT_EQ(megaseal_device_crossover(engine.get(), MEGASEAL_OP_HPKE_EXPORT, 256), 0u);
}

TEST_F(Offloading, ThatWasPutAsideSharesNothing) {
  const Engine engine = engine_beside(costs_with(10, 50));
  Fake::is_put_aside = true;
  megaseal_device_info info = {};
  info.struct_size = sizeof info;
  ASSERT_EQ(megaseal_engine_device_info(engine.get(), &info), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(info.state, MEGASEAL_DEVICE_PUT_ASIDE);
  EXPECT_STREQ(info.reason, "it failed");
  EXPECT_EQ(megaseal_device_crossover(engine.get(), MEGASEAL_OP_HPKE_SEAL, 256), 0u);
}

TEST_F(Offloading, WithoutADevice) {
  megaseal_device_info info = {};
  EXPECT_EQ(megaseal_engine_device_info(make_engine().get(), &info), MEGASEAL_ERROR_ARGUMENT)
      << "no struct_size";
  info.struct_size = sizeof info;
  EXPECT_EQ(megaseal_engine_device_info(nullptr, &info), MEGASEAL_ERROR_ARGUMENT);
  ASSERT_EQ(megaseal_engine_device_info(make_engine("scalar").get(), &info), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(info.state, MEGASEAL_DEVICE_NONE) << "a backend was named";
  const Engine off = engine_beside(costs_with(10, 50), 2, MEGASEAL_DEVICE_OFF);
  ASSERT_EQ(megaseal_engine_device_info(off.get(), &info), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(info.state, MEGASEAL_DEVICE_NONE);
  EXPECT_EQ(megaseal_device_crossover(off.get(), MEGASEAL_OP_HPKE_SEAL, 256), 0u);
}

// ---- The start

class OffloadStart : public ::testing::Test {
 protected:
  void SetUp() override { Fake::reset(); }

  /// A start that tells when it is at it, and waits to be let go.
  std::shared_ptr<DeviceStart> slow_start() {
    return std::make_shared<DeviceStart>([this, go = may_end.get_future().share()] {
      num_starts++;
      is_at_it.set_value();
      go.wait();
      return StartedDevice{.usable = true, .reason = {}, .costs = costs_with(10, 50)};
    });
  }
  static void work(const Engine& engine) {
    constexpr size_t num = 5000;
    Bytes publics(32 * num), secrets(32 * num);
    ASSERT_EQ(megaseal_keygen_batch(engine.get(), publics.data(), secrets.data(), num), MEGASEAL_ERROR_NONE);
  }

  std::atomic<int> num_starts = 0;
  std::promise<void> is_at_it, may_end;
};

TEST_F(OffloadStart, IsNotWaitedForByAnybodyAndSharedByAll) {
  const auto start = slow_start();
  Engine first = engine_beside(start);
  const Engine second = engine_beside(start);
  EXPECT_EQ(num_starts, 0);
  work(first);
  is_at_it.get_future().wait();
  work(second);
  auto destroyed = std::async(std::launch::async, [&] { first.reset(); });
  EXPECT_EQ(destroyed.wait_for(std::chrono::seconds(60)), std::future_status::ready)
      << "an engine waited for the device's start";
  EXPECT_EQ(start->ended(), nullptr);
  EXPECT_EQ(megaseal_device_crossover(second.get(), MEGASEAL_OP_KEYGEN, 0), 0u);
  EXPECT_EQ(Fake::items, 0u);
  may_end.set_value();
  EXPECT_TRUE(start->wait().usable);
  EXPECT_EQ(num_starts, 1);
  work(second);
  EXPECT_GT(Fake::items, 0u);
}

TEST_F(OffloadStart, OutlivesItsEngines) {
  std::weak_ptr<DeviceStart> left;
  {
    const auto start = slow_start();
    left = start;
    work(engine_beside(start));
  }
  is_at_it.get_future().wait();
  EXPECT_FALSE(left.expired());
  may_end.set_value();
  for (int i = 0; i < 6000 && !left.expired(); i++)
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
  EXPECT_TRUE(left.expired());
}

TEST_F(OffloadStart, ThatFailsLeavesEverythingToTheCpu) {
  const auto start = std::make_shared<DeviceStart>(
      [] { return StartedDevice{.usable = false, .reason = "no such device", .costs = costs_with(10, 50)}; });
  const Engine engine = engine_beside(start);
  megaseal_device_info info = {};
  info.struct_size = sizeof info;
  ASSERT_EQ(megaseal_engine_device_info(engine.get(), &info), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(info.state, MEGASEAL_DEVICE_UNAVAILABLE);
  EXPECT_STREQ(info.reason, "no such device");
  work(engine);
  EXPECT_EQ(Fake::items, 0u);
  EXPECT_EQ(megaseal_device_crossover(engine.get(), MEGASEAL_OP_KEYGEN, 0), 0u);
}

TEST_F(OffloadStart, OfTheProcessIsOneForAll) {
  const StartedDevice& started = process_device_start()->wait();
  EXPECT_EQ(process_device_start()->ended(), &started);
}

#if !defined(__SANITIZE_THREAD__)
TEST_F(OffloadStart, IsNotWaitedForInAForkedChild) {
  const auto start = slow_start();
  const Engine engine = engine_beside(start, 1);
  work(engine);
  is_at_it.get_future().wait();
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    bool right = true;
    for (const bool is_old : {true, false}) {
      Engine fresh = engine_beside(start, 1);
      const Engine& e = is_old ? engine : fresh;
      work(e);
      megaseal_device_info info = {};
      info.struct_size = sizeof info;
      right &= megaseal_engine_device_info(e.get(), &info) == MEGASEAL_ERROR_NONE &&
               info.state == MEGASEAL_DEVICE_UNAVAILABLE &&
               std::string(info.reason).find("forked") != std::string::npos;
    }
    _exit(right && Fake::items == 0 ? 0 : 1);
  }
  may_end.set_value();
  ASSERT_GT(child, 0);
  int status = -1;
  ASSERT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_TRUE(start->wait().usable);
}
#endif

// A process that ends while a start is at it: the start is told, and has come to a stop before anything is taken down that was
// set up before it, or by it.
std::atomic<bool> has_stopped = false;
void take_down() {
  if (!has_stopped) _exit(3);
}
[[noreturn]] void exit_while_starting(bool early) {
  std::atexit(take_down);
  static std::atomic<bool> is_at_it = false;
  const auto start = std::make_shared<DeviceStart>([] {
    is_at_it = true;
    while (!process_is_ending()) std::this_thread::yield();
    std::this_thread::sleep_for(std::chrono::milliseconds(200));
    has_stopped = true;
    return StartedDevice{};
  });
  {
    const Engine engine = engine_beside(start, 1);
    start->begin();
    while (!early && !is_at_it) std::this_thread::yield();
  }
  std::exit(0);
}

TEST(OffloadStartDeathTest, TheEndOfTheProcessWaits) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(exit_while_starting(false), ::testing::ExitedWithCode(0), "");
  EXPECT_EXIT(exit_while_starting(true), ::testing::ExitedWithCode(0), "");
}

#if !defined(__SANITIZE_THREAD__)
// A child has none of its parent's threads, and does not wait for them. What those threads held is lost in it: it ends before
// anybody looks for leaks, in a handler that comes behind those of starts.
bool is_child = false;
TEST_F(OffloadStart, TheEndOfAForkedChildDoesNotWait) {
  std::atexit([] {
    if (is_child) _exit(0);
  });
  const auto start = slow_start();
  const Engine engine = engine_beside(start, 1);
  work(engine);
  is_at_it.get_future().wait();
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    is_child = true;
    std::exit(1);
  }
  int status = -1;
  EXPECT_EQ(waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  may_end.set_value();
  EXPECT_TRUE(start->wait().usable);
}
#endif

// ---- Costs

TEST(DeviceCosts, CrossoverIsWhereTheLinesMeet) {
  const WorkCost cost = {.cpu = {.call = 100, .item = 50, .byte = 1},
                         .device = {.call = 1100, .item = 10, .byte = 0.5}};
  // 100 + 50 n = 1100 + 10 n at n = 25.
  EXPECT_EQ(cost.crossover(0), 26u);
  EXPECT_EQ(cost.crossover(120), 11u);  // 170 n = 1000 + 70 n
  const WorkCost never = {.cpu = {.call = 0, .item = 10, .byte = 0},
                          .device = {.call = 5, .item = 10, .byte = 0}};
  EXPECT_EQ(never.crossover(0), UINT32_MAX);
  const WorkCost always = {.cpu = {.call = 0, .item = 10, .byte = 0},
                           .device = {.call = 0, .item = 1, .byte = 0}};
  EXPECT_EQ(always.crossover(0), 1u);
}

TEST(DeviceCosts, BothEndTogether) {
  const WorkCost cost = {.cpu = {.call = 0, .item = 40, .byte = 0},
                         .device = {.call = 1000, .item = 10, .byte = 0}};
  for (double items : {1000.0, 10'000.0, 1e6})
    for (uint32_t threads : {1u, 4u, 16u}) {
      const double share = cost.share(items, 0, threads);
      const double on_device = 1000 + share * items * 10, on_cpu = (1 - share) * items * 40 / threads;
      EXPECT_NEAR(on_device, on_cpu, 1e-6 * on_cpu + 1e-6) << items << ' ' << threads;
    }
  EXPECT_EQ(cost.share(10, 0, 1), 0) << "a call costs more than the CPU takes for all of it";
}

TEST(DeviceCosts, TextIsReadBackForTheSameMachineAlone) {
  DeviceCosts costs = costs_with(12.5, 3);
  costs.work[2].device.byte = 0.125;
  const std::string text = costs.text("this one");
  DeviceCosts read;
  ASSERT_TRUE(read.read(text, "this one"));
  EXPECT_EQ(read.text("this one"), text);
  EXPECT_EQ(read.work[2].device.byte, 0.125);
  EXPECT_FALSE(read.read(text, "another"));
  for (size_t cut = 0; cut + 2 < text.size(); cut += 7)
    EXPECT_FALSE(read.read(text.substr(0, cut), "this one")) << cut;
  std::string negative = text;
  negative.replace(negative.rfind(" 0\n"), 3, " -1\n");
  EXPECT_FALSE(read.read(negative, "this one"));
}

// As a batch beside the measurement has it.
TEST(DeviceCosts, AreThoseOfTheWorkHoweverBusyTheMachine) {
  static std::atomic<int> num_calls;
  static std::atomic<bool> for_good;
  static constexpr std::chrono::milliseconds delay{10};
  Dispatch slow = *process_dispatch();
  slow.chacha20poly1305_seal = [](const AeadTile* tile) {
    // Not at all in the last of a device's rounds.
    if (for_good || num_calls++ < 30) std::this_thread::sleep_for(delay);
    process_dispatch()->chacha20poly1305_seal(tile);
  };
  const auto few_short_on = [](const LinearCost& side) { return side.of(16, 16 * 64) / 1e6; };
  num_calls = 0;
  for_good = true;
  const WorkCost waits = DeviceCosts::measure(slow, slow).work[size_t(DeviceWork::cipher)];
  EXPECT_LT(few_short_on(waits.cpu), delay.count()) << "a thread that does not run costs nothing";
  EXPECT_GE(few_short_on(waits.device), delay.count()) << "a device is waited for";
  num_calls = 0;
  for_good = false;
  const WorkCost at_first = DeviceCosts::measure(*process_dispatch(), slow).work[size_t(DeviceWork::cipher)];
  EXPECT_LT(few_short_on(at_first.device), delay.count()) << "the best of rounds that lie apart";
}

TEST(DeviceCosts, AreKeptInAFile) {
  const std::string dir = ::testing::TempDir() + "device_costs_" + std::to_string(::getpid());
  const std::string path = dir + "/sub/costs";
  ::setenv("MEGASEAL_DEVICE_COSTS", path.c_str(), 1);
  const Dispatch& cpu = *process_dispatch();
  const Dispatch device = beside(cpu, Fake::row().table ? *Fake::row().table : scalar_table);
  Fake::reset();
  const auto kept = [&](const char* machine, bool worth_keeping = true) {
    return kept_or_measured(cpu, device, machine, [=] { return worth_keeping; });
  };
  kept("m", false);
  EXPECT_FALSE(std::filesystem::exists(path)) << "not worth keeping, and kept";
  const DeviceCosts measured = kept("m");
  EXPECT_GT(Fake::items, 0u);
  for (size_t i = 0; i < num_device_work; i++) {
    EXPECT_GT(measured.work[i].cpu.without_call(1, 64), 0) << device_work_name(DeviceWork(i));
    EXPECT_GT(measured.work[i].device.without_call(1, 64), 0) << device_work_name(DeviceWork(i));
  }
  Fake::reset();
  EXPECT_EQ(kept("m").text("m"), measured.text("m"));
  EXPECT_EQ(Fake::items, 0u) << "measured again";
  kept("another");
  EXPECT_GT(Fake::items, 0u) << "took another machine's costs";
  // Where nothing can be written, costs are measured all the same.
  ::setenv("MEGASEAL_DEVICE_COSTS", (path + "/below a file").c_str(), 1);
  EXPECT_GT(kept("m").work[0].cpu.without_call(1, 64), 0);
  ::unsetenv("MEGASEAL_DEVICE_COSTS");
  size_t files = 0;
  for (const auto& entry : std::filesystem::recursive_directory_iterator(dir))
    files += entry.is_regular_file();
  EXPECT_EQ(files, 1u) << "left others behind";
  std::filesystem::remove_all(dir);
}

}  // namespace
}  // namespace megaseal::test
