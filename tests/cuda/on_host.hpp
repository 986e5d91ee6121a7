// The same programs as backends/cuda/launches.hpp, run on the host lane by lane. What a job points to is the host's memory;
// streams are ignored, and all is done on return.
#pragma once
#include "backends/cuda/programs.hpp"

namespace megaseal::gpu::on_host {

int launch_put(const PutJob&, Stream);
int launch_chacha20_stream(const StreamJob&, Stream);
int launch_x25519_shared(const X25519Job&, Stream);
int launch_x25519_public(const X25519Job&, Stream);  // fills in the table
/// By the program that large numbers of keys take.
int launch_x25519_public_of_four(const X25519Job&, Stream);
/// Whether the blocks of all programs of the curve end with zeros in what their lanes shared.
bool x25519_leaves_nothing(const uint8_t* secret);
int launch_x25519_prepare(const PrepareJob&, Stream);
int launch_x25519_prepared(const PreparedJob&, Stream);
int launch_hpke_schedule(const ScheduleJob&, Stream);
int launch_sealedbox_keys(const SealedBoxJob&, Stream);
int launch_cipher_order(const OrderJob&, Stream);
int launch_chacha20poly1305_seal(const CipherJob&, Stream);
int launch_chacha20poly1305_open(const CipherJob&, Stream);
int launch_secretbox_seal(const CipherJob&, Stream);
int launch_secretbox_open(const CipherJob&, Stream);

/// All of them.
const Programs& programs();

}  // namespace megaseal::gpu::on_host
