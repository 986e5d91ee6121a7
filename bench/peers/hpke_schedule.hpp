// HPKE's key schedule (RFC 9180 §4.1, §5.1, base mode) over a peer's SHA-256, written to need no more than the 19
// compressions that ours needs: hash states that two HMACs have in common are copied, not computed again.
#pragma once
#include <cstring>
#include <string_view>

#include "bench/peers/peers.hpp"

namespace megaseal::bench {

/// `Sha` is a copyable SHA-256 state with init(), update(p, n) and final(out).
template <class Sha>
struct HmacState {
  Sha inner, outer;

  explicit HmacState(const uint8_t key[32]) {
    uint8_t block[64];
    for (int i = 0; i < 64; i++) block[i] = (i < 32 ? key[i] : 0) ^ 0x36;
    inner.init();
    inner.update(block, sizeof block);
    for (uint8_t& b : block) b ^= 0x36 ^ 0x5c;
    outer.init();
    outer.update(block, sizeof block);
  }
  void mac(uint8_t out[32], const uint8_t* message, size_t len) const {
    Sha in = inner, over = outer;
    in.update(message, len);
    uint8_t digest[32];
    in.final(digest);
    over.update(digest, sizeof digest);
    over.final(out);
  }
};

/// A short string put together from pieces.
struct Labeled {
  uint8_t bytes[192];
  size_t len = 0;

  Labeled& put(const void* p, size_t n) {
    std::memcpy(bytes + len, p, n);
    len += n;
    return *this;
  }
  Labeled& text(std::string_view s) { return put(s.data(), s.size()); }
};

template <class Sha>
Call hpke_schedule(const HpkeScheduleTile& tile) {
  using namespace std::string_view_literals;
  constexpr std::string_view kem = "HPKE-v1KEM\x00\x20"sv, hpke = "HPKE-v1HPKE\x00\x20\x00\x01\x00\x03"sv;
  const auto run = [&tile, kem, hpke] {
    static constexpr uint8_t zero[32] = {};
    static const HmacState<Sha> no_salt(zero);
    Labeled secret, key, base_nonce;
    const uint8_t* context = tile.shared->key_schedule_context;
    secret.text(hpke).text("secret");
    key.text("\x00\x20"sv).text(hpke).text("key").put(context, 65).text("\x01");
    base_nonce.text("\x00\x0c"sv).text(hpke).text("base_nonce").put(context, 65).text("\x01");

    for (size_t i = 0; i < tile.num; i++) {
      uint8_t prk[32], digest[32];
      Labeled dh, kem_context;
      dh.text(kem).text("eae_prk").put(tile.dh + 32 * i, 32);
      no_salt.mac(prk, dh.bytes, dh.len);
      kem_context.text("\x00\x20"sv).text(kem).text("shared_secret").put(tile.enc + 32 * i, 32);
      kem_context.put(tile.recipients.base + i * tile.recipients.stride, 32).text("\x01");
      HmacState<Sha>(prk).mac(digest, kem_context.bytes, kem_context.len);
      HmacState<Sha>(digest).mac(prk, secret.bytes, secret.len);
      const HmacState<Sha> expand(prk);
      expand.mac(tile.keys + 32 * i, key.bytes, key.len);
      expand.mac(digest, base_nonce.bytes, base_nonce.len);
      std::memcpy(tile.nonces + 12 * i, digest, 12);
    }
  };
  return {run, ""};
}

}  // namespace megaseal::bench
