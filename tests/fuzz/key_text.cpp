// Public keys as text: what is taken, written again, is the same key; base64 is taken as libsodium takes it.
#include <sodium.h>

#include <algorithm>

#include "tests/fuzz/fuzz.hpp"

using namespace megaseal;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<char> text(data, data + size);  // of exact size, for the sanitizer
  uint8_t key[32], again[32];
  memset(key, 0xd7, sizeof key);
  const megaseal_error error = megaseal_public_key_from_text(key, text.data(), text.size());
  std::string_view inside(text.data(), text.size());
  const std::string_view blanks = " \t\r\n";
  while (!inside.empty() && blanks.find(inside.front()) != blanks.npos) inside.remove_prefix(1);
  while (!inside.empty() && blanks.find(inside.back()) != blanks.npos) inside.remove_suffix(1);
  std::string lower(inside);
  for (char& c : lower) c = char(c >= 'A' && c <= 'Z' ? c + 32 : c);
  const bool is_bech32 = lower.starts_with("megaseal1");
  // libsodium's decoder takes two bytes beyond ASCII.
  const bool may_be_base64 = !is_bech32 && std::all_of(lower.begin(), lower.end(), [](char c) { return c > 0; });
  uint8_t decoded[33];
  size_t len = 0;
  bool is_base64 = false;
  for (int variant : {sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING})
    is_base64 |= may_be_base64 && sodium_base642bin(decoded, sizeof decoded, inside.data(), inside.size(), nullptr, &len,
                                   nullptr, variant) == 0 &&
                 len == 32;
  if (error != MEGASEAL_ERROR_NONE) {
    fuzz::demand(test::all_zero(key), "a refused key was not zeroed");
    if (is_base64) fuzz::demand(error != MEGASEAL_ERROR_KEY_FORMAT, "libsodium takes this base64");
    return 0;
  }
  fuzz::demand(is_bech32 || is_base64, "neither bech32 nor base64, and taken");
  if (!is_bech32) {
    // A valid one leaves its bytes behind; of the two variants the last tried may have been the wrong one.
    for (int variant : {sodium_base64_VARIANT_ORIGINAL, sodium_base64_VARIANT_ORIGINAL_NO_PADDING})
      if (sodium_base642bin(decoded, sizeof decoded, inside.data(), inside.size(), nullptr, &len, nullptr,
                            variant) == 0)
        fuzz::demand(memcmp(decoded, key, 32) == 0, "libsodium decodes to another key");
  }
  char printed[MEGASEAL_PUBLIC_KEY_TEXT_LEN];
  megaseal_public_key_to_text(printed, key);
  fuzz::demand(megaseal_public_key_from_text(again, printed, strlen(printed)) == MEGASEAL_ERROR_NONE &&
                   memcmp(key, again, 32) == 0,
               "a key's own text is another key's");
  if (is_bech32) fuzz::demand(lower == printed, "two texts of one key");
  return 0;
}
