#include "tests/support/stand_in.hpp"

#include "backends/cuda/cuda.hpp"
#include "tests/cuda/host_runtime.hpp"
#include "tests/cuda/on_host.hpp"

namespace megaseal::test {
namespace {

const gpu::Programs on_host = {
    .chacha20_stream = gpu::on_host::launch_chacha20_stream,
    .x25519_shared = gpu::on_host::launch_x25519_shared,
    .x25519_public = gpu::on_host::launch_x25519_public,
    .hpke_schedule = gpu::on_host::launch_hpke_schedule,
    .chacha20poly1305_seal = gpu::on_host::launch_chacha20poly1305_seal,
    .chacha20poly1305_open = gpu::on_host::launch_chacha20poly1305_open,
    .secretbox_seal = gpu::on_host::launch_secretbox_seal,
    .secretbox_open = gpu::on_host::launch_secretbox_open,
    .cipher_order = gpu::on_host::launch_cipher_order,
    .sealedbox_keys = gpu::on_host::launch_sealedbox_keys,
};

}  // namespace

void use_stand_in(bool wanted) {
  static bool now = false;
  if (wanted == now) return;
  now = wanted;
  // Never destroyed: its streams are threads, and the process's end is no time to join them.
  static HostRuntime* const host = new HostRuntime(on_host);
  gpu::use_runtime(wanted ? host : nullptr, {});
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
