// Every program that a tile can be made of, as functions that launch it: the device's (curve.cu, cipher.cu, schedule.cu) or
// the same code run on the host (tests/cuda).
#pragma once
#include "backends/cuda/jobs.hpp"

namespace megaseal::gpu {

/// What orders launches and copies: a CUDA stream. The host's stand-in has none.
using Stream = void*;

/// 0, or the runtime's error. A launch returns before its work is done; jobs are copied, what they point to is not.
template <class Job>
using Launch = int (*)(const Job&, Stream);

struct Programs {
  Launch<PutJob> put;
  Launch<StreamJob> chacha20_stream;
  Launch<X25519Job> x25519_shared, x25519_public;
  Launch<PrepareJob> x25519_prepare;
  Launch<PreparedJob> x25519_prepared;
  Launch<ScheduleJob> hpke_schedule;
  Launch<CipherJob> chacha20poly1305_seal, chacha20poly1305_open, secretbox_seal, secretbox_open;
  Launch<OrderJob> cipher_order;  // for batches whose lengths the host does not know
  Launch<SealedBoxJob> sealedbox_keys;
};

}  // namespace megaseal::gpu
