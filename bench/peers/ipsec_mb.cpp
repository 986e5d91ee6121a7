// intel-ipsec-mb: its burst interface and its direct one, whichever is faster for the batch at hand.
#include <intel-ipsec-mb.h>
#include <sodium.h>

#include <algorithm>
#include <cmath>
#include <memory>

#include "bench/peers/peers.hpp"

namespace megaseal::bench {
namespace {

IMB_MGR* manager() {
  static IMB_MGR* const made = [] {
    IMB_MGR* m = alloc_mb_mgr(0);
    require(m != nullptr, "ipsec-mb gives no manager");
    init_mb_mgr_auto(m, nullptr);
    return m;
  }();
  return made;
}

// Opening yields the tag that the message should have; comparing it is the caller's.
void compare_tag(const uint8_t* computed, const AeadItems& m, size_t i) {
  require(crypto_verify_16(computed, m.in_at(i) + m.in_len(i) - 16) == 0, "ipsec-mb does not open a message");
}

void burst(const AeadItems& m, bool seal) {
  IMB_MGR* mgr = manager();
  constexpr uint32_t most = 128;  // jobs in a burst, by the library's own limit
  IMB_JOB* jobs[most];
  uint8_t tags[most][16];
  for (size_t begin = 0; begin < m.num; begin += most) {
    const auto num = uint32_t(std::min<size_t>(most, m.num - begin));
    require(IMB_GET_NEXT_BURST(mgr, num, jobs) == num, "ipsec-mb gives fewer jobs than asked for");
    for (uint32_t k = 0; k < num; k++) {
      const size_t i = begin + k;
      const size_t len = seal ? m.in_len(i) : m.in_len(i) - 16;
      IMB_JOB& job = *jobs[k];
      job.cipher_mode = IMB_CIPHER_CHACHA20_POLY1305;
      job.hash_alg = IMB_AUTH_CHACHA20_POLY1305;
      job.cipher_direction = seal ? IMB_DIR_ENCRYPT : IMB_DIR_DECRYPT;
      job.chain_order = seal ? IMB_ORDER_CIPHER_HASH : IMB_ORDER_HASH_CIPHER;
      job.enc_keys = job.dec_keys = m.key(i);
      job.key_len_in_bytes = 32;
      job.iv = m.nonce(i);
      job.iv_len_in_bytes = 12;
      job.src = m.in_at(i);
      job.dst = m.out_at(i);
      job.cipher_start_src_offset_in_bytes = job.hash_start_src_offset_in_bytes = 0;
      job.msg_len_to_cipher_in_bytes = job.msg_len_to_hash_in_bytes = len;
      job.u.CHACHA20_POLY1305.aad = nullptr;
      job.u.CHACHA20_POLY1305.aad_len_in_bytes = 0;
      job.auth_tag_output = seal ? m.out_at(i) + len : tags[k];
      job.auth_tag_output_len_in_bytes = 16;
    }
    require(IMB_SUBMIT_BURST(mgr, num, jobs) == num, "ipsec-mb does not finish a burst");
    if (!seal)
      for (uint32_t k = 0; k < num; k++) compare_tag(tags[k], m, begin + k);
  }
}

void direct(const AeadItems& m, bool seal) {
  IMB_MGR* mgr = manager();
  chacha20_poly1305_context_data context;
  for (size_t i = 0; i < m.num; i++) {
    const size_t len = seal ? m.in_len(i) : m.in_len(i) - 16;
    uint8_t tag[16];
    IMB_CHACHA20_POLY1305_INIT(mgr, m.key(i), &context, m.nonce(i), nullptr, 0);
    if (seal) {
      IMB_CHACHA20_POLY1305_ENC_UPDATE(mgr, m.key(i), &context, m.out_at(i), m.in_at(i), len);
      IMB_CHACHA20_POLY1305_ENC_FINALIZE(mgr, &context, m.out_at(i) + len, 16);
    } else {
      IMB_CHACHA20_POLY1305_DEC_UPDATE(mgr, m.key(i), &context, m.out_at(i), m.in_at(i), len);
      IMB_CHACHA20_POLY1305_DEC_FINALIZE(mgr, &context, tag, 16);
      compare_tag(tag, m, i);
    }
  }
}

template <bool seal>
Call aead(const AeadItems& m) {
  const Call ways[] = {{[&m] { burst(m, seal); }, "burst"}, {[&m] { direct(m, seal); }, "direct"}};
  double best[2] = {HUGE_VAL, HUGE_VAL};
  for (int turn = 0; turn < 4; turn++)  // in turns, so that a disturbed moment does not decide
    for (int w = 0; w < 2; w++) best[w] = std::min(best[w], quick_time(ways[w].run));
  return best[0] <= best[1] ? ways[0] : ways[1];
}

}  // namespace

Peer ipsec_mb_peer() {
  Peer peer;
  peer.name = "ipsec-mb";
  peer.version = imb_get_version_str();
  peer.chacha20poly1305_seal = aead<true>;
  peer.chacha20poly1305_open = aead<false>;
  return peer;
}

}  // namespace megaseal::bench
