// Tiles (kernels/table.hpp) as pieces in slots: packed, sent through the programs that do them, and unpacked. A tile
// larger than a slot travels as several pieces, one packed while others are at work.
#pragma once
#include "backends/cuda/device.hpp"
#include "kernels/table.hpp"

namespace megaseal::gpu {

enum class Cipher : uint8_t { chacha20poly1305, secretbox };

/// As the slots of `cpu` do the tile; what the device does not do, they do. An item's results are written once its piece
/// has come back without a fault, so an item sealed in place is never sealed twice.
void seal(Devices& devices, const KernelTable& cpu, Cipher cipher, const AeadTile& tile);
void open(Devices& devices, const KernelTable& cpu, Cipher cipher, const AeadTile& tile);
void x25519_shared(Devices& devices, const KernelTable& cpu, const X25519Tile& tile);
void x25519_public(Devices& devices, const KernelTable& cpu, const X25519Tile& tile);

/// Whole tiles: how many of the first items were done (MEGASEAL_WHOLE_SLOTS).
uint32_t hpke_seal(Devices& devices, const HpkeTile& tile);
uint32_t hpke_open(Devices& devices, const HpkeTile& tile);
uint32_t sealedbox_seal(Devices& devices, const SealedBoxTile& tile);
uint32_t sealedbox_open(Devices& devices, const SealedBoxTile& tile);

}  // namespace megaseal::gpu
