// Secret keys in PEM: what is taken, OpenSSL reads as the same key; and what OpenSSL writes is taken, whatever stands before
// and behind it and wherever blanks are.
#include <openssl/evp.h>
#include <openssl/pem.h>

#include <algorithm>
#include <string>

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

template <class Write>
std::string written_by(const Write& write) {
  BIO* const bio = BIO_new(BIO_s_mem());
  fuzz::demand(write(bio) == 1, "OpenSSL does not write");
  char* text = nullptr;
  const long len = BIO_get_mem_data(bio, &text);
  const std::string out(text, size_t(len));
  BIO_free(bio);
  return out;
}

/// A key of the fuzzer's bytes, in a file that it makes difficult without making it wrong.
void demand_taken(fuzz::Input input) {
  const uint8_t how = input.byte();
  const fuzz::Bytes secret = input.bytes(32);
  EVP_PKEY* const theirs =
      EVP_PKEY_new_raw_private_key(EVP_PKEY_X25519, nullptr, secret.data(), secret.size());
  fuzz::demand(theirs != nullptr, "OpenSSL makes no key of 32 bytes");
  std::string pem = written_by(
      [&](BIO* bio) { return PEM_write_bio_PrivateKey(bio, theirs, nullptr, nullptr, 0, nullptr, nullptr); });
  if (how & 1) pem.pop_back();  // a file may end without the end of its line
  const size_t begin_line_len = pem.find('\n');
  for (uint8_t num_blanks = input.byte() % 8; num_blanks > 0; num_blanks--) {
    const size_t at = begin_line_len + input.byte() % (pem.find("-----END") - begin_line_len + 1);
    pem.insert(at, 1, " \t\r\n"[input.byte() % 4]);
  }
  if (how & 2)
    for (size_t at = 0; (at = pem.find('\n', at)) != pem.npos; at += 2) pem.insert(at, 1, '\r');
  std::string before;
  if (how & 4) before = written_by([&](BIO* bio) { return PEM_write_bio_PUBKEY(bio, theirs); });
  EVP_PKEY_free(theirs);
  const fuzz::Bytes text = input.bytes(input.byte());
  before.append(text.begin(), text.end());
  // Nothing before it begins a block, and it begins a line.
  if (!text.empty()) std::replace(before.end() - ptrdiff_t(text.size()), before.end(), '-', '_');
  if (!before.empty() && before.back() != '\n') before += '\n';
  const fuzz::Bytes behind = how & 1 ? fuzz::Bytes() : input.rest();
  std::string file = before + pem;
  file.append(behind.begin(), behind.end());

  megaseal_secret_key* key = nullptr;
  size_t consumed = 0;
  fuzz::demand(megaseal_secret_key_from_pem(&key, &consumed, file.data(), file.size()) == MEGASEAL_ERROR_NONE,
               "what OpenSSL writes is refused");
  uint8_t raw[32];
  fuzz::demand(megaseal_secret_key_export(key, raw) == MEGASEAL_ERROR_NONE, "a key cannot be exported");
  megaseal_secret_key_release(key);
  fuzz::demand(memcmp(raw, secret.data(), sizeof raw) == 0, "what OpenSSL writes is read as another key");
  fuzz::demand(consumed == before.size() + pem.size(), "the next key would be sought elsewhere");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  // No text begins so.
  if (size > 0 && data[0] < 8) {
    demand_taken(fuzz::Input(data, size));
    return 0;
  }
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
  fuzz::demand(megaseal_secret_key_export(key, raw) == MEGASEAL_ERROR_NONE, "a key cannot be exported");
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
  fuzz::demand(megaseal_secret_key_to_pem(pem, key) == MEGASEAL_ERROR_NONE, "a key cannot be written");
  fuzz::demand(openssl_reads(theirs, pem, strlen(pem)) && memcmp(raw, theirs, 32) == 0,
               "OpenSSL does not read what was written");
  megaseal_secret_key_release(key);
  return 0;
}
