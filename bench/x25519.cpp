// X25519: shared secrets, public keys, key generation.
#include <cstring>
#include <memory>
#include <utility>

#include "bench/data.hpp"
#include "bench/peers/peers.hpp"
#include "bench/suites.hpp"

namespace megaseal::bench {
namespace {

struct Operation {
  const char* name;
  megaseal_operation id;
  Call (*Peer::*peer)(const CurveItems&);
};
constexpr Operation shared_secret{"x25519_shared", MEGASEAL_OP_X25519_SHARED, &Peer::x25519_shared};
constexpr Operation public_key{"x25519_public", MEGASEAL_OP_X25519_PUBLIC, &Peer::x25519_public};
constexpr Operation keygen{"keygen", MEGASEAL_OP_KEYGEN, &Peer::keygen};

struct CurveWork {
  CurveWork(const Operation& o, const Shape& shape)
      : operation(o),
        num(shape.batch),
        secrets(random_bytes(shape.shared ? 32 : 32 * num)),
        points(random_bytes(32 * num)),
        out(32 * num),
        out_secrets(32 * num),
        items{.num = num,
              .secrets = secrets.data(),
              .secret_stride = shape.shared ? 0u : 32u,
              .points = points.data(),
              .out = out.data(),
              .out_secrets = out_secrets.data()} {}
  CurveWork(const CurveWork&) = delete;
  CurveWork& operator=(const CurveWork&) = delete;

  void run(megaseal_engine* e) {
    size_t failed = 0;
    switch (operation.id) {
      case MEGASEAL_OP_X25519_SHARED:
        check(megaseal_x25519_batch(e, out.data(), nullptr, &failed, num, secrets.data(), items.secret_stride,
                                    points.data(), 32),
              failed);
        break;
      case MEGASEAL_OP_X25519_PUBLIC:
        check(megaseal_x25519_public_batch(e, out.data(), num, secrets.data(), items.secret_stride));
        break;
      default:
        check(megaseal_keygen_batch(e, out.data(), out_secrets.data(), num));
    }
  }

  // Runs `call` and compares with our scalar backend. Generated keys are nobody's to predict: there the public keys
  // are compared with those that the scalar backend computes from the secrets.
  void verify(const std::function<void()>& call) {
    call();
    const Bytes got = out;
    megaseal_engine* scalar = engine("scalar", 1);
    if (operation.id == MEGASEAL_OP_KEYGEN) {
      require(num == 1 || std::memcmp(out_secrets.data(), out_secrets.data() + 32, 32) != 0,
              "a secret twice");
      check(megaseal_x25519_public_batch(scalar, out.data(), num, out_secrets.data(), 32));
    } else {
      run(scalar);
    }
    require(got == out, "wrong bytes");
  }

  const Operation& operation;
  const size_t num;
  Bytes secrets, points, out, out_secrets;
  CurveItems items;
};

Case finish(std::shared_ptr<CurveWork> work, Call call, const Shape& shape) {
  work->verify(call.run);
  call.run = [work, run = std::move(call.run)] { run(); };
  return {std::move(call), double(shape.batch), double(32 * shape.batch)};
}

void add_ours(const Operation& o, const Shape& shape) {
  for (const std::string& backend : backends_for(o.id))
    add(o.name, backend, shape, [&o, backend](const Shape& s) {
      const auto work = std::make_shared<CurveWork>(o, s);
      megaseal_engine* e = engine(backend, s.threads);
      return finish(work, {[w = work.get(), e] { w->run(e); }, note_of(e, o.id)}, s);
    });
}

void add_everybody(const Operation& o, const Shape& shape) {
  add_ours(o, shape);
  for (const Peer& peer : peers()) {
    if (peer.*o.peer == nullptr) continue;
    add(o.name, peer.name, shape, [&o, &peer](const Shape& s) {
      const auto work = std::make_shared<CurveWork>(o, s);
      return finish(work, (peer.*o.peer)(work->items), s);
    });
  }
}

}  // namespace

void add_x25519() {
  for (const Operation* o : {&shared_secret, &public_key, &keygen}) {
    // A peer does one operation a call, whatever the batch; it is measured at both ends only to show that.
    add_everybody(*o, {.bytes = 32});
    add_everybody(*o, {.bytes = 32, .batch = 1});
    for (const size_t batch : {4, 16, 64}) add_ours(*o, {.bytes = 32, .batch = batch});
    for (const unsigned threads : thread_counts()) add_ours(*o, {.bytes = 32, .threads = threads});
  }
  // One secret and many points: what a receiver does.
  add_ours(shared_secret, {.bytes = 32, .shared = true});
}

}  // namespace megaseal::bench
