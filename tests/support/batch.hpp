// Batches as functions of values: lays items out in either layout, calls, checks that nothing outside the outputs was
// written, and gives the results back item by item.
#pragma once
#include <functional>
#include <string>
#include <vector>

#include "megaseal/megaseal.h"
#include "tests/support/bytes.hpp"

namespace megaseal::test {

enum class Layout { pointers, packed, in_place };
inline const char* name_of(Layout layout) {
  return layout == Layout::pointers ? "pointers" : layout == Layout::packed ? "packed" : "in place";
}
inline constexpr Layout all_layouts[] = {Layout::pointers, Layout::packed, Layout::in_place};

/// What an output holds before the call: a byte that megaseal must replace, or leave.
inline constexpr uint8_t canary = 0xa5;

struct Messages {
  std::vector<Bytes> in;
  std::vector<Bytes> aad;  // empty: none for any item
};

struct Results {
  megaseal_error error = MEGASEAL_ERROR_NONE;
  size_t num_failed = 0;
  std::vector<Bytes> out;  // what each item's output holds, its length after the result's
  std::vector<uint8_t> statuses;
  std::vector<uint64_t> lens;
  std::vector<Bytes> buffers;  // pointers and in place: each item's whole buffer; packed: the one buffer
  std::vector<uint64_t> offsets;

  /// True when the call ran and every item is OK.
  bool ok() const;
};

using BatchCall = std::function<megaseal_error(size_t* out_num_failed, const megaseal_batch* batch)>;

/// Seals with `overhead` bytes more per item; in place puts each plaintext at `offset_in_place` of its output.
Results seal(Layout layout, const Messages& messages, uint64_t overhead, const BatchCall& call);
/// Opens `messages.in`.
Results open(Layout layout, const Messages& messages, uint64_t overhead, const BatchCall& call);

/// Where a plaintext stands in its sealed item for work in place: RFC 9180's enc, or a sealed box's epk and tag, go
/// before it.
uint64_t in_place_offset(megaseal_format format);

}  // namespace megaseal::test
