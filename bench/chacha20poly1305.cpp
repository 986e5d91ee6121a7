// ChaCha20-Poly1305 and XChaCha20-Poly1305: seal and open.
#include <memory>
#include <utility>

#include "bench/aead.hpp"
#include "bench/suites.hpp"

namespace megaseal::bench {
namespace {

// Checks the call, then hands it out for timing.
Case finish(std::shared_ptr<AeadWork> work, Call call, const Shape& shape) {
  call.run();
  work->verify();
  const auto run = std::move(call.run);
  if (shape.cold)
    call.run = [work, run] {
      work->advance();
      run();
    };
  else
    call.run = [work, run] { run(); };
  return {std::move(call), double(shape.batch), double(work->messages.num_bytes())};
}

void add_ours(const AeadOperation& o, const std::string& backend, const Shape& shape) {
  add(o.name, backend, shape, [&o, backend](const Shape& s) {
    const auto work = std::make_shared<AeadWork>(o, s);
    megaseal_engine* e = engine(backend, s.threads);
    return finish(work, {[w = work.get(), e] { w->run(e); }, note_of(e, o.id)}, s);
  });
}

void add_peer(const AeadOperation& o, const Peer& peer, const Shape& shape) {
  if (peer.*o.peer == nullptr) return;
  add(o.name, peer.name, shape, [&o, &peer](const Shape& s) {
    const auto work = std::make_shared<AeadWork>(o, s);
    return finish(work, (peer.*o.peer)(work->items), s);
  });
}

}  // namespace

void add_chacha20poly1305() {
  for (const AeadOperation& o : aead_operations) {
    const bool main = o.format == MEGASEAL_FORMAT_CHACHA20POLY1305;
    // One shape for everybody, side by side, so that a disturbance of the machine is likelier to hit all of them.
    const auto everybody = [&](const Shape& shape) {
      for (const std::string& backend : backends_for(o.id)) add_ours(o, backend, shape);
      for (const Peer& peer : peers()) add_peer(o, peer, shape);
    };
    const auto ours = [&](const Shape& shape) {
      for (const std::string& backend : backends_for(o.id)) add_ours(o, backend, shape);
    };
    for (const size_t bytes : {64, 256, 1024, 4096, 16384}) {
      everybody({.bytes = bytes});
      everybody({.bytes = bytes, .batch = 1});
      if (!main) continue;
      // 16 messages of 16 KiB, with their outputs, are the largest batch that stays inside a level-2 cache.
      for (const size_t batch : {4, 16, 64}) everybody({.bytes = bytes, .batch = batch});
      everybody({.bytes = bytes, .cold = true});
      everybody({.bytes = bytes, .shared = true});
    }
    if (!main) continue;
    everybody({.bytes = 200, .mix = true});
    for (const unsigned threads : thread_counts())
      for (const size_t bytes : {256, 16384}) ours({.bytes = bytes, .threads = threads});
  }
}

}  // namespace megaseal::bench
