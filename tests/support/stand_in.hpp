// A backend that tests have and the library does not: the CUDA backend, with its programs run on the host.
#pragma once
#include <string_view>

#include "backends/registry.hpp"

namespace megaseal::test {

constexpr std::string_view stand_in_name = "cuda_on_host";

/// Its row. The backend is the process's one CUDA backend: use_stand_in() says whether that works on the host or, where
/// there is one, on a device.
const BackendRow& stand_in_row();
void use_stand_in(bool on_host);

}  // namespace megaseal::test
