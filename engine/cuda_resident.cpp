// megaseal_cuda.h: the CUDA backend's programs in the caller's stream, on the caller's memory.
#include <algorithm>
#include <cstring>
#include <optional>
#include <vector>

#include "backends/cuda/runtime.hpp"
#include "engine/engine.hpp"
#include "engine/hpke_suite.hpp"
#include "engine/random.hpp"
#include "engine/secret_memory.hpp"
#include "engine/testing.hpp"
#include "kernels/prepared_shapes.hpp"
#include "megaseal/megaseal_cuda.h"

namespace megaseal {
namespace {

using gpu::Runtime;
using gpu::Stream;

static_assert(sizeof(megaseal_cuda_span) == sizeof(gpu::Span) &&
              offsetof(megaseal_cuda_span, aad) == offsetof(gpu::Span, aad) &&
              offsetof(megaseal_cuda_span, len) == offsetof(gpu::Span, len) &&
              offsetof(megaseal_cuda_span, aad_len) == offsetof(gpu::Span, aad_len));

constexpr size_t max_items = INT32_MAX;

Runtime* test_runtime = nullptr;
Runtime* runtime() { return test_runtime ? test_runtime : gpu::default_runtime(); }

bool aligned(const void* p) { return reinterpret_cast<uintptr_t>(p) % 16 == 0; }
bool stride_is(size_t stride, size_t len) { return stride == len || stride == 0; }
bool given(const void* p) { return p && aligned(p); }

// A call's launches: the first that fails ends it.
class Launches {
 public:
  explicit Launches(void* stream) : runtime_(runtime()), stream_(stream) {
    if (runtime_) runtime_->forget_error();
  }
  /// Whether there is a GPU whose self-test has passed, which the first call may take a second to find out.
  bool can_run() const {
    if (test_runtime) return true;
    const BackendState* const device = process_device();
    return device && device->state == MEGASEAL_BACKEND_AVAILABLE;
  }
  /// Why secrets of the host may not be put into the stream: a graph would keep them, and make the same ephemeral keys of
  /// one seed each time it is launched.
  megaseal_error refuses_secrets() const {
    bool is_captured = false;
    if (runtime_->capturing(stream_, &is_captured) != gpu::success) return MEGASEAL_ERROR_BACKEND_UNAVAILABLE;
    return is_captured ? MEGASEAL_ERROR_ARGUMENT : MEGASEAL_ERROR_NONE;
  }
  template <class Job>
  void run(gpu::Launch<Job> gpu::Programs::*program, const Job& job) {
    if (error_ == gpu::success) error_ = (runtime_->programs().*program)(job, stream_);
  }
  void zero(void* p, size_t len) {
    if (error_ == gpu::success && len > 0) error_ = runtime_->zero(p, len, stream_);
  }
  /// Whatever went wrong before.
  void wipe(void* p, size_t len) {
    const int error = runtime_->zero(p, len, stream_);
    if (error_ == gpu::success) error_ = error;
  }
  /// A secret; `to` has room to a multiple of 64 bytes.
  void put(uint8_t* to, const uint8_t* from, size_t len) {
    gpu::PutJob job;
    for (size_t at = 0; at < len; at += sizeof job.words) {
      std::memset(job.words, 0, sizeof job.words);
      std::memcpy(job.words, from + at, std::min(len - at, sizeof job.words));
      job.out = to + at;
      run(&gpu::Programs::put, job);
    }
    megaseal::wipe(&job, sizeof job);
  }
  megaseal_error result() const {
    return error_ == gpu::success ? MEGASEAL_ERROR_NONE : MEGASEAL_ERROR_BACKEND_UNAVAILABLE;
  }

 private:
  Runtime* runtime_;
  Stream stream_;
  int error_ = gpu::success;
};

// Null: nothing to do, or an error, which is then the result.
const megaseal_cuda_batch* checked(const megaseal_cuda_batch* b, megaseal_error* error) {
  *error = MEGASEAL_ERROR_ARGUMENT;
  if (!b || b->struct_size < sizeof *b || b->num_items > max_items) return nullptr;
  *error = MEGASEAL_ERROR_NONE;
  if (b->num_items == 0) return nullptr;
  *error = MEGASEAL_ERROR_ARGUMENT;
  // Texts may all be empty, and `in` and `out` nowhere.
  if (!given(b->spans) || !aligned(b->in) || !aligned(b->out) || !aligned(b->aad) || !given(b->tags) ||
      !b->statuses)
    return nullptr;
  *error = MEGASEAL_ERROR_NONE;
  return b;
}

// Numbers of messages in order of length, and the counts that this takes.
struct Order {
  uint32_t *order, *bins;
  static constexpr size_t bins_bytes = sizeof(uint32_t) * (3 * gpu::OrderJob::num_bins + 1);
  static constexpr size_t padded(size_t len) { return (len + 63) / 64 * 64; }
  static constexpr size_t size(size_t num) { return padded(bins_bytes) + padded(sizeof(uint32_t) * num); }
  explicit Order(void* at)
      : order(reinterpret_cast<uint32_t*>(static_cast<uint8_t*>(at) + padded(bins_bytes))),
        bins(static_cast<uint32_t*>(at)) {}
};

gpu::CipherJob cipher_job(const megaseal_cuda_batch& b, const uint8_t* keys, size_t key_stride,
                          const uint8_t* nonces, size_t nonce_stride) {
  return {.num = uint32_t(b.num_items),
          .keys = keys,
          .nonces = nonces,
          .key_stride = uint32_t(key_stride),
          .nonce_stride = uint32_t(nonce_stride),
          .spans = reinterpret_cast<const gpu::Span*>(b.spans),
          .aad = b.aad,
          .in = b.in,
          .out = b.out,
          .tags = b.tags,
          .status = b.statuses,
          .order = nullptr,
          .bins = nullptr};
}

// The cipher, its messages sorted in `scratch` if there is any.
void run_cipher(Launches& launches, bool seal, gpu::CipherJob job, void* scratch) {
  if (scratch) {
    const Order sorted(scratch);
    launches.run(
        &gpu::Programs::cipher_order,
        gpu::OrderJob{.num = job.num, .spans = job.spans, .order = sorted.order, .bins = sorted.bins});
    job.order = sorted.order;
    job.bins = sorted.bins;
  }
  launches.run(seal ? &gpu::Programs::chacha20poly1305_seal : &gpu::Programs::chacha20poly1305_open, job);
}

megaseal_error aead(bool seal, const megaseal_cuda_batch* batch, const uint8_t* keys, size_t key_stride,
                    const uint8_t* nonces, size_t nonce_stride, void* scratch, void* stream) {
  megaseal_error error;
  const megaseal_cuda_batch* b = checked(batch, &error);
  if (!b) return error;
  if (!given(keys) || !aligned(scratch) || !nonces || reinterpret_cast<uintptr_t>(nonces) % 4 ||
      !stride_is(key_stride, 32) || !stride_is(nonce_stride, 12))
    return MEGASEAL_ERROR_ARGUMENT;
  if (seal && b->num_items > 1 && key_stride == 0 && nonce_stride == 0) return MEGASEAL_ERROR_ARGUMENT;
  Launches launches(stream);
  if (!launches.can_run()) return MEGASEAL_ERROR_BACKEND_UNAVAILABLE;
  launches.zero(b->statuses, b->num_items);
  run_cipher(launches, seal, cipher_job(*b, keys, key_stride, nonces, nonce_stride), scratch);
  return launches.result();
}

megaseal_error x25519(uint8_t* out, uint8_t* statuses, size_t num, Strided secrets, Strided points,
                      void* stream) {
  if (num > max_items) return MEGASEAL_ERROR_ARGUMENT;
  if (num == 0) return MEGASEAL_ERROR_NONE;
  if (!given(out) || !given(secrets.base) || !stride_is(secrets.stride, 32) || !aligned(points.base) ||
      !stride_is(points.stride, 32))
    return MEGASEAL_ERROR_ARGUMENT;
  Launches launches(stream);
  if (!launches.can_run()) return MEGASEAL_ERROR_BACKEND_UNAVAILABLE;
  if (statuses) launches.zero(statuses, num);
  launches.run(points.base ? &gpu::Programs::x25519_shared : &gpu::Programs::x25519_public,
               gpu::X25519Job{.num = uint32_t(num),
                              .secrets = secrets.base,
                              .secret_stride = uint32_t(secrets.stride),
                              .points = points.base,
                              .point_stride = uint32_t(points.stride),
                              .out = out,
                              .status = statuses,
                              .table = nullptr});
  return launches.result();
}

// What HPKE's programs hand to one another, one array after the other in the caller's scratch.
struct Arrays {
  uint8_t *seed, *secrets, *dh, *keys, *nonces, *psk, *order, *left, *num_left;
  size_t size;

  Arrays(void* base, size_t num, size_t psk_len) : size(0) {
    auto* const b = static_cast<uint8_t*>(base);
    const auto take = [&](size_t len) {
      uint8_t* const at = b ? b + size : nullptr;
      size += (len + 63) / 64 * 64;
      return at;
    };
    seed = take(32);
    secrets = take(num * 32);
    dh = take(num * 32);
    keys = take(num * 32);
    nonces = take(num * 12);
    psk = take(psk_len);
    order = take(Order::size(num));
    left = take(num * sizeof(uint32_t));
    num_left = take(sizeof(uint32_t));
  }
};

// Recipients' tables in the caller's memory.
struct Tables {
  static constexpr size_t max_keys = 1 << 24;
  static constexpr size_t padded(size_t len) { return (len + 63) / 64 * 64; }
  /// Null: there are none of that size.
  static const PreparedShape* shape_of(megaseal_prepared_size size) {
    if (size == MEGASEAL_PREPARED_AUTO) size = MEGASEAL_PREPARED_MEDIUM;
    return size >= MEGASEAL_PREPARED_SMALL && size <= MEGASEAL_PREPARED_LARGE
               ? &prepared_shapes[size - MEGASEAL_PREPARED_SMALL]
               : nullptr;
  }
  static size_t num_rows(size_t num, const PreparedShape& shape) { return num * size_t(shape.rows); }
  static size_t bytes(size_t num, const PreparedShape& shape) {
    return Tables(nullptr, num, shape).size;
  }

  Tables(void* base, size_t num, const PreparedShape& s) : shape(s) {
    const size_t keys_bytes = padded(32 * num), flags_bytes = padded(num);
    keys = static_cast<uint8_t*>(base);
    if (keys) {
      has_table = keys + keys_bytes;
      tables = has_table + flags_bytes;
    }
    size = keys_bytes + flags_bytes + num_rows(num, s) * gpu::PrepareJob::row_bytes;
  }
  PreparedShape shape;
  uint8_t *keys, *has_table = nullptr, *tables = nullptr;
  size_t size;
};
std::optional<Tables> checked(const megaseal_cuda_tables* t) {
  if (!t || t->struct_size < sizeof *t || !given(t->memory) || t->num_keys == 0 || t->num_keys > Tables::max_keys)
    return {};
  const PreparedShape* const shape = Tables::shape_of(t->size);
  return shape ? std::optional<Tables>(std::in_place, t->memory, t->num_keys, *shape) : std::nullopt;
}

megaseal_error prepare(const megaseal_cuda_tables* tables, const uint8_t* keys, void* scratch, void* stream) {
  const std::optional<Tables> t = checked(tables);
  if (!t || !given(keys) || !given(scratch)) return MEGASEAL_ERROR_ARGUMENT;
  Launches launches(stream);
  if (!launches.can_run()) return MEGASEAL_ERROR_BACKEND_UNAVAILABLE;
  launches.run(&gpu::Programs::x25519_prepare, gpu::PrepareJob{.num = uint32_t(tables->num_keys),
                                                               .rows = uint32_t(t->shape.rows),
                                                               .spacing = uint32_t(t->shape.spacing),
                                                               .points = keys,
                                                               .point_stride = 32,
                                                               .item_of = nullptr,
                                                               .scratch = static_cast<uint8_t*>(scratch),
                                                               .tables = t->tables,
                                                               .has_table = t->has_table,
                                                               .keys = t->keys});
  return launches.result();
}

// By whose tables a batch is sealed.
struct PreparedTo {
  Tables tables;
  const uint32_t* key_of;
};

// From the shared secret on: what sealing and opening have in common.
megaseal_error hpke(bool seal, const megaseal_cuda_batch* batch, uint8_t* enc,
                    const megaseal_hpke_params* params, Strided secrets, Strided publics, void* scratch,
                    void* stream, const PreparedTo* by = nullptr) {
  megaseal_hpke_params p;
  if (megaseal_error e = check_params(&p, params)) return e;
  megaseal_error error;
  const megaseal_cuda_batch* b = checked(batch, &error);
  if (!b) return error;
  if (p.export_len > 0 || !given(enc) || !given(publics.base) || !stride_is(publics.stride, 32) ||
      !given(scratch))
    return MEGASEAL_ERROR_ARGUMENT;
  if (!seal && (!given(secrets.base) || !stride_is(secrets.stride, 32))) return MEGASEAL_ERROR_ARGUMENT;
  Launches launches(stream);
  const Dispatch* cpu = process_dispatch();
  if (!launches.can_run() || !cpu) return MEGASEAL_ERROR_BACKEND_UNAVAILABLE;
  if (seal || p.psk_len > 0)
    if (const megaseal_error e = launches.refuses_secrets()) return e;

  const size_t num = b->num_items;
  const Arrays s(scratch, num, p.psk_len);
  std::vector<uint8_t> text(hash_params_text_len(p));
  const HpkeShared shared = hash_params(*cpu, HpkeEmptyHashes(*cpu), p, text.data());
  uint8_t seed[32];
  // Before any secret is in the scratch memory.
  if (seal && !system_random(seed, sizeof seed)) return MEGASEAL_ERROR_RANDOM;
  launches.zero(b->statuses, num);
  launches.put(s.psk, shared.psk, shared.psk_len);
  if (seal) {
    launches.put(s.seed, seed, sizeof seed);
    megaseal::wipe(seed, sizeof seed);
    launches.run(&gpu::Programs::chacha20_stream, gpu::StreamJob{.key = s.seed,
                                                                 .number = 0,
                                                                 .first_block = 0,
                                                                 .num_blocks = uint32_t((num + 1) / 2),
                                                                 .out = s.secrets});
    secrets = {s.secrets, 32};
    launches.run(&gpu::Programs::x25519_public, gpu::X25519Job{.num = uint32_t(num),
                                                               .secrets = s.secrets,
                                                               .secret_stride = 32,
                                                               .points = nullptr,
                                                               .point_stride = 0,
                                                               .out = enc,
                                                               .status = nullptr,
                                                               .table = nullptr});
  }
  const Strided points = seal ? publics : Strided{enc, 32};
  gpu::X25519Job shared_secrets{.num = uint32_t(num),
                                .secrets = secrets.base,
                                .secret_stride = uint32_t(secrets.stride),
                                .points = points.base,
                                .point_stride = uint32_t(points.stride),
                                .out = s.dh,
                                .status = b->statuses,
                                .table = nullptr};
  if (by) {
    auto *const left = reinterpret_cast<uint32_t*>(s.left), *const num_left = reinterpret_cast<uint32_t*>(s.num_left);
    launches.zero(num_left, sizeof *num_left);
    launches.run(&gpu::Programs::x25519_prepared, gpu::PreparedJob{.num = uint32_t(num),
                                                                   .items = nullptr,
                                                                   .table_of = by->key_of,
                                                                   .rows = uint32_t(by->tables.shape.rows),
                                                                   .spacing = uint32_t(by->tables.shape.spacing),
                                                                   .tables = by->tables.tables,
                                                                   .has_table = by->tables.has_table,
                                                                   .secrets = secrets.base,
                                                                   .secret_stride = uint32_t(secrets.stride),
                                                                   .out = s.dh,
                                                                   .status = b->statuses,
                                                                   .left = left,
                                                                   .num_left = num_left});
    shared_secrets.left = left;
    shared_secrets.num_left = num_left;
    shared_secrets.point_of = by->key_of;
  }
  launches.run(&gpu::Programs::x25519_shared, shared_secrets);
  gpu::ScheduleJob schedule{.num = uint32_t(num),
                            .key_schedule_context = {},
                            .psk = shared.psk_len ? s.psk : nullptr,
                            .psk_len = shared.psk_len,
                            .dh = s.dh,
                            .enc = enc,
                            .recipients = publics.base,
                            .recipient_stride = uint32_t(publics.stride),
                            .keys = s.keys,
                            .nonces = s.nonces,
                            .exporters = nullptr,
                            .recipient_of = by ? by->key_of : nullptr};
  std::memcpy(schedule.key_schedule_context, shared.key_schedule_context,
              sizeof schedule.key_schedule_context);
  launches.run(&gpu::Programs::hpke_schedule, schedule);
  run_cipher(launches, seal, cipher_job(*b, s.keys, 32, s.nonces, 12), s.order);
  launches.wipe(scratch, s.size);
  return launches.result();
}

}  // namespace

void testing::use_cuda_runtime(gpu::Runtime* stand_in) { test_runtime = stand_in; }

}  // namespace megaseal

using namespace megaseal;

extern "C" {

megaseal_error megaseal_cuda_aead_seal(const megaseal_cuda_batch* batch, const uint8_t* keys,
                                       size_t key_stride, const uint8_t* nonces, size_t nonce_stride,
                                       void* scratch, void* stream) {
  return no_throw([&] { return aead(true, batch, keys, key_stride, nonces, nonce_stride, scratch, stream); });
}

megaseal_error megaseal_cuda_aead_open(const megaseal_cuda_batch* batch, const uint8_t* keys,
                                       size_t key_stride, const uint8_t* nonces, size_t nonce_stride,
                                       void* scratch, void* stream) {
  return no_throw(
      [&] { return aead(false, batch, keys, key_stride, nonces, nonce_stride, scratch, stream); });
}

megaseal_error megaseal_cuda_x25519(uint8_t* out, uint8_t* statuses, size_t num_items, const uint8_t* secrets,
                                    size_t secret_stride, const uint8_t* points, size_t point_stride,
                                    void* stream) {
  if (num_items > 0 && (!points || !statuses)) return MEGASEAL_ERROR_ARGUMENT;
  return no_throw([&] {
    return x25519(out, statuses, num_items, {secrets, secret_stride}, {points, point_stride}, stream);
  });
}

megaseal_error megaseal_cuda_x25519_public(uint8_t* out, size_t num_items, const uint8_t* secrets,
                                           size_t secret_stride, void* stream) {
  return no_throw([&] { return x25519(out, nullptr, num_items, {secrets, secret_stride}, {}, stream); });
}

size_t megaseal_cuda_aead_scratch(size_t num_items) {
  return num_items > max_items ? 0 : Order::size(num_items);
}

size_t megaseal_cuda_hpke_scratch(size_t num_items, const megaseal_hpke_params* params) {
  return num_items > max_items ? 0 : Arrays(nullptr, num_items, params ? params->psk_len : 0).size;
}

megaseal_error megaseal_cuda_hpke_seal(const megaseal_cuda_batch* batch, uint8_t* enc,
                                       const megaseal_hpke_params* params, const uint8_t* recipients,
                                       size_t recipient_stride, void* scratch, void* stream) {
  return no_throw([&] {
    return hpke(true, batch, enc, params, {}, {recipients, recipient_stride}, scratch, stream);
  });
}

size_t megaseal_cuda_tables_size(size_t num_keys, megaseal_prepared_size size) {
  const PreparedShape* const shape = Tables::shape_of(size);
  return shape && num_keys <= Tables::max_keys ? Tables::bytes(num_keys, *shape) : 0;
}

size_t megaseal_cuda_tables_scratch(size_t num_keys, megaseal_prepared_size size) {
  const PreparedShape* const shape = Tables::shape_of(size);
  return shape && num_keys <= Tables::max_keys ? Tables::num_rows(num_keys, *shape) * gpu::PrepareJob::scratch_bytes : 0;
}

megaseal_error megaseal_cuda_prepare_recipients(const megaseal_cuda_tables* tables, const uint8_t* keys, void* scratch,
                                                void* stream) {
  return no_throw([&] { return prepare(tables, keys, scratch, stream); });
}

megaseal_error megaseal_cuda_hpke_seal_prepared(const megaseal_cuda_batch* batch, uint8_t* enc,
                                                const megaseal_hpke_params* params,
                                                const megaseal_cuda_tables* tables, const uint32_t* key_of,
                                                void* scratch, void* stream) {
  return no_throw([&] {
    const std::optional<Tables> t = checked(tables);
    if (!t || reinterpret_cast<uintptr_t>(key_of) % alignof(uint32_t)) return MEGASEAL_ERROR_ARGUMENT;
    const PreparedTo by{*t, key_of};
    return hpke(true, batch, enc, params, {}, {t->keys, key_of ? size_t(32) : 0}, scratch, stream, &by);
  });
}

megaseal_error megaseal_cuda_hpke_open(const megaseal_cuda_batch* batch, const uint8_t* enc,
                                       const megaseal_hpke_params* params, const uint8_t* secrets,
                                       size_t secret_stride, const uint8_t* publics, size_t public_stride,
                                       void* scratch, void* stream) {
  return no_throw([&] {
    return hpke(false, batch, const_cast<uint8_t*>(enc), params, {secrets, secret_stride},
                {publics, public_stride}, scratch, stream);
  });
}

}  // extern "C"
