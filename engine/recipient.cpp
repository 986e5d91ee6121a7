#include "engine/recipient.hpp"

#include <cstring>
#include <memory>

#include "engine/engine.hpp"
#include "engine/random.hpp"
#include "engine/secret_memory.hpp"

namespace megaseal {
namespace {

struct GiveBack {
  SecretSlab* slab;
  void operator()(uint8_t* slot) const { slab->give_back(slot); }
};
using Slot = std::unique_ptr<uint8_t, GiveBack>;

Slot take(SecretSlab::On_fork on_fork) {
  SecretSlab& slab = SecretSlab::keys(on_fork);
  return Slot(slab.take(), GiveBack{&slab});
}

std::unique_ptr<megaseal_secret_key> adopt(Slot slot) {
  auto key = std::make_unique<megaseal_secret_key>(*slot.get_deleter().slab, slot.get());
  (void)slot.release();
  return key;
}

// The key whose secret is in `slot`.
megaseal_error create(megaseal_secret_key** out_key, Slot slot) {
  const Dispatch* dispatch = process_dispatch();
  if (!dispatch) return MEGASEAL_ERROR_BACKEND_UNAVAILABLE;
  auto key = adopt(std::move(slot));
  const X25519Tile tile{.num = 1,
                        .secrets = {key->secret, 0},
                        .points = {nullptr, 0},
                        .out = key->public_key,
                        .status = nullptr};
  dispatch->x25519_public(&tile);
  wipe_vector_registers();
  *out_key = key.release();
  return MEGASEAL_ERROR_NONE;
}

}  // namespace

megaseal_error check_public_key(const uint8_t key[32]) {
  // p = 2^255 - 19, little-endian.
  static constexpr uint8_t p[32] = {0xed, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
                                    0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f};
  int i = 31;
  while (i > 0 && key[i] == p[i]) i--;
  if (key[i] >= p[i]) return MEGASEAL_ERROR_KEY_NONCANONICAL;

  // The u-coordinates of the points whose order divides 8, on the curve and on its twist: 0, 1, -1, and the
  // two of order 8 ("May the Fourth Be With You", Genkin et al. 2017, section 2.4). Non-canonical forms do
  // not get here.
  static constexpr uint8_t low_order[5][32] = {
      {0},
      {1},
      {0xec, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff,
       0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x7f},
      {0xe0, 0xeb, 0x7a, 0x7c, 0x3b, 0x41, 0xb8, 0xae, 0x16, 0x56, 0xe3, 0xfa, 0xf1, 0x9f, 0xc4, 0x6a,
       0xda, 0x09, 0x8d, 0xeb, 0x9c, 0x32, 0xb1, 0xfd, 0x86, 0x62, 0x05, 0x16, 0x5f, 0x49, 0xb8, 0x00},
      {0x5f, 0x9c, 0x95, 0xbc, 0xa3, 0x50, 0x8c, 0x24, 0xb1, 0xd0, 0xb1, 0x55, 0x9c, 0x83, 0xef, 0x5b,
       0x04, 0x44, 0x5c, 0xc4, 0x58, 0x1c, 0x8e, 0x86, 0xd8, 0x22, 0x4e, 0xdd, 0xd0, 0x9f, 0x11, 0x57}};
  for (const auto& point : low_order)
    if (std::memcmp(key, point, 32) == 0) return MEGASEAL_ERROR_KEY_LOW_ORDER;
  return MEGASEAL_ERROR_NONE;
}

}  // namespace megaseal

using namespace megaseal;

extern "C" {

megaseal_error megaseal_recipient_create(megaseal_recipient** out_recipient, const uint8_t public_key[32]) {
  if (!out_recipient) return MEGASEAL_ERROR_ARGUMENT;
  *out_recipient = nullptr;
  if (!public_key) return MEGASEAL_ERROR_ARGUMENT;
  if (megaseal_error e = check_public_key(public_key)) return e;
  return no_throw([&] {
    auto* r = new megaseal_recipient;
    std::memcpy(r->public_key, public_key, 32);
    *out_recipient = r;
    return MEGASEAL_ERROR_NONE;
  });
}

megaseal_recipient* megaseal_recipient_retain(megaseal_recipient* recipient) {
  if (recipient) recipient->references.fetch_add(1, std::memory_order_relaxed);
  return recipient;
}

void megaseal_recipient_release(megaseal_recipient* recipient) {
  if (recipient && recipient->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete recipient;
}

void megaseal_recipient_public_key(const megaseal_recipient* recipient, uint8_t out_public_key[32]) {
  std::memcpy(out_public_key, recipient->public_key, 32);
}

megaseal_error megaseal_secret_key_create(megaseal_secret_key** out_key, const uint8_t secret_key[32]) {
  if (!out_key) return MEGASEAL_ERROR_ARGUMENT;
  *out_key = nullptr;
  if (!secret_key) return MEGASEAL_ERROR_ARGUMENT;
  return no_throw([&] {
    Slot slot = take(SecretSlab::On_fork::wipe);
    std::memcpy(slot.get(), secret_key, 32);
    return create(out_key, std::move(slot));
  });
}

megaseal_error megaseal_secret_key_generate(megaseal_secret_key** out_key) {
  if (!out_key) return MEGASEAL_ERROR_ARGUMENT;
  *out_key = nullptr;
  return no_throw([&] {
    Slot slot = take(SecretSlab::On_fork::wipe);
    if (!system_random(slot.get(), 32)) return MEGASEAL_ERROR_RANDOM;
    return create(out_key, std::move(slot));
  });
}

megaseal_error megaseal_secret_key_create_inheritable(megaseal_secret_key** out_key,
                                                      const megaseal_secret_key* key) {
  if (!out_key) return MEGASEAL_ERROR_ARGUMENT;
  *out_key = nullptr;
  if (!key) return MEGASEAL_ERROR_ARGUMENT;
  if (!key->is_here()) return MEGASEAL_ERROR_FORKED;
  return no_throw([&] {
    Slot slot = take(SecretSlab::On_fork::keep);
    std::memcpy(slot.get(), key->secret, 32);
    wipe_vector_registers();
    auto copy = adopt(std::move(slot));
    std::memcpy(copy->public_key, key->public_key, 32);
    *out_key = copy.release();
    return MEGASEAL_ERROR_NONE;
  });
}

megaseal_secret_key* megaseal_secret_key_retain(megaseal_secret_key* key) {
  if (key) key->references.fetch_add(1, std::memory_order_relaxed);
  return key;
}

void megaseal_secret_key_release(megaseal_secret_key* key) {
  if (key && key->references.fetch_sub(1, std::memory_order_acq_rel) == 1) delete key;
}

void megaseal_secret_key_public_key(const megaseal_secret_key* key, uint8_t out_public_key[32]) {
  std::memcpy(out_public_key, key->public_key, 32);
}

megaseal_error megaseal_secret_key_export(const megaseal_secret_key* key, uint8_t out_secret_key[32]) {
  if (!out_secret_key) return MEGASEAL_ERROR_ARGUMENT;
  std::memset(out_secret_key, 0, 32);
  if (!key) return MEGASEAL_ERROR_ARGUMENT;
  if (!key->is_here()) return MEGASEAL_ERROR_FORKED;
  std::memcpy(out_secret_key, key->secret, 32);
  return MEGASEAL_ERROR_NONE;
}

}  // extern "C"
