// The names that RFC 9180 mixes into its hashes, for the one suite served here: DHKEM(X25519, HKDF-SHA256)
// 0x0020, HKDF-SHA256 0x0001, ChaCha20Poly1305 0x0003.
#pragma once
#include <cstddef>
#include <cstdint>

#include "engine/dispatch.hpp"
#include "kernels/table.hpp"
#include "megaseal/megaseal.h"

namespace megaseal {

/// "HPKE" and the three identifiers (RFC 9180 §5.1).
inline constexpr uint8_t hpke_suite_id[10] = {'H', 'P', 'K', 'E', 0x00, 0x20, 0x00, 0x01, 0x00, 0x03};

/// RFC 9180 §5.1 and §5.1.2: psk and psk_id both or neither; psk of 32 bytes at least. Also struct_size and
/// NULLs. `out` gets a copy, all zeros for NULL.
megaseal_error check_params(megaseal_hpke_params* out, const megaseal_hpke_params* params);

/// The hashes of an empty psk_id and an empty info, which most callers have: made once for an engine.
struct HpkeEmptyHashes {
  explicit HpkeEmptyHashes(const Dispatch& dispatch);
  uint8_t psk_id_hash[32];
  uint8_t info_hash[32];
};

/// Bytes of scratch that hash_params needs.
size_t hash_params_text_len(const megaseal_hpke_params& params);

/// What the messages of a batch share: mode ‖ psk_id_hash ‖ info_hash, and the psk.
HpkeShared hash_params(const Dispatch& dispatch, const HpkeEmptyHashes& empty,
                       const megaseal_hpke_params& params, uint8_t* text);

/// The `info` of LabeledExpand(exporter_secret, "sec", exporter_context, L) (RFC 9180 §4, §5.3), written to
/// `out`, which holds export_info_len(context_len) bytes.
size_t export_info_len(size_t context_len);
void write_export_info(uint8_t* out, const uint8_t* context, size_t context_len, size_t export_len);

}  // namespace megaseal
