// Slots called as functions of values: each helper lays a tile out, runs it, and gives back what it wrote. Every
// buffer is an allocation of its own exact size, so that AddressSanitizer sees a single byte too many.
#pragma once
#include <gtest/gtest.h>

#include <vector>

#include "kernels/table.hpp"
#include "tests/support/bytes.hpp"

namespace megaseal::test {

using AeadSlot = void (*)(const AeadTile*);
using X25519Slot = void (*)(const X25519Tile*);

struct AeadInput {
  Bytes key, nonce, aad, in;
};
struct AeadResult {
  Bytes out, tag;
  ItemStatus status = ItemStatus::ok;
};

inline std::vector<AeadResult> run_aead(AeadSlot slot, const std::vector<AeadInput>& inputs,
                                        std::vector<AeadResult> results) {
  std::vector<AeadItem> items;
  for (size_t i = 0; i < inputs.size(); ++i) {
    const AeadInput& input = inputs[i];
    results[i].out.assign(input.in.size(), 0xd7);
    items.push_back({input.key.data(), input.nonce.data(), input.aad.data(), input.aad.size(), input.in.data(),
                     results[i].out.data(), input.in.size(), results[i].tag.data()});
  }
  Bytes status(inputs.size(), 0);
  const AeadTile tile = {uint32_t(items.size()), items.data(), status.data()};
  slot(&tile);
  for (size_t i = 0; i < inputs.size(); ++i) results[i].status = ItemStatus(status[i]);
  return results;
}

/// Seals `inputs` as one tile.
inline std::vector<AeadResult> seal_tile(AeadSlot slot, const std::vector<AeadInput>& inputs) {
  AeadResult blank;
  blank.tag.assign(16, 0xd7);
  return run_aead(slot, inputs, std::vector<AeadResult>(inputs.size(), blank));
}

/// Opens `sealed` as one tile; a refused item's `out` must be untouched, which is checked here.
inline std::vector<AeadResult> open_tile(AeadSlot slot, std::vector<AeadInput> inputs,
                                         const std::vector<AeadResult>& sealed) {
  for (size_t i = 0; i < inputs.size(); ++i) inputs[i].in = sealed[i].out;
  std::vector<AeadResult> opened = run_aead(slot, inputs, sealed);
  for (size_t i = 0; i < inputs.size(); ++i) {
    EXPECT_EQ(opened[i].tag, sealed[i].tag) << "open wrote to the tag of item " << i;
    if (opened[i].status != ItemStatus::ok) {
      EXPECT_EQ(opened[i].out, Bytes(inputs[i].in.size(), 0xd7)) << "plaintext of a refused item " << i;
    }
  }
  return opened;
}

struct X25519Result {
  std::vector<Bytes> out;
  std::vector<ItemStatus> status;
};

/// `points` empty: the public slot. One secret or one point for many items is passed with stride 0.
inline X25519Result run_x25519(X25519Slot slot, const std::vector<Bytes>& secrets, const std::vector<Bytes>& points,
                               size_t num) {
  const auto pack = [](const std::vector<Bytes>& keys) {
    Bytes packed;
    for (const Bytes& key : keys) packed.insert(packed.end(), key.begin(), key.end());
    return packed;
  };
  const Bytes packed_secrets = pack(secrets), packed_points = pack(points);
  Bytes out(32 * num, 0xd7), status(num, 0);
  const X25519Tile tile = {uint32_t(num),
                           {packed_secrets.data(), secrets.size() == 1 ? size_t(0) : size_t(32)},
                           {points.empty() ? nullptr : packed_points.data(), points.size() == 1 ? size_t(0) : size_t(32)},
                           out.data(),
                           status.data()};
  slot(&tile);
  X25519Result result;
  for (size_t i = 0; i < num; ++i) {
    result.out.emplace_back(out.begin() + ptrdiff_t(32 * i), out.begin() + ptrdiff_t(32 * (i + 1)));
    result.status.push_back(ItemStatus(status[i]));
  }
  return result;
}

inline Bytes hkdf_extract_one(const KernelTable& table, const Bytes& salt, const Bytes& ikm) {
  Bytes prk(32, 0xd7);
  const HkdfExtractItem item = {salt.data(), salt.size(), ikm.data(), ikm.size(), prk.data()};
  const HkdfExtractTile tile = {1, &item};
  table.hkdf_extract(&tile);
  return prk;
}

inline Bytes hkdf_expand_one(const KernelTable& table, const Bytes& prk, const Bytes& info, size_t len) {
  Bytes out(len, 0xd7);
  const HkdfExpandItem item = {prk.data(), info.data(), info.size(), out.data(), uint32_t(len)};
  const HkdfExpandTile tile = {1, &item};
  table.hkdf_expand(&tile);
  return out;
}

inline Bytes stream_one(const KernelTable& table, const Bytes& key, const Bytes& nonce, uint32_t counter, size_t len) {
  Bytes out(len, 0xd7);
  const StreamItem item = {key.data(), nonce.data(), out.data(), len, counter};
  const StreamTile tile = {1, &item};
  table.chacha20_stream(&tile);
  return out;
}

}  // namespace megaseal::test
