#include "tests/cuda/emulated_gpu/gpu.hpp"

#include <sys/mman.h>

#include <algorithm>
#include <atomic>
#include <cstdarg>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <mutex>
#include <numeric>
#include <random>
#include <regex>
#include <shared_mutex>
#include <string>
#include <vector>

#include "tests/cuda/emulated_gpu/launch.hpp"

namespace megaseal::test::ptx {

namespace {

/// Who wrote a byte last, and who read it.
struct Touched {
  u64 written, read;
};
/// Of a launch: its number (20 bits, 0 for nobody), how many barriers the block had passed (16), the lane (27), and
/// whether it was an atomic operation, or, of reads, several lanes of the block.
u64 mark(u32 launch, u32 barriers, u32 lane, bool is_atomic) {
  return u64(launch) << 44 | u64(barriers & 0xffff) << 28 | u64(lane & 0x7ffffff) << 1 | u64(is_atomic);
}
u32 lane_of(u64 mark) { return u32(mark >> 1) & 0x7ffffff; }
u32 barriers_of(u64 mark) { return u32(mark >> 28) & 0xffff; }
constexpr u32 several_blocks = 0x7ffffff;

struct Memory {
  u8* bytes;  // the device's address: pages that nobody may read or write
  size_t size;
  u8* seen;  // the host's
  // One for each byte; pages that nobody touched take no memory. Null: a table, which nobody writes.
  Touched* touched;
  int device;
};
struct Memories {
  std::shared_mutex mutex;
  std::map<const u8*, Memory> all;
};
Memories& memories() {
  static auto* const m = new Memories;
  return *m;
}
std::vector<const Kernel*>& kernels() {
  static auto* const all = new std::vector<const Kernel*>;
  return *all;
}
std::map<std::string, u8*>& tables() {
  static auto* const all = new std::map<std::string, u8*>;
  return *all;
}

/// Names of what is in no namespace differ by a hash from one way of compiling to another.
std::string without_hashes(const char* name) {
  static const std::regex hash("_[0-9a-f]{8}(?=_|[0-9])");
  return std::regex_replace(name, hash, "_");
}

constexpr int any_device = -1;
constexpr size_t device_bytes = size_t(8) << 30;
std::atomic<u32> num_launches{0};

}  // namespace

struct Block {
  const Kernel& kernel;
  u32 launch;
  int device;
  u32 barriers = 0;
  std::vector<u8> shared;
  std::vector<Touched> shared_touched;
  Memory last{};  // where its lanes went

  [[noreturn]] void violation(const Lane& lane, const char* format, ...)
      __attribute__((format(printf, 3, 4))) {
    std::va_list arguments;
    va_start(arguments, format);
    std::fprintf(stderr, "emulated GPU: lane %u of block %u of %u: ", lane.tid, lane.ctaid, lane.nctaid);
    std::vfprintf(stderr, format, arguments);
    va_end(arguments);
    std::fprintf(stderr, "\n  in %s, after %u barriers\n", kernel.name, barriers);
    std::abort();
  }

  // Of a mark of this launch: whether it is of this block and of the time since its last barrier.
  bool is_recent(u64 earlier, u64 now, u32 lanes) const {
    return lane_of(earlier) / lanes == lane_of(now) / lanes && barriers_of(earlier) == barriers_of(now);
  }
  /// Another lane's access, with no barrier of both since. (A barrier is no help among blocks.)
  bool conflicts(u64 earlier, u64 now, u32 lanes) const {
    if (earlier >> 44 != launch || lane_of(earlier) == lane_of(now)) return false;
    return lane_of(earlier) / lanes != lane_of(now) / lanes || is_recent(earlier, now, lanes);
  }
  /// The same of what may be several lanes' reads: of one block since its last barrier, or of several blocks.
  bool conflicts_with_reads(u64 earlier, u64 now, u32 lanes) const {
    if (earlier >> 44 != launch) return false;
    if (lane_of(earlier) == several_blocks) return true;
    return earlier & 1 ? lane_of(earlier) / lanes != lane_of(now) / lanes || is_recent(earlier, now, lanes)
                       : conflicts(earlier, now, lanes);
  }
  u64 with_read(u64 earlier, u64 now, u32 lanes) const {
    if (earlier >> 44 != launch) return now;
    if (lane_of(earlier) == several_blocks) return earlier;
    if (lane_of(earlier) / lanes != lane_of(now) / lanes) return mark(launch, 0, several_blocks, false);
    if (!is_recent(earlier, now, lanes)) return now;
    return (earlier & 1) || lane_of(earlier) != lane_of(now) ? now | 1 : now;
  }
  void touch(const Lane& lane, Touched* touched, u64 at, u32 bytes, bool is_write, bool is_atomic,
             const char* where) {
    const u64 now = mark(launch, barriers, lane.ctaid * lane.ntid + lane.tid, is_atomic);
    const u64 read = now & ~u64(1);
    for (u32 k = 0; k < bytes; k++) {
      Touched& t = touched[k];
      const auto place = static_cast<unsigned long long>(at + k);
      if (!t.written && (!is_write || is_atomic))
        violation(lane, "reads %s memory at %#llx that nobody wrote", where, place);
      if (!(t.written & now & 1) && conflicts(t.written, now, lane.ntid))
        violation(lane, "%s %s memory at %#llx that lane %u wrote, and no barrier between",
                  is_write ? "writes" : "reads", where, place, lane_of(t.written) % lane.ntid);
      if (is_write && conflicts_with_reads(t.read, now, lane.ntid))
        violation(lane, "writes %s memory at %#llx that lane %u read, and no barrier between", where, place,
                  lane_of(t.read) % lane.ntid);
      if (!is_write)
        t.read = with_read(t.read, read, lane.ntid);
      else if (!is_atomic || t.written >> 44 != launch || (t.written & 1) ||
               !is_recent(t.written, now, lane.ntid))
        t.written = now;  // an atomic access does not hide the same lane's plain one
    }
  }
};

Kernel::Kernel(const char* n, bool (*r)(Lane&), u32 parameter, u32 shared, u32 saved, u32 lanes)
    : name(n), run(r), parameter_size(parameter), shared_size(shared), num_saved(saved), max_lanes(lanes) {
  kernels().push_back(this);
}
Table::Table(const char* name, u8* bytes, size_t size) {
  tables()[without_hashes(name)] = bytes;
  const std::unique_lock lock(memories().mutex);
  memories().all[bytes] = {bytes, size, bytes, nullptr, any_device};
}

void Lane::cannot(const char* instruction) {
  block->violation(*this, "an instruction unknown to ptx_to_cpp.py: %s", instruction);
}

const u8* Lane::check_parameter(u64 at, u32 bytes) {
  const u64 begin = u64(parameter);
  if (at < begin || at + bytes > begin + parameter_size || (at - begin) % std::min(bytes, 8u))
    block->violation(*this, "reads %u bytes at %lld of its parameter", bytes,
                     static_cast<long long>(at - begin));
  return reinterpret_cast<const u8*>(at);
}

u8* Lane::check_global(u64 at, u32 bytes, Access access) {
  u8* const p = reinterpret_cast<u8*>(at);
  if (at % bytes) block->violation(*this, "%u bytes at %p: not aligned", bytes, static_cast<void*>(p));
  Memory& m = block->last;
  if (!(p >= m.bytes && p + bytes <= m.bytes + m.size)) {
    const std::shared_lock lock(memories().mutex);
    auto found = memories().all.upper_bound(p);
    if (found != memories().all.begin()) m = (--found)->second;
    if (!(p >= m.bytes && p + bytes <= m.bytes + m.size))
      block->violation(*this,
                       "%s %u bytes at %p: memory that it does not have, %lld bytes beyond what begins at %p",
                       access == reads ? "reads" : "writes", bytes, static_cast<void*>(p),
                       static_cast<long long>(p - (m.bytes + m.size)), static_cast<void*>(m.bytes));
  }
  if (m.device != block->device && m.device != any_device)
    block->violation(*this, "memory of device %d, on device %d", m.device, block->device);
  if (m.touched)
    block->touch(*this, m.touched + (p - m.bytes), at, bytes, access != reads, access == counts, "global");
  else if (access != reads)
    block->violation(*this, "writes to a table");
  return m.seen + (p - m.bytes);
}

u8* Lane::check_shared(u32 at, u32 bytes, Access access) {
  const u32 offset = at - shared_base;
  if (at < shared_base || u64(offset) + bytes > block->kernel.shared_size || offset % bytes)
    block->violation(*this, "%u bytes at %u of %u in shared memory", bytes, offset,
                     block->kernel.shared_size);
  block->touch(*this, &block->shared_touched[offset], offset, bytes, access != reads, access == counts,
               "shared");
  return &block->shared[offset];
}

const Kernel* find_kernel(const char* name) {
  const std::string wanted = without_hashes(name);
  for (const Kernel* k : kernels())
    if (without_hashes(k->name) == wanted) return k;
  return nullptr;
}
u8* find_table(const char* name) {
  const auto found = tables().find(without_hashes(name));
  return found == tables().end() ? nullptr : found->second;
}

namespace {

u8* map(size_t size, int protection) {
  void* const p = mmap(nullptr, size, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return p == MAP_FAILED ? nullptr : static_cast<u8*>(p);
}
void unmap(const Memory& m) {
  if (m.bytes) munmap(m.bytes, m.size);
  if (m.seen) munmap(m.seen, m.size);
  if (m.touched) munmap(m.touched, m.size * sizeof(Touched));
}
/// The memory in which all these bytes are; null: none.
const Memory* find(const void* p, size_t bytes) {
  const auto* const at = static_cast<const u8*>(p);
  auto found = memories().all.upper_bound(at);
  if (found == memories().all.begin()) return nullptr;
  const Memory& m = (--found)->second;
  return at + bytes <= m.bytes + m.size ? &m : nullptr;
}

}  // namespace

u8* allocate(size_t size, int device) {
  Memory m{};
  m.size = std::max<size_t>(size, 1);
  m.device = device;
  m.bytes = map(m.size, PROT_NONE);
  m.seen = map(m.size, PROT_READ | PROT_WRITE);
  m.touched = reinterpret_cast<Touched*>(map(m.size * sizeof(Touched), PROT_READ | PROT_WRITE));
  const std::unique_lock lock(memories().mutex);
  size_t taken = m.size;
  for (const auto& [at, other] : memories().all) taken += other.device == device ? other.size : 0;
  if (!m.bytes || !m.seen || !m.touched || taken > device_bytes) {
    unmap(m);
    return nullptr;
  }
  std::memset(m.seen, 0xa5, m.size);
  memories().all[m.bytes] = m;
  return m.bytes;
}
bool release(u8* p) {
  const std::unique_lock lock(memories().mutex);
  const auto found = memories().all.find(p);
  if (found == memories().all.end() || !found->second.touched) return false;
  unmap(found->second);
  memories().all.erase(found);
  return true;
}
u8* seen_by_host(const void* p, size_t bytes, int device) {
  const std::shared_lock lock(memories().mutex);
  const Memory* const m = find(p, bytes);
  return m && m->device == device ? m->seen + (static_cast<const u8*>(p) - m->bytes) : nullptr;
}

void wrote(const void* p, size_t bytes) {
  const std::shared_lock lock(memories().mutex);
  const Memory* const m = find(p, bytes);
  if (!m || !m->touched) return;
  for (size_t k = 0; k < bytes; k++) {
    u64& written = m->touched[static_cast<const u8*>(p) - m->bytes + ptrdiff_t(k)].written;
    if (!written) written = mark(0, 0, 0, true);
  }
}

void launch(const Kernel& kernel, u32 num_blocks, u32 num_lanes, const u8* parameter, int device) {
  // The order is another with each launch, and the same from run to run where launches follow one another.
  const u32 number = (num_launches.fetch_add(1) % 0xfffff) + 1;
  std::mt19937 random(number);
  std::vector<u32> blocks(num_blocks), order(num_lanes);
  std::iota(blocks.begin(), blocks.end(), 0u);
  std::iota(order.begin(), order.end(), 0u);
  std::shuffle(blocks.begin(), blocks.end(), random);
  std::vector<u64> saved(size_t(kernel.num_saved) * num_lanes);
  std::vector<Lane> lanes(num_lanes);
  Block block{kernel,
              number,
              device,
              0,
              std::vector<u8>(kernel.shared_size),
              std::vector<Touched>(kernel.shared_size),
              {}};
  for (u32 b : blocks) {
    block.barriers = 0;
    std::fill(block.shared.begin(), block.shared.end(), u8(0xa5));
    std::fill(block.shared_touched.begin(), block.shared_touched.end(), Touched{});
    for (u32 l = 0; l < num_lanes; l++)
      lanes[l] = {parameter,  kernel.parameter_size,
                  l,          b,
                  num_blocks, num_lanes,
                  0,          &saved[size_t(l) * kernel.num_saved],
                  &block};
    if (num_lanes == 0 || num_lanes > kernel.max_lanes) block.violation(lanes[0], "%u lanes", num_lanes);
    for (bool waiting = true; waiting; block.barriers++) {
      std::shuffle(order.begin(), order.end(), random);
      u32 num_waiting = 0;
      for (u32 l : order) {
        lanes[l].resume = kernel.run(lanes[l]) ? lanes[l].resume : -1;
        num_waiting += lanes[l].resume >= 0;
      }
      for (const Lane& lane : lanes)
        if (lane.resume != lanes[0].resume)
          block.violation(lane, "waits for others, which wait elsewhere or have ended");
      waiting = num_waiting > 0;
    }
    // What is counted by length is public, and so is a verdict: the number 1.
    for (u32 k = 0; k < kernel.shared_size && !std::strstr(kernel.name, "OrderProgram"); k++)
      if (block.shared_touched[k].written && block.shared[k] > (k % 4 == 0 ? 1 : 0))
        block.violation(lanes[0], "its block leaves what it wrote at %u of shared memory", k);
  }
}

}  // namespace megaseal::test::ptx
