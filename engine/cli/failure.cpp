#include "engine/cli/failure.hpp"

#include <cstdio>
#include <mutex>

namespace megaseal::cli {
namespace {

constexpr std::string_view kClearLine = "\r\033[K";

std::mutex mutex;
std::string status;

void put(std::string_view text) { std::fwrite(text.data(), 1, text.size(), stderr); }

}  // namespace

void status_line(std::string_view text) {
  const std::lock_guard lock(mutex);
  status = text;
  put(kClearLine);
  put(status);
}

void tell_line(std::string line) {
  for (size_t i = 0; i < line.size(); ++i) {
    const auto byte = [&](size_t at) { return static_cast<unsigned char>(line[at]); };
    if (byte(i) < 0x20 || byte(i) == 0x7f) line[i] = '?';
    // U+0080 to U+009F, the control characters of Latin-1: U+009B does what ESC [ does.
    if (byte(i) == 0xc2 && i + 1 < line.size() && byte(i + 1) >= 0x80 && byte(i + 1) < 0xa0)
      line[i] = line[i + 1] = '?';
  }
  line += '\n';
  const std::lock_guard lock(mutex);
  if (!status.empty()) put(kClearLine);
  put(line);
  if (!status.empty()) put(status);
}

}  // namespace megaseal::cli
