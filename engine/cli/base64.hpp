// Standard base64 (RFC 4648 §4) for record contents: by table, at memory speed.
//
// Not for keys. Table look-ups leak what they look up to who shares the cache; libsodium's base64 does not,
// and key text goes through that. Ciphertext is public, and plaintext goes through a JSON parser anyway.
#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace megaseal::cli {

/// Characters that `len` bytes take, padding included.
constexpr size_t base64_len(size_t len) { return (len + 2) / 3 * 4; }

/// Writes base64_len(len) characters and returns the end.
char* base64_encode(char* out, const uint8_t* in, size_t len);

/// Decodes into `out`, which has room for text.size() / 4 * 3 + 2 bytes. Padding may be left out; anything
/// else that the encoder would not write is refused: other characters, blanks, bits set beyond the last byte.
bool base64_decode(uint8_t* out, size_t& out_len, std::string_view text);

}  // namespace megaseal::cli
