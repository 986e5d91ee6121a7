// megaseal keygen and megaseal pub.
#include <fcntl.h>
#include <sodium.h>
#include <unistd.h>

#include <filesystem>
#include <string>
#include <unordered_set>
#include <vector>

#include "engine/cli/files.hpp"
#include "engine/cli/frames.hpp"
#include "engine/cli/identities.hpp"
#include "engine/cli/interrupt.hpp"
#include "engine/cli/json_text.hpp"
#include "engine/cli/roles.hpp"
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
  check(megaseal_secret_key_to_pem(pem, key), "cannot write a key");
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

// All of them, before the first key is made: one bad name, and nothing is written.
std::vector<std::string> read_names(const std::string& path) {
  constexpr size_t kBlockLen = 64 << 10;
  constexpr std::string_view kByteOrderMark = "\xef\xbb\xbf";
  FrameReader reader({path}, Framing::lines, FrameReader::Blanks::left_out, kBlockLen, kBlockLen);
  FrameBlock block;
  std::vector<std::string> names;
  std::unordered_set<std::string> known;
  while (reader.next(block)) {
    for (const Frame& line : block.frames) {
      const std::string_view name =
          line.bytes.ends_with('\r') ? line.bytes.substr(0, line.bytes.size() - 1) : line.bytes;
      // A name stands in a comment line of the PEM file, where a line end would let it add keys of its own.
      if (line.fault != Frame::Fault::none || looks_like_key(name) || !is_printable(name) ||
          name.find('\t') != name.npos || name.starts_with(kByteOrderMark)) {
        fail("{}: line {}: not a name", display_name(path), line.number);
      }
      if (!known.emplace(name).second) {
        fail("{}: line {}: the name \"{}\" is there twice", display_name(path), line.number, name);
      }
      names.emplace_back(name);
    }
  }
  if (names.empty()) fail("no names in {}", display_name(path));
  return names;
}

// With --force the directory would replace the secret keys.
void check_outputs_differ(const Options& options) {
  const auto place = [](const std::string& path) -> std::filesystem::path {
    if (path.empty() || path == "-") return "-";
    std::error_code error;
    const auto whole = std::filesystem::weakly_canonical(std::filesystem::absolute(path), error);
    return error ? std::filesystem::path(path) : whole;
  };
  // /dev/stdout is a place of its own, and yet may be the file that standard output goes to.
  const auto secrets = file_status(options.output.empty() ? "-" : options.output, STDOUT_FILENO);
  const auto directory = file_status(options.directory, STDOUT_FILENO);
  const bool one_file = secrets && directory && S_ISREG(secrets->st_mode) && same_file(*secrets, *directory);
  if (one_file || place(options.output) == place(options.directory)) {
    fail_usage("-o and --directory are both {}",
               options.directory == "-" ? "standard output" : options.directory);
  }
}

// A key for each name: the secret keys into one PEM file, each under its name as a comment; names and public
// keys into a directory.
void generate_named(Output& secrets, const Options& options) {
  constexpr size_t kBlockLen = 64 << 10;
  Output directory(options.directory, 0666, options.force ? Output::Replace::yes : Output::Replace::no);
  std::string text;
  for (const std::string& name : read_names(options.names)) {
    if (caught_signal() != 0) throw Interrupted();
    const SecretKey key = generate();
    secrets.write(fmt::format("# {}\n", name));
    write_pem(secrets, key.get());
    text += "{\"name\":";
    append_json_string(text, name);
    fmt::format_to(std::back_inserter(text), ",\"key\":\"{}\"}}\n", public_key_text(key.get()));
    if (text.size() < kBlockLen) continue;
    directory.write(text);
    text.clear();
  }
  directory.write(text);
  // Whoever finds a public key there can count on the secret key being safe, so the directory comes last.
  secrets.commit();
  directory.commit();
}

// Keys take no backend; but one that is asked for is never passed over in silence.
void check_backend(const Options& options) {
  if (!options.backend.empty()) make_engine(options.backend, 1);
}

// A key that nobody can be told is of no use. Who closed standard error doesn't want to be told.
void tell_public_key(const megaseal_secret_key* key) {
  if ((::fcntl(STDERR_FILENO, F_GETFL) & O_ACCMODE) == O_RDONLY) return;
  write_lines(STDERR_FILENO, public_key_text(key) + "\n", "standard error");
}

}  // namespace

Exit run_keygen(const Options& options) {
  if (!options.names.empty()) check_outputs_differ(options);
  check_outputs(options);
  check_backend(options);
  Output out(options.output, kSecretMode, options.force ? Output::Replace::yes : Output::Replace::no);
  if (!options.names.empty()) {
    generate_named(out, options);
    return Exit::done;
  }
  const SecretKey key = generate();
  write_pem(out, key.get());
  out.commit();
  // Last, and bare: whoever sees it can count on the secret key being safe, and `2> key.pub` makes a file for
  // -R.
  tell_public_key(key.get());
  return Exit::done;
}

Exit run_pub(const Options& options) {
  check_backend(options);
  std::vector<SecretKey> keys;
  if (options.inputs.empty()) load_secret_keys(keys, "-", false);
  for (const std::string& path : options.inputs) load_secret_keys(keys, path, !options.quiet);
  Output out("");
  for (const SecretKey& key : keys) out.write(public_key_text(key.get()) + "\n");
  return Exit::done;
}

}  // namespace megaseal::cli
