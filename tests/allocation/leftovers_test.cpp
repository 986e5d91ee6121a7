// What batch calls leave behind in the whole process: after they succeeded, failed or were cut short, no writable memory
// (heap, stacks of all threads, the engine's scratch) and no register of a waiting worker holds anything of the ephemeral
// secrets, shared secrets, keys, base nonces, exporter secrets, exports, key streams or plaintexts.
//
// What is looked for is never in this process in the clear: a child computes it and sends it under a mask.
#include <dirent.h>
#include <signal.h>
#include <sodium.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <ucontext.h>
#include <unistd.h>

#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <cstring>
#include <fstream>

#include "tests/allocation/own_malloc.hpp"
#include "tests/support/handles.hpp"
#include "tests/support/reference.hpp"

namespace megaseal::test {
namespace {

constexpr size_t num = 300, text_len = 100;
constexpr uint64_t mask = 0x5b2f91c7d3a6e84d;

enum class Kind { sealedbox, hpke, context, chacha20poly1305, xchacha20poly1305 };
constexpr bool is_aead(Kind kind) { return kind >= Kind::chacha20poly1305; }
constexpr size_t overhead(Kind kind) { return kind <= Kind::hpke ? 48 : 16; }

/// What the batches are made of, in memory that is no one else's; secrets of it are wiped before the search. `secrets`
/// are the ephemeral ones, the AEADs' keys, and first of them the one that a context's sender draws.
uint8_t secrets[32 * num], texts[text_len * num], exports[32 * num];
uint8_t nonces[24 * num], enc[32], sealed[(text_len + 48) * num], opened[text_len * num];

void draw_inputs() {
  Random random(20260101);
  random.fill(secrets);
  random.fill(texts);
  random.fill(nonces);
}

// ---- The search ----

/// Eight bytes of a secret, masked; whose they are.
struct Needle {
  uint64_t masked;
  uint32_t piece;
};
enum Piece : uint32_t {
  ephemeral_secret,
  shared_secret,
  message_key,
  subkey,
  base_nonce,
  exporter_secret,
  exported,
  key_stream,
  plaintext
};
const char* const pieces[] = {"ephemeral secret", "shared secret", "key",        "subkey",   "base nonce",
                              "exporter secret",  "exported one",  "key stream", "plaintext"};

class Needles {
 public:
  void add(uint64_t masked, uint32_t piece) {
    if ((masked ^ mask) == 0) return;
    maybe_[slot(masked)] = true;
    all_.push_back({masked, piece});
  }
  void finish() {
    std::sort(all_.begin(), all_.end(), [](const Needle& a, const Needle& b) { return a.masked < b.masked; });
  }
  size_t size() const { return all_.size(); }
  /// The piece that these eight bytes belong to, or -1. Safe in a signal handler.
  int find(const uint8_t* p) const {
    uint64_t word;
    std::memcpy(&word, p, 8);
    word ^= mask;
    if (!maybe_[slot(word)]) return -1;
    const auto it = std::lower_bound(all_.begin(), all_.end(), word,
                                     [](const Needle& a, uint64_t w) { return a.masked < w; });
    return it != all_.end() && it->masked == word ? int(it->piece) : -1;
  }

 private:
  static constexpr int bits = 22;
  static size_t slot(uint64_t word) { return size_t(word * 0x9e3779b97f4a7c15 >> (64 - bits)); }
  std::vector<bool> maybe_ = std::vector<bool>(size_t(1) << bits);
  std::vector<Needle> all_;
};

Bytes bytes_at(const uint8_t* p, size_t n) { return Bytes(p, p + n); }

/// In a child: everything that sealing these texts with these secrets computes.
void send_needles(int to, const Bytes& recipient, Kind kind) {
  FILE* const out = fdopen(to, "w");
  const auto send = [&](Piece piece, const Bytes& secret) {
    for (size_t i = 0; i + 8 <= secret.size(); i += 8) {
      Needle needle{0, piece};
      std::memcpy(&needle.masked, &secret[i], 8);
      needle.masked ^= mask;
      fwrite(&needle, sizeof needle, 1, out);
    }
  };
  const auto send_stream = [&](const Bytes& key, const Bytes& nonce) {
    send(key_stream, reference::chacha20_stream(key, nonce, 0, 64 + text_len));
  };
  const auto send_xchacha = [&](const Bytes& key, const Bytes& nonce) {
    Bytes sub(32), rest(4);
    crypto_core_hchacha20(sub.data(), nonce.data(), key.data(), nullptr);
    rest.insert(rest.end(), nonce.begin() + 16, nonce.end());
    send(message_key, key), send(subkey, sub), send_stream(sub, rest);
  };
  reference::HpkeKeys keys;
  for (size_t i = 0; i < num; i++) {
    const Bytes secret = bytes_at(secrets + 32 * i, 32);
    send(plaintext, bytes_at(texts + text_len * i, text_len));
    if (is_aead(kind)) {
      const Bytes nonce = bytes_at(nonces + 24 * i, 24);
      if (kind == Kind::xchacha20poly1305)
        send_xchacha(secret, nonce);
      else
        send(message_key, secret), send_stream(secret, Bytes(nonce.begin(), nonce.begin() + 12));
      continue;
    }
    if (i == 0 || kind != Kind::context) {
      const Bytes dh = reference::x25519(secret, recipient);
      send(ephemeral_secret, secret), send(shared_secret, dh);
      if (kind == Kind::sealedbox) {  // as crypto_box_curve25519xchacha20poly1305_seal does it
        const Bytes zeros(16);
        Bytes key(32), both = reference::x25519_public(secret), nonce(24);
        crypto_core_hchacha20(key.data(), zeros.data(), dh.data(), nullptr);
        both.insert(both.end(), recipient.begin(), recipient.end());
        crypto_generichash(nonce.data(), 24, both.data(), 64, nullptr, 0);
        send_xchacha(key, nonce);
        continue;
      }
      keys = reference::hpke_schedule({}, dh, reference::x25519_public(secret), recipient);
      send(message_key, keys.key), send(base_nonce, keys.base_nonce);
      send(exporter_secret, keys.exporter_secret);
    }
    send_stream(keys.key, kind == Kind::context ? reference::hpke_nonce(keys, i) : keys.base_nonce);
    if (kind == Kind::context)
      send(exported, reference::hpke_export(keys, bytes_at(nonces + 24 * i, 24), 32));
  }
  fclose(out);
}

Needles needles_for(const Bytes& recipient, Kind kind) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    draw_inputs();
    send_needles(ends[1], recipient, kind);
    _exit(0);
  }
  close(ends[1]);
  Needles out;
  FILE* const in = fdopen(ends[0], "r");
  for (Needle needle; fread(&needle, sizeof needle, 1, in) == 1;) out.add(needle.masked, needle.piece);
  fclose(in);
  waitpid(child, nullptr, 0);
  out.finish();
  return out;
}

struct Region {
  uintptr_t begin, end;
  char name[64];
};

std::vector<Region> writable_memory() {
  std::vector<Region> out;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    Region region{};
    char permissions[5];
    if (sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %*s %63[^\n]", &region.begin, &region.end,
               permissions, region.name) >= 3 &&
        permissions[0] == 'r' && permissions[1] == 'w')
      out.push_back(region);
  }
  return out;
}

/// What is found in all of the process's writable memory.
std::vector<std::string> search_memory(const Needles& needles) {
  std::vector<std::string> found;
  for (const Region& region : writable_memory())
    for (uintptr_t p = region.begin; p + 8 <= region.end; p++)
      if (const int piece = needles.find(reinterpret_cast<const uint8_t*>(p)); piece >= 0) {
        found.push_back(std::string(pieces[piece]) + " in " +
                        (region.name[0] ? region.name : "anonymous memory"));
        if (found.size() > 10) return found;
      }
  return found;
}

// ---- Registers of the workers ----

const Needles* sought;
std::atomic<int> num_answered, in_registers;

/// The kernel has laid all of the thread's registers out before this runs.
void look_at_registers(int, siginfo_t*, void* context) {
  const auto* const uc = static_cast<const ucontext_t*>(context);
  const auto search = [](const void* p, size_t n) {
    for (size_t i = 0; i + 8 <= n; i += 4)
      if (sought->find(static_cast<const uint8_t*>(p) + i) >= 0) in_registers++;
  };
  search(uc->uc_mcontext.gregs, sizeof uc->uc_mcontext.gregs);
  if (const auto* const vectors = reinterpret_cast<const uint8_t*>(uc->uc_mcontext.fpregs)) {
    // The size of the extended state stands in bytes that the format leaves to software (struct _fpx_sw_bytes).
    uint32_t magic, size;
    std::memcpy(&magic, vectors + 464, 4), std::memcpy(&size, vectors + 480, 4);
    search(vectors, magic == 0x46505853 ? size : 512);
  }
  num_answered++;
}

/// How many pieces are found there; -1 where there are no workers.
int search_registers_of_others(const Needles& needles) {
  sought = &needles;
  num_answered = 0, in_registers = 0;
  struct sigaction action = {};
  action.sa_sigaction = look_at_registers;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGUSR2, &action, nullptr);
  int num_asked = 0;
  DIR* const tasks = opendir("/proc/self/task");
  while (const dirent* const entry = readdir(tasks)) {
    const pid_t tid = pid_t(std::atoi(entry->d_name));
    if (tid == 0 || tid == gettid()) continue;
    num_asked += syscall(SYS_tgkill, getpid(), tid, SIGUSR2) == 0;
  }
  closedir(tasks);
  for (int i = 0; i < 5000 && num_answered < num_asked; i++) usleep(1000);
  EXPECT_EQ(num_answered, num_asked);
  return num_asked == 0 ? -1 : int(in_registers);
}

/// The test's own traces: what it drew, and what drawing left on the stack.
__attribute__((noinline)) void wipe_own() {
  uint8_t below[64 * 1024];
  sodium_memzero(below, sizeof below);
  sodium_memzero(secrets, sizeof secrets);
  sodium_memzero(texts, sizeof texts);
  sodium_memzero(opened, sizeof opened);
  sodium_memzero(exports, sizeof exports);
}

/// What the texts are enciphered with is among what is sought. A child looks, whose own traces end with it.
bool streams_are_sought(const Needles& needles, Kind kind) {
  const pid_t child = fork();
  if (child == 0) {
    const size_t at = kind == Kind::sealedbox ? 48 : kind == Kind::hpke ? 32 : 0;
    size_t num_sought = 0;
    for (size_t i = 0; i < num; i++) {
      uint8_t word[8];
      for (size_t b = 0; b < 8; b++)
        word[b] = texts[text_len * i + b] ^ sealed[(text_len + overhead(kind)) * i + at + b];
      num_sought += needles.find(word) == key_stream;
    }
    _exit(num_sought != num);
  }
  int status = -1;
  return waitpid(child, &status, 0) == child && status == 0;
}

void expect_nothing_left(const Needles& needles, const char* after, bool has_workers = true) {
  wipe_own();
  const std::vector<std::string> found = search_memory(needles);
  EXPECT_TRUE(found.empty()) << after << ": " << found.size() << " pieces, the first a piece of the "
                             << found[0];
  const int in_their_registers = search_registers_of_others(needles);
  EXPECT_TRUE(in_their_registers == 0 || (in_their_registers < 0 && !has_workers)) << after;
}

class ProcessLeftovers : public ::testing::TestWithParam<Kind> {
 protected:
  void SetUp() override {
    if (!own_malloc::is_here) GTEST_SKIP() << "sanitizers' shadow memory is too large to search";
  }
  megaseal_batch batch_of(const void* in, size_t in_len, void* out, size_t out_len) {
    for (size_t i = 0; i < num; i++) {
      ins_[i] = static_cast<const uint8_t*>(in) + in_len * i, in_lens_[i] = in_len;
      outs_[i] = static_cast<uint8_t*>(out) + out_len * i, out_lens_[i] = out_len;
    }
    megaseal_batch batch = {};
    batch.struct_size = sizeof batch;
    batch.num_items = num;
    batch.in.ptrs = ins_, batch.in.lens = in_lens_;
    batch.out.ptrs = outs_, batch.out.capacities = out_lens_;
    batch.out_statuses = statuses_;
    return batch;
  }
  megaseal_error seal(megaseal_engine* engine) {
    const megaseal_batch batch = batch_of(texts, text_len, sealed, text_len + overhead(GetParam()));
    const megaseal_recipients to = to_one(&recipient_handle_);
    switch (GetParam()) {
      case Kind::sealedbox:
        return testing::sealedbox_seal_batch(engine, nullptr, &batch, MEGASEAL_FORMAT_SEALEDBOX, &to,
                                             secrets);
      case Kind::hpke:
        return testing::hpke_seal_batch(engine, nullptr, nullptr, &batch, nullptr, &to, secrets);
      case Kind::context: {
        megaseal_hpke_context* context = nullptr;
        megaseal_error error =
            testing::hpke_sender_create(&context, enc, engine, nullptr, recipient_handle_, secrets, 0);
        if (error == MEGASEAL_ERROR_NONE)
          error = megaseal_hpke_context_seal_batch(context, nullptr, nullptr, engine, &batch);
        if (error == MEGASEAL_ERROR_NONE) error = export_all(context, engine);
        megaseal_hpke_context_destroy(context);
        return error;
      }
      default:
        return megaseal_aead_seal_batch(engine, nullptr, &batch, aead_format(), &aead_keys_);
    }
  }
  megaseal_error open(megaseal_engine* engine, size_t* num_failed) {
    const megaseal_batch batch = batch_of(sealed, text_len + overhead(GetParam()), opened, text_len);
    switch (GetParam()) {
      case Kind::sealedbox:
        return megaseal_sealedbox_open_batch(engine, num_failed, &batch, MEGASEAL_FORMAT_SEALEDBOX,
                                             &key_handle_, 0);
      case Kind::hpke:
        return megaseal_hpke_open_batch(engine, num_failed, nullptr, &batch, nullptr, &key_handle_, 0);
      case Kind::context: {
        megaseal_hpke_context* context = nullptr;
        megaseal_error error = megaseal_hpke_receiver_create(&context, engine, nullptr, key_handle_, enc);
        uint64_t sequences[num];
        for (size_t i = 0; i < num; i++) sequences[i] = i;
        if (error == MEGASEAL_ERROR_NONE)
          error = megaseal_hpke_context_open_batch(context, num_failed, engine, &batch, sequences);
        if (error == MEGASEAL_ERROR_NONE) error = export_all(context, engine);
        megaseal_hpke_context_destroy(context);
        return error;
      }
      default:
        return megaseal_aead_open_batch(engine, num_failed, &batch, aead_format(), &aead_keys_);
    }
  }
  megaseal_error export_all(const megaseal_hpke_context* context, megaseal_engine* engine) {
    const void* contexts[num];
    uint64_t lens[num];
    for (size_t i = 0; i < num; i++) contexts[i] = nonces + 24 * i, lens[i] = 24;
    megaseal_inputs inputs = {};
    inputs.ptrs = contexts, inputs.lens = lens;
    return megaseal_hpke_context_export_batch(context, exports, engine, num, &inputs, 32);
  }
  megaseal_format aead_format() const {
    return GetParam() == Kind::chacha20poly1305 ? MEGASEAL_FORMAT_CHACHA20POLY1305
                                                : MEGASEAL_FORMAT_XCHACHA20POLY1305;
  }

  const megaseal_aead_keys aead_keys_ = {secrets, 32, nonces, 24};
  SecretKey key_ = make_secret_key(Random(3).bytes(32));
  Recipient recipient_ = make_recipient(public_key_of(key_.get()));
  const megaseal_secret_key* key_handle_ = key_.get();
  const megaseal_recipient* recipient_handle_ = recipient_.get();
  const void* ins_[num];
  void* outs_[num];
  uint64_t in_lens_[num], out_lens_[num];
  uint8_t statuses_[num];
};

TEST_P(ProcessLeftovers, NoneAfterBatches) {
  const Needles needles = needles_for(public_key_of(key_.get()), GetParam());
  ASSERT_GE(needles.size(), num * 32);
  for (const auto& row : backend_rows()) {
    SCOPED_TRACE(row.name);
    const Engine engine = [&] {
      try {
        return make_engine(row.name, 4);
      } catch (const std::runtime_error&) {
        return Engine();  // cannot run here
      }
    }();
    if (!engine) continue;
    draw_inputs();
    ASSERT_EQ(seal(engine.get()), MEGASEAL_ERROR_NONE);
    ASSERT_TRUE(streams_are_sought(needles, GetParam()));
    expect_nothing_left(needles, "sealing");
    size_t num_failed = 0;
    draw_inputs();  // for the AEADs' keys
    ASSERT_EQ(open(engine.get(), &num_failed), MEGASEAL_ERROR_NONE);
    ASSERT_EQ(num_failed, 0u);
    expect_nothing_left(needles, "opening");
    for (size_t i = 0; i < num; i++) {
      uint8_t* const message = &sealed[(text_len + overhead(GetParam())) * i];
      if (i % 3 != 0)
        message[40] ^= 1;
      else if (i % 2 == 0)
        std::memset(message, 0, 32);  // where it is an enc, it is of low order
    }
    draw_inputs();
    ASSERT_EQ(open(engine.get(), &num_failed), MEGASEAL_ERROR_NONE);
    ASSERT_GT(num_failed, num / 2);
    expect_nothing_left(needles, "opening what fails");
  }
}

TEST_P(ProcessLeftovers, NoneAfterBatchesCutShort) {
  const Needles needles = needles_for(public_key_of(key_.get()), GetParam());
  bool cut = true;
  for (size_t n = 1; cut; n++) {
    const Engine engine = make_engine("", 4);
    draw_inputs();
    own_malloc::fail(n);
    const megaseal_error error = seal(engine.get());
    cut = own_malloc::failed();
    EXPECT_TRUE(error == MEGASEAL_ERROR_NONE || error == MEGASEAL_ERROR_MEMORY);
    expect_nothing_left(needles, "sealing cut short", false);
  }
}

std::string name_of(const ::testing::TestParamInfo<Kind>& kind) {
  constexpr const char* names[] = {"SealedBox", "Hpke", "HpkeContext", "ChaCha20Poly1305",
                                   "XChaCha20Poly1305"};
  return names[size_t(kind.param)];
}
INSTANTIATE_TEST_SUITE_P(Formats, ProcessLeftovers,
                         ::testing::Values(Kind::sealedbox, Kind::hpke, Kind::context, Kind::chacha20poly1305,
                                           Kind::xchacha20poly1305),
                         name_of);

// Negative control: what lies in the heap, on a thread's stack and in its registers is found.
TEST(ProcessLeftoversSearch, FindsWhatIsThere) {
  if (!own_malloc::is_here) GTEST_SKIP() << "sanitizers' shadow memory is too large to search";
  const Bytes recipient = public_key_of(make_secret_key(Random(3).bytes(32)).get());
  const Needles needles = needles_for(recipient, Kind::hpke);
  draw_inputs();
  const Bytes in_heap(secrets + 64, secrets + 96);
  wipe_own();
  const std::vector<std::string> found = search_memory(needles);
  EXPECT_GE(std::count(found.begin(), found.end(), "ephemeral secret in [heap]"), 4);
#if defined(__x86_64__)
  std::atomic<bool> done = false, ready = false;
  std::thread worker([&] {
    uint64_t word;
    std::memcpy(&word, in_heap.data(), 8);
    ready = true;
    while (!done) __asm__ volatile("movq %0, %%xmm9" : : "r"(word) : "xmm9");
  });
  while (!ready) usleep(100);
  EXPECT_GT(search_registers_of_others(needles), 0);
  done = true;
  worker.join();
#endif
}

// Secrets' pages are marked so that the kernel keeps them out of core dumps, and the scratch of engines so that a child
// finds zeros there.
TEST(SecretPagesInTheKernel, AreNotDumpedNorInherited) {
  const SecretKey key = make_secret_key(Random().bytes(32));
  const Engine engine = make_engine("", 2);
  uint8_t secret_and_public[64];
  ASSERT_EQ(megaseal_keygen_batch(engine.get(), secret_and_public, secret_and_public + 32, 1),
            MEGASEAL_ERROR_NONE);
  std::ifstream smaps("/proc/self/smaps");
  int num_not_dumped = 0, num_wiped_on_fork = 0;
  for (std::string line; std::getline(smaps, line);) {
    if (line.rfind("VmFlags:", 0) != 0) continue;
    num_not_dumped += line.find(" dd") != line.npos;
    num_wiped_on_fork += line.find(" wf") != line.npos;
  }
  EXPECT_GE(num_not_dumped, 2) << "key pages and an engine's scratch";
  EXPECT_GE(num_wiped_on_fork, 1) << "an engine's scratch";
}

}  // namespace
}  // namespace megaseal::test
