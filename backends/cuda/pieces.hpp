// Tiles cut into pieces that fit in slots, and how a tile's pieces get through the device: one is packed while others are at
// work. tiles.cpp has the kinds of tiles.
#pragma once
#include <cstdint>

#include "backends/cuda/device.hpp"
#include "kernels/prepared_shapes.hpp"

namespace megaseal::gpu {

/// Items [from, from + num) of a tile, and where their parts lie in a slot, the same in pinned and in device memory. In
/// this order: what goes up alone; secrets, which go up and come back as zeros; what goes both ways; what comes back
/// alone; what stays on the device. So each way is one copy.
struct Piece {
  uint32_t from = 0, num = 0;
  bool one_secret = false, one_point = false;  // the same for all
  bool in_order = true;                        // no item is much longer than another
  uint32_t min_len = 0, max_len = 0;           // of the texts
  uint32_t num_tables = 0, num_by_table = 0;   // of recipients; items that go by them
  PreparedShape shape{};                       // of those tables
  uint64_t points = 0, spans = 0, order = 0, nonces = 0, aad = 0, up_tags = 0;
  uint64_t item_of = 0, by_table = 0, table_of = 0, left = 0, num_left = 0;
  uint64_t secrets = 0, psk = 0;
  uint64_t status = 0, text = 0;
  uint64_t down_tags = 0, out = 0, exporters = 0;
  uint64_t ephemerals = 0, dh = 0, keys = 0, derived_nonces = 0;
  uint64_t table_scratch = 0, tables = 0, has_table = 0;
  uint64_t secrets_end = 0, up_end = 0, text_end = 0, down_end = 0, end = 0;
};

constexpr uint64_t align = 256;
constexpr uint64_t max_slack = 26 * align;  // each part begins at a multiple
constexpr uint64_t padded(uint64_t len) { return (len + 15) & ~uint64_t(15); }

struct Layout {
  uint64_t end = 0;
  uint64_t add(uint64_t bytes) {
    const uint64_t at = end;
    end = (end + bytes + align - 1) / align * align;
    return at;
  }
};

/// One kind of tile.
class Work {
 public:
  explicit Work(uint32_t num) : num_items(num) {}
  /// The items from `from` on that fit in `limit` bytes. None: the first is too long.
  virtual Piece plan(uint32_t from, uint64_t limit) const = 0;
  virtual void pack(Piece& piece, uint8_t* pinned) const = 0;
  virtual int launch(const Programs& programs, const Piece& piece, uint8_t* device, Stream stream) const = 0;
  /// To the caller. [*clean_from, *clean_to) of the slot holds no secrets afterwards.
  virtual void unpack(const Piece& piece, uint8_t* pinned, uint64_t* clean_from,
                      uint64_t* clean_to) const = 0;
  /// False: not here, nor any item after it.
  virtual bool on_cpu(uint32_t from, uint32_t num) const = 0;

  const uint32_t num_items;

 protected:
  ~Work() = default;
};

/// How many of the first items were done, by the device or on the CPU.
uint32_t run(Devices& devices, const Work& work);

}  // namespace megaseal::gpu
