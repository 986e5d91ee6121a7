// NDJSON records: what is taken is what another parser reads, and is written so that it reads it again; and a record that
// another writer has made of any values is taken, with these values.
#include <sodium.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/cli/records.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace megaseal;
using namespace megaseal::cli;

namespace {

RecordParser& parser_of(RecordKind kind) {
  static RecordParser plain(RecordKind::plain, Framing::ndjson), sealed(RecordKind::sealed, Framing::ndjson);
  return kind == RecordKind::plain ? plain : sealed;
}

/// A record by itself in a block. The padding must not matter.
struct Line {
  Line(std::string_view text, char padding) {
    block.buffer.grow(text.size() + FrameBlock::kPadding, 0);
    std::copy(text.begin(), text.end(), block.buffer.data());
    memset(block.buffer.data() + text.size(), padding, FrameBlock::kPadding);
    frame = {{block.buffer.data(), text.size()}, 1, 0, Frame::Fault::none};
  }
  bool parse(Record& record, RecordKind kind) {
    parser_of(kind).begin_block(block);
    return parser_of(kind).parse(record, frame).empty();
  }
  FrameBlock block;
  Frame frame;
};

nlohmann::json parsed(std::string_view text) { return nlohmann::json::parse(text, nullptr, false); }

std::string base64_of(std::string_view bytes, int variant) {
  std::string out(sodium_base64_encoded_len(bytes.size(), variant), 0);
  sodium_bin2base64(out.data(), out.size(), reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size(),
                    variant);
  out.pop_back();  // the NUL
  return out;
}

/// Whether `text`, padded or not, is base64 of `bytes`.
bool is_base64_of(const std::string& text, std::string_view bytes) {
  return text == base64_of(bytes, sodium_base64_VARIANT_ORIGINAL) ||
         text == base64_of(bytes, sodium_base64_VARIANT_ORIGINAL_NO_PADDING);
}

/// Makes a record of the fuzzer's values, in any order of fields and with blanks between tokens.
void demand_taken(fuzz::Input input) {
  const RecordKind kind = input.byte() & 1 ? RecordKind::sealed : RecordKind::plain;
  const uint8_t fields = input.byte(), writing = input.byte();
  const auto bytes = [&] {
    const fuzz::Bytes some = input.bytes(input.byte());
    return std::string(some.begin(), some.end());
  };
  const auto string_of = [&](std::string_view text) {
    return nlohmann::json(text).dump(-1, ' ', writing & 1, nlohmann::json::error_handler_t::replace);
  };
  const auto base64_string_of = [&](std::string_view some) {
    return '"' +
           base64_of(some, writing & 2 ? sodium_base64_VARIANT_ORIGINAL
                                       : sodium_base64_VARIANT_ORIGINAL_NO_PADDING) +
           '"';
  };
  // What is not UTF-8 becomes what is.
  const auto text = [&] { return parsed(string_of(bytes())).get<std::string>(); };
  const std::string to = text(), aad = fields & 2 ? bytes() : text();
  const bool encoded = kind == RecordKind::sealed || fields & 4;
  const std::string payload = encoded ? bytes() : text();
  const std::string ids[] = {"true", "null", "-0.5e+7", "18446744073709551616", string_of(text())};
  const std::string& id = ids[input.byte() % std::size(ids)];

  std::vector<std::string> members = {kind == RecordKind::sealed ? "\"sealed\":" + base64_string_of(payload)
                                      : encoded                  ? "\"msg_b64\":" + base64_string_of(payload)
                                                                 : "\"msg\":" + string_of(payload)};
  if (fields & 8) members.push_back("\"to\":" + string_of(to));
  if (fields & 16) members.push_back("\"id\":" + id);
  if (fields & 32)
    members.push_back(fields & 2 ? "\"aad_b64\":" + base64_string_of(aad) : "\"aad\":" + string_of(aad));
  std::rotate(members.begin(), members.begin() + ptrdiff_t(input.byte() % members.size()), members.end());
  const std::string blank(writing >> 2 & 3, " \t\r\t"[writing >> 4 & 3]);
  std::string line;
  for (std::string& member : members) {
    member.insert(member.find(':') + 1, blank);
    line += (line.empty() ? '{' + blank : ',' + blank) + member + blank;
  }
  line += '}' + blank;

  Line made(line, char(0xd7));
  Record record;
  fuzz::demand(made.parse(record, kind), "a record that another writer made is refused");
  fuzz::demand(record.payload == payload, "another payload than was written");
  fuzz::demand(record.to == (fields & 8 ? to : ""), "another recipient than was written");
  fuzz::demand(record.id_raw == (fields & 16 ? id : ""), "another id than was written");
  fuzz::demand(record.aad == (fields & 32 ? aad : ""), "another aad than was written");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size > 0 && data[0] & 2) {
    demand_taken(fuzz::Input(data, size));
    return 0;
  }
  fuzz::Input input(data, size);
  const RecordKind kind = input.byte() & 1 ? RecordKind::sealed : RecordKind::plain;
  const fuzz::Bytes rest = input.rest();
  Line line({reinterpret_cast<const char*>(rest.data()), rest.size()}, char(0xd7));
  Record record;
  if (!line.parse(record, kind)) return 0;
  // The other parser refuses numbers that no double holds.
  if (record.id_raw.size() > 15 && record.id_raw.front() != '"') return 0;
  if (record.id_raw.find_first_of("eE") != record.id_raw.npos && record.id_raw.front() != '"') return 0;
  const nlohmann::json json = parsed(line.frame.bytes);
  fuzz::demand(json.is_object(), "another parser finds no object");
  if (json.contains("to")) fuzz::demand(json["to"].get<std::string>() == record.to, "another recipient");
  if (json.contains("aad")) fuzz::demand(json["aad"].get<std::string>() == record.aad, "another aad");
  if (json.contains("aad_b64")) fuzz::demand(is_base64_of(json["aad_b64"], record.aad), "another aad");
  if (json.contains("msg")) fuzz::demand(json["msg"].get<std::string>() == record.payload, "another message");
  for (const char* field : {"msg_b64", "sealed"})
    if (json.contains(field)) fuzz::demand(is_base64_of(json[field], record.payload), "another payload");
  std::string out;
  if (kind == RecordKind::plain)
    append_sealed(out, Framing::ndjson, record, record.payload);
  else
    append_opened(out, Framing::ndjson, record, record.payload);
  fuzz::demand(out.back() == '\n' && out.find('\n') == out.size() - 1, "more than one line was written");
  const nlohmann::json again = parsed(out);
  fuzz::demand(again.is_object(), "what was written is not JSON");
  for (const char* field : {"to", "id", "aad", "aad_b64"}) {
    fuzz::demand(json.contains(field) == again.contains(field), "a field was lost");
    if (json.contains(field)) fuzz::demand(json[field] == again[field], "a field was changed");
  }
  // What was sealed must be taken when it comes to opening, and what was opened when it is sealed again.
  Line written({out.data(), out.size() - 1}, 0);
  Record back;
  const RecordKind other = kind == RecordKind::plain ? RecordKind::sealed : RecordKind::plain;
  fuzz::demand(written.parse(back, other) && back.payload == record.payload, "a written record is not taken");
  return 0;
}
