// What the CPU can do and the operating system lets programs use. Our own detection: cpuid says what the chip
// has, xgetbv says which registers the system saves; a vector unit counts only when both agree.
#pragma once
#include <string>
#include <string_view>

namespace megaseal {

/// The names of all usable features, separated by blanks, in a fixed order.
const std::string& cpu_features();

/// Which of the blank-separated features in `wanted` are missing here, separated by blanks; "" when none.
std::string missing_cpu_features(std::string_view wanted);

}  // namespace megaseal
