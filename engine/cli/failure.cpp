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
  for (char& c : line) {
    if (static_cast<unsigned char>(c) < 0x20 || c == 0x7f) c = '?';
  }
  line += '\n';
  const std::lock_guard lock(mutex);
  if (!status.empty()) put(kClearLine);
  put(line);
  if (!status.empty()) put(status);
}

}  // namespace megaseal::cli
