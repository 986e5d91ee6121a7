#include "bench/peers/peers.hpp"

namespace megaseal::bench {

const std::vector<Peer>& peers() {
  static const std::vector<Peer> all{
      libsodium_peer(),
#ifdef MEGASEAL_BENCH_OPENSSL
      openssl_peer(),
#endif
#ifdef MEGASEAL_BENCH_IPSEC_MB
      ipsec_mb_peer(),
#endif
  };
  return all;
}

}  // namespace megaseal::bench
