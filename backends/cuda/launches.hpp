// The launch functions of the device's programs. Each returns 0, or the runtime's error.
#pragma once
#include "backends/cuda/programs.hpp"

namespace megaseal::gpu::device {

int launch_put(const PutJob&, Stream);
int launch_chacha20_stream(const StreamJob&, Stream);
int launch_x25519_shared(const X25519Job&, Stream);
int launch_x25519_public(const X25519Job&, Stream);  // fills in the table
int launch_x25519_prepare(const PrepareJob&, Stream);
int launch_x25519_prepared(const PreparedJob&, Stream);
int launch_hpke_schedule(const ScheduleJob&, Stream);
int launch_sealedbox_keys(const SealedBoxJob&, Stream);
int launch_cipher_order(const OrderJob&, Stream);
int launch_chacha20poly1305_seal(const CipherJob&, Stream);
int launch_chacha20poly1305_open(const CipherJob&, Stream);
int launch_secretbox_seal(const CipherJob&, Stream);
int launch_secretbox_open(const CipherJob&, Stream);

}  // namespace megaseal::gpu::device
