// Every handle from several threads at once: engines, recipients, keys, contexts; engines made and destroyed meanwhile.
#include <sodium.h>

#include <atomic>
#include <barrier>
#include <set>
#include <thread>

#include "tests/support/backends.hpp"
#include "tests/support/schemes.hpp"

namespace megaseal::test {
namespace {

constexpr size_t num_callers = 8;

/// Runs `body(caller)` on several threads that start together.
template <class Body>
void together(const Body& body) {
  std::barrier start(num_callers);
  std::vector<std::thread> threads;
  for (size_t caller = 0; caller < num_callers; ++caller)
    threads.emplace_back([&, caller] {
      start.arrive_and_wait();
      body(caller);
    });
  for (std::thread& thread : threads) thread.join();
}

class ConcurrentCallers : public SchemeTest {};

TEST_P(ConcurrentCallers, ShareOneEngineAndGetTheSameBytes) {
  const Engine engine = make_engine("", 3);
  const std::vector<size_t> items = first_items(260);
  const Results expected = scheme().seal(engine.get(), Layout::packed, items);
  ASSERT_TRUE(expected.ok());
  std::atomic<int> wrong = 0;
  together([&](size_t caller) {
    for (size_t round = 0; round < 2; ++round) {
      const std::vector<size_t> some(items.begin(),
                                     items.begin() + ptrdiff_t(caller == 0 ? 2 : 260 - 100 * round));
      const Results sealed = scheme().seal(engine.get(), Layout::packed, some);
      const Results opened = scheme().open(engine.get(), Layout::pointers, some, sealed.out);
      wrong += !sealed.ok() || !opened.ok() || opened.out != scheme().plaintexts(some).in ||
               !std::equal(sealed.out.begin(), sealed.out.end(), expected.out.begin());
    }
  });
  EXPECT_EQ(wrong, 0);
}

MEGASEAL_ON_EVERY_SCHEME(ConcurrentCallers);

TEST(Concurrency, ContextCallsGetDisjointNumbers) {
  const Engine engine = make_engine("", 2);
  const SecretKey key = make_secret_key(Random().bytes(32));
  const Recipient recipient = make_recipient(public_key_of(key.get()));
  Bytes enc(32);
  megaseal_hpke_context* made = nullptr;
  ASSERT_EQ(megaseal_hpke_sender_create(&made, enc.data(), engine.get(), nullptr, recipient.get()),
            MEGASEAL_ERROR_NONE);
  const Context sender(made);
  ASSERT_EQ(megaseal_hpke_receiver_create(&made, engine.get(), nullptr, key.get(), enc.data()),
            MEGASEAL_ERROR_NONE);
  const Context receiver(made);
  constexpr size_t rounds = 30, per_batch = 3;
  std::vector<uint64_t> firsts[num_callers];
  std::atomic<int> wrong = 0;
  together([&](size_t caller) {
    for (size_t round = 0; round < rounds; ++round) {
      const Messages texts = {std::vector<Bytes>(per_batch, bytes_of("text")), {}};
      uint64_t first = 0;
      const Shape shape = shape_of(MEGASEAL_FORMAT_HPKE_CONTEXT);
      const Results sealed =
          seal(Layout::packed, shape, texts, [&](size_t* failed, const megaseal_batch* batch) {
            return megaseal_hpke_context_seal_batch(sender.get(), &first, failed, engine.get(), batch);
          });
      const uint64_t sequences[per_batch] = {first, first + 1, first + 2};
      const Results opened =
          open(Layout::packed, shape, {sealed.out, {}}, [&](size_t* failed, const megaseal_batch* batch) {
            return megaseal_hpke_context_open_batch(receiver.get(), failed, engine.get(), batch, sequences);
          });
      wrong += !sealed.ok() || !opened.ok();
      firsts[caller].push_back(first);
    }
  });
  EXPECT_EQ(wrong, 0);
  std::set<uint64_t> all;
  for (const std::vector<uint64_t>& some : firsts) all.insert(some.begin(), some.end());
  ASSERT_EQ(all.size(), num_callers * rounds) << "two batches got the same number";
  uint64_t next = 0;
  for (const uint64_t first : all) {
    EXPECT_EQ(first, next);
    next += per_batch;
  }
}

TEST(Concurrency, FreshKeysOfManyCallersAllDiffer) {
  const Engine engine = make_engine("", 2);
  constexpr size_t per_call = 50, rounds = 3;
  std::vector<Bytes> secrets[num_callers];
  together([&](size_t caller) {
    for (size_t round = 0; round < rounds; ++round) {
      Bytes publics(32 * per_call), out(32 * per_call);
      if (megaseal_keygen_batch(engine.get(), publics.data(), out.data(), per_call) != MEGASEAL_ERROR_NONE)
        return;
      for (size_t i = 0; i < per_call; ++i) secrets[caller].emplace_back(&out[32 * i], &out[32 * i] + 32);
    }
  });
  std::set<Bytes> all;
  for (const std::vector<Bytes>& some : secrets) all.insert(some.begin(), some.end());
  EXPECT_EQ(all.size(), num_callers * per_call * rounds);
}

TEST(Concurrency, ReferencesAreCountedAtomically) {
  megaseal_recipient* recipient = nullptr;
  megaseal_secret_key* key = nullptr;
  ASSERT_EQ(megaseal_secret_key_create(&key, Random().bytes(32).data()), MEGASEAL_ERROR_NONE);
  const Bytes public_key = public_key_of(key);
  ASSERT_EQ(megaseal_recipient_create(&recipient, public_key.data()), MEGASEAL_ERROR_NONE);
  std::atomic<int> wrong = 0;
  together([&](size_t) {
    for (int i = 0; i < 250; ++i) {
      megaseal_recipient_release(megaseal_recipient_retain(recipient));
      megaseal_secret_key_retain(key);
      wrong += public_key_of(key) != public_key;
      megaseal_secret_key_release(key);
    }
  });
  EXPECT_EQ(wrong, 0);
  megaseal_recipient_release(recipient);
  megaseal_secret_key_release(key);
}

TEST(Concurrency, EnginesAndKeysComeAndGo) {
  const Scheme& scheme = *all_schemes()[2];
  const std::vector<size_t> items = first_items(100);
  const Results expected = scheme.seal(make_engine().get(), Layout::packed, items);
  std::atomic<int> wrong = 0;
  together([&](size_t caller) {
    Random random(caller);
    for (int i = 0; i < 4; ++i) {
      const Engine engine = make_engine("", 1 + uint32_t(i) % 3);
      wrong += scheme.seal(engine.get(), Layout::packed, items).out != expected.out;
      std::vector<SecretKey> keys;
      for (int k = 0; k < 20; ++k) keys.push_back(make_secret_key(random.bytes(32)));
    }
  });
  EXPECT_EQ(wrong, 0);
}

TEST(Concurrency, TablesComeAndGoWhileOthersReadThem) {
  // Room for a few tables, and callers who want many: made by the engine as it sees fit, and on demand.
  megaseal_engine_options options = {};
  options.struct_size = sizeof options;
  options.num_threads = 2;
  options.prepared_cache_bytes = 256 << 10;
  megaseal_engine* made = nullptr;
  ASSERT_EQ(megaseal_engine_create(&made, &options), MEGASEAL_ERROR_NONE);
  const Engine engine(made);
  if (backend_name(engine.get(), MEGASEAL_OP_X25519_PREPARED).empty()) GTEST_SKIP() << "no backend has tables";
  const size_t num_keys = 100, num = 300;
  Bytes publics(32 * num_keys), secrets(32 * num_keys), expected(32 * num_keys);
  ASSERT_EQ(megaseal_keygen_batch(engine.get(), publics.data(), secrets.data(), num_keys), MEGASEAL_ERROR_NONE);
  const Bytes secret = Random().bytes(32);
  for (size_t k = 0; k < num_keys; ++k)
    ASSERT_EQ(crypto_scalarmult(&expected[32 * k], secret.data(), &publics[32 * k]), 0);
  std::atomic<int> wrong = 0;
  together([&](size_t caller) {
    Random random(caller + 5);
    Bytes points(32 * num), out(32 * num);
    std::vector<size_t> to(num);
    for (int round = 0; round < 10; ++round) {
      const uint64_t among = round % 3 == 0 ? 10 : num_keys;
      for (size_t i = 0; i < num; ++i) {
        to[i] = random.below(among);
        std::copy_n(&publics[32 * to[i]], 32, &points[32 * i]);
      }
      wrong += megaseal_x25519_batch(engine.get(), out.data(), nullptr, nullptr, num, secret.data(), 0, points.data(),
                                     32) != MEGASEAL_ERROR_NONE;
      for (size_t i = 0; i < num; ++i)
        wrong += !std::equal(&out[32 * i], &out[32 * i] + 32, &expected[32 * to[i]]);
      wrong += megaseal_prepare_recipients(engine.get(), nullptr, 10, &publics[32 * random.below(num_keys - 10)], 32,
                                           megaseal_prepared_size(round % 4)) != MEGASEAL_ERROR_NONE;
      wrong += prepared_info(engine.get()).used_bytes > options.prepared_cache_bytes;
    }
  });
  EXPECT_EQ(wrong, 0);
  EXPECT_GT(prepared_info(engine.get()).num_hits, 0u);
  EXPECT_GT(prepared_info(engine.get()).num_evictions, 0u);
}

TEST(Concurrency, QueriesFromSeveralThreads) {
  std::atomic<int> wrong = 0;
  together([&](size_t) {
    for (int i = 0; i < 10; ++i) {
      wrong += backend_info("scalar").state != MEGASEAL_BACKEND_AVAILABLE;
      wrong += std::string(megaseal_cpu_features()).empty();
      wrong += std::string(megaseal_version()).empty();
    }
  });
  EXPECT_EQ(wrong, 0);
}

}  // namespace
}  // namespace megaseal::test
