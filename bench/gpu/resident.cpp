#include "bench/gpu/resident.hpp"

#include <sodium.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <optional>
#include <random>
#include <stdexcept>
#include <utility>

#include "backends/cuda/launches.hpp"
#include "bench/gpu/cuda_check.hpp"
#include "bench/gpu/scale.hpp"
#include "kernels/prepared_shapes.hpp"
#include "megaseal/megaseal_cuda.h"

namespace megaseal::bench::gpu {
namespace {

using namespace megaseal::gpu;
using Bytes = std::vector<uint8_t>;

Bytes random_bytes(size_t len) {
  Bytes out(len);
  uint8_t seed[randombytes_SEEDBYTES];
  randombytes_buf(seed, sizeof seed);
  randombytes_buf_deterministic(out.data(), len, seed);
  return out;
}

Buffer<uint8_t> on_device(const Bytes& bytes) {
  Buffer<uint8_t> buffer(bytes.size());
  buffer.upload(bytes.data(), bytes.size());
  return buffer;
}
Bytes from_device(const Buffer<uint8_t>& buffer) {
  Bytes out(buffer.size());
  buffer.download(out.data(), out.size());
  return out;
}

void launched(int error) { check(cudaError_t(error), "launch"); }

/// The median of some runs' seconds, after one that does not count.
double seconds(const std::function<void()>& run) {
  run();
  MEGASEAL_CUDA(cudaDeviceSynchronize());
  std::vector<double> all;
  Stopwatch watch;
  for (int i = 0; i < 7; i++) {
    watch.start();
    run();
    all.push_back(watch.stop());
  }
  std::ranges::sort(all);
  return all[all.size() / 2];
}

/// Some of `num` items, the first and the last among them.
std::vector<size_t> samples(size_t num) {
  std::vector<size_t> out = {0, num - 1};
  for (size_t i = 0; i < 200; i++) out.push_back(randombytes_uniform(uint32_t(num)));
  return out;
}

Measured x25519_shared() {
  Measured m{.name = "x25519_shared"};
  const uint32_t num = scaled(1 << 20);
  const Bytes secrets = random_bytes(32 * size_t(num)), points = random_bytes(32 * size_t(num));
  const auto s = on_device(secrets), p = on_device(points);
  Buffer<uint8_t> out(32 * size_t(num)), status(num);
  MEGASEAL_CUDA(cudaMemset(status.data(), 0, num));
  const X25519Job job{.num = num, .secrets = s.data(), .secret_stride = 32, .points = p.data(),
                      .point_stride = 32, .out = out.data(), .status = status.data(), .table = nullptr};
  const double took = seconds([&] { launched(device::launch_x25519_shared(job, nullptr)); });
  const Bytes got = from_device(out);
  for (const size_t i : samples(num)) {
    uint8_t expected[32];
    if (crypto_scalarmult_curve25519(expected, &secrets[32 * i], &points[32 * i]) != 0) continue;
    if (std::memcmp(expected, &got[32 * i], 32) != 0) m.wrong = "differs from libsodium";
  }
  m.items_per_second = num / took;
  return m;
}

Measured x25519_public() {
  Measured m{.name = "x25519_public"};
  const uint32_t num = scaled(1 << 20);
  const Bytes secrets = random_bytes(32 * size_t(num));
  const auto s = on_device(secrets);
  Buffer<uint8_t> out(32 * size_t(num));
  const X25519Job job{.num = num, .secrets = s.data(), .secret_stride = 32, .points = nullptr,
                      .point_stride = 0, .out = out.data(), .status = nullptr, .table = nullptr};
  const double took = seconds([&] { launched(device::launch_x25519_public(job, nullptr)); });
  const Bytes got = from_device(out);
  for (const size_t i : samples(num)) {
    uint8_t expected[32];
    crypto_scalarmult_curve25519_base(expected, &secrets[32 * i]);
    if (std::memcmp(expected, &got[32 * i], 32) != 0) m.wrong = "differs from libsodium";
  }
  m.items_per_second = num / took;
  return m;
}

/// Messages of one length in the device's memory.
struct Messages {
  Messages(uint32_t n, uint32_t l)
      : num(n),
        len(l),
        room((uint64_t(l) + 15) / 16 * 16),
        text(random_bytes(room * n)),
        keys(random_bytes(32 * size_t(n))),
        nonces(random_bytes(12 * size_t(n))),
        d_keys(on_device(keys)),
        d_nonces(on_device(nonces)),
        in(on_device(text)),
        out(room * n),
        tags(16 * size_t(n)),
        status(n),
        spans(n) {
    std::vector<Span> all(n);
    for (uint32_t i = 0; i < n; i++) all[i] = {.text = room * i, .aad = 0, .len = l, .aad_len = 0};
    spans.upload(all.data(), n);
    MEGASEAL_CUDA(cudaMemset(status.data(), 0, n));
  }
  CipherJob job() const {
    return {.num = num, .keys = d_keys.data(), .nonces = d_nonces.data(), .key_stride = 32, .nonce_stride = 12,
            .spans = spans.data(), .aad = nullptr, .in = in.data(), .out = out.data(), .tags = tags.data(),
            .status = status.data(), .order = nullptr, .bins = nullptr, .min_len = len, .max_len = len};
  }
  uint32_t num, len;
  uint64_t room;
  Bytes text, keys, nonces;
  Buffer<uint8_t> d_keys, d_nonces, in, out, tags, status;
  Buffer<Span> spans;
};

std::string size_name(uint32_t len) { return len >= 1024 ? std::to_string(len / 1024) + " KiB" : std::to_string(len) + " B"; }

Measured cipher(bool seal, uint32_t len) {
  Measured m{.name = std::string(seal ? "chacha20poly1305_seal " : "chacha20poly1305_open ") + size_name(len)};
  const uint32_t num = scaled(std::min<uint64_t>(1 << 21, (uint64_t(2) << 30) / len));
  Messages messages(num, len);
  const CipherJob sealing = messages.job();
  launched(device::launch_chacha20poly1305_seal(sealing, nullptr));
  CipherJob opening = sealing;
  Buffer<uint8_t> opened(seal ? 16 : messages.room * num);
  opening.in = sealing.out;
  opening.out = opened.data();
  const double took = seconds([&] {
    launched(seal ? device::launch_chacha20poly1305_seal(sealing, nullptr)
                  : device::launch_chacha20poly1305_open(opening, nullptr));
  });
  const Bytes got = from_device(messages.out), tags = from_device(messages.tags);
  for (const size_t i : samples(num)) {
    Bytes expected(len);
    uint8_t tag[16];
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(expected.data(), tag, nullptr, &messages.text[messages.room * i],
                                                       len, nullptr, 0, nullptr, &messages.nonces[12 * i],
                                                       &messages.keys[32 * i]);
    if (std::memcmp(expected.data(), &got[messages.room * i], len) != 0 || std::memcmp(tag, &tags[16 * i], 16) != 0)
      m.wrong = "differs from libsodium";
  }
  const Bytes statuses = from_device(messages.status);
  if (std::ranges::any_of(statuses, [](uint8_t s) { return s != 0; })) m.wrong = "refused what it had sealed";
  if (!seal && from_device(opened) != messages.text) m.wrong = "opened something else";
  m.items_per_second = num / took;
  m.bytes_per_second = double(num) * len / took;
  return m;
}

/// By megaseal_cuda_aead_seal, which does not know the lengths: every shape looks at every message, or they are sorted first.
Measured aead_of_unknown_lengths(const std::string& name, const std::vector<uint32_t>& lens, bool sorted) {
  Measured m{.name = "megaseal_cuda_aead_seal " + name + (sorted ? ", sorted" : ", not sorted")};
  const size_t num = lens.size();
  std::vector<megaseal_cuda_span> spans;
  uint64_t size = 0, text_bytes = 0;
  for (const uint32_t len : lens) {
    spans.push_back({.text = size, .aad = 0, .len = len, .aad_len = 0});
    size += (uint64_t(len) + 15) / 16 * 16;
    text_bytes += len;
  }
  const Bytes text = random_bytes(size), keys = random_bytes(32 * num), nonces = random_bytes(12 * num);
  const auto in = on_device(text), d_keys = on_device(keys), d_nonces = on_device(nonces);
  Buffer<uint8_t> out(size), tags(16 * num), status(num), scratch(megaseal_cuda_aead_scratch(num));
  Buffer<megaseal_cuda_span> d_spans(num);
  d_spans.upload(spans.data(), num);
  megaseal_cuda_batch batch{};
  batch.struct_size = sizeof batch;
  batch.num_items = num;
  batch.spans = d_spans.data();
  batch.in = in.data();
  batch.out = out.data();
  batch.tags = tags.data();
  batch.statuses = status.data();
  const double took = seconds([&] {
    if (megaseal_cuda_aead_seal(&batch, d_keys.data(), 32, d_nonces.data(), 12, sorted ? scratch.data() : nullptr, nullptr))
      throw std::runtime_error(m.name + " was refused");
  });
  const Bytes got = from_device(out), got_tags = from_device(tags);
  for (const size_t i : samples(num)) {
    Bytes expected(lens[i]);
    uint8_t tag[16];
    crypto_aead_chacha20poly1305_ietf_encrypt_detached(expected.data(), tag, nullptr, &text[spans[i].text], lens[i], nullptr,
                                                       0, nullptr, &nonces[12 * i], &keys[32 * i]);
    if (std::memcmp(expected.data(), &got[spans[i].text], lens[i]) != 0 || std::memcmp(tag, &got_tags[16 * i], 16) != 0)
      m.wrong = "differs from libsodium";
  }
  m.items_per_second = double(num) / took;
  m.bytes_per_second = double(text_bytes) / took;
  return m;
}

/// Lengths of a queue's messages: log-normal, half of them below 200 B, from 16 B to 16 KiB.
std::vector<uint32_t> mixed_lens(size_t num) {
  std::mt19937_64 generator(1);
  std::lognormal_distribution<double> drawn(std::log(200.0), 1);
  std::vector<uint32_t> lens;
  for (size_t i = 0; i < num; i++) lens.push_back(uint32_t(std::clamp(drawn(generator), 16.0, 16384.0)));
  return lens;
}

/// Tables of so many recipients, of a size, and which of them each message is to: neighbours to the same, as in a tile.
struct Prepared {
  Prepared(uint32_t num, uint32_t keys, PreparedShape s)
      : num_keys(keys),
        shape(s),
        secrets(random_bytes(32 * size_t(keys))),
        d_secrets(on_device(secrets)),
        publics(32 * size_t(keys)),
        scratch(size_t(keys) * s.rows * PrepareJob::scratch_bytes),
        tables(size_t(keys) * s.rows * PrepareJob::row_bytes),
        has_table(keys),
        key_of(num),
        left(num),
        num_left(1) {
    std::vector<uint32_t> of(num);
    for (uint32_t i = 0; i < num; i++) of[i] = uint32_t(uint64_t(i) * keys / num);
    key_of.upload(of.data(), num);
    launched(device::launch_x25519_public({.num = keys, .secrets = d_secrets.data(), .secret_stride = 32,
                                           .points = nullptr, .point_stride = 0, .out = publics.data(),
                                           .status = nullptr, .table = nullptr},
                                          nullptr));
  }
  void make() const {
    launched(device::launch_x25519_prepare(
        {.num = num_keys, .rows = uint32_t(shape.rows), .spacing = uint32_t(shape.spacing), .points = publics.data(),
         .point_stride = 32, .item_of = nullptr, .scratch = scratch.data(), .tables = tables.data(),
         .has_table = has_table.data(), .keys = nullptr},
        nullptr));
  }
  void multiply(uint32_t num, const uint8_t* with, uint8_t* out, uint8_t* status) const {
    MEGASEAL_CUDA(cudaMemsetAsync(num_left.data(), 0, sizeof(uint32_t)));
    launched(device::launch_x25519_prepared(
        {.num = num, .items = nullptr, .table_of = key_of.data(), .rows = uint32_t(shape.rows),
         .spacing = uint32_t(shape.spacing), .tables = tables.data(), .has_table = has_table.data(), .secrets = with,
         .secret_stride = 32, .out = out, .status = status, .left = left.data(), .num_left = num_left.data()},
        nullptr));
  }
  uint32_t num_keys;
  PreparedShape shape;
  Bytes secrets;
  Buffer<uint8_t> d_secrets, publics, scratch, tables, has_table;
  Buffer<uint32_t> key_of, left, num_left;
};

/// Shared secrets by tables of `keys` recipients, which are made each time if `building` says so.
Measured x25519_prepared(uint32_t keys, uint32_t size, bool building) {
  static const char* const sizes[] = {"small", "medium", "large"};
  Measured m{.name = "x25519_prepared " + std::to_string(keys) + " keys, " + sizes[size] + (building ? ", tables made" : "")};
  const uint32_t num = scaled(1 << 20);
  keys = scaled_keys(keys, num);
  const Prepared to(num, keys, prepared_shapes[size]);
  const Bytes secrets = random_bytes(32 * size_t(num));
  const auto d_secrets = on_device(secrets);
  Buffer<uint8_t> out(32 * size_t(num)), status(num);
  MEGASEAL_CUDA(cudaMemset(status.data(), 0, num));
  to.make();
  const double took = seconds([&] {
    if (building) to.make();
    to.multiply(num, d_secrets.data(), out.data(), status.data());
  });
  const Bytes got = from_device(out), publics = from_device(to.publics);
  for (const size_t i : samples(num)) {
    uint8_t expected[32];
    const size_t key = uint64_t(i) * keys / num;
    if (crypto_scalarmult(expected, &secrets[32 * i], &publics[32 * key]) != 0 ||
        std::memcmp(expected, &got[32 * i], 32) != 0)
      m.wrong = "differs from libsodium";
  }
  m.items_per_second = num / took;
  return m;
}

/// Whole HPKE, base mode: the chain of programs that a tile is (backends/cuda/tiles.cpp), its parts in one stream. With `keys`,
/// to so many recipients by medium tables, which are made each time.
Measured hpke(bool seal, uint32_t len, uint32_t keys_prepared = 0) {
  Measured m{.name = std::string(seal ? "hpke_seal " : "hpke_open ") + size_name(len) +
                     (keys_prepared ? " to " + std::to_string(keys_prepared) : "")};
  const uint32_t num = scaled(1 << 20);
  if (keys_prepared) keys_prepared = scaled_keys(keys_prepared, num);
  std::optional<Prepared> to;
  if (keys_prepared) to.emplace(num, keys_prepared, prepared_shapes[1]);
  Messages messages(num, len);
  Bytes recipient_secrets = random_bytes(32 * size_t(num));
  if (to)
    for (size_t i = 0; i < num; i++)
      std::memcpy(&recipient_secrets[32 * i], &to->secrets[32 * (i * keys_prepared / num)], 32);
  const auto d_recipient_secrets = on_device(recipient_secrets);
  Buffer<uint8_t> recipients(32 * size_t(num)), secrets(32 * size_t(num)), enc(32 * size_t(num)), dh(32 * size_t(num)),
      keys(32 * size_t(num)), nonces(12 * size_t(num)), opened(messages.room * num);
  const auto publics = [&](const uint8_t* of, uint8_t* into) {
    return X25519Job{.num = num, .secrets = of, .secret_stride = 32, .points = nullptr, .point_stride = 0, .out = into,
                     .status = nullptr, .table = nullptr};
  };
  launched(device::launch_x25519_public(publics(d_recipient_secrets.data(), recipients.data()), nullptr));
  const auto seed = on_device(random_bytes(32));
  const StreamJob stream{.key = seed.data(), .number = 0, .first_block = 0, .num_blocks = num / 2, .out = secrets.data()};
  ScheduleJob schedule{.num = num, .key_schedule_context = {}, .psk = nullptr, .psk_len = 0, .dh = dh.data(),
                       .enc = enc.data(), .recipients = recipients.data(), .recipient_stride = 32, .keys = keys.data(),
                       .nonces = nonces.data(), .exporters = nullptr};
  CipherJob cipher = messages.job();
  cipher.keys = keys.data();
  cipher.nonces = nonces.data();
  const auto agree = [&](const uint8_t* with, const uint8_t* points) {
    launched(device::launch_x25519_shared({.num = num, .secrets = with, .secret_stride = 32, .points = points,
                                           .point_stride = 32, .out = dh.data(), .status = messages.status.data(),
                                           .table = nullptr},
                                          nullptr));
    launched(device::launch_hpke_schedule(schedule, nullptr));
  };
  const auto agree_by_table = [&] {
    X25519Job rest{.num = num, .secrets = secrets.data(), .secret_stride = 32, .points = recipients.data(),
                   .point_stride = 32, .out = dh.data(), .status = messages.status.data(), .table = nullptr,
                   .left = to->left.data(), .num_left = to->num_left.data()};
    to->make();
    to->multiply(num, secrets.data(), dh.data(), messages.status.data());
    launched(device::launch_x25519_shared(rest, nullptr));
    launched(device::launch_hpke_schedule(schedule, nullptr));
  };
  const auto do_seal = [&] {
    launched(device::launch_chacha20_stream(stream, nullptr));
    launched(device::launch_x25519_public(publics(secrets.data(), enc.data()), nullptr));
    to ? agree_by_table() : agree(secrets.data(), recipients.data());
    launched(device::launch_chacha20poly1305_seal(cipher, nullptr));
  };
  CipherJob opening = cipher;
  opening.in = cipher.out;
  opening.out = opened.data();
  const auto do_open = [&] {
    agree(d_recipient_secrets.data(), enc.data());
    launched(device::launch_chacha20poly1305_open(opening, nullptr));
  };
  if (!seal) do_seal();
  const double took = seconds([&] { seal ? do_seal() : do_open(); });
  if (seal) do_open();
  MEGASEAL_CUDA(cudaDeviceSynchronize());
  const Bytes statuses = from_device(messages.status);
  if (std::ranges::any_of(statuses, [](uint8_t s) { return s != 0; })) m.wrong = "refused what it had sealed";
  if (from_device(opened) != messages.text) m.wrong = "opened something else";
  m.items_per_second = num / took;
  m.bytes_per_second = double(num) * len / took;
  return m;
}

}  // namespace

void measure_resident(const std::function<void(const Measured&)>& told) {
  told(x25519_shared());
  told(x25519_public());
  for (const uint32_t size : {0u, 1u, 2u}) told(x25519_prepared(1024, size, false));
  for (const uint32_t keys : {1u, 1u << 14, 1u << 17}) told(x25519_prepared(keys, 1, false));
  for (const auto& [keys, size] : {std::pair{1u << 18, 0u}, {1u << 16, 0u}, {1u << 16, 1u}, {1u << 14, 2u}})
    told(x25519_prepared(keys, size, true));
  for (const uint32_t len : {64u, 256u, 1024u, 16384u})
    for (const bool seal : {true, false}) told(cipher(seal, len));
  for (const bool sorted : {false, true}) {
    told(aead_of_unknown_lengths("256 B", std::vector<uint32_t>(scaled(1 << 21), 256), sorted));
    told(aead_of_unknown_lengths("mixed, median 200 B", mixed_lens(scaled(1 << 21)), sorted));
  }
  for (const bool seal : {true, false}) told(hpke(seal, 1024));
  told(hpke(true, 1024, 1 << 14));
}

}  // namespace megaseal::bench::gpu
