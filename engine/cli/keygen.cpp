// megaseal keygen and megaseal pub.
#include <sodium.h>

#include "engine/cli/files.hpp"
#include "engine/cli/identities.hpp"
#include "engine/cli/json_text.hpp"
#include "engine/cli/lines.hpp"
#include "engine/cli/session.hpp"
#include "engine/cli/verbs.hpp"

namespace megaseal::cli {
namespace {

constexpr unsigned kSecretMode = 0600;

std::string public_key_text(const megaseal_secret_key* key) {
  PublicKey public_key;
  megaseal_secret_key_public_key(key, public_key.data());
  char text[MEGASEAL_PUBLIC_KEY_TEXT_LEN];
  megaseal_public_key_to_text(text, public_key.data());
  return text;
}

void write_pem(Output& out, const megaseal_secret_key* key) {
  char pem[MEGASEAL_SECRET_KEY_PEM_LEN];
  megaseal_secret_key_to_pem(pem, key);
  try {
    out.write(pem);
  } catch (...) {
    sodium_memzero(pem, sizeof pem);
    throw;
  }
  sodium_memzero(pem, sizeof pem);
}

SecretKey generate() {
  megaseal_secret_key* key = nullptr;
  check(megaseal_secret_key_generate(&key), "cannot make a key");
  return SecretKey(key);
}

// A key for each name: the secret keys into one PEM file, each under its name as a comment; names and public
// keys into a directory.
void generate_named(Output& secrets, const Options& options) {
  constexpr size_t kBlockLen = 64 << 10;
  LineReader reader({options.names}, kBlockLen, kBlockLen);
  Output directory(options.directory, 0666, options.force ? Output::Replace::yes : Output::Replace::no);
  LineBlock block;
  std::string text;
  while (reader.next(block)) {
    text.clear();
    for (const Line& line : block.lines) {
      const std::string_view name =
          line.text.ends_with('\r') ? line.text.substr(0, line.text.size() - 1) : line.text;
      if (line.too_long || looks_like_key(name) || !is_utf8(name)) {
        fail("{}: line {}: not a name", display_name(options.names), line.number);
      }
      const SecretKey key = generate();
      secrets.write(fmt::format("# {}\n", name));
      write_pem(secrets, key.get());
      text += "{\"name\":";
      append_json_string(text, name);
      fmt::format_to(std::back_inserter(text), ",\"key\":\"{}\"}}\n", public_key_text(key.get()));
    }
    directory.write(text);
  }
  directory.commit();
}

}  // namespace

Exit run_keygen(const Options& options) {
  Output out(options.output, kSecretMode, options.force ? Output::Replace::yes : Output::Replace::no);
  if (!options.names.empty()) {
    generate_named(out, options);
    out.commit();
    return Exit::done;
  }
  const SecretKey key = generate();
  write_pem(out, key.get());
  out.commit();
  // Last, and bare: whoever sees it can count on the secret key being safe, and `2> key.pub` makes a file for
  // -R.
  tell("{}", public_key_text(key.get()));
  return Exit::done;
}

Exit run_pub(const Options& options) {
  std::vector<SecretKey> keys;
  if (options.inputs.empty()) load_secret_keys(keys, "-", false);
  for (const std::string& path : options.inputs) load_secret_keys(keys, path, !options.quiet);
  Output out("");
  for (const SecretKey& key : keys) out.write(public_key_text(key.get()) + "\n");
  return Exit::done;
}

}  // namespace megaseal::cli
