#include "engine/random.hpp"

#include <sys/random.h>

#include <cerrno>

namespace megaseal {

bool system_random(void* out, size_t len) {
  auto* p = static_cast<uint8_t*>(out);
  while (len > 0) {
    const ssize_t got = getrandom(p, len, 0);
    if (got < 0) {
      if (errno == EINTR) continue;
      return false;
    }
    p += got;
    len -= size_t(got);
  }
  return true;
}

}  // namespace megaseal
