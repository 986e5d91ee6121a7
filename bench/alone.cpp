#include "bench/alone.hpp"

#include <sodium.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <memory>
#include <regex>
#include <string_view>
#include <vector>

#include "backends/registry.hpp"
#include "bench/aead.hpp"
#include "bench/clock.hpp"

namespace megaseal::bench {
namespace {

constexpr size_t batches[] = {1, 2, 3, 4, 8, 15};

// Every length of the first five blocks of ChaCha20, then to 2 KiB each that begins, ends or splits a block of
// Poly1305, and from there on four to an octave.
std::vector<size_t> lengths() {
  std::vector<size_t> all;
  for (size_t len = 0; len <= 2048; len++)
    if (const size_t rest = len % 16; len <= 320 || rest <= 1 || rest == 7 || rest == 15) all.push_back(len);
  for (int quarter = 1; quarter <= 20; quarter++) all.push_back(size_t(2048 * std::exp2(quarter / 4.0)));
  return all;
}

// The scalar backend's ciphers promise as much only up to here: libsodium's use vectors.
constexpr size_t scalar_max_len = 256;

/// Two calls that do the same over the same buffers. Both have been checked.
struct Race {
  std::function<void()> ours, theirs;
};

// Turns of a few microseconds each, ours and theirs in alternation. The shortest of either counts: whatever disturbs a
// turn makes it longer. Where we look slower the race is run again, so that one bad moment does not decide.
constexpr double turn_seconds = 20e-6;
constexpr int turns = 9, reruns = 4;

double turn(const std::function<void()>& call, size_t calls) {
  const double start = now();
  for (size_t i = 0; i < calls; i++) call();
  return (now() - start) / double(calls);
}

/// Our time over libsodium's.
double ratio_of(const Race& race) {
  const double once = std::min(turn(race.theirs, 1), turn(race.theirs, 1));
  const size_t calls = size_t(std::clamp(turn_seconds / once, 1.0, 64.0));
  double ours = HUGE_VAL, theirs = HUGE_VAL;
  for (int run = 0; run <= reruns; run++) {
    for (int i = 0; i < (run == 0 ? turns : 4 * turns); i++) {
      ours = std::min(ours, turn(race.ours, calls));
      theirs = std::min(theirs, turn(race.theirs, calls));
    }
    if (ours < theirs) break;
  }
  return ours / theirs;
}

Race aead_race(const AeadOperation& o, const std::string& backend, const Shape& shape) {
  const auto work = std::make_shared<AeadWork>(o, shape);
  megaseal_engine* e = engine(backend, 1);
  static const Peer libsodium = libsodium_peer();
  const auto theirs = (libsodium.*o.peer)(work->items).run;
  for (const auto& call : {std::function<void()>([&] { work->run(e); }), theirs}) {
    Bytes& out = o.seal ? work->messages.sealed : work->messages.plain;
    std::fill(out.begin(), out.end(), uint8_t(0));
    call();
    work->verify();
  }
  return {[work, e] { work->run(e); }, [work, theirs] { theirs(); }};
}

/// The sealed box's cipher without its key agreement, which would hide it: no operation of the C ABI, but two slots of a
/// backend's table. Keys and nonces are those of libsodium's secretbox.
struct SecretboxWork {
  SecretboxWork(const KernelTable& t, bool seal, const Shape& shape)
      : table(t),
        messages(shape, 16),
        num(shape.batch),
        keys(random_bytes(32 * num)),
        nonces(random_bytes(24 * num)),
        subkeys(32 * num),
        status(num),
        items(num) {
    run_theirs(true);
    expected_sealed = messages.sealed, expected_plain = messages.plain;
    for (const bool ours : {true, false}) {
      Bytes& out = seal ? messages.sealed : messages.plain;
      std::fill(out.begin(), out.end(), uint8_t(0));
      ours ? run_ours(seal) : run_theirs(seal);
      require(messages.sealed == expected_sealed && messages.plain == expected_plain, "wrong bytes");
    }
  }
  SecretboxWork(const SecretboxWork&) = delete;
  SecretboxWork& operator=(const SecretboxWork&) = delete;

  uint8_t* plain(size_t i) { return messages.plain.data() + messages.plain_offsets[i]; }
  uint8_t* sealed(size_t i) { return messages.sealed.data() + messages.sealed_offsets[i]; }
  size_t len(size_t i) const { return messages.plain_offsets[i + 1] - messages.plain_offsets[i]; }

  void run_ours(bool seal) {
    const HChaCha20Tile subkey{.num = uint32_t(num),
                               .keys = {keys.data(), 32},
                               .nonces = {nonces.data(), 24},
                               .out = subkeys.data()};
    table.hchacha20(&subkey);
    for (size_t i = 0; i < num; i++)
      items[i] = {.key = &subkeys[32 * i],
                  .nonce = &nonces[24 * i + 16],
                  .aad = nullptr,
                  .aad_len = 0,
                  .in = seal ? plain(i) : sealed(i) + 16,
                  .out = seal ? sealed(i) + 16 : plain(i),
                  .len = len(i),
                  .tag = sealed(i)};
    const AeadTile tile{.num = uint32_t(num), .items = items.data(), .status = status.data()};
    (seal ? table.secretbox_seal : table.secretbox_open)(&tile);
    for (size_t i = 0; i < num; i++) require(status[i] == 0, "a box does not open");
  }
  void run_theirs(bool seal) {
    for (size_t i = 0; i < num; i++)
      if (seal)
        crypto_secretbox_xchacha20poly1305_easy(sealed(i), plain(i), len(i), &nonces[24 * i], &keys[32 * i]);
      else
        require(crypto_secretbox_xchacha20poly1305_open_easy(plain(i), sealed(i), len(i) + 16,
                                                             &nonces[24 * i], &keys[32 * i]) == 0,
                "libsodium does not open a box");
  }

  const KernelTable& table;
  Messages messages;
  const size_t num;
  Bytes keys, nonces, subkeys, status, expected_sealed, expected_plain;
  std::vector<AeadItem> items;
};

Race secretbox_race(const std::string& backend, bool seal, const Shape& shape) {
  const auto row = std::find_if(backend_rows().begin(), backend_rows().end(),
                                [&](const BackendRow& r) { return backend == r.name; });
  const auto work = std::make_shared<SecretboxWork>(*row->table, seal, shape);
  return {[work, seal] { work->run_ours(seal); }, [work, seal] { work->run_theirs(seal); }};
}

struct CurveOperation {
  const char* name;
  megaseal_operation id;
  Call (*Peer::*peer)(const CurveItems&);
};
// By table or not, the peer is libsodium's ladder.
constexpr CurveOperation curve_operations[] = {
    {"x25519_shared", MEGASEAL_OP_X25519_SHARED, &Peer::x25519_shared},
    {"x25519_prepared", MEGASEAL_OP_X25519_PREPARED, &Peer::x25519_shared},
    {"x25519_public", MEGASEAL_OP_X25519_PUBLIC, &Peer::x25519_public},
    {"keygen", MEGASEAL_OP_KEYGEN, &Peer::keygen},
};

/// Key agreement and key generation, whose items have one length.
struct CurveWork {
  CurveWork(const CurveOperation& o, const std::string& backend, size_t batch)
      : operation(o),
        num(batch),
        secrets(random_bytes(32 * num)),
        points(32 * num),
        out(32 * num),
        out_secrets(32 * num),
        items{.num = num,
              .secrets = secrets.data(),
              .secret_stride = 32,
              .points = points.data(),
              .out = out.data(),
              .out_secrets = out_secrets.data()},
        engine_(engine_with_tables(backend,
                                   o.id == MEGASEAL_OP_X25519_PREPARED ? MEGASEAL_PREPARED_CACHE_DEFAULT
                                                                       : MEGASEAL_PREPARED_CACHE_OFF,
                                   1)) {
    check(megaseal_x25519_public_batch(engine_.get(), points.data(), num, random_bytes(32 * num).data(), 32));
    if (o.id != MEGASEAL_OP_X25519_PREPARED) return;
    size_t prepared = 0;
    check(megaseal_prepare_recipients(engine_.get(), &prepared, num, points.data(), 32,
                                      MEGASEAL_PREPARED_AUTO));
    require(prepared == num, "a recipient has no table");
  }
  CurveWork(const CurveWork&) = delete;
  CurveWork& operator=(const CurveWork&) = delete;

  void run() {
    megaseal_engine* const e = engine_.get();
    size_t failed = 0;
    if (operation.id == MEGASEAL_OP_KEYGEN)
      check(megaseal_keygen_batch(e, out.data(), out_secrets.data(), num));
    else if (operation.id == MEGASEAL_OP_X25519_PUBLIC)
      check(megaseal_x25519_public_batch(e, out.data(), num, secrets.data(), 32));
    else
      check(
          megaseal_x25519_batch(e, out.data(), nullptr, &failed, num, secrets.data(), 32, points.data(), 32),
          failed);
  }
  /// That both gave the same, or of generated keys, the public ones of the secrets.
  void verify(const std::function<void()>& theirs) {
    run();
    const Bytes got = out;
    if (operation.id == MEGASEAL_OP_KEYGEN)
      for (size_t i = 0; i < num; i++) crypto_scalarmult_base(&out[32 * i], &out_secrets[32 * i]);
    else
      theirs();
    require(got == out, "wrong bytes");
  }

  const CurveOperation& operation;
  const size_t num;
  Bytes secrets, points, out, out_secrets;
  CurveItems items;

 private:
  OwnEngine engine_;
};

Race curve_race(const CurveOperation& o, const std::string& backend, size_t batch) {
  const auto work = std::make_shared<CurveWork>(o, backend, batch);
  static const Peer libsodium = libsodium_peer();
  const auto theirs = (libsodium.*o.peer)(work->items).run;
  work->verify(theirs);
  return {[work] { work->run(); }, [work, theirs] { theirs(); }};
}

struct Point {
  size_t len;
  double ratio;
};

/// One line for all lengths: the worst, and where we are slower, neighbours drawn together.
void report(const std::string& name, const std::vector<Point>& points) {
  const auto less = [](const Point& a, const Point& b) { return a.ratio < b.ratio; };
  const Point worst = *std::max_element(points.begin(), points.end(), less);
  std::vector<Point> sorted = points;
  std::nth_element(sorted.begin(), sorted.begin() + std::ptrdiff_t(sorted.size() / 2), sorted.end(), less);
  std::printf("%-44s %6.2f at %5zu B %8.2f  ", name.c_str(), worst.ratio, worst.len,
              sorted[sorted.size() / 2].ratio);
  bool none = true;
  for (size_t i = 0; i < points.size(); i++) {
    if (points[i].ratio <= 1) continue;
    const size_t first = i;
    Point most = points[i];
    for (; i + 1 < points.size() && points[i + 1].ratio > 1; i++) most = std::max(most, points[i + 1], less);
    std::printf(none ? "%zu" : ", %zu", points[first].len);
    if (i != first) std::printf("–%zu", points[i].len);
    std::printf(" B (%.2f)", most.ratio);
    none = false;
  }
  std::printf("%s\n", none ? "nowhere" : "");
  std::fflush(stdout);
}

}  // namespace

int run_alone(const std::string& regex) {
  const std::regex filter(regex);
  const std::vector<size_t> lens = lengths();
  std::printf(
      "Time over libsodium %s's, %zu lengths from 0 to %zu B, a fresh key each message, in cache.\n\n",
      sodium_version_string(), lens.size(), lens.back());
  std::printf("%-44s %6s %10s %8s  %s\n", "", "worst", "", "median", "slower");
  size_t ran = 0;
  const auto sweep = [&](const std::string& operation, const std::string& backend, const auto& race) {
    for (const size_t batch : batches) {
      const std::string name = operation + '/' + backend + "/batch:" + std::to_string(batch);
      if (!std::regex_search(name, filter)) continue;
      std::vector<Point> points;
      for (const size_t len : lens)
        if (backend != "scalar" || len <= scalar_max_len)
          points.push_back({len, ratio_of(race({.bytes = len, .batch = batch}))});
      report(name, points);
      ran++;
    }
  };
  for (const AeadOperation& o : aead_operations)
    for (const std::string& backend : cpu_backends_for(o.id))
      sweep(o.name, backend, [&](const Shape& s) { return aead_race(o, backend, s); });
  for (const bool seal : {true, false})
    for (const std::string& backend : cpu_backends_for(MEGASEAL_OP_CHACHA20POLY1305_SEAL))
      sweep(seal ? "secretbox_seal" : "secretbox_open", backend,
            [&](const Shape& s) { return secretbox_race(backend, seal, s); });
  for (const CurveOperation& o : curve_operations)
    for (const std::string& backend : cpu_backends_for(o.id))
      for (const size_t batch : batches) {
        const std::string name = std::string(o.name) + '/' + backend + "/batch:" + std::to_string(batch);
        if (!std::regex_search(name, filter)) continue;
        report(name, {{32, ratio_of(curve_race(o, backend, batch))}});
        ran++;
      }
  return ran > 0 ? 0 : 2;
}

}  // namespace megaseal::bench
