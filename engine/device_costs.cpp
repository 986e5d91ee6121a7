#include "engine/device_costs.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <limits>
#include <sstream>
#include <vector>

#include "engine/device_start.hpp"
#include "engine/tiles.hpp"
#include "engine/workspace.hpp"

namespace megaseal {
namespace {

constexpr const char* file_title = "megaseal device costs 2";

// A tile of any kind of work, over messages and keys that anybody may know: `num` of them, `len` bytes each.
class Trial {
 public:
  Trial(const Dispatch& d, uint32_t num, uint32_t len)
      : d_(d),
        w_(num, 0, &d),
        num_(num),
        len_(len),
        text_(size_t(num) * len),
        sealed_(size_t(num) * len),
        tags_(size_t(num) * 16),
        secrets_(size_t(num) * 32) {
    uint64_t x = 1;
    for (auto [p, n] : {std::pair{text_.data(), text_.size()}, std::pair{secrets_.data(), secrets_.size()},
                        std::pair{w_.secrets, secrets_.size()}, std::pair{w_.keys, secrets_.size()}})
      for (size_t i = 0; i + 8 <= n; i += 8, x = x * 0x5851f42d4c957f2d + 0x14057b7ef767814f)
        std::memcpy(p + i, &x, 8);
    std::memset(w_.nonces, 0, size_t(num) * 12);
    const X25519Tile publics{
        .num = num, .secrets = {secrets_.data(), 32}, .points = {}, .out = w_.recipients, .status = nullptr};
    d.x25519_public(&publics);
  }

  /// Nanoseconds of `clock`. A call beforehand fetches code and memory, and seals what is to be opened.
  double time(DeviceWork work, clockid_t clock) {
    run(work == DeviceWork::hpke_open        ? DeviceWork::hpke_seal
        : work == DeviceWork::sealedbox_open ? DeviceWork::sealedbox_seal
                                             : work);
    const double begin = now(clock);
    run(work);
    return now(clock) - begin;
  }

 private:
  static double now(clockid_t clock) {
    timespec t = {};
    ::clock_gettime(clock, &t);
    return double(t.tv_sec) * 1e9 + double(t.tv_nsec);
  }

  void run(DeviceWork work) {
    const bool opens = work == DeviceWork::hpke_open || work == DeviceWork::sealedbox_open;
    for (uint32_t i = 0; i < num_; i++) {
      const size_t at = size_t(i) * len_;
      w_.items[i] = {.key = w_.keys + 32 * size_t(i),
                     .nonce = w_.nonces + 12 * size_t(i),
                     .aad = nullptr,
                     .aad_len = 0,
                     .in = (opens ? sealed_ : text_).data() + at,
                     .out = (opens ? text_ : sealed_).data() + at,
                     .len = len_,
                     .tag = tags_.data() + size_t(i) * 16};
    }
    std::memset(w_.status, 0, num_);
    const Strided secrets{opens ? secrets_.data() : w_.secrets, 32}, recipients{w_.recipients, 32};
    const X25519Tile points{
        .num = num_, .secrets = secrets, .points = recipients, .out = w_.dh, .status = w_.status};
    const X25519Tile publics{.num = num_, .secrets = secrets, .points = {}, .out = w_.enc, .status = nullptr};
    const HpkeTile hpke{.num = num_,
                        .shared = &shared_,
                        .secrets = secrets,
                        .recipients = recipients,
                        .enc = w_.enc,
                        .items = w_.items,
                        .exporters = nullptr,
                        .status = w_.status};
    const SealedBoxTile box{.salsa = false,
                            .num = num_,
                            .secrets = secrets,
                            .recipients = recipients,
                            .enc = w_.enc,
                            .items = w_.items,
                            .status = w_.status};
    const AeadTile cipher{.num = num_, .items = w_.items, .status = w_.status};
    switch (work) {
      case DeviceWork::cipher:
        return d_.chacha20poly1305_seal(&cipher);
      case DeviceWork::x25519_shared:
        return d_.x25519_shared(&points);
      case DeviceWork::x25519_public:
        return d_.x25519_public(&publics);
      case DeviceWork::hpke_seal:
        return hpke_seal_tile(d_, w_, hpke);
      case DeviceWork::hpke_open:
        return hpke_open_tile(d_, w_, hpke);
      case DeviceWork::sealedbox_seal:
        return sealedbox_seal_tile(d_, w_, box);
      case DeviceWork::sealedbox_open:
        return sealedbox_open_tile(d_, w_, box);
      case DeviceWork::none:
        return;
    }
  }

  const Dispatch& d_;
  Workspace w_;
  const uint32_t num_, len_;
  const HpkeShared shared_{.key_schedule_context = {}, .psk = nullptr, .psk_len = 0};
  std::vector<uint8_t> text_, sealed_, tags_, secrets_;
};

bool has_text(DeviceWork work) {
  return work != DeviceWork::x25519_shared && work != DeviceWork::x25519_public;
}

// One side: every kind of work in tiles of few short messages, of many, and of some short and some long ones. The best time
// of all rounds counts: what delays a thread only ever adds to it.
class Side {
 public:
  Side(const Dispatch& d, clockid_t clock, uint32_t few, uint32_t many)
      : clock_(clock),
        few_(few),
        many_(many),
        some_(std::max(few, many / 16)),
        trials_{{d, few_, short_len}, {d, many_, short_len}, {d, some_, short_len}, {d, some_, long_len}} {
    for (auto& best : best_) best.fill(std::numeric_limits<double>::max());
  }

  void run_round() {
    for (size_t work = 0; work < num_device_work; work++)
      for (size_t i = 0; i < num_trials && !process_is_ending(); i++)
        best_[work][i] = std::min(best_[work][i], trials_[i].time(DeviceWork(work), clock_));
  }

  LinearCost line(DeviceWork work) const {
    const auto [few_short, many_short, some_short, some_long] = best_[size_t(work)];
    LinearCost c;
    c.item = std::max(0.0, (many_short - few_short) / (many_ - few_));
    if (has_text(work)) {
      c.byte = std::max(0.0, (some_long - some_short) / (double(some_) * (long_len - short_len)));
      c.item = std::max(0.0, c.item - c.byte * short_len);
    }
    c.call = std::max(0.0, few_short - few_ * (c.item + (has_text(work) ? c.byte * short_len : 0)));
    return c;
  }

 private:
  static constexpr uint32_t short_len = 64, long_len = 4096;
  static constexpr size_t num_trials = 4;
  const clockid_t clock_;
  const uint32_t few_, many_, some_;
  Trial trials_[num_trials];
  std::array<std::array<double, num_trials>, num_device_work> best_;
};

std::string path_of_file() {
  if (const char* path = ::secure_getenv("MEGASEAL_DEVICE_COSTS")) return path;
  if (const char* cache = ::secure_getenv("XDG_CACHE_HOME"); cache && *cache == '/')
    return std::string(cache) + "/megaseal/device-costs";
  if (const char* home = ::secure_getenv("HOME"); home && *home == '/')
    return std::string(home) + "/.cache/megaseal/device-costs";
  return {};
}

// All or nothing, and nobody reads half of it: a new file takes the old one's place.
void write_whole(const std::string& path, const std::string& text) {
  std::error_code error;
  std::filesystem::create_directories(std::filesystem::path(path).parent_path(), error);
  std::string fresh = path + ".XXXXXX";
  const int fd = ::mkostemp(fresh.data(), O_CLOEXEC);
  if (fd < 0) return;
  const bool whole = ::write(fd, text.data(), text.size()) == ssize_t(text.size());
  if (::close(fd) != 0 || !whole || ::rename(fresh.c_str(), path.c_str()) != 0) ::unlink(fresh.c_str());
}

}  // namespace

uint32_t WorkCost::crossover(double bytes_each) const {
  const double saved = (cpu.item - device.item) + bytes_each * (cpu.byte - device.byte);  // an item
  if (saved <= 0) return UINT32_MAX;
  const double items = std::max(0.0, device.call - cpu.call) / saved;
  return items < double(UINT32_MAX) ? std::max(uint32_t(items) + 1, 1u) : UINT32_MAX;
}

double WorkCost::share(double items, double bytes, uint32_t num_threads) const {
  const double on_cpu = cpu.of(items, bytes) / num_threads, on_device = device.without_call(items, bytes);
  // share · on_device + call = (1 - share) · on_cpu
  return std::clamp((on_cpu - device.call) / (on_cpu + on_device), 0.0, 1.0);
}

// Beside a batch, as a rule, which keeps every core busy. So the CPU's side is told in time of the thread: to wait for a
// core is no cost of the work, and threads of a batch have one each. A device is waited for by the clock; rounds that lie
// apart find a moment in which that is all that is waited for.
DeviceCosts DeviceCosts::measure(const Dispatch& cpu, const Dispatch& device) {
  constexpr int num_rounds = 3;
  const uint32_t many_cpu = std::max(64u, std::min(cpu.tile_items, 256u));
  // Enough for a device to be busy with, and not so many that the memory for them is missed.
  const uint32_t many_device = std::clamp(device.tile_items, 256u, 32'768u);
  Side on_cpu(cpu, CLOCK_THREAD_CPUTIME_ID, many_cpu / 4, many_cpu);
  Side on_device(device, CLOCK_MONOTONIC, 16, many_device);
  for (int round = 0; round < num_rounds; round++) {
    on_cpu.run_round();
    on_device.run_round();
  }
  DeviceCosts costs;
  for (size_t i = 0; i < num_device_work; i++)
    costs.work[i] = {.cpu = on_cpu.line(DeviceWork(i)), .device = on_device.line(DeviceWork(i))};
  return costs;
}

std::string DeviceCosts::text(const std::string& machine) const {
  std::ostringstream out;
  out.imbue(std::locale::classic());
  out << file_title << '\n' << machine << '\n';
  for (size_t i = 0; i < num_device_work; i++)
    for (const auto& [side, c] : {std::pair{"cpu", work[i].cpu}, std::pair{"device", work[i].device}})
      out << device_work_name(DeviceWork(i)) << ' ' << side << ' ' << c.call << ' ' << c.item << ' ' << c.byte
          << '\n';
  return out.str();
}

bool DeviceCosts::read(const std::string& text, const std::string& machine) {
  std::istringstream in(text);
  in.imbue(std::locale::classic());
  std::string title, whose;
  if (!std::getline(in, title) || title != file_title || !std::getline(in, whose) || whose != machine)
    return false;
  DeviceCosts fresh;
  for (size_t i = 0; i < num_device_work; i++)
    for (LinearCost* c : {&fresh.work[i].cpu, &fresh.work[i].device}) {
      std::string name, side;
      if (!(in >> name >> side >> c->call >> c->item >> c->byte)) return false;
      if (name != device_work_name(DeviceWork(i)) || side != (c == &fresh.work[i].cpu ? "cpu" : "device"))
        return false;
      if (!(c->call >= 0 && c->item >= 0 && c->byte >= 0)) return false;
    }
  *this = fresh;
  return true;
}

DeviceCosts kept_or_measured(const Dispatch& cpu, const Dispatch& device, const std::string& machine,
                             const std::function<bool()>& worth_keeping) {
  const std::string path = path_of_file();
  DeviceCosts costs;
  if (!path.empty()) {
    std::ifstream file(path);
    std::stringstream text;
    if (file && text << file.rdbuf() && costs.read(text.str(), machine)) return costs;
  }
  costs = DeviceCosts::measure(cpu, device);
  if (!path.empty() && worth_keeping()) write_whole(path, costs.text(machine));
  return costs;
}

const char* device_work_name(DeviceWork work) {
  static constexpr const char* names[num_device_work + 1] = {
      "cipher",    "x25519_shared",  "x25519_public",  "hpke_seal",
      "hpke_open", "sealedbox_seal", "sealedbox_open", "none"};
  return names[size_t(work)];
}

}  // namespace megaseal
