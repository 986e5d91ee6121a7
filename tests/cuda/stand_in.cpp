#include "tests/support/stand_in.hpp"

#include "backends/cuda/cuda.hpp"
#include "tests/cuda/host_runtime.hpp"
#include "tests/cuda/on_host.hpp"

namespace megaseal::gpu::on_host {

const Programs& programs() {
  static const Programs all = {
      .put = launch_put,
      .chacha20_stream = launch_chacha20_stream,
      .x25519_shared = launch_x25519_shared,
      .x25519_public = launch_x25519_public,
      .x25519_prepare = launch_x25519_prepare,
      .x25519_prepared = launch_x25519_prepared,
      .hpke_schedule = launch_hpke_schedule,
      .chacha20poly1305_seal = launch_chacha20poly1305_seal,
      .chacha20poly1305_open = launch_chacha20poly1305_open,
      .secretbox_seal = launch_secretbox_seal,
      .secretbox_open = launch_secretbox_open,
      .cipher_order = launch_cipher_order,
      .sealedbox_keys = launch_sealedbox_keys,
  };
  return all;
}

}  // namespace megaseal::gpu::on_host

namespace megaseal::test {
void use_stand_in(bool wanted) {
  static bool now = false;
  if (wanted == now) return;
  now = wanted;
  // Never destroyed: its streams are threads, and the process's end is no time to join them.
  static HostRuntime* const host = new HostRuntime(gpu::on_host::programs());
  gpu::DeviceOptions options;
  options.min_by_table = 16;  // tests' batches are small
  gpu::use_runtime(wanted ? host : nullptr, options);
}

const BackendRow& stand_in_row() {
  static const KernelTable table = [] {
    KernelTable t = cuda_table;
    t.name = stand_in_name.data();
    // Tests try every place among so many; those of a device would take them minutes here.
    t.lanes = 16;
    t.tile_items = 256;
    return t;
  }();
  static const BackendRow row = {stand_in_name.data(), &table, "", &cuda_device};
  return row;
}

}  // namespace megaseal::test
