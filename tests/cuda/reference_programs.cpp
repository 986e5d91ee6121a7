#include "tests/cuda/reference_programs.hpp"

#include <sodium.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "backends/registry.hpp"
#include "kernels/prepared_shapes.hpp"

namespace megaseal::test {

std::atomic<uint64_t> num_ordered_jobs{0}, num_unordered_jobs{0}, num_prepared_jobs{0};

namespace {

using namespace gpu;

// A job that breaks jobs.hpp's word is a mistake of whoever packed it, and no fault that may be mended in silence.
void require(bool fine, const char* what) {
  if (fine) return;
  std::fprintf(stderr, "a job is wrong: %s\n", what);
  std::abort();
}
void require_aligned(const void* p) { require(uintptr_t(p) % 16 == 0, "a pointer is not aligned"); }

int put(const PutJob& job, Stream) {
  require_aligned(job.out);
  std::memcpy(job.out, job.words, sizeof job.words);
  return 0;
}

int stream(const StreamJob& job, Stream) {
  const uint8_t nonce[12] = {uint8_t(job.number), uint8_t(job.number >> 8), uint8_t(job.number >> 16),
                             uint8_t(job.number >> 24)};
  const StreamItem item{
      .key = job.key, .nonce = nonce, .out = job.out, .len = 64 * uint64_t(job.num_blocks), .counter = job.first_block};
  const StreamTile tile{.num = 1, .items = &item};
  scalar_table.chacha20_stream(&tile);
  return 0;
}

int shared(const X25519Job& job, Stream) {
  for (const void* p : {job.secrets, job.points, static_cast<const uint8_t*>(job.out)}) require_aligned(p);
  if (!job.left) {
    const X25519Tile tile{.num = job.num,
                          .secrets = {job.secrets, job.secret_stride},
                          .points = {job.points, job.point_stride},
                          .out = job.out,
                          .status = job.status};
    scalar_table.x25519_shared(&tile);
    return 0;
  }
  require(*job.num_left <= job.num, "more is left than there was");
  for (uint32_t k = 0; k < *job.num_left; k++) {
    const size_t i = job.left[k];
    require(i < job.num, "what is left is no item");
    const X25519Tile tile{.num = 1,
                          .secrets = {job.secrets + i * job.secret_stride, 32},
                          .points = {job.points + i * job.point_stride, 32},
                          .out = job.out + 32 * i,
                          .status = job.status + i};
    scalar_table.x25519_shared(&tile);
  }
  return 0;
}

// A table is its key, in the place of its first entry; one without is what scalar says has none.
int prepare(const PrepareJob& job, Stream) {
  for (const void* p : {job.points, static_cast<const uint8_t*>(job.scratch), static_cast<const uint8_t*>(job.tables)})
    require_aligned(p);
  require(!job.keys, "nobody asked for copies of keys");
  std::memset(job.scratch, 0x5c, size_t(job.num) * job.rows * PrepareJob::scratch_bytes);
  const size_t table_bytes = size_t(job.rows) * PrepareJob::row_bytes;
  std::memset(job.tables, 0x5c, job.num * table_bytes);
  for (uint32_t t = 0; t < job.num; t++) {
    const uint8_t* const point = job.points + size_t(job.point_stride) * (job.item_of ? job.item_of[t] : t);
    alignas(64) uint8_t room[2 * prepared_row_bytes];
    uint8_t* at[1] = {room};
    const X25519PrepareTile tile{.num = 1, .size = 0, .points = {point, 32}, .tables = at, .has_table = job.has_table + t};
    scalar_table.x25519_prepare(&tile);
    std::memcpy(job.tables + t * table_bytes, point, 32);
  }
  return 0;
}
int prepared(const PreparedJob& job, Stream) {
  for (const void* p : {job.tables, job.secrets, static_cast<const uint8_t*>(job.out)}) require_aligned(p);
  num_prepared_jobs++;
  const size_t table_bytes = size_t(job.rows) * PrepareJob::row_bytes;
  for (uint32_t k = 0; k < job.num; k++) {
    const uint32_t i = job.items ? job.items[k] : k, table = job.table_of ? job.table_of[k] : 0;
    if (!job.has_table[table]) {
      job.left[(*job.num_left)++] = i;
      continue;
    }
    const X25519Tile tile{.num = 1,
                          .secrets = {job.secrets + i * size_t(job.secret_stride), 32},
                          .points = {job.tables + table * table_bytes, 32},
                          .out = job.out + 32 * size_t(i),
                          .status = job.status + i};
    scalar_table.x25519_shared(&tile);
  }
  return 0;
}
int publics(const X25519Job& job, Stream) {
  require(!job.points && !job.status, "public keys with points");
  const X25519Tile tile{.num = job.num,
                        .secrets = {job.secrets, job.secret_stride},
                        .points = {},
                        .out = job.out,
                        .status = nullptr};
  scalar_table.x25519_public(&tile);
  return 0;
}

int schedule(const ScheduleJob& job, Stream) {
  for (const void* p : {job.dh, job.enc, job.recipients}) require_aligned(p);
  HpkeShared all{.key_schedule_context = {}, .psk = job.psk, .psk_len = job.psk_len};
  std::memcpy(all.key_schedule_context, job.key_schedule_context, sizeof all.key_schedule_context);
  const HpkeScheduleTile tile{.num = job.num,
                              .shared = &all,
                              .dh = job.dh,
                              .enc = job.enc,
                              .recipients = {job.recipients, job.recipient_stride},
                              .keys = job.keys,
                              .nonces = job.nonces,
                              .exporters = job.exporters};
  scalar_table.hpke_schedule(&tile);
  return 0;
}

template <void (*KernelTable::*kSlot)(const AeadTile*), bool kSeal>
int cipher(const CipherJob& job, Stream) {
  for (const void* p : {job.keys, job.nonces, job.aad, job.in, static_cast<const uint8_t*>(job.tags)})
    require_aligned(p);
  (job.order ? num_ordered_jobs : num_unordered_jobs)++;
  std::vector<bool> seen(job.num);
  uint64_t longest = ~uint64_t(0);
  for (uint32_t k = 0; k < job.num; k++) {
    const uint32_t i = job.order ? job.order[k] : k;
    require(i < job.num && !seen[i], "the order is none");
    seen[i] = true;
    const Span& span = job.spans[i];
    require(job.min_len <= span.len && span.len <= job.max_len, "a length is not within its bounds");
    require(span.text % 16 == 0 && span.aad % 16 == 0, "a span is not aligned");
    // Classes of like length reach a block, or a sixteenth, beyond their shortest.
    if (job.order) {
      require(span.len <= longest + longest / 16 + 64 || k == 0, "the order is not that of lengths");
      longest = span.len;
    }
    uint8_t* const out = job.out + span.text;
    if (job.status[i] == 0) {
      const AeadItem item{.key = job.keys + i * size_t(job.key_stride),
                          .nonce = job.nonces + i * size_t(job.nonce_stride),
                          .aad = job.aad + span.aad,
                          .aad_len = span.aad_len,
                          .in = job.in + span.text,
                          .out = out,
                          .len = span.len,
                          .tag = job.tags + 16 * size_t(i)};
      const AeadTile tile{.num = 1, .items = &item, .status = job.status + i};
      (scalar_table.*kSlot)(&tile);
    }
    // Where no text belongs, what a device may leave there.
    std::memset(out + span.len, 0x5c, (16 - span.len % 16) % 16);
    if (!kSeal && job.status[i] != 0) std::memset(out, 0, span.len);
  }
  return 0;
}

int box_keys(const SealedBoxJob& job, Stream) {
  for (const void* p : {job.dh, job.enc, job.recipients}) require_aligned(p);
  for (uint32_t i = 0; i < job.num; i++) {
    uint8_t nonce[24], key[32];
    crypto_generichash_state state;
    crypto_generichash_init(&state, nullptr, 0, sizeof nonce);
    crypto_generichash_update(&state, job.enc + 32 * size_t(i), 32);
    crypto_generichash_update(&state, job.recipients + i * size_t(job.recipient_stride), 32);
    crypto_generichash_final(&state, nonce, sizeof nonce);
    static constexpr uint8_t zeros[16] = {};
    crypto_core_hchacha20(key, zeros, job.dh + 32 * size_t(i), nullptr);
    crypto_core_hchacha20(job.keys + 32 * size_t(i), nonce, key, nullptr);
    std::memcpy(job.nonces + 8 * size_t(i), nonce + 16, 8);
  }
  return 0;
}

}  // namespace

const Programs& reference_programs() {
  static const Programs all = {
      .put = put,
      .chacha20_stream = stream,
      .x25519_shared = shared,
      .x25519_public = publics,
      .x25519_prepare = prepare,
      .x25519_prepared = prepared,
      .hpke_schedule = schedule,
      .chacha20poly1305_seal = cipher<&KernelTable::chacha20poly1305_seal, true>,
      .chacha20poly1305_open = cipher<&KernelTable::chacha20poly1305_open, false>,
      .secretbox_seal = cipher<&KernelTable::secretbox_seal, true>,
      .secretbox_open = cipher<&KernelTable::secretbox_open, false>,
      .cipher_order = nullptr,  // which tiles do not need: their lengths are the host's to know
      .sealedbox_keys = box_keys,
  };
  return all;
}

}  // namespace megaseal::test
