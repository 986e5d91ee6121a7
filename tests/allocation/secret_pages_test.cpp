// That the search of leftovers_test.cpp finds what there is to find, and what the kernel is told of the pages in which an
// engine may hold secrets.
#include <sodium.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <thread>

#include "tests/allocation/own_malloc.hpp"
#include "tests/allocation/search.hpp"
#include "tests/support/handles.hpp"
#include "tests/support/reference.hpp"
#include "tests/support/wipe_on_fork.hpp"

namespace megaseal::test {
namespace {

uint8_t drawn[64];  // two secrets of 32 bytes

void draw() {
  Random random(7);
  random.fill(drawn);
  drawn[31] &= 0x7f, drawn[63] &= 0x7f;  // public keys, where a test wants some
}
/// Where tests would otherwise have the secrets from.
void forget() {
  sodium_memzero(drawn, sizeof drawn);
  wipe_dead_stack();
  wipe_taken_stack();
}

Needles needles() {
  return needles_of([](NeedleWriter& out) {
    draw();
    for (size_t i = 0; i < 2; i++) {
      out.send(shared_secret, Bytes(drawn + 32 * i, drawn + 32 * i + 32));
      out.next_item();
    }
  });
}

class ProcessLeftoversSearch : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!own_malloc::is_here) GTEST_SKIP() << "sanitizers' shadow memory is too large to search";
    needles_ = needles();
    forget();
    ASSERT_TRUE(search_memory(needles_).empty());
  }
  void TearDown() override { forget(); }
  Needles needles_;
};

TEST_F(ProcessLeftoversSearch, FindsInTheHeap) {
  const auto in_heap = std::make_unique<uint8_t[]>(32);
  draw();
  std::memcpy(in_heap.get(), drawn, 32);
  forget();
  const std::vector<Found> found = search_memory(needles_);
  ASSERT_EQ(found.size(), 4u) << describe(found);
  EXPECT_EQ(found[0].at, reinterpret_cast<uintptr_t>(in_heap.get()));
  sodium_memzero(in_heap.get(), 32);
}

TEST_F(ProcessLeftoversSearch, FindsWhatWasLeftOnTheStack) {
  draw();
  (void)call_below([] {
    uint8_t forgotten[32];
    std::memcpy(forgotten, drawn, 32);
    __asm__ volatile("" : : "r"(forgotten) : "memory");
    return 0;
  });
  take_dead_stack();
  sodium_memzero(drawn, sizeof drawn);
  const std::vector<Found> found = search_memory(needles_);
  ASSERT_GE(found.size(), 4u);
  EXPECT_NE(describe(found).find("in the caller's stack"), std::string::npos) << describe(found);
}

TEST_F(ProcessLeftoversSearch, FindsOnAnotherThreadsStack) {
  std::atomic<bool> done = false, ready = false;
  std::thread other([&] {
    uint8_t mine[32];
    draw();
    std::memcpy(mine, drawn, 32);
    __asm__ volatile("" : : "r"(mine) : "memory");
    forget();
    ready = true;
    while (!done) usleep(100);
    sodium_memzero(mine, sizeof mine);
    forget();
  });
  while (!ready) usleep(100);
  const std::vector<Found> found = search_memory(needles_);
  done = true;
  other.join();
  EXPECT_GE(found.size(), 4u) << describe(found);
}

TEST_F(ProcessLeftoversSearch, FindsAsVectorsHoldThem) {
  // Two messages in 32-bit lanes, as they are and as SHA-256 has them; limbs of 51 bits in 64-bit lanes.
  uint32_t lanes[2], swapped[2];
  uint64_t limb;
  draw();
  for (size_t i = 0; i < 2; i++) {
    std::memcpy(&lanes[i], drawn + 32 * i + 12, 4);
    swapped[i] = __builtin_bswap32(lanes[i]);
  }
  std::memcpy(&limb, drawn, 8);
  limb &= (uint64_t(1) << 51) - 1;
  EXPECT_EQ(needles_.find(lanes), shared_secret);
  EXPECT_EQ(needles_.find(swapped), shared_secret);
  EXPECT_EQ(needles_.find(&limb), shared_secret);
  const auto finds = [&](double d) { return needles_.find(&d) == shared_secret; };
  const double value = double(limb), whole = double(uint64_t(1) << 51);
  EXPECT_TRUE(finds(value));
  EXPECT_TRUE(finds(value < whole / 2 ? value : value - whole));
  EXPECT_TRUE(finds(value + 3 * whole));
  EXPECT_FALSE(finds(value + 1));
  limb++;
  EXPECT_EQ(needles_.find(&limb), -1);
}

#if defined(__x86_64__)
/// A thread that holds a word of a secret in a register, by `hold(word)` over and over.
template <class Hold>
int found_in_registers(const Needles& needles, const Hold& hold) {
  std::atomic<bool> done = false, ready = false;
  std::thread worker([&] {
    uint64_t word;
    draw();
    std::memcpy(&word, drawn, 8);
    ready = true;
    while (!done) hold(word);
    word = 0;
    forget();
  });
  while (!ready) usleep(100);
  const int found = search_registers_of_others(needles);
  done = true;
  worker.join();
  return found;
}
TEST_F(ProcessLeftoversSearch, FindsInRegisters) {
  EXPECT_GT(found_in_registers(needles_,
                               [](uint64_t word) {
                                 __asm__ volatile("movq %0, %%xmm9" : : "r"(word) : "xmm9");
                               }),
            0);
}
TEST_F(ProcessLeftoversSearch, FindsInTheUpperRegistersOfAvx512) {
  if (!__builtin_cpu_supports("avx512f")) GTEST_SKIP() << "this processor has none";
  // Broadcast, so that it is in the upper half, too; the compiler does not use this register.
  EXPECT_GT(found_in_registers(needles_,
                               [](uint64_t word) {
                                 __asm__ volatile("vpbroadcastq %0, %%zmm29" : : "r"(word));
                               }),
            8);
}
#endif

/// How a child ends that does as `body` says: 0 where that is true.
template <class Body>
int in_child(const Body& body) {
  const pid_t child = fork();
  if (child == 0) _exit(!body());
  int status = -1;
  waitpid(child, &status, 0);
  return status;
}

// Secrets' pages are marked so that the kernel keeps them out of core dumps, and a child finds zeros there.

TEST(SecretPagesInTheKernel, KeysAreNeitherDumpedNorInherited) {
  if (!own_malloc::is_here) GTEST_SKIP() << "sanitizers' shadow memory is too large to search";
  if (!kernel_wipes_on_fork()) GTEST_SKIP() << "this kernel does not wipe pages on fork";
  const Needles key_needles = needles_of([](NeedleWriter& out) {
    draw();
    const Bytes secret(drawn, drawn + 32), recipient(drawn + 32, drawn + 64);
    const Bytes ephemeral = Random(8).bytes(32);
    out.send(secret_key, secret);
    const auto keys = reference::hpke_schedule({}, reference::x25519(ephemeral, recipient),
                                               reference::x25519_public(ephemeral), recipient);
    out.send(message_key, keys.key), out.send(exporter_secret, keys.exporter_secret);
    out.send(base_nonce, keys.base_nonce);
  });
  draw();
  megaseal_secret_key* key = nullptr;
  ASSERT_EQ(megaseal_secret_key_create(&key, drawn), MEGASEAL_ERROR_NONE);
  const SecretKey key_owner(key);
  const Engine engine = make_engine("", 2);
  const Recipient recipient = make_recipient(Bytes(drawn + 32, drawn + 64));
  uint8_t ephemeral[32], enc[32];
  Random(8).fill(ephemeral);
  megaseal_hpke_context* context = nullptr;
  ASSERT_EQ(testing::hpke_sender_create(&context, enc, engine.get(), nullptr, recipient.get(), ephemeral, 0),
            MEGASEAL_ERROR_NONE);
  const Context context_owner(context);
  sodium_memzero(ephemeral, sizeof ephemeral);
  forget();
  size_t num_found[num_pieces] = {};
  const std::vector<Found> found = search_memory(key_needles, 100);
  for (const Found& f : found) {
    num_found[f.piece]++;
    EXPECT_NE(f.region.flags.find(" dd "), std::string::npos) << name_of(f.piece) << " in " << f.region.name;
    EXPECT_NE(f.region.flags.find(" wf "), std::string::npos) << name_of(f.piece) << " in " << f.region.name;
  }
  EXPECT_EQ(num_found[secret_key], 4u);
  EXPECT_EQ(num_found[message_key], 4u);
  EXPECT_EQ(num_found[exporter_secret], 4u);
  EXPECT_EQ(num_found[base_nonce], 1u);
  EXPECT_EQ(in_child([&] { return search_memory(key_needles).empty(); }), 0)
      << "a child has something of them";
}

TEST(SecretPagesInTheKernel, InheritableKeysAreInheritedAndNotDumped) {
  if (!own_malloc::is_here) GTEST_SKIP() << "sanitizers' shadow memory is too large to search";
  const Needles key_needles = needles_of([](NeedleWriter& out) {
    draw();
    out.send(secret_key, Bytes(drawn, drawn + 32));
  });
  draw();
  megaseal_secret_key *key = nullptr, *kept = nullptr;
  ASSERT_EQ(megaseal_secret_key_create(&key, drawn), MEGASEAL_ERROR_NONE);
  ASSERT_EQ(megaseal_secret_key_create_inheritable(&kept, key), MEGASEAL_ERROR_NONE);
  megaseal_secret_key_release(key);
  forget();
  const auto in_one_place = [&] {
    const std::vector<Found> found = search_memory(key_needles);
    for (const Found& f : found)
      if (f.region.flags.find(" dd ") == f.region.flags.npos) return false;
    return found.size() == 4;
  };
  EXPECT_TRUE(in_one_place());
  EXPECT_EQ(in_child(in_one_place), 0);
  megaseal_secret_key_release(kept);
  EXPECT_TRUE(search_memory(key_needles).empty());
}

TEST(SecretPagesInTheKernel, ScratchIsNeitherDumpedNorInherited) {
  if (!kernel_wipes_on_fork()) GTEST_SKIP() << "this kernel does not wipe pages on fork";
  const auto scratch = [] {
    std::vector<Region> out = writable_memory();
    std::erase_if(out, [](const Region& r) { return r.flags.find(" wf ") == r.flags.npos; });
    return out;
  };
  const size_t num_before = scratch().size();
  const Engine engine = make_engine("", 2);
  uint8_t publics[32 * 64], secrets[32 * 64];
  ASSERT_EQ(megaseal_keygen_batch(engine.get(), publics, secrets, 64), MEGASEAL_ERROR_NONE);
  const std::vector<Region> regions = scratch();
  ASSERT_GT(regions.size(), num_before) << "an engine's scratch";
  const auto is_zero = [&] {
    for (const Region& r : regions)
      if (!sodium_is_zero(reinterpret_cast<const uint8_t*>(r.begin), r.end - r.begin)) return false;
    return true;
  };
  for (const Region& r : regions) {
    EXPECT_NE(r.flags.find(" dd "), r.flags.npos);
    std::memset(reinterpret_cast<void*>(r.begin), 0x5a, r.end - r.begin);  // nobody is at work there
  }
  ASSERT_FALSE(is_zero());
  EXPECT_EQ(in_child(is_zero), 0) << "a child found something there";
  for (const Region& r : regions) std::memset(reinterpret_cast<void*>(r.begin), 0, r.end - r.begin);
}

}  // namespace
}  // namespace megaseal::test
