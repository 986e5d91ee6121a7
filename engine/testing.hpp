// Entry points for the tests alone. They carry hidden visibility, and this header is not installed: a program can't come by
// them, and fix an ephemeral secret, but by declaring them itself and linking the static library.
#pragma once
#include <memory>
#include <span>
#include <string>

#include "backends/registry.hpp"
#include "engine/device_start.hpp"
#include "megaseal/megaseal.h"

namespace megaseal::gpu {
class Runtime;
}

namespace megaseal::testing {

/// megaseal_hpke_seal_batch with the ephemeral secrets given, 32 bytes per item.
megaseal_error hpke_seal_batch(megaseal_engine* engine, size_t* out_num_failed, uint8_t* out_exports,
                               const megaseal_batch* batch, const megaseal_hpke_params* params,
                               const megaseal_recipients* recipients, const uint8_t* ephemeral_secrets);

/// megaseal_sealedbox_seal_batch, likewise.
megaseal_error sealedbox_seal_batch(megaseal_engine* engine, size_t* out_num_failed,
                                    const megaseal_batch* batch, megaseal_format format,
                                    const megaseal_recipients* recipients, const uint8_t* ephemeral_secrets);

/// megaseal_hpke_sender_create, likewise, with the first sequence number to use.
megaseal_error hpke_sender_create(megaseal_hpke_context** out_context, uint8_t out_enc[32],
                                  megaseal_engine* engine, const megaseal_hpke_params* params,
                                  const megaseal_recipient* recipient, const uint8_t ephemeral_secret[32],
                                  uint64_t first_sequence);

/// The known-answer self-test of every slot that `table` offers: "" when it passes, else what failed.
std::string self_test(const KernelTable& table);

/// megaseal_engine_create over other backends than those of this build. The rows outlive the engine.
megaseal_error engine_create(megaseal_engine** out_engine, const megaseal_engine_options* options,
                             std::span<const BackendRow> rows);

/// megaseal_engine_create with a device beside this process's CPU, started by `start`, which gives its costs: so a test says
/// itself which batches it gets.
megaseal_error engine_create_beside(megaseal_engine** out_engine, const megaseal_engine_options* options,
                                    const BackendRow& device, std::shared_ptr<DeviceStart> start);

/// megaseal_cuda.h on another runtime from now on; null: on this build's own.
void use_cuda_runtime(gpu::Runtime* runtime);

}  // namespace megaseal::testing
