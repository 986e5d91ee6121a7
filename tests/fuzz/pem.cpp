// Secret keys in PEM: what is taken, OpenSSL reads as the same key.
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "tests/fuzz/fuzz.hpp"

using namespace megaseal;

namespace {

/// The first X25519 key that OpenSSL finds.
bool openssl_reads(uint8_t (&out)[32], const char* pem, size_t len) {
  BIO* const bio = BIO_new_mem_buf(pem, int(len));
  bool found = false;
  if (EVP_PKEY* const key = PEM_read_bio_PrivateKey(
          bio, nullptr, [](char*, int, int, void*) { return -1; }, nullptr)) {
    size_t n = sizeof out;
    found = EVP_PKEY_id(key) == EVP_PKEY_X25519 && EVP_PKEY_get_raw_private_key(key, out, &n) == 1 && n == 32;
    EVP_PKEY_free(key);
  }
  BIO_free(bio);
  return found;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  const std::vector<char> text(data, data + size);
  megaseal_secret_key* key = nullptr;
  size_t consumed = ~size_t(0);
  const megaseal_error error = megaseal_secret_key_from_pem(&key, &consumed, text.data(), text.size());
  if (error != MEGASEAL_ERROR_NONE) {
    fuzz::demand(key == nullptr, "a refused key was made");
    return 0;
  }
  fuzz::demand(consumed <= size, "more was consumed than there is");
  uint8_t raw[32], theirs[32];
  megaseal_secret_key_export(key, raw);
  // OpenSSL stops at the first key of any kind, and is stricter about where lines end: it is shown the block alone, on
  // one line.
  const std::string_view block(text.data(), consumed), begin_line = "-----BEGIN PRIVATE KEY-----",
                                                       end_line = "-----END PRIVATE KEY-----";
  const size_t begin = block.rfind(begin_line), end = block.rfind(end_line);
  fuzz::demand(begin != block.npos && end != block.npos && begin < end, "a key without beginning or end");
  std::string again(begin_line);
  again += '\n';
  for (char c : block.substr(begin + begin_line.size(), end - begin - begin_line.size()))
    if (!strchr(" \t\r\n", c) || c == 0) again += c;
  again += '\n';
  again += end_line;
  again += '\n';
  fuzz::demand(openssl_reads(theirs, again.data(), again.size()), "OpenSSL reads no key there");
  fuzz::demand(memcmp(raw, theirs, 32) == 0, "OpenSSL reads another key");
  char pem[MEGASEAL_SECRET_KEY_PEM_LEN];
  megaseal_secret_key_to_pem(pem, key);
  fuzz::demand(openssl_reads(theirs, pem, strlen(pem)) && memcmp(raw, theirs, 32) == 0,
               "OpenSSL does not read what was written");
  megaseal_secret_key_release(key);
  return 0;
}
