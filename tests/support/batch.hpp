// Batches as functions of values: lays items out, calls, checks that nothing outside the outputs was written and that
// the bookkeeping (offsets, lens, count of failures) agrees, and gives the results back item by item.
#pragma once
#include <functional>
#include <vector>

#include "megaseal/megaseal.h"
#include "tests/support/bytes.hpp"

namespace megaseal::test {

enum class Layout { pointers, packed, packed_to_pointers, pointers_to_packed, in_place };
inline constexpr Layout all_layouts[] = {Layout::pointers, Layout::packed, Layout::packed_to_pointers,
                                         Layout::pointers_to_packed, Layout::in_place};
const char* name_of(Layout layout);

/// What an output holds before a call, and what stands around it before and after.
inline constexpr uint8_t canary = 0xa5;

/// How a format lays a sealed item out: the bytes it adds, and where in it the plaintext stands for work in place.
struct Shape {
  uint64_t overhead;
  uint64_t in_place;
};
Shape shape_of(megaseal_format format);

struct Messages {
  std::vector<Bytes> in;
  std::vector<Bytes> aad;  // empty: none for any item
};

struct Results {
  megaseal_error error = MEGASEAL_ERROR_NONE;
  size_t num_failed = 0;
  std::vector<Bytes> out;  // each item's reserved output, whether it succeeded or not
  std::vector<uint8_t> statuses;
  std::vector<uint64_t> lens;

  /// True when the call ran and every item is OK.
  bool ok() const;
};

using BatchCall = std::function<megaseal_error(size_t* out_num_failed, const megaseal_batch* batch)>;

/// Seals or opens `messages` in `layout`. Failures of the bookkeeping are reported as test failures.
Results seal(Layout layout, Shape shape, const Messages& messages, const BatchCall& call);
Results open(Layout layout, Shape shape, const Messages& messages, const BatchCall& call);

/// Byte strings as megaseal_inputs of pointers; the caller keeps the object and the strings alive.
class Pointers {
 public:
  explicit Pointers(const std::vector<Bytes>& strings);
  megaseal_inputs inputs() const;
  std::vector<const void*> ptrs;
  std::vector<uint64_t> lens;
};

/// Byte strings as packed megaseal_inputs.
class Packed {
 public:
  explicit Packed(const std::vector<Bytes>& strings);
  megaseal_inputs inputs() const;
  Bytes base;
  std::vector<uint64_t> offsets;
};

}  // namespace megaseal::test
