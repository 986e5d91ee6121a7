#include "engine/hpke_suite.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace megaseal {
namespace {

constexpr std::string_view version_label = "HPKE-v1";

uint8_t* put(uint8_t* at, const void* bytes, size_t len) {
  if (len > 0) std::memcpy(at, bytes, len);
  return at + len;
}
uint8_t* put(uint8_t* at, std::string_view text) { return put(at, text.data(), text.size()); }
uint8_t* put_suite(uint8_t* at) { return put(at, hpke_suite_id, sizeof hpke_suite_id); }

// LabeledExtract("", label, ikm), RFC 9180 §4.
void labeled_extract(const Dispatch& d, uint8_t* prk, std::string_view label, const void* ikm, size_t ikm_len,
                     uint8_t* text) {
  uint8_t* end = put(put(put_suite(put(text, version_label)), label), ikm, ikm_len);
  const HkdfExtractItem item{
      .salt = nullptr, .salt_len = 0, .ikm = text, .ikm_len = uint64_t(end - text), .prk = prk};
  const HkdfExtractTile tile{.num = 1, .items = &item};
  d.hash(tile);
}

constexpr size_t labels_len = 64;  // more than version, suite and the longest label take

}  // namespace

megaseal_error check_params(megaseal_hpke_params* out, const megaseal_hpke_params* params) {
  *out = {};
  if (!params) return MEGASEAL_ERROR_NONE;
  if (params->struct_size < sizeof *params) return MEGASEAL_ERROR_ARGUMENT;
  auto missing = [](const void* p, size_t len) { return p == nullptr && len > 0; };
  if (missing(params->info, params->info_len) || missing(params->psk, params->psk_len) ||
      missing(params->psk_id, params->psk_id_len) ||
      missing(params->exporter_context, params->exporter_context_len))
    return MEGASEAL_ERROR_ARGUMENT;
  if ((params->psk_len > 0) != (params->psk_id_len > 0)) return MEGASEAL_ERROR_ARGUMENT;
  if (params->psk_len > 0 && params->psk_len < 32) return MEGASEAL_ERROR_ARGUMENT;
  if (params->export_len > MEGASEAL_HPKE_MAX_EXPORT_LEN) return MEGASEAL_ERROR_ARGUMENT;
  // What is hashed, each with its labels, has to fit into memory together.
  const size_t longest = std::max(params->info_len, params->psk_id_len);
  if (longest > SIZE_MAX - 2 * labels_len || params->exporter_context_len > SIZE_MAX - 2 * labels_len - longest)
    return MEGASEAL_ERROR_ARGUMENT;
  *out = *params;
  return MEGASEAL_ERROR_NONE;
}

size_t hash_params_text_len(const megaseal_hpke_params& params) {
  return labels_len + std::max(params.info_len, params.psk_id_len);
}

HpkeEmptyHashes::HpkeEmptyHashes(const Dispatch& d) {
  uint8_t text[labels_len];
  labeled_extract(d, psk_id_hash, "psk_id_hash", nullptr, 0, text);
  labeled_extract(d, info_hash, "info_hash", nullptr, 0, text);
}

HpkeShared hash_params(const Dispatch& d, const HpkeEmptyHashes& empty, const megaseal_hpke_params& params,
                       uint8_t* text) {
  HpkeShared shared{};
  shared.key_schedule_context[0] = params.psk_len > 0 ? 0x01 : 0x00;  // mode_psk, mode_base
  uint8_t* const psk_id_hash = shared.key_schedule_context + 1;
  uint8_t* const info_hash = psk_id_hash + 32;
  if (params.psk_id_len > 0)
    labeled_extract(d, psk_id_hash, "psk_id_hash", params.psk_id, params.psk_id_len, text);
  else
    std::memcpy(psk_id_hash, empty.psk_id_hash, 32);
  if (params.info_len > 0)
    labeled_extract(d, info_hash, "info_hash", params.info, params.info_len, text);
  else
    std::memcpy(info_hash, empty.info_hash, 32);
  shared.psk = static_cast<const uint8_t*>(params.psk);
  shared.psk_len = params.psk_len;
  return shared;
}

size_t export_info_len(size_t context_len) {
  return 2 + version_label.size() + sizeof hpke_suite_id + 3 + context_len;
}

void write_export_info(uint8_t* out, const uint8_t* context, size_t context_len, size_t export_len) {
  *out++ = uint8_t(export_len >> 8);
  *out++ = uint8_t(export_len);
  put(put(put_suite(put(out, version_label)), "sec"), context, context_len);
}

}  // namespace megaseal
