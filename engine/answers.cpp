// Words for error codes, and the formats' sizes.
#include "engine/batch_view.hpp"
#include "megaseal/megaseal.h"

extern "C" {

const char* megaseal_error_string(megaseal_error error) {
  switch (error) {
    case MEGASEAL_ERROR_NONE:
      return "no error";
    case MEGASEAL_ERROR_ARGUMENT:
      return "invalid argument";
    case MEGASEAL_ERROR_MEMORY:
      return "out of memory";
    case MEGASEAL_ERROR_BACKEND_UNAVAILABLE:
      return "backend unknown or unavailable";
    case MEGASEAL_ERROR_RANDOM:
      return "the system's random generator failed";
    case MEGASEAL_ERROR_KEY_FORMAT:
      return "not a key of the expected kind";
    case MEGASEAL_ERROR_KEY_NONCANONICAL:
      return "public key is not canonically encoded";
    case MEGASEAL_ERROR_KEY_LOW_ORDER:
      return "public key of low order";
    case MEGASEAL_ERROR_ROLE:
      return "the context has the other role";
    case MEGASEAL_ERROR_MESSAGE_LIMIT:
      return "the context's sequence numbers are used up";
    case MEGASEAL_ERROR_FORKED:
      return "the key or context belongs to the process that made it, not to its child";
    case MEGASEAL_ERROR_INT_:
      break;
  }
  return "unknown error";
}

const char* megaseal_status_string(uint8_t status) {
  switch (megaseal_status(status)) {
    case MEGASEAL_OK:
      return "ok";
    case MEGASEAL_AUTH_FAILED:
      return "authentication failed";
    case MEGASEAL_LOW_ORDER:
      return "public key of low order";
    case MEGASEAL_NONCANONICAL:
      return "public key is not canonically encoded";
    case MEGASEAL_TRUNCATED:
      return "truncated";
    case MEGASEAL_TOO_LONG:
      return "too long";
    case MEGASEAL_BUFFER_TOO_SMALL:
      return "output buffer too small";
    case MEGASEAL_OVERLAP:
      return "input and output overlap";
    case MEGASEAL_INTERNAL:
      return "internal error";
  }
  return "unknown status";
}

#define MEGASEAL_TEXT_(x) #x
#define MEGASEAL_TEXT(x) MEGASEAL_TEXT_(x)
const char* megaseal_version(void) {
  return MEGASEAL_TEXT(MEGASEAL_VERSION_MAJOR) "." MEGASEAL_TEXT(MEGASEAL_VERSION_MINOR) "." MEGASEAL_TEXT(
      MEGASEAL_VERSION_PATCH);
}

uint64_t megaseal_overhead(megaseal_format format) {
  const megaseal::FormatTraits* t = megaseal::format_traits(format);
  return t ? t->overhead() : 0;
}

uint64_t megaseal_sealed_len(megaseal_format format, uint64_t len) {
  const megaseal::FormatTraits* t = megaseal::format_traits(format);
  return t && len <= t->max_len ? len + t->overhead() : UINT64_MAX;
}

}  // extern "C"
