// After fork() an engine goes on in the child on the calling thread alone, and the two never share randomness.
#include <sys/wait.h>
#include <unistd.h>

#include <atomic>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <thread>

#include "tests/support/backends.hpp"
#include "tests/support/schemes.hpp"

#if defined(__SANITIZE_THREAD__)
#define MEGASEAL_TSAN 1
#elif defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define MEGASEAL_TSAN 1
#endif
#endif

namespace megaseal::test {
namespace {

#ifdef __SANITIZE_ADDRESS__
bool others_sleep() {
  for (const auto& task : std::filesystem::directory_iterator("/proc/self/task")) {
    if (std::atoi(task.path().filename().c_str()) == gettid()) continue;
    std::ifstream file(task.path() / "stat");
    const std::string stat((std::istreambuf_iterator<char>(file)), std::istreambuf_iterator<char>());
    const size_t name_end = stat.rfind(')');  // the state is the letter behind the name
    if (name_end != std::string::npos && stat.compare(name_end, 3, ") S") != 0) return false;
  }
  return true;
}
#endif

/// AddressSanitizer's allocator, unlike the C library's, stays locked in a child that is made while another thread
/// allocates, and a batch may end before the last worker has woken up for it.
void let_others_sleep() {
#ifdef __SANITIZE_ADDRESS__
  for (int i = 0; i < 10000 && !others_sleep(); i++) usleep(1000);
#endif
}

/// Runs `body` in a child and returns what it wrote; fails the test when the child dies or hangs.
template <class Body>
Bytes in_child(const Body& body) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  let_others_sleep();
  const pid_t child = fork();
  if (child == 0) {
    alarm(60);
    const Bytes result = body();
    const bool written = write(ends[1], result.data(), result.size()) == ssize_t(result.size());
    _exit(written ? 0 : 1);
  }
  close(ends[1]);
  Bytes out;
  uint8_t buffer[4096];
  for (ssize_t n; (n = read(ends[0], buffer, sizeof buffer)) > 0;) out.insert(out.end(), buffer, buffer + n);
  close(ends[0]);
  int status = -1;
  waitpid(child, &status, 0);
  EXPECT_TRUE(WIFEXITED(status) && WEXITSTATUS(status) == 0) << "the child died or hung, status " << status;
  return out;
}

class Fork : public SchemeTest {
 protected:
  void SetUp() override {
#ifdef MEGASEAL_TSAN
    GTEST_SKIP() << "ThreadSanitizer does not follow a fork of a process with threads";
#endif
  }
};

TEST_P(Fork, TheChildSealsAndOpensTheSameBytes) {
  const Engine engine = make_engine("", 4);
  const std::vector<size_t> items = first_items(400);
  const Results before = scheme().seal(engine.get(), Layout::packed, items);  // the threads are warm
  ASSERT_TRUE(before.ok());
  const Bytes in_the_child = in_child([&] {
    const Results sealed = scheme().seal(engine.get(), Layout::packed, items);
    const Results opened = scheme().open(engine.get(), Layout::packed, items, sealed.out);
    return Bytes{uint8_t(sealed.ok() && sealed.out == before.out), uint8_t(opened.ok())};
  });
  EXPECT_EQ(in_the_child, (Bytes{1, 1}));
  EXPECT_EQ(scheme().seal(engine.get(), Layout::packed, items).out, before.out) << "and the parent goes on";
}

MEGASEAL_ON_EVERY_SCHEME(Fork);

/// What this process draws before two forks and after them, and what the children draw, 32 bytes a piece: nothing comes twice.
template <class Draw>
void expect_all_differ(size_t num, const Draw& draw) {
  const Bytes before = draw();  // the generator has state to inherit
  const Bytes first_child = in_child(draw), second_child = in_child(draw), parent = draw();
  std::set<Bytes> all;
  for (const Bytes* drawn : {&before, &first_child, &second_child, &parent}) {
    ASSERT_EQ(drawn->size(), 32 * num);
    for (size_t i = 0; i < num; ++i) all.emplace(&(*drawn)[32 * i], &(*drawn)[32 * i] + 32);
  }
  EXPECT_EQ(all.size(), 4 * num);
}

TEST(ForkRandom, ChildAndParentDrawDifferentKeys) {
#ifdef MEGASEAL_TSAN
  GTEST_SKIP() << "ThreadSanitizer does not follow a fork of a process with threads";
#endif
  const Engine engine = make_engine("", 2);
  expect_all_differ(40, [&] {
    Bytes publics(32 * 40), secrets(32 * 40);
    if (megaseal_keygen_batch(engine.get(), publics.data(), secrets.data(), 40) != MEGASEAL_ERROR_NONE)
      return Bytes();
    return secrets;
  });
}

// A batch's ephemeral public keys stand first in what was sealed, HPKE's enc as well as a sealed box's.
TEST(ForkRandom, ChildAndParentSealWithDifferentEphemeralKeys) {
#ifdef MEGASEAL_TSAN
  GTEST_SKIP() << "ThreadSanitizer does not follow a fork of a process with threads";
#endif
  const Engine engine = make_engine("", 2);
  const Recipient recipient = make_recipient(public_key_of(make_secret_key(Random().bytes(32)).get()));
  const megaseal_recipient* const handle = recipient.get();
  const megaseal_recipients to = to_one(&handle);
  for (const megaseal_format format :
       {MEGASEAL_FORMAT_HPKE, MEGASEAL_FORMAT_SEALEDBOX, MEGASEAL_FORMAT_SEALEDBOX_SALSA}) {
    SCOPED_TRACE(format);
    const Messages texts = {std::vector<Bytes>(300, bytes_of("text")), {}};
    expect_all_differ(300, [&] {
      const Results sealed =
          seal(Layout::packed, shape_of(format), texts, [&](size_t* failed, const megaseal_batch* batch) {
            return format == MEGASEAL_FORMAT_HPKE
                       ? megaseal_hpke_seal_batch(engine.get(), failed, nullptr, batch, nullptr, &to)
                       : megaseal_sealedbox_seal_batch(engine.get(), failed, batch, format, &to);
          });
      Bytes enc;
      if (sealed.ok())
        for (const Bytes& message : sealed.out) enc.insert(enc.end(), message.begin(), message.begin() + 32);
      return enc;
    });
  }
}

TEST(ForkRandom, ChildAndParentMakeDifferentContexts) {
#ifdef MEGASEAL_TSAN
  GTEST_SKIP() << "ThreadSanitizer does not follow a fork of a process with threads";
#endif
  const Engine engine = make_engine("", 2);
  const Recipient recipient = make_recipient(public_key_of(make_secret_key(Random().bytes(32)).get()));
  expect_all_differ(40, [&] {
    Bytes enc(32 * 40);
    for (size_t i = 0; i < 40; ++i) {
      megaseal_hpke_context* made = nullptr;
      if (megaseal_hpke_sender_create(&made, &enc[32 * i], engine.get(), nullptr, recipient.get()) !=
          MEGASEAL_ERROR_NONE)
        return Bytes();
      megaseal_hpke_context_destroy(made);
    }
    return enc;
  });
}

TEST(ForkRandom, TheChildMayMakeAndDestroyEngines) {
#ifdef MEGASEAL_TSAN
  GTEST_SKIP() << "ThreadSanitizer does not follow a fork of a process with threads";
#endif
  Engine engine = make_engine("", 3);
  ASSERT_TRUE(all_schemes()[0]->seal(engine.get(), Layout::packed, first_items(300)).ok());
  const Bytes done = in_child([&] {
    const Engine own = make_engine("", 3);
    const bool ok = all_schemes()[0]->seal(own.get(), Layout::packed, first_items(300)).ok();
    engine.reset();  // the parent's engine, whose threads the child does not have
    return Bytes{uint8_t(ok)};
  });
  EXPECT_EQ(done, Bytes{1});
}

TEST(ForkPrepared, TheChildHasTheParentsTablesAndMakesItsOwn) {
#ifdef __SANITIZE_ADDRESS__
  GTEST_SKIP() << "AddressSanitizer's allocator may be locked by a thread that the child does not have";
#endif
#ifdef MEGASEAL_TSAN
  GTEST_SKIP() << "ThreadSanitizer does not follow a fork of a process with threads";
#endif
  const Engine engine = make_engine("", 4);
  if (backend_name(engine.get(), MEGASEAL_OP_X25519_PREPARED).empty()) GTEST_SKIP() << "no backend has tables";
  const size_t num = 400;
  Bytes publics(32 * num), secrets(32 * num);
  ASSERT_EQ(megaseal_keygen_batch(engine.get(), publics.data(), secrets.data(), num), MEGASEAL_ERROR_NONE);
  const auto agree = [&](size_t first, uint32_t recipients) {
    Bytes out(32 * num), points(32 * num);
    for (size_t i = 0; i < num; ++i) std::copy_n(&publics[32 * (first + i % recipients)], 32, &points[32 * i]);
    if (megaseal_x25519_batch(engine.get(), out.data(), nullptr, nullptr, num, secrets.data(), 32, points.data(),
                              32) != MEGASEAL_ERROR_NONE)
      out.clear();
    return out;
  };
  // In the parent other threads are at it, and may be in the middle of anything when the child is made.
  std::atomic<bool> stop = false;
  std::thread busy([&] {
    for (size_t i = 0; !stop; i = (i + 7) % (num - 20)) agree(i, 20);
  });
  const Bytes old_ones = agree(0, 20), new_ones = agree(300, 30);
  for (int i = 0; i < 20; ++i) {
    const Bytes in_the_child = in_child([&] {
      const uint64_t hits = prepared_info(engine.get()).num_hits;
      const bool same = agree(0, 20) == old_ones && agree(300, 30) == new_ones && agree(300, 30) == new_ones;
      return Bytes{uint8_t(same), uint8_t(prepared_info(engine.get()).num_hits > hits)};
    });
    EXPECT_EQ(in_the_child, (Bytes{1, 1}));
  }
  stop = true;
  busy.join();
  EXPECT_EQ(agree(0, 20), old_ones) << "and the parent goes on";
}

TEST(ForkContext, ASenderMadeBeforeTheForkSealsInTheParentAlone) {
#ifdef MEGASEAL_TSAN
  GTEST_SKIP() << "ThreadSanitizer does not follow a fork of a process with threads";
#endif
  const Engine engine = make_engine("", 1);
  const SecretKey key = make_secret_key(Random().bytes(32));
  const Recipient recipient = make_recipient(public_key_of(key.get()));
  Bytes enc(32);
  megaseal_hpke_context* made = nullptr;
  ASSERT_EQ(megaseal_hpke_sender_create(&made, enc.data(), engine.get(), nullptr, recipient.get()),
            MEGASEAL_ERROR_NONE);
  const Context sender(made);
  const auto seal_one = [&] {
    const Messages text = {{bytes_of("text")}, {}};
    const Shape shape = shape_of(MEGASEAL_FORMAT_HPKE_CONTEXT);
    return seal(Layout::packed, shape, text, [&](size_t* failed, const megaseal_batch* batch) {
      return megaseal_hpke_context_seal_batch(sender.get(), nullptr, failed, engine.get(), batch);
    });
  };
  EXPECT_TRUE(seal_one().ok());
  EXPECT_EQ(in_child([&] { return Bytes{uint8_t(seal_one().error)}; }), Bytes{MEGASEAL_ERROR_FORKED});
  EXPECT_TRUE(seal_one().ok()) << "and the parent goes on";
}

}  // namespace
}  // namespace megaseal::test
