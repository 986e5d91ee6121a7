#include "bench/gpu/batches.hpp"

#include <sodium.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <vector>

#include "backends/cuda/cuda.hpp"
#include "bench/gpu/scale.hpp"
#include "megaseal/megaseal.h"

namespace megaseal::bench::gpu {
namespace {

using Bytes = std::vector<uint8_t>;

void require(megaseal_error error, const char* what) {
  if (error != MEGASEAL_ERROR_NONE) throw std::runtime_error(std::string(what) + ": " + megaseal_error_string(error));
}

using Engine = std::unique_ptr<megaseal_engine, void (*)(megaseal_engine*)>;

/// "cuda": the GPU does all; "cpu": it does nothing; "shared": as an engine does it by itself.
Engine make_engine(const std::string& who) {
  megaseal_engine_options options{};
  options.struct_size = sizeof options;
  options.backend = who == "cuda" ? "cuda" : "";
  options.device_memory_bytes = who == "cpu" ? MEGASEAL_DEVICE_OFF : 0;
  options.prepared_cache_bytes = MEGASEAL_PREPARED_CACHE_OFF;
  megaseal_engine* engine = nullptr;
  require(megaseal_engine_create(&engine, &options), who.c_str());
  Engine out(engine, megaseal_engine_destroy);
  if (who == "shared") {
    megaseal_device_info info{};
    info.struct_size = sizeof info;
    require(megaseal_engine_device_info(engine, &info), "starting the GPU");
    if (info.state != MEGASEAL_DEVICE_READY) throw std::runtime_error(std::string("the GPU is not used: ") + info.reason);
  }
  return out;
}

double seconds(const std::function<void()>& run) {
  run();
  run();
  std::vector<double> all;
  for (int i = 0; i < 5; i++) {
    const auto begin = std::chrono::steady_clock::now();
    run();
    all.push_back(std::chrono::duration<double>(std::chrono::steady_clock::now() - begin).count());
  }
  std::ranges::sort(all);
  return all[all.size() / 2];
}

struct Batch {
  Batch(size_t n, size_t l, size_t overhead)
      : num(n), len(l), text(n * l), sealed(n * (l + overhead)), opened(n * l), in_at(n + 1), sealed_at(n + 1), out_at(n + 1),
        statuses(n), keys(32 * n), nonces(12 * n) {
    uint8_t seed[randombytes_SEEDBYTES];
    randombytes_buf(seed, sizeof seed);
    randombytes_buf_deterministic(text.data(), text.size(), seed);
    randombytes_buf(keys.data(), keys.size());
    randombytes_buf(nonces.data(), nonces.size());
    for (size_t i = 0; i <= n; i++) in_at[i] = i * l;
  }
  megaseal_batch seal() {
    megaseal_batch b{};
    b.struct_size = sizeof b;
    b.num_items = num;
    b.in = {nullptr, nullptr, text.data(), in_at.data()};
    b.out = {nullptr, nullptr, sealed.data(), sealed.size(), sealed_at.data(), nullptr};
    b.out_statuses = statuses.data();
    return b;
  }
  megaseal_batch open() {
    megaseal_batch b = seal();
    b.in = {nullptr, nullptr, sealed.data(), sealed_at.data()};
    b.out = {nullptr, nullptr, opened.data(), opened.size(), out_at.data(), nullptr};
    return b;
  }
  size_t num, len;
  Bytes text, sealed, opened;
  std::vector<uint64_t> in_at, sealed_at, out_at;
  Bytes statuses, keys, nonces;
};

Measured finish(const std::string& name, Batch& batch, double took, size_t failed) {
  Measured m{.name = name};
  if (failed) m.wrong = std::to_string(failed) + " messages failed";
  m.items_per_second = double(batch.num) / took;
  m.bytes_per_second = double(batch.num * batch.len) / took;
  return m;
}

std::string size_name(size_t len) { return len >= 1024 ? std::to_string(len / 1024) + " KiB" : std::to_string(len) + " B"; }

void aead(const std::string& who, size_t len, const std::function<void(const Measured&)>& told) {
  const Engine engine = make_engine(who);
  Batch batch(scaled(std::min<size_t>(1 << 20, (size_t(1) << 30) / len)), len, 16);
  const megaseal_aead_keys keys{batch.keys.data(), 32, batch.nonces.data(), 12};
  const megaseal_batch sealing = batch.seal(), opening = batch.open();
  size_t failed = 0;
  const double sealed = seconds([&] {
    require(megaseal_aead_seal_batch(engine.get(), &failed, &sealing, MEGASEAL_FORMAT_CHACHA20POLY1305, &keys), "seal");
  });
  told(finish("chacha20poly1305_seal " + size_name(len) + ", " + who, batch, sealed, failed));
  const double opened = seconds([&] {
    require(megaseal_aead_open_batch(engine.get(), &failed, &opening, MEGASEAL_FORMAT_CHACHA20POLY1305, &keys), "open");
  });
  Measured m = finish("chacha20poly1305_open " + size_name(len) + ", " + who, batch, opened, failed);
  if (batch.opened != batch.text) m.wrong = "opened something else";
  told(m);
}

void hpke(const std::string& who, size_t len, const std::function<void(const Measured&)>& told) {
  const Engine engine = make_engine(who);
  Batch batch(scaled(1 << 19), len, 48);
  Bytes publics(32 * batch.num), secrets(32 * batch.num);
  // Every recipient new; they are opened with one key each, of which only so many handles are made as a batch can bear.
  megaseal_secret_key* key = nullptr;
  require(megaseal_secret_key_generate(&key), "key");
  const std::unique_ptr<megaseal_secret_key, void (*)(megaseal_secret_key*)> owned(key, megaseal_secret_key_release);
  require(megaseal_keygen_batch(engine.get(), publics.data(), secrets.data(), batch.num), "keygen");
  const megaseal_recipients to{nullptr, 0, publics.data(), 32};
  const megaseal_batch sealing = batch.seal(), opening = batch.open();
  size_t failed = 0;
  const double sealed = seconds(
      [&] { require(megaseal_hpke_seal_batch(engine.get(), &failed, nullptr, &sealing, nullptr, &to), "seal"); });
  told(finish("hpke_seal " + size_name(len) + ", " + who, batch, sealed, failed));
  uint8_t mine[32];
  megaseal_secret_key_public_key(key, mine);
  const megaseal_recipients to_me{nullptr, 0, mine, 0};
  require(megaseal_hpke_seal_batch(engine.get(), &failed, nullptr, &sealing, nullptr, &to_me), "seal");
  const double opened = seconds(
      [&] { require(megaseal_hpke_open_batch(engine.get(), &failed, nullptr, &opening, nullptr, &key, 0), "open"); });
  Measured m = finish("hpke_open " + size_name(len) + ", " + who, batch, opened, failed);
  if (batch.opened != batch.text) m.wrong = "opened something else";
  told(m);
}

void x25519(const std::string& who, const std::function<void(const Measured&)>& told) {
  const Engine engine = make_engine(who);
  const size_t num = scaled(1 << 20);
  Bytes publics(32 * num), secrets(32 * num), out(32 * num);
  Measured keygen{.name = "keygen, " + who}, shared{.name = "x25519_shared, " + who};
  keygen.items_per_second =
      double(num) / seconds([&] { require(megaseal_keygen_batch(engine.get(), publics.data(), secrets.data(), num), "keygen"); });
  told(keygen);
  size_t failed = 0;
  shared.items_per_second = double(num) / seconds([&] {
    require(megaseal_x25519_batch(engine.get(), out.data(), nullptr, &failed, num, secrets.data(), 32, publics.data(), 32),
            "x25519");
  });
  for (size_t i = 0; i < num; i += num / 64) {
    uint8_t expected[32];
    if (crypto_scalarmult_curve25519(expected, &secrets[32 * i], &publics[32 * i]) != 0 ||
        !std::equal(expected, expected + 32, &out[32 * i]))
      shared.wrong = "differs from libsodium";
  }
  told(shared);
}

}  // namespace

void measure_batches(const std::function<void(const Measured&)>& told) {
  for (const char* who : {"cuda", "cpu", "shared"}) {
    if (is_quick && who == std::string("shared")) continue;  // its engine takes the GPU's measure first, in full
    // What the GPU fails to do the CPU does: right, and no figure of the GPU's.
    const auto checked = [&](Measured m) {
      const megaseal::gpu::DeviceStatus gpu = megaseal::gpu::report();
      if (m.wrong.empty() && who != std::string("cpu") && (gpu.num_faults > 0 || gpu.put_aside[0]))
        m.wrong = std::to_string(gpu.num_faults) + " faults of the GPU " + gpu.put_aside;
      told(m);
    };
    x25519(who, checked);
    for (const size_t len : {256, 1024, 16384}) aead(who, len, checked);
    hpke(who, 1024, checked);
  }
}

}  // namespace megaseal::bench::gpu
