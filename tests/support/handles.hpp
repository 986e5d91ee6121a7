// RAII over the C ABI's handles, for tests: a failure to create is a thrown error, never a null pointer.
#pragma once
#include <cstdlib>
#include <memory>
#include <stdexcept>
#include <string>

#include "engine/testing.hpp"
#include "megaseal/megaseal.h"
#include "tests/support/bytes.hpp"
#include "tests/support/stand_in.hpp"

namespace megaseal::test {

inline void throw_on(megaseal_error error, const char* what) {
  if (error != MEGASEAL_ERROR_NONE)
    throw std::runtime_error(std::string(what) + ": " + megaseal_error_string(error));
}

template <auto Free>
struct Deleter {
  template <class T>
  void operator()(T* p) const {
    Free(p);
  }
};
using Engine = std::unique_ptr<megaseal_engine, Deleter<megaseal_engine_destroy>>;
using Recipient = std::unique_ptr<megaseal_recipient, Deleter<megaseal_recipient_release>>;
using SecretKey = std::unique_ptr<megaseal_secret_key, Deleter<megaseal_secret_key_release>>;
using Context = std::unique_ptr<megaseal_hpke_context, Deleter<megaseal_hpke_context_destroy>>;

/// `backend` "": the best for each operation, or the one that MEGASEAL_TEST_BACKEND names, as ./dev gpu does with tests that
/// do not go through all backends by themselves.
inline Engine make_engine(std::string backend = "", uint32_t num_threads = 2) {
  if (const char* wanted = std::getenv("MEGASEAL_TEST_BACKEND"); wanted && backend.empty()) {
    backend = wanted;
    use_stand_in(backend == stand_in_name);
  }
  megaseal_engine_options options = {};
  options.struct_size = sizeof options;
  options.backend = backend.c_str();
  options.num_threads = num_threads;
  megaseal_engine* engine = nullptr;
  if (backend == stand_in_name) {
    const BackendRow rows[] = {stand_in_row(), backend_rows().back()};
    throw_on(testing::engine_create(&engine, &options, rows), "engine_create");
  } else {
    throw_on(megaseal_engine_create(&engine, &options), "megaseal_engine_create");
  }
  return Engine(engine);
}

/// "" for an operation that no backend offers.
inline std::string backend_name(const megaseal_engine* engine, int operation) {
  const char* const name = megaseal_backend_name(engine, megaseal_operation(operation));
  return name ? name : "";
}

inline megaseal_prepared_info prepared_info(const megaseal_engine* engine) {
  megaseal_prepared_info info = {};
  info.struct_size = sizeof info;
  throw_on(megaseal_engine_prepared_info(engine, &info), "megaseal_engine_prepared_info");
  return info;
}

inline Recipient make_recipient(const Bytes& public_key) {
  megaseal_recipient* recipient = nullptr;
  throw_on(megaseal_recipient_create(&recipient, public_key.data()), "megaseal_recipient_create");
  return Recipient(recipient);
}

inline SecretKey make_secret_key(const Bytes& secret) {
  megaseal_secret_key* key = nullptr;
  throw_on(megaseal_secret_key_create(&key, secret.data()), "megaseal_secret_key_create");
  return SecretKey(key);
}

/// The same key, which children of fork() have as well.
inline SecretKey inheritable(const SecretKey& key) {
  megaseal_secret_key* copy = nullptr;
  throw_on(megaseal_secret_key_create_inheritable(&copy, key.get()),
           "megaseal_secret_key_create_inheritable");
  return SecretKey(copy);
}

inline Bytes public_key_of(const megaseal_secret_key* key) {
  Bytes out(MEGASEAL_KEY_LEN);
  megaseal_secret_key_public_key(key, out.data());
  return out;
}

inline megaseal_hpke_params hpke_params(const Bytes& info = {}, const Bytes& psk = {},
                                        const Bytes& psk_id = {}) {
  megaseal_hpke_params params = {};
  params.struct_size = sizeof params;
  params.info = info.data();
  params.info_len = info.size();
  params.psk = psk.data();
  params.psk_len = psk.size();
  params.psk_id = psk_id.data();
  params.psk_id_len = psk_id.size();
  return params;
}

/// One recipient for all items.
inline megaseal_recipients to_one(const megaseal_recipient* const* handle) {
  megaseal_recipients recipients = {};
  recipients.handles = handle;
  return recipients;
}
/// Raw keys, one per item (`stride` 32) or one for all (0).
inline megaseal_recipients to_raw(const Bytes& public_keys, size_t stride) {
  megaseal_recipients recipients = {};
  recipients.public_keys = public_keys.data();
  recipients.stride = stride;
  return recipients;
}

}  // namespace megaseal::test
