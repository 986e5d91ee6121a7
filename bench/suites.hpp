// One function a file of benchmarks.
#pragma once

namespace megaseal::bench {

void add_chacha20poly1305();
void add_x25519();
void add_sha256();
void add_hpke();
void add_contexts();
void add_prepared();
void add_sealedbox();
void add_cli();

}  // namespace megaseal::bench
