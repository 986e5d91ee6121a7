// Every slot over words that keep secrets (secret_word.hpp), put together in the shape of each backend.
#pragma once
#include "kernels/table.hpp"

namespace megaseal::proof {

extern const KernelTable secret_scalar, secret_avx2, secret_avx512, secret_avx512ifma;

}  // namespace megaseal::proof
