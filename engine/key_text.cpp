// Keys as text: public keys in bech32 or base64, secret keys as PKCS#8 PEM.
#include <sodium.h>

#include <array>
#include <cstring>
#include <string_view>

#include "engine/recipient.hpp"
#include "megaseal/megaseal.h"

namespace megaseal {
namespace {

using Key = std::array<uint8_t, MEGASEAL_KEY_LEN>;

// ---------------------------------------------------------------------------------------------------------
// bech32 (BIP-173), for exactly 32 bytes under the prefix "megaseal"
// ---------------------------------------------------------------------------------------------------------

constexpr std::string_view kPrefix = "megaseal";
constexpr char kCharset[] = "qpzry9x8gf2tvdw0s3jn54khce6mua7l";
constexpr size_t kDataSymbols =
    52;  // ceil(256 / 5): the last symbol has four padding bits, which must be zero
constexpr size_t kChecksumSymbols = 6;
constexpr size_t kBech32Len = kPrefix.size() + 1 + kDataSymbols + kChecksumSymbols;
static_assert(kBech32Len + 1 == MEGASEAL_PUBLIC_KEY_TEXT_LEN);

// One step of the BCH code's checksum: remainder of the message polynomial, five bits at a time.
constexpr uint32_t checksum_step(uint32_t state, uint8_t symbol) {
  constexpr uint32_t kGenerator[5] = {0x3b6a57b2, 0x26508e6d, 0x1ea119fa, 0x3d4233dd, 0x2a1462b3};
  const uint32_t top = state >> 25;
  state = (state & 0x1ffffff) << 5 ^ symbol;
  for (int bit = 0; bit < 5; ++bit) {
    if (top >> bit & 1) state ^= kGenerator[bit];
  }
  return state;
}

// The state after the prefix, which BIP-173 feeds in as high bits, a zero, and low bits.
constexpr uint32_t checksum_of_prefix() {
  uint32_t state = 1;
  for (char c : kPrefix) state = checksum_step(state, static_cast<uint8_t>(c) >> 5);
  state = checksum_step(state, 0);
  for (char c : kPrefix) state = checksum_step(state, static_cast<uint8_t>(c) & 31);
  return state;
}

// Each character's value, or -1. Upper case has rows of its own, so that decoding needs no case folding.
constexpr std::array<int, 256> symbol_values() {
  std::array<int, 256> values{};
  for (auto& value : values) value = -1;
  for (int i = 0; i < 32; ++i) {
    const char c = kCharset[i];
    values[static_cast<uint8_t>(c)] = i;
    if (c >= 'a' && c <= 'z') values[static_cast<uint8_t>(c - 'a' + 'A')] = i;
  }
  return values;
}
constexpr auto kSymbolValues = symbol_values();

constexpr bool is_lower(char c) { return c >= 'a' && c <= 'z'; }
constexpr bool is_upper(char c) { return c >= 'A' && c <= 'Z'; }
constexpr char to_lower(char c) { return is_upper(c) ? static_cast<char>(c - 'A' + 'a') : c; }

void encode_bech32(char* out, const uint8_t* key) {
  std::memcpy(out, kPrefix.data(), kPrefix.size());
  out += kPrefix.size();
  *out++ = '1';
  uint32_t checksum = checksum_of_prefix();
  uint32_t bits = 0;
  unsigned num_bits = 0;
  const auto put = [&](uint32_t symbol) {
    checksum = checksum_step(checksum, static_cast<uint8_t>(symbol));
    *out++ = kCharset[symbol];
  };
  for (size_t i = 0; i < MEGASEAL_KEY_LEN; ++i) {
    bits = (bits << 8 | key[i]) & 0xfff;  // at most 4 bits are left over, so 12 hold everything
    for (num_bits += 8; num_bits >= 5; num_bits -= 5) put(bits >> (num_bits - 5) & 31);
  }
  put(bits << (5 - num_bits) & 31);
  for (size_t i = 0; i < kChecksumSymbols; ++i) checksum = checksum_step(checksum, 0);
  checksum ^= 1;
  for (size_t i = 0; i < kChecksumSymbols; ++i) *out++ = kCharset[checksum >> 5 * (5 - i) & 31];
}

bool is_begun_bech32(std::string_view text) {
  if (text.size() <= kPrefix.size() || text[kPrefix.size()] != '1') return false;
  for (size_t i = 0; i < kPrefix.size(); ++i) {
    if (to_lower(text[i]) != kPrefix[i]) return false;
  }
  return true;
}

bool decode_bech32(Key& out, std::string_view text) {
  if (text.size() != kBech32Len) return false;
  bool lower = false;
  bool upper = false;
  for (char c : text) {
    lower |= is_lower(c);
    upper |= is_upper(c);
  }
  if (lower && upper) return false;  // BIP-173: mixed case is refused
  if (!is_begun_bech32(text)) return false;
  text.remove_prefix(kPrefix.size() + 1);

  uint32_t checksum = checksum_of_prefix();
  uint32_t bits = 0;
  unsigned num_bits = 0;
  size_t num_bytes = 0;
  for (size_t i = 0; i < text.size(); ++i) {
    const int value = kSymbolValues[static_cast<uint8_t>(text[i])];
    if (value < 0) return false;
    checksum = checksum_step(checksum, static_cast<uint8_t>(value));
    if (i >= kDataSymbols) continue;
    bits = (bits << 5 | static_cast<uint32_t>(value)) & 0xfff;
    num_bits += 5;
    if (num_bits >= 8) {
      num_bits -= 8;
      out[num_bytes++] = static_cast<uint8_t>(bits >> num_bits);
    }
  }
  const bool padding_is_zero = (bits & ((1U << num_bits) - 1)) == 0;
  return checksum == 1 && padding_is_zero;
}

// ---------------------------------------------------------------------------------------------------------
// base64, by libsodium's routines, whose time does not depend on the characters
// ---------------------------------------------------------------------------------------------------------

// libsodium 1.0.18 takes two bytes beyond ASCII for '+' and '/', and passes over zeros where it passes over blanks.
bool is_ascii(std::string_view text) {
  for (char c : text) {
    if (c == '\0' || static_cast<uint8_t>(c) >= 0x80) return false;
  }
  return true;
}

bool decode_base64_key(Key& out, std::string_view text) {
  constexpr size_t kUnpaddedLen = 43;
  const int variant = text.size() == kUnpaddedLen ? sodium_base64_VARIANT_ORIGINAL_NO_PADDING
                                                  : sodium_base64_VARIANT_ORIGINAL;
  size_t len = 0;
  const char* end = nullptr;
  return text.size() - kUnpaddedLen <= 1 && is_ascii(text) &&
         sodium_base642bin(out.data(), out.size(), text.data(), text.size(), nullptr, &len, &end, variant) ==
             0 &&
         len == out.size() && end == text.data() + text.size();
}

constexpr bool is_blank(char c) { return c == ' ' || c == '\t' || c == '\r' || c == '\n'; }

std::string_view without_blanks_around(std::string_view text) {
  while (!text.empty() && is_blank(text.front())) text.remove_prefix(1);
  while (!text.empty() && is_blank(text.back())) text.remove_suffix(1);
  return text;
}

// ---------------------------------------------------------------------------------------------------------
// PEM (RFC 7468) around PKCS#8 (RFC 5958, RFC 8410)
// ---------------------------------------------------------------------------------------------------------

// SEQUENCE { version 0, AlgorithmIdentifier { 1.3.101.110 }, OCTET STRING { OCTET STRING of 32 bytes } }: the
// key is of one length, so DER leaves no freedom and a comparison is the whole parser.
constexpr uint8_t kPkcs8Prefix[] = {0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06,
                                    0x03, 0x2b, 0x65, 0x6e, 0x04, 0x22, 0x04, 0x20};
constexpr size_t kPkcs8Len = sizeof kPkcs8Prefix + MEGASEAL_KEY_LEN;
constexpr size_t kPkcs8Base64Len = kPkcs8Len / 3 * 4;
static_assert(kPkcs8Len % 3 == 0);

constexpr std::string_view kBegin = "-----BEGIN ";
constexpr std::string_view kDashes = "-----";
constexpr std::string_view kLabel = "PRIVATE KEY";
constexpr std::string_view kBeginLine = "-----BEGIN PRIVATE KEY-----\n";
constexpr std::string_view kEnd = "-----END PRIVATE KEY-----";
static_assert(kBeginLine.size() + kPkcs8Base64Len + 1 + kEnd.size() + 2 <= MEGASEAL_SECRET_KEY_PEM_LEN);

// The next "-----BEGIN LABEL-----" at the start of a line, from `from` on. False: there is none. A bare carriage
// return starts no line: editors show what follows it as part of the comment it may stand in.
bool find_block(std::string_view pem, size_t from, std::string_view& out_label, size_t& out_body) {
  for (size_t at = pem.find(kBegin, from); at != pem.npos; at = pem.find(kBegin, at + 1)) {
    if (at != 0 && pem[at - 1] != '\n') continue;
    const size_t label = at + kBegin.size();
    const size_t label_end = pem.find(kDashes, label);
    if (label_end == pem.npos) return false;
    out_label = pem.substr(label, label_end - label);
    if (out_label.find('\n') != out_label.npos) continue;
    out_body = label_end + kDashes.size();
    return true;
  }
  return false;
}

// Reads the body of a PRIVATE KEY block. The caller wipes `out`, whatever the answer.
bool decode_pkcs8(uint8_t (&out)[kPkcs8Len], std::string_view body) {
  size_t len = 0;
  const char* end = nullptr;
  return is_ascii(body) &&
         sodium_base642bin(out, kPkcs8Len, body.data(), body.size(), " \t\r\n", &len, &end,
                           sodium_base64_VARIANT_ORIGINAL) == 0 &&
         end == body.data() + body.size() && len == kPkcs8Len &&
         sodium_memcmp(out, kPkcs8Prefix, sizeof kPkcs8Prefix) == 0;
}

}  // namespace
}  // namespace megaseal

using namespace megaseal;

extern "C" {

void megaseal_public_key_to_text(char out_text[MEGASEAL_PUBLIC_KEY_TEXT_LEN],
                                 const uint8_t public_key[MEGASEAL_KEY_LEN]) {
  encode_bech32(out_text, public_key);
  out_text[kBech32Len] = '\0';
}

megaseal_error megaseal_public_key_from_text(uint8_t out_public_key[MEGASEAL_KEY_LEN], const char* text,
                                             size_t text_len) {
  if (out_public_key == nullptr) return MEGASEAL_ERROR_ARGUMENT;
  std::memset(out_public_key, 0, MEGASEAL_KEY_LEN);
  if (text == nullptr) return text_len == 0 ? MEGASEAL_ERROR_KEY_FORMAT : MEGASEAL_ERROR_ARGUMENT;
  const std::string_view trimmed = without_blanks_around({text, text_len});
  // A bech32 key cut off at 43 or 44 characters is a key in base64, of which nobody has the secret.
  Key key{};
  if (!decode_bech32(key, trimmed) && (is_begun_bech32(trimmed) || !decode_base64_key(key, trimmed)))
    return MEGASEAL_ERROR_KEY_FORMAT;
  const megaseal_error error = check_public_key(key.data());
  if (error == MEGASEAL_ERROR_NONE) std::memcpy(out_public_key, key.data(), key.size());
  return error;
}

megaseal_error megaseal_secret_key_to_pem(char out_pem[MEGASEAL_SECRET_KEY_PEM_LEN],
                                          const megaseal_secret_key* key) {
  if (!out_pem) return MEGASEAL_ERROR_ARGUMENT;
  std::memset(out_pem, 0, MEGASEAL_SECRET_KEY_PEM_LEN);
  uint8_t der[kPkcs8Len];
  std::memcpy(der, kPkcs8Prefix, sizeof kPkcs8Prefix);
  if (const megaseal_error error = megaseal_secret_key_export(key, der + sizeof kPkcs8Prefix)) return error;

  char* out = out_pem;
  std::memcpy(out, kBeginLine.data(), kBeginLine.size());
  out += kBeginLine.size();
  sodium_bin2base64(out, kPkcs8Base64Len + 1, der, sizeof der, sodium_base64_VARIANT_ORIGINAL);
  sodium_memzero(der, sizeof der);
  out += kPkcs8Base64Len;
  *out++ = '\n';
  std::memcpy(out, kEnd.data(), kEnd.size());
  out[kEnd.size()] = '\n';
  return MEGASEAL_ERROR_NONE;
}

megaseal_error megaseal_secret_key_from_pem(megaseal_secret_key** out_key, size_t* out_consumed,
                                            const char* pem, size_t pem_len) {
  if (out_key == nullptr) return MEGASEAL_ERROR_ARGUMENT;
  *out_key = nullptr;
  if (out_consumed != nullptr) *out_consumed = 0;
  if (pem == nullptr) return pem_len == 0 ? MEGASEAL_ERROR_KEY_FORMAT : MEGASEAL_ERROR_ARGUMENT;

  const std::string_view text(pem, pem_len);
  std::string_view label;
  size_t body = 0;
  do {
    if (!find_block(text, body, label, body)) {
      if (out_consumed != nullptr) *out_consumed = pem_len;
      return MEGASEAL_ERROR_KEY_FORMAT;
    }
    // A public key or a certificate is passed over like other text before the block. "ENCRYPTED PRIVATE KEY"
    // and the older per-algorithm forms are secret keys that cannot be used, and saying nothing would be no
    // kindness.
    if (label != kLabel && label.ends_with(kLabel)) return MEGASEAL_ERROR_KEY_FORMAT;
  } while (label != kLabel);
  const size_t end = text.find(kEnd, body);
  if (end == text.npos) return MEGASEAL_ERROR_KEY_FORMAT;

  uint8_t der[kPkcs8Len];
  megaseal_error error = MEGASEAL_ERROR_KEY_FORMAT;
  if (decode_pkcs8(der, text.substr(body, end - body))) {
    error = megaseal_secret_key_create(out_key, der + sizeof kPkcs8Prefix);
  }
  sodium_memzero(der, sizeof der);

  if (error == MEGASEAL_ERROR_NONE && out_consumed != nullptr) {
    size_t consumed = end + kEnd.size();
    // The line end, LF or CRLF. A bare carriage return stays: what follows it is not at the start of a line.
    const std::string_view rest = text.substr(consumed);
    if (rest.starts_with("\r\n")) {
      consumed += 2;
    } else if (rest.starts_with('\n')) {
      ++consumed;
    }
    *out_consumed = consumed;
  }
  return error;
}

}  // extern "C"
