#include "tests/allocation/search.hpp"

#include <dirent.h>
#include <gtest/gtest.h>
#include <signal.h>
#include <sodium.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <ucontext.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <bit>
#include <cinttypes>
#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace megaseal::test {
namespace {

constexpr uint64_t mask = 0x5b2f91c7d3a6e84d;
constexpr size_t stack_depth = 128 * 1024;
uint8_t taken_stack[stack_depth];

uint32_t word32(const Bytes& b, size_t i) {
  uint32_t out;
  std::memcpy(&out, &b[4 * i], 4);
  return out;
}

// ---- Registers: in a signal handler of each thread ----

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

std::vector<pid_t> other_threads() {
  std::vector<pid_t> out;
  DIR* const tasks = opendir("/proc/self/task");
  while (const dirent* const entry = readdir(tasks))
    if (const pid_t tid = pid_t(std::atoi(entry->d_name)); tid != 0 && tid != gettid()) out.push_back(tid);
  closedir(tasks);
  return out;
}

}  // namespace

const char* name_of(Piece piece) {
  constexpr const char* names[num_pieces] = {
      "secret key",      "PSK",          "ephemeral secret", "shared secret", "key", "subkey", "base nonce",
      "exporter secret", "exported one", "key stream",       "plaintext"};
  return names[piece];
}

void Needles::add(const Needle& needle) {
  if ((needle.masked ^ mask) == 0) return;
  maybe_[slot(needle.masked) / 64] |= uint64_t(1) << slot(needle.masked) % 64;
  all_.push_back(needle);
}

void Needles::finish() {
  std::sort(all_.begin(), all_.end(), [](const Needle& a, const Needle& b) { return a.masked < b.masked; });
}

int Needles::find(const void* p) const {
  uint64_t word;
  std::memcpy(&word, p, 8);
  word ^= mask;
  if (!(maybe_[slot(word) / 64] >> slot(word) % 64 & 1)) return -1;
  const auto it = std::lower_bound(all_.begin(), all_.end(), word,
                                   [](const Needle& a, uint64_t w) { return a.masked < w; });
  return it != all_.end() && it->masked == word ? int(it->piece) : -1;
}

uintptr_t Needles::behind_own(uintptr_t p) const {
  for (const auto& [begin, bytes] :
       {std::pair<const void*, size_t>{all_.data(), all_.capacity() * sizeof(Needle)},
        std::pair<const void*, size_t>{maybe_.data(), maybe_.size() * sizeof maybe_[0]}})
    if (p - reinterpret_cast<uintptr_t>(begin) < bytes) return reinterpret_cast<uintptr_t>(begin) + bytes;
  return p;
}

NeedleWriter::NeedleWriter(int to) : out_(fdopen(to, "w")) {}
NeedleWriter::~NeedleWriter() { fclose(out_); }

void NeedleWriter::send_word(Piece piece, uint64_t word) {
  const Needle needle{word ^ mask, piece};
  fwrite(&needle, sizeof needle, 1, out_);
}

void NeedleWriter::send(Piece piece, const Bytes& secret) {
  for (size_t i = 0; i + 8 <= secret.size(); i += 8) {
    uint64_t word;
    std::memcpy(&word, &secret[i], 8);
    send_word(piece, word);
  }
  if (piece == shared_secret) {
    bool carry = false;
    for (size_t limb = 0; limb < 5; limb++) {
      int64_t value = 0;
      for (size_t bit = 0; bit < 51; bit++) {
        const size_t at = 51 * limb + bit;
        value |= int64_t(secret[at / 8] >> (at % 8) & 1) << bit;
      }
      send_word(piece, uint64_t(value));
      // In doubles, as kernels/field_5x51_fma.hpp has them: from 0 on or around it, alone or on top of a constant.
      int64_t around_zero = value + carry;
      carry = around_zero >= int64_t(1) << 50;
      if (carry) around_zero -= int64_t(1) << 51;
      for (const int64_t v : {value, around_zero})
        for (const int64_t constant : {int64_t(0), int64_t(3) << 51})
          send_word(piece, std::bit_cast<uint64_t>(double(constant + v)));
    }
  }
  item_.emplace_back(piece, secret);
}

void NeedleWriter::send_ends(Piece piece, const Bytes& secret) {
  constexpr size_t most = 96;
  if (secret.size() <= 2 * most) return send(piece, secret);
  send(piece, Bytes(secret.begin(), secret.begin() + most));
  send(piece, Bytes(secret.end() - most, secret.end()));
}

void NeedleWriter::send_lanes(const Sent& before) {
  for (size_t n = 0; n < std::min(before.size(), item_.size()); n++)
    for (size_t i = 0; 4 * i + 4 <= std::min(before[n].second.size(), item_[n].second.size()); i++) {
      const uint32_t low = word32(before[n].second, i), high = word32(item_[n].second, i);
      // What is the same for both is no secret of theirs: keys of one for all are sent as they are.
      if (low == high) continue;
      send_word(item_[n].first, low | uint64_t(high) << 32);
      send_word(item_[n].first, __builtin_bswap32(low) | uint64_t(__builtin_bswap32(high)) << 32);
    }
}

void NeedleWriter::next_item() {
  for (const size_t apart : {1, 2, 4, 8})
    if (apart <= before_.size()) send_lanes(before_[apart - 1]);
  before_.insert(before_.begin(), std::move(item_));
  if (before_.size() > 8) before_.pop_back();
  item_.clear();
}

Needles detail::needles_of(void (*send)(const void*, NeedleWriter&), const void* self) {
  int ends[2];
  EXPECT_EQ(pipe(ends), 0);
  const pid_t child = fork();
  if (child == 0) {
    close(ends[0]);
    {
      NeedleWriter out(ends[1]);
      send(self, out);
    }
    _exit(0);
  }
  close(ends[1]);
  Needles out;
  FILE* const in = fdopen(ends[0], "r");
  for (Needle needle; fread(&needle, sizeof needle, 1, in) == 1;) out.add(needle);
  fclose(in);
  int status = -1;
  EXPECT_TRUE(waitpid(child, &status, 0) == child && status == 0);
  out.finish();
  return out;
}

std::vector<Region> writable_memory() {
  std::vector<Region> out;
  std::ifstream smaps("/proc/self/smaps");
  bool is_in = false;
  for (std::string line; std::getline(smaps, line);) {
    Region region{};
    char permissions[5] = {}, name[256] = {};
    if (sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %*s %255[^\n]", &region.begin,
               &region.end, permissions, name) >= 3) {
      region.name = name[0] ? name : "anonymous memory";
      is_in = permissions[0] == 'r' && permissions[1] == 'w' && region.name.rfind("[v", 0) != 0;
      if (is_in) out.push_back(region);
    } else if (is_in && line.rfind("VmFlags:", 0) == 0) {
      out.back().flags = line.substr(8) + ' ';
    }
  }
  return out;
}

std::vector<Found> search_memory(const Needles& needles, size_t most) {
  std::vector<Found> found;
  const auto is_zero = [](uintptr_t p) {
    uint64_t words[2];
    std::memcpy(words, reinterpret_cast<const void*>(p), sizeof words);
    return (words[0] | words[1]) == 0;
  };
  for (const Region& region : writable_memory())
    for (uintptr_t p = region.begin; p + 8 <= region.end && found.size() < most; p++) {
      if (p % 4096 == 0 || p == region.begin) p = needles.behind_own(p);
      while (p + 16 <= region.end && is_zero(p)) p += 8;  // most of it is
      if (p + 8 > region.end) break;
      if (const int piece = needles.find(reinterpret_cast<const void*>(p)); piece >= 0)
        found.push_back({Piece(piece), p, region});
    }
  return found;
}

std::string describe(const std::vector<Found>& found) {
  std::string out = std::to_string(found.size()) + " pieces:";
  const auto taken = reinterpret_cast<uintptr_t>(taken_stack);
  for (const Found& f : found) {
    out += std::string(" ") + name_of(f.piece) + " in ";
    out += f.at - taken < stack_depth
               ? "the caller's stack, " + std::to_string(taken + stack_depth - f.at) + " below"
               : f.region.name;
    out += ';';
  }
  return out;
}

int search_registers_of_others(const Needles& needles) {
  sought = &needles;
  num_answered = 0, in_registers = 0;
  struct sigaction action = {};
  action.sa_sigaction = look_at_registers;
  action.sa_flags = SA_SIGINFO | SA_RESTART;
  sigaction(SIGPROF, &action, nullptr);  // which the engine's threads take
  int num_asked = 0;
  for (const pid_t tid : other_threads()) num_asked += syscall(SYS_tgkill, getpid(), tid, SIGPROF) == 0;
  for (int i = 0; i < 5000 && num_answered < num_asked; i++) usleep(1000);
  EXPECT_EQ(num_answered, num_asked);
  return num_asked == 0 ? -1 : int(in_registers);
}

int64_t time_of_others() {
  int64_t out = 0;
  for (const pid_t tid : other_threads()) {
    timespec t = {};
    // The clock of a thread's time, by its number: as the kernel's clock_gettime and pthread_getcpuclockid have it.
    if (clock_gettime(clockid_t(~unsigned(tid) << 3 | 6), &t) == 0)
      out += t.tv_sec * 1'000'000'000 + t.tv_nsec;
  }
  return out;
}

[[gnu::noinline]] void wipe_dead_stack() {
  uint8_t below[stack_depth];
  sodium_memzero(below, sizeof below);
}

[[gnu::noinline]] void take_dead_stack() {
  uint8_t below[stack_depth];
  const volatile uint8_t* from = below;
  __asm__ volatile("" : "+r"(from) : : "memory");
  for (size_t i = 0; i < stack_depth; i++) taken_stack[i] = from[i];
}

void wipe_taken_stack() { sodium_memzero(taken_stack, sizeof taken_stack); }

}  // namespace megaseal::test
