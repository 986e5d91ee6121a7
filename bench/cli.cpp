// The command's own work: reading NDJSON, parsing, base64, escaping, putting it in order and writing it. With the
// `null` cipher, which copies, that is all there is; with a backend it is what a user of the command gets. To be
// compared with hpke_seal and hpke_open at as many threads.
//
// Records come from a file in the page cache and go to /dev/null, through the same code as `megaseal seal` and `open`.
#include <stdlib.h>

#include <cstring>
#include <filesystem>
#include <fstream>
#include <memory>

#include "bench/data.hpp"
#include "bench/suites.hpp"
#include "engine/cli/session.hpp"
#include "engine/cli/verbs.hpp"

namespace megaseal::bench {
namespace {

namespace fs = std::filesystem;
using cli::Options;

// Seals by putting zeros where the ephemeral key and the tag would be.
class NullCipher : public cli::Cipher {
 public:
  void seal(cli::Items& items, const std::vector<cli::PublicKey>& /*recipients*/) const override {
    const megaseal_batch batch = items.batch();
    for (size_t i = 0; i < batch.num_items; i++) {
      auto* out = static_cast<uint8_t*>(batch.out.ptrs[i]);
      std::memset(out, 0, enc_len);
      copy(out + enc_len, batch.in.ptrs[i], batch.in.lens[i]);
      std::memset(out + enc_len + batch.in.lens[i], 0, tag_len);
      finish(batch, i, batch.in.lens[i] + enc_len + tag_len);
    }
  }
  void open(cli::Items& items, const std::vector<const megaseal_secret_key*>& /*keys*/) const override {
    const megaseal_batch batch = items.batch();
    for (size_t i = 0; i < batch.num_items; i++) {
      const uint64_t len = batch.in.lens[i] - enc_len - tag_len;
      copy(batch.out.ptrs[i], static_cast<const uint8_t*>(batch.in.ptrs[i]) + enc_len, len);
      finish(batch, i, len);
    }
  }

 private:
  static constexpr size_t enc_len = 32, tag_len = 16;
  static void copy(void* out, const void* in, size_t len) {
    if (len) std::memcpy(out, in, len);
  }
  static void finish(const megaseal_batch& batch, size_t i, uint64_t len) {
    batch.out.lens[i] = len;
    batch.out_statuses[i] = MEGASEAL_OK;
  }
};

// A directory of names, the key file that belongs to it, and records to these names in turn; gone with the program.
class Files {
 public:
  explicit Files(const Shape& shape) {
    std::string name = (fs::temp_directory_path() / "megaseal-bench.XXXXXX").string();
    require(mkdtemp(name.data()) != nullptr, "no temporary directory");
    root_ = name;
    const cli::SecretBytes keys = make_keys(shape.recipients);
    std::ofstream(keys_path(), std::ios::binary).write(keys.data(), std::streamsize(keys.size()));
    fs::permissions(keys_path(), fs::perms::owner_read | fs::perms::owner_write);
    std::ofstream records(plain_path());
    const Bytes random = random_bytes(shape.bytes * shape.batch);
    for (size_t i = 0; i < shape.batch; i++) {
      records << R"({"to":"name)" << i % shape.recipients << R"(","id":)" << i << R"(,"msg":")";
      for (size_t k = 0; k < shape.bytes; k++) put_letter(records, random[i * shape.bytes + k], k);
      records << "\"}\n";
    }
    require(records.flush().good(), "cannot write the records");
  }
  Files(const Files&) = delete;
  Files& operator=(const Files&) = delete;
  ~Files() { fs::remove_all(root_); }

  std::string directory_path() const { return root_ / "directory.ndjson"; }
  std::string keys_path() const { return root_ / "keys.pem"; }
  std::string plain_path() const { return root_ / "plain.ndjson"; }
  std::string sealed_path() const { return root_ / "sealed.ndjson"; }
  std::string opened_path() const { return root_ / "opened.ndjson"; }

 private:
  cli::SecretBytes make_keys(size_t num) const {
    cli::SecretBytes pems;
    std::ofstream directory(directory_path());
    for (size_t i = 0; i < num; i++) {
      megaseal_secret_key* key = key_pairs().handles[i];
      char pem[MEGASEAL_SECRET_KEY_PEM_LEN], text[MEGASEAL_PUBLIC_KEY_TEXT_LEN];
      check(megaseal_secret_key_to_pem(pem, key));
      pems.insert(pems.end(), pem, pem + std::strlen(pem));
      sodium_memzero(pem, sizeof pem);
      megaseal_public_key_to_text(text, key_pairs().publics.data() + 32 * i);
      directory << R"({"name":"name)" << i << R"(","key":")" << text << "\"}\n";
    }
    return pems;
  }
  // Letters and blanks, and as often as in prose something that JSON escapes.
  static void put_letter(std::ofstream& out, uint8_t random, size_t position) {
    constexpr std::string_view letters = "etaoin shrdlucmfwypvbgkqjxz ETAOIN";
    if (position % 64 == 63)
      out << "\\n";
    else if (position % 64 == 40)
      out << "\\\"";
    else
      out << letters[random % letters.size()];
  }

  fs::path root_;
};

std::string contents(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

struct CliWork {
  CliWork(const std::string& implementation, bool seal_, const Shape& shape) : files(shape), seal(seal_) {
    options.verb = seal ? cli::Verb::seal : cli::Verb::open;
    options.threads = shape.threads;
    options.quiet = true;
    options.directory = files.directory_path();
    options.identities = {files.keys_path()};
    if (implementation == "null") {
      cipher = std::make_unique<NullCipher>();
    } else {
      options.backend = implementation;
      auto engine_cipher = std::make_unique<cli::EngineCipher>(options);
      block_len = engine_cipher->block_len(seal ? MEGASEAL_OP_HPKE_SEAL : MEGASEAL_OP_HPKE_OPEN);
      cipher = std::move(engine_cipher);
    }
    run(true, files.plain_path(), files.sealed_path());
    run(false, files.sealed_path(), files.opened_path());
    require(contents(files.opened_path()) == contents(files.plain_path()),
            "what was sealed opens to something else");
  }

  void run(bool sealing, const std::string& from, const std::string& to) {
    options.inputs = {from};
    options.output = to;
    const cli::Exit exit = sealing ? cli::seal_stream(options, *cipher, block_len, "")
                                   : cli::open_stream(options, *cipher, block_len, "");
    require(exit == cli::Exit::done, "records were not done");
  }
  void run() { run(seal, seal ? files.plain_path() : files.sealed_path(), "/dev/null"); }

  Files files;
  const bool seal;
  Options options;
  size_t block_len = 256 << 10;
  std::unique_ptr<cli::Cipher> cipher;
};

}  // namespace

void add_cli() {
  std::vector<unsigned> threads = thread_counts();
  threads.insert(threads.begin(), 1);
  for (const bool seal : {true, false})
    for (const unsigned num : threads) {
      const Shape shape{.bytes = 256, .batch = 1 << 16, .threads = num, .recipients = 1000};
      std::vector<std::string> implementations =
          backends_for(seal ? MEGASEAL_OP_HPKE_SEAL : MEGASEAL_OP_HPKE_OPEN);
      implementations.emplace_back("null");
      for (const std::string& implementation : implementations)
        add(seal ? "cli_seal" : "cli_open", implementation, shape, [seal, implementation](const Shape& s) {
          const auto work = std::make_shared<CliWork>(implementation, seal, s);
          return Case{{[work] { work->run(); }, ""}, double(s.batch), double(s.batch * s.bytes)};
        });
    }
}

}  // namespace megaseal::bench
