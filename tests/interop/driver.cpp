// megaseal's API behind lines of JSON, so that programs in other languages can hold it against other
// implementations: one request object a line on standard input, one answer a line on standard output. Byte strings
// are hex. An answer with "error" means that the call did not run. Uses the public headers alone, the C++ wrapper
// first of all.
#include <megaseal/megaseal.hpp>

#include <cstdlib>
#include <iostream>
#include <nlohmann/json.hpp>
#include <string>
#include <variant>

#include "tests/support/bytes.hpp"

namespace megaseal::test {
namespace {

using nlohmann::json;

Bytes bytes(const json& request, const char* field) { return from_hex(request.value(field, "")); }

Key key(const json& request, const char* field) {
  const Bytes given = from_hex(request.at(field).get<std::string>());
  Key out;
  if (given.size() != out.size()) throw std::invalid_argument(std::string(field) + " is not 32 bytes");
  std::copy(given.begin(), given.end(), out.begin());
  return out;
}

Messages messages(const json& request, const char* field) {
  Messages out;
  if (!request.contains(field)) return out;
  for (const json& message : request[field]) out.push_back(from_hex(message.get<std::string>()));
  return out;
}

/// The bytes that HpkeParams refers to.
struct Params {
  explicit Params(const json& request)
      : info(bytes(request, "info")), psk(bytes(request, "psk")), psk_id(bytes(request, "psk_id")) {}
  HpkeParams get() const { return {info, psk, psk_id}; }
  Bytes info, psk, psk_id;
};

json hex_list(const Messages& list) {
  json out = json::array();
  for (size_t i = 0; i < list.size(); ++i) out.push_back(to_hex(list[i]));
  return out;
}

/// Exports side by side, as the ABI writes them.
json hex_list(const Bytes& exports, size_t len) {
  json out = json::array();
  for (size_t i = 0; len > 0 && i < exports.size(); i += len)
    out.push_back(to_hex(as_span(&exports[i], len)));
  return out;
}

/// What opened, and null where an item did not; why in "statuses".
json opened(const Result& result) {
  json out = {{"opened", json::array()}, {"statuses", json::array()}};
  for (size_t i = 0; i < result.statuses.size(); ++i) {
    out["opened"].push_back(result.ok(i) ? json(to_hex(result.messages[i])) : json());
    out["statuses"].push_back(megaseal_status_string(result.statuses[i]));
  }
  return out;
}

json sealed(const Result& result) {
  if (result.num_failed != 0) throw std::runtime_error(megaseal_status_string(result.statuses.at(0)));
  return {{"sealed", hex_list(result.messages)}};
}

class Driver {
 public:
  json answer(const json& request) {
    const std::string op = request.at("op");
    if (op == "public_key") return public_key(request);
    if (op == "shared_secret") return shared_secret(request);
    if (op == "seal") return seal(request);
    if (op == "open") return open(request);
    if (op == "sender") return sender(request);
    if (op == "receiver") return receiver(request);
    if (op == "context_seal") return context_seal(request);
    if (op == "context_open") return context_open(request);
    if (op == "context_export") return context_export(request);
    throw std::invalid_argument("unknown op " + op);
  }

 private:
  json public_key(const json& request) {
    const Recipient recipient = SecretKey::from_bytes(key(request, "secret")).recipient();
    return {{"public", to_hex(recipient.public_key())}, {"text", recipient.to_text()}};
  }

  json shared_secret(const json& request) {
    Key out;
    const Key secret = key(request, "secret"), point = key(request, "public");
    if (engine_.x25519({&out, 1}, {&secret, 1}, {&point, 1}) != 0) throw Error(MEGASEAL_ERROR_KEY_LOW_ORDER);
    return {{"shared", to_hex(out)}};
  }

  json seal(const json& request) {
    const Recipient to(key(request, "public"));
    const Messages texts = messages(request, "messages"), aad = messages(request, "aad");
    const megaseal_format format = format_of(request);
    if (format != MEGASEAL_FORMAT_HPKE) return sealed(engine_.sealedbox_seal({&to, 1}, texts, format));
    if (request.contains("export_len")) return exporting_seal(request, to, texts, aad);
    return sealed(engine_.seal(to, texts, Params(request).get(), aad));
  }

  json open(const json& request) {
    const SecretKey secret = SecretKey::from_bytes(key(request, "secret"));
    const Messages boxes = messages(request, "sealed"), aad = messages(request, "aad");
    const megaseal_format format = format_of(request);
    if (format != MEGASEAL_FORMAT_HPKE) return opened(engine_.sealedbox_open({&secret, 1}, boxes, format));
    if (request.contains("export_len")) return exporting_open(request, secret, boxes, aad);
    return opened(engine_.open(secret, boxes, Params(request).get(), aad));
  }

  // Single-shot exports have no wrapper in C++: the C ABI, over the wrapper's packed batch.
  json exporting_seal(const json& request, const Recipient& to, const Messages& texts, const Messages& aad) {
    const Params given(request);
    const Bytes context = bytes(request, "exporter_context");
    const megaseal_hpke_params params = exporting(request, given, context);
    detail::Batch batch(MEGASEAL_FORMAT_HPKE, true, texts, aad);
    Bytes exports(texts.size() * params.export_len);
    const megaseal_recipient* handle = to.get();
    const megaseal_recipients recipients{&handle, 0, nullptr, 0};
    detail::check(megaseal_hpke_seal_batch(engine_.get(), batch.num_failed(), exports.data(), &batch.c,
                                           &params, &recipients));
    json out = sealed(batch.take());
    out["exports"] = hex_list(exports, params.export_len);
    return out;
  }
  json exporting_open(const json& request, const SecretKey& secret, const Messages& boxes,
                      const Messages& aad) {
    const Params given(request);
    const Bytes context = bytes(request, "exporter_context");
    const megaseal_hpke_params params = exporting(request, given, context);
    detail::Batch batch(MEGASEAL_FORMAT_HPKE, false, boxes, aad);
    Bytes exports(boxes.size() * params.export_len);
    const megaseal_secret_key* handle = secret.get();
    detail::check(megaseal_hpke_open_batch(engine_.get(), batch.num_failed(), exports.data(), &batch.c,
                                           &params, &handle, 0));
    json out = opened(batch.take());
    out["exports"] = hex_list(exports, params.export_len);
    return out;
  }
  static megaseal_hpke_params exporting(const json& request, const Params& given, const Bytes& context) {
    megaseal_hpke_params params = detail::convert(given.get());
    params.exporter_context = context.data();
    params.exporter_context_len = context.size();
    params.export_len = request.at("export_len").get<size_t>();
    return params;
  }

  json sender(const json& request) {
    HpkeSender made(engine_, Recipient(key(request, "public")), Params(request).get());
    const std::string enc = to_hex(made.enc());
    return {{"context", keep(std::move(made))}, {"enc", enc}};
  }
  json receiver(const json& request) {
    return {{"context", keep(HpkeReceiver(engine_, SecretKey::from_bytes(key(request, "secret")),
                                          key(request, "enc"), Params(request).get()))}};
  }
  json context_seal(const json& request) {
    uint64_t first = 0;
    json out = sealed(std::get<HpkeSender>(context(request))
                          .seal(messages(request, "messages"), &first, messages(request, "aad")));
    out["first"] = first;
    return out;
  }
  json context_open(const json& request) {
    return opened(std::get<HpkeReceiver>(context(request))
                      .open(messages(request, "sealed"), request.at("sequences").get<std::vector<uint64_t>>(),
                            messages(request, "aad")));
  }
  json context_export(const json& request) {
    json out = json::array();
    for (const json& exporter_context : request.at("exporter_contexts")) {
      const Bytes given = from_hex(exporter_context.get<std::string>());
      out.push_back(to_hex(std::visit(
          [&](const HpkeContext& c) {
            return c.export_secret(given, request.at("export_len").get<size_t>());
          },
          context(request))));
    }
    return {{"exports", out}};
  }

  static megaseal_format format_of(const json& request) {
    const std::string name = request.value("format", "hpke");
    if (name == "hpke") return MEGASEAL_FORMAT_HPKE;
    if (name == "sealedbox") return MEGASEAL_FORMAT_SEALEDBOX;
    if (name == "sealedbox-salsa") return MEGASEAL_FORMAT_SEALEDBOX_SALSA;
    throw std::invalid_argument("unknown format " + name);
  }

  using Context = std::variant<HpkeSender, HpkeReceiver>;
  size_t keep(Context made) {
    contexts_.push_back(std::move(made));
    return contexts_.size() - 1;
  }
  const Context& context(const json& request) { return contexts_.at(request.at("context").get<size_t>()); }

  static std::string forced_backend() {
    const char* const name = std::getenv("MEGASEAL_BACKEND");
    return name ? name : "";
  }

  Engine engine_{{.backend = forced_backend()}};
  std::vector<Context> contexts_;
};

}  // namespace
}  // namespace megaseal::test

int main() {
  megaseal::test::Driver driver;
  for (std::string line; std::getline(std::cin, line);) {
    nlohmann::json answer;
    try {
      answer = driver.answer(nlohmann::json::parse(line));
    } catch (const std::exception& e) {
      answer = {{"error", e.what()}};
    }
    std::cout << answer.dump() << std::endl;
  }
}
