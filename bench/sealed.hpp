// What HPKE and sealed boxes have in common: messages sealed to public keys.
#pragma once
#include <vector>

#include "bench/data.hpp"
#include "bench/peers/peers.hpp"

namespace megaseal::bench {

/// A format's calls of the C ABI, less what all benchmarks of it share.
struct SealedFormat {
  const char* seal_name;
  const char* open_name;
  megaseal_operation seal_id, open_id;
  megaseal_format format;
  megaseal_error (*seal)(megaseal_engine*, size_t*, const megaseal_batch*, const megaseal_recipients*);
  megaseal_error (*open)(megaseal_engine*, size_t*, const megaseal_batch*, const megaseal_secret_key* const*,
                         size_t key_step);
  /// Sealing with given ephemeral secrets: the test-only entry point.
  megaseal_error (*seal_fixed)(megaseal_engine*, size_t*, const megaseal_batch*, const megaseal_recipients*,
                               const uint8_t* ephemeral_secrets);
  Call (*Peer::*peer_seal)(const SealedItems&);  // null: no peer has it
  Call (*Peer::*peer_open)(const SealedItems&);
};

/// Registers one shape for each backend, and for each peer that has the format. Opening has shape.shared for one
/// secret key; sealing has shape.recipients.
void add_sealed(const SealedFormat& format, bool seal, const Shape& shape);

/// Every shape of a format.
void add_sealed_shapes(const SealedFormat& format);

}  // namespace megaseal::bench
