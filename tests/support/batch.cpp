#include "tests/support/batch.hpp"

#include <gtest/gtest.h>

#include <algorithm>

namespace megaseal::test {

namespace {

constexpr size_t margin = 64;

/// `len` bytes of canaries with a margin of more canaries on either side.
class Fenced {
 public:
  explicit Fenced(size_t len) : bytes_(len + 2 * margin, canary) {}
  uint8_t* data() { return bytes_.data() + margin; }
  Bytes bytes() const { return {bytes_.begin() + margin, bytes_.end() - margin}; }
  void expect_intact(size_t item) const {
    const auto is_canary = [](uint8_t b) { return b == canary; };
    EXPECT_TRUE(std::all_of(bytes_.begin(), bytes_.begin() + margin, is_canary))
        << "written before output " << item;
    EXPECT_TRUE(std::all_of(bytes_.end() - margin, bytes_.end(), is_canary))
        << "written behind output " << item;
  }

 private:
  Bytes bytes_;
};

Results run(Layout layout, bool sealing, Shape shape, const Messages& messages, const BatchCall& call) {
  const size_t n = messages.in.size();
  const bool packs_in = layout == Layout::packed || layout == Layout::packed_to_pointers;
  const bool packs_out = layout == Layout::packed || layout == Layout::pointers_to_packed;
  const bool in_place = layout == Layout::in_place;

  // What each item's result takes, and where a packed layout must put it.
  std::vector<uint64_t> needs(n), starts(n + 1, 0);
  for (size_t i = 0; i < n; ++i) {
    const uint64_t len = messages.in[i].size();
    needs[i] = sealing ? len + shape.overhead : len < shape.overhead ? 0 : len - shape.overhead;
    starts[i + 1] = starts[i] + needs[i];
  }

  megaseal_batch batch = {};
  batch.struct_size = sizeof batch;
  batch.num_items = n;
  const Pointers in_pointers(messages.in), aad_pointers(messages.aad);
  const Packed in_packed(messages.in), aad_packed(messages.aad);
  batch.in = packs_in ? in_packed.inputs() : in_pointers.inputs();
  if (!messages.aad.empty()) batch.aad = packs_in ? aad_packed.inputs() : aad_pointers.inputs();

  Results results;
  results.statuses.assign(n, 0xee);
  results.lens.assign(n, UINT64_MAX - 1);
  batch.out_statuses = results.statuses.data();
  batch.out.lens = results.lens.data();

  std::vector<Fenced> buffers;
  std::vector<void*> out_ptrs;
  std::vector<const void*> in_ptrs;
  std::vector<uint64_t> offsets(n + 1, UINT64_MAX);
  if (packs_out) {
    buffers.emplace_back(starts[n]);
    batch.out.base = buffers[0].data();
    batch.out.capacity = starts[n];
    batch.out.offsets = offsets.data();
  } else {
    for (size_t i = 0; i < n; ++i) {
      // In place, one buffer holds the plaintext and the sealed item; the output is a part of it or all of it.
      const uint64_t sealed = std::max(sealing ? needs[i] : messages.in[i].size(), shape.in_place);
      buffers.emplace_back(in_place ? sealed : needs[i]);
      uint8_t* whole = buffers[i].data();
      if (in_place) {
        uint8_t* source = sealing ? whole + shape.in_place : whole;
        std::copy(messages.in[i].begin(), messages.in[i].end(), source);
        in_ptrs.push_back(source);
      }
      out_ptrs.push_back(in_place && !sealing ? whole + shape.in_place : whole);
    }
    batch.out.ptrs = out_ptrs.data();
    batch.out.capacities = needs.data();
    if (in_place) batch.in.ptrs = in_ptrs.data();
  }

  results.num_failed = SIZE_MAX;
  results.error = call(&results.num_failed, &batch);
  for (size_t i = 0; i < buffers.size(); ++i) buffers[i].expect_intact(i);

  const Bytes all = packs_out ? buffers[0].bytes() : Bytes();
  for (size_t i = 0; i < n; ++i) {
    if (packs_out) {
      results.out.emplace_back(all.begin() + ptrdiff_t(starts[i]), all.begin() + ptrdiff_t(starts[i + 1]));
    } else {
      const uint8_t* out = static_cast<const uint8_t*>(out_ptrs[i]);
      results.out.emplace_back(out, out + needs[i]);
    }
  }
  if (results.error != MEGASEAL_ERROR_NONE) return results;
  if (packs_out && n > 0) {
    EXPECT_EQ(offsets, starts) << "the offsets of a packed output";
  }
  EXPECT_EQ(results.num_failed, n - size_t(std::count(results.statuses.begin(), results.statuses.end(), 0)));
  for (size_t i = 0; i < n; ++i)
    EXPECT_EQ(results.lens[i], results.statuses[i] == MEGASEAL_OK ? needs[i] : 0)
        << "the length of item " << i;
  return results;
}

}  // namespace

const char* name_of(Layout layout) {
  switch (layout) {
    case Layout::pointers:
      return "pointers";
    case Layout::packed:
      return "packed";
    case Layout::packed_to_pointers:
      return "packed_to_pointers";
    case Layout::pointers_to_packed:
      return "pointers_to_packed";
    case Layout::in_place:
      return "in_place";
  }
  return "";
}

Shape shape_of(megaseal_format format) {
  switch (format) {
    case MEGASEAL_FORMAT_HPKE:
      return {48, 32};
    case MEGASEAL_FORMAT_SEALEDBOX:
    case MEGASEAL_FORMAT_SEALEDBOX_SALSA:
      return {48, 48};
    default:
      return {16, 0};
  }
}

bool Results::ok() const {
  return error == MEGASEAL_ERROR_NONE && num_failed == 0 &&
         std::all_of(statuses.begin(), statuses.end(), [](uint8_t s) { return s == MEGASEAL_OK; });
}

Results seal(Layout layout, Shape shape, const Messages& messages, const BatchCall& call) {
  return run(layout, true, shape, messages, call);
}
Results open(Layout layout, Shape shape, const Messages& messages, const BatchCall& call) {
  return run(layout, false, shape, messages, call);
}

Pointers::Pointers(const std::vector<Bytes>& strings) {
  for (const Bytes& string : strings) {
    ptrs.push_back(string.empty() ? nullptr : string.data());
    lens.push_back(string.size());
  }
}
megaseal_inputs Pointers::inputs() const {
  megaseal_inputs inputs = {};
  inputs.ptrs = ptrs.data();
  inputs.lens = lens.data();
  return inputs;
}

Packed::Packed(const std::vector<Bytes>& strings) : offsets(1, 0) {
  for (const Bytes& string : strings) {
    base.insert(base.end(), string.begin(), string.end());
    offsets.push_back(base.size());
  }
}
megaseal_inputs Packed::inputs() const {
  megaseal_inputs inputs = {};
  inputs.base = base.data();
  inputs.offsets = offsets.data();
  return inputs;
}

}  // namespace megaseal::test
