// How much of its thread's stack a call takes: megaseal.h promises a bound, by which programs size their threads.
#include <gtest/gtest.h>
#include <pthread.h>

#include <functional>

#include "tests/support/backends.hpp"
#include "tests/support/batch.hpp"
#include "tests/support/handles.hpp"

namespace megaseal::test {
namespace {

constexpr size_t promised = 128 * 1024;

/// Bytes from the top of the stack of a thread to the deepest that it has written, those of its start and end among them.
size_t stack_taken(const std::function<void()>& call) {
  constexpr size_t size = 1 << 20, page = 4096;
  constexpr uint8_t paint = 0xa5;
  std::vector<uint8_t> memory(size + page, paint);
  uint8_t* const stack = memory.data() + (page - reinterpret_cast<uintptr_t>(memory.data()) % page);
  pthread_attr_t attributes;
  EXPECT_EQ(pthread_attr_init(&attributes), 0);
  EXPECT_EQ(pthread_attr_setstack(&attributes, stack, size), 0);
  pthread_t thread;
  const auto run = [](void* f) -> void* {
    (*static_cast<const std::function<void()>*>(f))();
    return nullptr;
  };
  EXPECT_EQ(pthread_create(&thread, &attributes, run, const_cast<std::function<void()>*>(&call)), 0);
  EXPECT_EQ(pthread_join(thread, nullptr), 0);
  pthread_attr_destroy(&attributes);
  size_t untouched = 0;
  while (untouched < size && stack[untouched] == paint) untouched++;
  return size - untouched;
}

TEST(Stack, OfACallIsAsDeepAsPromised) {
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__) || defined(MEGASEAL_UNOPTIMIZED)
  GTEST_SKIP() << "frames are larger in this build";
#endif
  constexpr size_t num = 40, len = 300;
  Random random;
  const Bytes secret = random.bytes(32), psk = random.bytes(32), id = random.bytes(8),
              info = random.bytes(20);
  const SecretKey key = make_secret_key(secret);
  const Bytes to = public_key_of(key.get());
  const megaseal_secret_key* const keys[] = {key.get()};
  const Bytes plain = random.bytes(num * len), aad = random.bytes(num * 20),
              aead_keys = random.bytes(32 * num), nonces = random.bytes(24 * num);
  std::vector<uint64_t> plain_at, aad_at, sealed_at(num + 1), opened_at(num + 1);
  for (size_t i = 0; i <= num; i++) plain_at.push_back(i * len), aad_at.push_back(i * 20);
  Bytes sealed(num * (len + 80)), opened(num * len), statuses(num), publics(32 * num), secrets(32 * num),
      exports(32 * num);
  const auto batch_of = [&](bool seals, bool with_aad) {
    megaseal_batch b = {};
    b.struct_size = sizeof b;
    b.num_items = num;
    b.in = {nullptr, nullptr, seals ? plain.data() : sealed.data(),
            seals ? plain_at.data() : sealed_at.data()};
    if (with_aad) b.aad = {nullptr, nullptr, aad.data(), aad_at.data()};
    Bytes& out = seals ? sealed : opened;
    b.out = {nullptr, nullptr, out.data(), out.size(), seals ? sealed_at.data() : opened_at.data(), nullptr};
    b.out_statuses = statuses.data();
    return b;
  };
  const megaseal_batch sealing = batch_of(true, true), opening = batch_of(false, true),
                       boxing = batch_of(true, false), unboxing = batch_of(false, false);
  megaseal_recipients recipients = {};
  recipients.public_keys = to.data();
  megaseal_hpke_params params = hpke_params(info, psk, id);
  params.export_len = 32;
  megaseal_aead_keys with = {};
  with.keys = aead_keys.data();
  with.key_stride = 32;
  with.nonces = nonces.data();
  with.nonce_stride = 24;

  const size_t of_the_thread = stack_taken([] {});
  for (const BackendRow* row : all_backends()) {
    if (row->device) continue;  // whose driver takes what it takes
    SCOPED_TRACE(row->name);
    megaseal_engine* made = nullptr;
    megaseal_engine_options options = {};
    options.struct_size = sizeof options;
    options.backend = row->name;
    options.num_threads = 1;
    if (megaseal_engine_create(&made, &options) != MEGASEAL_ERROR_NONE) continue;
    const Engine owner(made);
    megaseal_engine* const e = made;
    const std::pair<const char*, std::function<megaseal_error()>> calls[] = {
        // To one recipient: a table of its key is built on the way, by rows.
        {"HPKE seal",
         [&] {
           return megaseal_hpke_seal_batch(e, nullptr, exports.data(), &sealing, &params, &recipients);
         }},
        {"HPKE open",
         [&] { return megaseal_hpke_open_batch(e, nullptr, exports.data(), &opening, &params, keys, 0); }},
        {"sealed box",
         [&] {
           return megaseal_sealedbox_seal_batch(e, nullptr, &boxing, MEGASEAL_FORMAT_SEALEDBOX, &recipients);
         }},
        {"its opening",
         [&] {
           return megaseal_sealedbox_open_batch(e, nullptr, &unboxing, MEGASEAL_FORMAT_SEALEDBOX, keys, 0);
         }},
        {"Salsa box",
         [&] {
           return megaseal_sealedbox_seal_batch(e, nullptr, &boxing, MEGASEAL_FORMAT_SEALEDBOX_SALSA,
                                                &recipients);
         }},
        {"AEAD seal",
         [&] {
           return megaseal_aead_seal_batch(e, nullptr, &sealing, MEGASEAL_FORMAT_XCHACHA20POLY1305, &with);
         }},
        {"AEAD open",
         [&] {
           return megaseal_aead_open_batch(e, nullptr, &opening, MEGASEAL_FORMAT_XCHACHA20POLY1305, &with);
         }},
        {"keygen", [&] { return megaseal_keygen_batch(e, publics.data(), secrets.data(), num); }},
        {"X25519",
         [&] {
           return megaseal_x25519_batch(e, exports.data(), statuses.data(), nullptr, num, secrets.data(), 32,
                                        publics.data(), 32);
         }},
        {"prepare",
         [&] {
           return megaseal_prepare_recipients(e, nullptr, num, publics.data(), 32, MEGASEAL_PREPARED_LARGE);
         }},
    };
    for (const auto& [name, call] : calls) {
      megaseal_error error = MEGASEAL_ERROR_ARGUMENT;
      const size_t taken = stack_taken([&] { error = call(); }) - of_the_thread;
      EXPECT_EQ(error, MEGASEAL_ERROR_NONE) << name;
      EXPECT_LE(taken, promised) << name;
      EXPECT_GT(taken, 1000u) << name << ": that is not what the call takes";
      RecordProperty(std::string(row->name) + ", " + name, int(taken));
    }
  }
}

}  // namespace
}  // namespace megaseal::test
