// A fork while another thread is in a call: what the child finds, which has none of that thread.
#include <fcntl.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <cstring>
#include <thread>

#include "tests/support/handles.hpp"
#include "tests/threads/in_child.hpp"

namespace {

// A seed that nobody else has, eight bytes at a time under a mask, so that it is in no memory but where the library keeps it.
constexpr uint64_t mask = 0x91d7c35be26f840a;
constexpr uint64_t masked_seed[4] = {0x0f1e2d3c4b5a6978, 0x8796a5b4c3d2e1f0, 0x13579bdf02468ace,
                                     0xfdb97531eca86420};
std::atomic<bool> hands_out_the_seed{false}, was_drawn{false};

}  // namespace

/// In place of the C library's, which the library under test calls.
extern "C" ssize_t getrandom(void* out, size_t len, unsigned flags) {
  if (len != sizeof masked_seed || !hands_out_the_seed) return syscall(SYS_getrandom, out, len, flags);
  for (size_t i = 0; i < 4; i++) {
    const uint64_t word = masked_seed[i] ^ mask;
    std::memcpy(static_cast<uint8_t*>(out) + 8 * i, &word, 8);
  }
  was_drawn = true;
  return ssize_t(len);
}

namespace megaseal::test {
namespace {

using ForkMidway = Forking<::testing::Test>;

/// How many words of the seed are in this process's writable memory; -1 where that can't be read. Allocates nothing, since
/// the allocator may be locked by a thread that is not here.
int words_of_the_seed() {
  static char maps[1 << 20];
  static uint64_t words[8192];
  const int fd = open("/proc/self/maps", O_RDONLY);
  size_t used = 0;
  for (ssize_t n; (n = read(fd, maps + used, sizeof maps - 1 - used)) > 0;) used += size_t(n);
  close(fd);
  if (used == 0 || used == sizeof maps - 1) return -1;
  maps[used] = 0;
  int found = 0;
  for (char* line = maps; *line; line = std::strchr(line, '\n') + 1) {
    char* at = line;
    const uintptr_t begin = std::strtoull(at, &at, 16), end = std::strtoull(at + 1, &at, 16);
    if (at[1] != 'r' || at[2] != 'w') continue;
    for (uintptr_t p = begin; p < end; p += sizeof words) {
      const iovec here{words, sizeof words},
          there{reinterpret_cast<void*>(p), std::min<size_t>(sizeof words, end - p)};
      const ssize_t n = process_vm_readv(getpid(), &here, 1, &there, 1, 0);
      if (n <= 0) break;  // memory of a device, or lost
      for (size_t i = 0; i < size_t(n) / 8; i++)
        for (const uint64_t masked : masked_seed) found += (words[i] ^ mask) == masked;
      std::memset(words, 0, sizeof words);
    }
  }
  return found;
}

// In a process of its own nothing has been chosen, tested or measured when this begins.
TEST_F(ForkMidway, DuringTheFirstUse) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer's allocator stays locked in such a child";
#endif
  std::atomic<bool> has_begun{false}, has_ended{false};
  std::thread first([&] {
    has_begun = true;
    make_engine();
    has_ended = true;
  });
  while (!has_begun) std::this_thread::yield();
  std::vector<pid_t> children;
  do {
    const pid_t child = fork();
    if (child == 0) {
      alarm(60);
      megaseal_secret_key* key = nullptr;
      const bool made = megaseal_secret_key_generate(&key) == MEGASEAL_ERROR_NONE;
      megaseal_secret_key_release(key);
      megaseal_engine* engine = nullptr;
      const bool works = megaseal_engine_create(&engine, nullptr) == MEGASEAL_ERROR_NONE;
      megaseal_engine_destroy(engine);
      _exit(made && works ? 0 : 1);
    }
    children.push_back(child);
    usleep(500);
  } while (!has_ended && children.size() < 24);
  first.join();
  for (const pid_t child : children) {
    int status = -1;
    waitpid(child, &status, 0);
    EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0)
        << "the child failed, died or hung, status " << status;
  }
}

TEST_F(ForkMidway, TheSeedOfABatchIsNotInTheChild) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer has more memory of its own than can be searched";
#endif
  constexpr size_t num = 100000;
  const Engine engine = make_engine("", 1);
  const Bytes text = Random().bytes(num), to = public_key_of(make_secret_key(Random().bytes(32)).get());
  std::vector<uint64_t> in_offsets(num + 1), out_offsets(num + 1);
  for (size_t i = 0; i <= num; i++) in_offsets[i] = i;
  Bytes sealed(num * (1 + 80)), statuses(num), publics(32 * num), secrets(32 * num);
  megaseal_batch batch = {};
  batch.struct_size = sizeof batch;
  batch.num_items = num;
  batch.in = {nullptr, nullptr, text.data(), in_offsets.data()};
  batch.out = {nullptr, nullptr, sealed.data(), sealed.size(), out_offsets.data(), nullptr};
  batch.out_statuses = statuses.data();
  megaseal_recipients recipients = {};
  recipients.public_keys = to.data();

  const std::function<megaseal_error()> calls[] = {
      [&] { return megaseal_hpke_seal_batch(engine.get(), nullptr, nullptr, &batch, nullptr, &recipients); },
      [&] {
        return megaseal_sealedbox_seal_batch(engine.get(), nullptr, &batch, MEGASEAL_FORMAT_SEALEDBOX,
                                             &recipients);
      },
      [&] { return megaseal_keygen_batch(engine.get(), publics.data(), secrets.data(), num); }};
  for (const auto& call : calls) {
    SCOPED_TRACE(&call - calls);
    // What a kernel has on its stack at that very moment a child has as well, and there are few such moments.
    bool was_clean = false;
    for (int attempt = 0; attempt < 5 && !was_clean; attempt++) {
      std::atomic<bool> has_ended{false};
      was_drawn = false;
      hands_out_the_seed = true;
      std::thread caller([&] {
        EXPECT_EQ(call(), MEGASEAL_ERROR_NONE);
        has_ended = true;
      });
      while (!was_drawn) std::this_thread::yield();
      hands_out_the_seed = false;
      usleep(2000);
      const pid_t child = fork();
      if (child == 0) {
        alarm(60);
        _exit(std::min(words_of_the_seed() & 127, 100));
      }
      const bool was_in_time = !has_ended;
      int status = -1;
      waitpid(child, &status, 0);
      EXPECT_TRUE(WIFEXITED(status)) << status;
      was_clean = was_in_time && WEXITSTATUS(status) == 0;
      caller.join();
      EXPECT_EQ(words_of_the_seed(), 0) << "after the call";
    }
    EXPECT_TRUE(was_clean) << "the seed was in every child";
  }
  static uint8_t planted[sizeof masked_seed];
  hands_out_the_seed = true;
  EXPECT_EQ(getrandom(planted, sizeof planted, 0), ssize_t(sizeof planted));
  hands_out_the_seed = false;
  EXPECT_EQ(words_of_the_seed(), 4) << "or it finds nothing anywhere";
}

}  // namespace
}  // namespace megaseal::test
