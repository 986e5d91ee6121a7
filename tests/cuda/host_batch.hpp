// Batches for the CUDA backend's slots, whose results libsodium has given beforehand.
#pragma once
#include <string>
#include <vector>

#include "backends/cuda/cuda.hpp"
#include "tests/cuda/host_runtime.hpp"
#include "tests/cuda/reference_programs.hpp"
#include "tests/support/bytes.hpp"

namespace megaseal::test {

/// …_seed: sealing with ephemeral secrets that are made on the device. box_…: secretboxes.
enum class Kind {
  seal,
  open,
  box_seal,
  box_open,
  shared,
  publics,
  hpke_seal,
  hpke_seed,
  hpke_open,
  sealedbox_seal,
  sealedbox_seed,
  sealedbox_open
};
inline constexpr Kind all_kinds[] = {
    Kind::seal,      Kind::open,      Kind::box_seal,  Kind::box_open,       Kind::shared,         Kind::publics,
    Kind::hpke_seal, Kind::hpke_seed, Kind::hpke_open, Kind::sealedbox_seal, Kind::sealedbox_seed, Kind::sealedbox_open};
std::string name_of(Kind kind);

enum class Aad { none, one, each };

struct BatchShape {
  uint32_t num = 1;
  size_t max_len = 200;
  bool in_place = false;
  bool one_key = false;  // or one secret; and, by turns, one recipient; not …_seed
  Aad aad = Aad::each;
  size_t long_item = ~size_t(0);  // number of one with long_len bytes
  size_t long_len = 0;
};

/// One tile. Some items are to fail: tags that are wrong, keys of low order.
class Batch {
 public:
  Batch(Kind kind, const BatchShape& shape, uint64_t seed);

  /// What is wrong with the results of the table's slot; "" if nothing. What slots of whole tiles leave, the engine
  /// composes. May be called again.
  std::string run(const KernelTable& table);

  /// Of 16 bytes at least each; none may stay behind.
  std::vector<Bytes> secrets;

 private:
  void make_messages(Random& random);
  void seal_all();

  const Kind kind_;
  const BatchShape shape_;
  Bytes keys_, nonces_, secrets_, seed_, points_, psk_, enc_, exporters_, tags_;
  std::vector<Bytes> aads_, in_, out_;
  std::vector<uint8_t> status_;  // expected
  Bytes curve_out_;
  uint8_t context_[65] = {};
};

/// A process-wide backend over a stand-in whose calls can fail.
struct World {
  explicit World(const gpu::DeviceOptions& options, int devices = 1, bool start = true);
  ~World();
  HostRuntime host;
  FaultyRuntime faulty;
};
/// Slots of 64 KiB, so that tests' tiles take several.
gpu::DeviceOptions small_slots();

/// Which of the secrets is still in the stand-in's memory; "" if none.
std::string leftovers(HostRuntime& host, const std::vector<Bytes>& secrets, bool pinned_alone = false);

}  // namespace megaseal::test
