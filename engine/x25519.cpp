// X25519 in batches (RFC 7748), and key generation.
#include <cstring>

#include "engine/engine.hpp"
#include "engine/ephemeral.hpp"

namespace megaseal {
namespace {

// Whether `num` outputs of 32 bytes share memory with strided inputs.
bool overlaps(const uint8_t* out, uint64_t num, const uint8_t* in, size_t stride) {
  const auto o = reinterpret_cast<uintptr_t>(out), p = reinterpret_cast<uintptr_t>(in);
  const uint64_t out_len = num * 32, in_len = (num - 1) * stride + 32;
  return o < p ? p - o < out_len : o - p < in_len;
}

// Both operations: with points the shared secrets, without the public keys.
megaseal_error run(megaseal_engine* engine, uint8_t* out, uint8_t* out_statuses, size_t* out_num_failed,
                   size_t num_items, Strided secrets, const Strided* points) {
  if (out_num_failed) *out_num_failed = 0;
  if (!engine || num_items > UINT32_MAX) return MEGASEAL_ERROR_ARGUMENT;
  if (num_items == 0) return MEGASEAL_ERROR_NONE;
  if (!out || !secrets.base || !stride_ok(secrets.stride, 32, num_items)) return MEGASEAL_ERROR_ARGUMENT;
  if (points && (!points->base || !stride_ok(points->stride, 32, num_items))) return MEGASEAL_ERROR_ARGUMENT;
  if (overlaps(out, num_items, secrets.base, secrets.stride)) return MEGASEAL_ERROR_ARGUMENT;
  if (points && overlaps(out, num_items, points->base, points->stride)) return MEGASEAL_ERROR_ARGUMENT;

  const Dispatch& d = engine->dispatch;
  auto work = [&](Workspace& w, TileRange range) {
    auto from = [&](Strided s) { return Strided{s.base + range.begin * s.stride, s.stride}; };
    std::memset(w.status, 0, range.size());
    const X25519Tile tile{.num = range.size(),
                          .secrets = from(secrets),
                          .points = points ? from(*points) : Strided{},
                          .out = out + 32 * size_t(range.begin),
                          .status = w.status};
    (points ? d.x25519_shared : d.x25519_public)(&tile);
    size_t failed = 0;
    for (uint32_t k = 0; k < range.size(); k++) failed += w.status[k] != MEGASEAL_OK;
    if (out_statuses) std::memcpy(out_statuses + range.begin, w.status, range.size());
    return failed;
  };
  const size_t failed = run_tiles(engine, uint32_t(num_items), 0, cost_key_agreement, 0, work);
  if (out_num_failed) *out_num_failed = failed;
  return MEGASEAL_ERROR_NONE;
}

megaseal_error keygen(megaseal_engine* engine, uint8_t* out_publics, uint8_t* out_secrets, size_t num_items) {
  if (!engine || num_items > UINT32_MAX) return MEGASEAL_ERROR_ARGUMENT;
  if (num_items == 0) return MEGASEAL_ERROR_NONE;
  if (!out_publics || !out_secrets || overlaps(out_publics, num_items, out_secrets, 32))
    return MEGASEAL_ERROR_ARGUMENT;
  Ephemerals secrets(nullptr);
  if (megaseal_error e = secrets.draw_seed()) return e;
  const Dispatch& d = engine->dispatch;
  run_tiles(engine, uint32_t(num_items), 0, cost_key_agreement, 0, [&](Workspace&, TileRange range) {
    uint8_t* mine = out_secrets + 32 * size_t(range.begin);
    secrets.stretch(d, mine, range.number, range.size());
    const X25519Tile tile{.num = range.size(),
                          .secrets = {mine, 32},
                          .points = {},
                          .out = out_publics + 32 * size_t(range.begin),
                          .status = nullptr};
    d.x25519_public(&tile);
    return size_t(0);
  });
  return MEGASEAL_ERROR_NONE;
}

}  // namespace
}  // namespace megaseal

using namespace megaseal;

extern "C" {

megaseal_error megaseal_x25519_batch(megaseal_engine* engine, uint8_t* out, uint8_t* out_statuses,
                                     size_t* out_num_failed, size_t num_items, const uint8_t* secrets,
                                     size_t secret_stride, const uint8_t* points, size_t point_stride) {
  const Strided p{points, point_stride};
  return no_throw([&] {
    return run(engine, out, out_statuses, out_num_failed, num_items, {secrets, secret_stride}, &p);
  });
}

megaseal_error megaseal_x25519_public_batch(megaseal_engine* engine, uint8_t* out, size_t num_items,
                                            const uint8_t* secrets, size_t secret_stride) {
  return no_throw([&] {
    return run(engine, out, nullptr, nullptr, num_items, {secrets, secret_stride}, nullptr);
  });
}

megaseal_error megaseal_keygen_batch(megaseal_engine* engine, uint8_t* out_publics, uint8_t* out_secrets,
                                     size_t num_items) {
  const megaseal_error e = no_throw([&] { return keygen(engine, out_publics, out_secrets, num_items); });
  // Nobody should mistake what was in the buffers before for fresh keys.
  if ((e == MEGASEAL_ERROR_RANDOM || e == MEGASEAL_ERROR_MEMORY) && out_publics && out_secrets) {
    std::memset(out_publics, 0, num_items * 32);
    std::memset(out_secrets, 0, num_items * 32);
  }
  return e;
}

}  // extern "C"
