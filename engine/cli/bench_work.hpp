// What `megaseal bench` times: one batch of each operation, on random inputs, through the C ABI.
#pragma once
#include <cstddef>
#include <memory>

#include "megaseal/megaseal.h"

namespace megaseal::cli {

class Work {
 public:
  Work() = default;
  Work(const Work&) = delete;
  Work& operator=(const Work&) = delete;
  virtual ~Work() = default;

  /// One batch. Returns how many items failed; throws where the call itself did.
  virtual size_t run() = 0;
  /// Runs a batch and whether every result is right, by going the other way round.
  virtual bool right() = 0;
};

/// Whether an operation works on messages, so that their size matters.
bool takes_messages(megaseal_operation operation);

/// Fresh random inputs for `num_items` messages of `len` bytes (keys alone, where takes_messages() says no).
/// Every item has a key of its own, and the engine no tables: a message is sealed to a recipient whom it has not prepared
/// for. But for x25519_prepared: there all go to one, and the engine is one with tables.
std::unique_ptr<Work> make_work(megaseal_engine* engine, megaseal_operation operation, size_t num_items,
                                size_t len);

}  // namespace megaseal::cli
