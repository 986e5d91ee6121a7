// NDJSON records: what is taken is what another parser reads, and is written so that it reads it again.
#include <algorithm>
#include <nlohmann/json.hpp>

#include "engine/cli/records.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace megaseal;
using namespace megaseal::cli;

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const RecordKind kind = input.byte() & 1 ? RecordKind::sealed : RecordKind::plain;
  const fuzz::Bytes line = input.rest();
  FrameBlock block;
  block.buffer.grow(line.size() + FrameBlock::kPadding, 0);
  std::copy(line.begin(), line.end(), block.buffer.data());
  memset(block.buffer.data() + line.size(), 0xd7, FrameBlock::kPadding);
  const Frame frame = {{block.buffer.data(), line.size()}, 1, 0, Frame::Fault::none};
  static RecordParser plain(RecordKind::plain, Framing::ndjson), sealed(RecordKind::sealed, Framing::ndjson);
  RecordParser& parser = kind == RecordKind::plain ? plain : sealed;
  parser.begin_block(block);
  Record record;
  if (!parser.parse(record, frame).empty()) return 0;
  // The other parser refuses numbers that no double holds.
  if (record.id_raw.size() > 15 && record.id_raw.front() != '"') return 0;
  if (record.id_raw.find_first_of("eE") != record.id_raw.npos && record.id_raw.front() != '"') return 0;
  const auto parse = [](std::string_view text) { return nlohmann::json::parse(text, nullptr, false); };
  const nlohmann::json json = parse(frame.bytes);
  fuzz::demand(json.is_object(), "another parser finds no object");
  if (json.contains("to")) fuzz::demand(json["to"].get<std::string>() == record.to, "another recipient");
  if (json.contains("msg") && kind == RecordKind::plain)
    fuzz::demand(json["msg"].get<std::string>() == record.payload, "another message");
  if (json.contains("aad")) fuzz::demand(json["aad"].get<std::string>() == record.aad, "another aad");
  std::string out;
  if (kind == RecordKind::plain)
    append_sealed(out, Framing::ndjson, record, record.payload);
  else
    append_opened(out, Framing::ndjson, record, record.payload);
  fuzz::demand(out.back() == '\n' && out.find('\n') == out.size() - 1, "more than one line was written");
  const nlohmann::json again = parse(out);
  fuzz::demand(again.is_object(), "what was written is not JSON");
  for (const char* field : {"to", "id", "aad", "aad_b64"}) {
    fuzz::demand(json.contains(field) == again.contains(field), "a field was lost");
    if (json.contains(field)) fuzz::demand(json[field] == again[field], "a field was changed");
  }
  // What was sealed must be taken when it comes to opening.
  if (kind == RecordKind::plain) {
    FrameBlock second;
    second.buffer.grow(out.size() + FrameBlock::kPadding, 0);
    memcpy(second.buffer.data(), out.data(), out.size() - 1);
    memset(second.buffer.data() + out.size() - 1, 0, FrameBlock::kPadding);
    const Frame written = {{second.buffer.data(), out.size() - 1}, 1, 0, Frame::Fault::none};
    const std::string payload(record.payload);
    sealed.begin_block(second);
    Record opened;
    fuzz::demand(sealed.parse(opened, written).empty() && opened.payload == payload,
                 "a sealed record is not taken");
  }
  return 0;
}
