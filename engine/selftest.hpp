// Known answers that a backend must give before anyone's message meets it.
#pragma once
#include <string>

#include "kernels/table.hpp"

namespace megaseal {

/// Runs every slot that `table` offers against published vectors, in every lane, and checks that altered
/// ciphertexts are refused alone. "" when all is right, else the name of the first slot that is not and what
/// it did.
std::string self_test(const KernelTable& table);

}  // namespace megaseal
