// Which backend hashes. SHA-256 is the one part whose fastest backend is another on each generation of processors, and for
// few messages another than for many: so it is measured, once per process.
#pragma once
#include <cstdint>
#include <span>

#include "kernels/table.hpp"

namespace megaseal {

/// `few` serves tiles of up to max_few messages, `many` larger ones. Null where no table offers hashes.
struct HashChoice {
  const KernelTable* few = nullptr;
  const KernelTable* many = nullptr;
  uint32_t max_few = 0;  // 0: `many` serves all
};

/// Times the hpke_schedule slots of the tables that have all three slots of SHA-256, on 1 to 64 messages: about a
/// millisecond. A table must be a twentieth faster to be taken before one that stands ahead of it in `tables`.
HashChoice fastest_hashes(std::span<const KernelTable* const> tables);

}  // namespace megaseal
