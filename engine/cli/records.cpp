#include "engine/cli/records.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <cstring>
#include <new>

#include "engine/cli/base64.hpp"
#include "engine/cli/json_text.hpp"

namespace megaseal::cli {
namespace {

std::string_view trimmed(std::string_view text) {
  const size_t last = text.find_last_not_of(" \t\r\n");
  return text.substr(0, last == text.npos ? 0 : last + 1);
}

// The value as it stands in the input; empty where something follows that does not belong there. The parser does not look
// at values that it only skips: it would take `"msg":"a":…` and pass over whatever comes then.
std::string_view raw_token(simdjson::ondemand::value& value) {
  const std::string_view raw = value.raw_json_token();
  const char next = raw.data()[raw.size()];  // at most the first byte of the padding
  return next == ',' || next == '}' ? trimmed(raw) : std::string_view();
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

// RFC 8259 §6. The parser reads numbers only into machine types, and an id may be larger than any.
bool is_json_number(std::string_view text) {
  size_t i = 0;
  const auto digits = [&] {
    const size_t begin = i;
    while (i < text.size() && is_digit(text[i])) ++i;
    return i != begin;
  };
  const auto skip = [&](char c) { return i < text.size() && text[i] == c && ++i; };
  skip('-');
  if (!skip('0') && !digits()) return false;
  if (skip('.') && !digits()) return false;
  if (skip('e') || skip('E')) {
    if (!skip('+')) skip('-');
    if (!digits()) return false;
  }
  return i == text.size();
}

}  // namespace

struct RecordParser::State {
  State(RecordKind kind_, Framing framing_) : kind(kind_), framing(framing_) {}

  RecordKind kind;
  Framing framing;
  simdjson::ondemand::parser parser;
  // Decoded text is never longer than its JSON, but base64 with escapes in it leaves two decoded forms.
  Buffer arena;
  size_t arena_used = 0;

  bool decode_base64(std::string_view text, std::string_view& out);

  // Each reads a value into its raw form and, decoded, into `out`. False: it is of another kind.
  bool read_string(simdjson::ondemand::value& value, std::string_view& out_raw, std::string_view& out);
  bool read_base64(simdjson::ondemand::value& value, std::string_view& out_raw, std::string_view& out);
  bool read_scalar(simdjson::ondemand::value& value, std::string_view& out_raw);

  std::string parse_object(Record& out, simdjson::ondemand::object& object);
  std::string parse_json(Record& out, const Frame& frame);
  std::string parse(Record& out, const Frame& frame);
};

RecordParser::RecordParser(RecordKind kind, Framing framing) : state_(new State(kind, framing)) {}
RecordParser::~RecordParser() = default;

void RecordParser::begin_block(const FrameBlock& block) {
  state_->arena_used = 0;
  state_->arena.grow(2 * block.buffer.size(), 0);
}

void RecordParser::release() {
  state_->arena.release();
  state_->parser = simdjson::ondemand::parser();
}

std::string RecordParser::parse(Record& out, const Frame& frame) { return state_->parse(out, frame); }

bool RecordParser::State::read_string(simdjson::ondemand::value& value, std::string_view& out_raw,
                                      std::string_view& out) {
  out_raw = raw_token(value);
  if (out_raw.size() < 2 || out_raw.front() != '"' || out_raw.back() != '"') return false;
  const std::string_view inside = out_raw.substr(1, out_raw.size() - 2);
  if (std::memchr(inside.data(), '\\', inside.size()) == nullptr) {  // most are: no copy at all
    out = inside;
    return true;
  }
  std::string_view decoded;
  if (value.get_string().get(decoded) != simdjson::SUCCESS) return false;
  char* const at = arena.data() + arena_used;
  std::memcpy(at, decoded.data(), decoded.size());
  arena_used += decoded.size();
  out = {at, decoded.size()};
  return true;
}

bool RecordParser::State::decode_base64(std::string_view text, std::string_view& out) {
  char* const at = arena.data() + arena_used;
  size_t len = 0;
  if (!base64_decode(reinterpret_cast<uint8_t*>(at), len, text)) return false;
  arena_used += len;
  out = {at, len};
  return true;
}

bool RecordParser::State::read_base64(simdjson::ondemand::value& value, std::string_view& out_raw,
                                      std::string_view& out) {
  std::string_view text;
  return read_string(value, out_raw, text) && decode_base64(text, out);
}

bool RecordParser::State::read_scalar(simdjson::ondemand::value& value, std::string_view& out_raw) {
  std::string_view unused;
  if (read_string(value, out_raw, unused)) return true;
  return out_raw == "true" || out_raw == "false" || out_raw == "null" || is_json_number(out_raw);
}

std::string RecordParser::State::parse_object(Record& out, simdjson::ondemand::object& object) {
  enum Field : unsigned { to = 1, id = 2, aad = 4, payload = 8 };
  unsigned seen = 0;
  for (auto field : object) {
    simdjson::ondemand::raw_json_string key;
    simdjson::ondemand::value value;
    if (field.key().get(key) || field.value().get(value)) return "not JSON";
    const auto is = [&](std::string_view name) { return key.unsafe_is_equal(name); };
    const auto repeated = [&](Field which) {
      const bool again = (seen & which) != 0;
      seen |= which;
      return again;
    };
    if (is("to")) {
      if (repeated(to)) return "\"to\" is given twice";
      if (!read_string(value, out.to_raw, out.to)) return "\"to\" is not a valid string";
    } else if (is("id")) {
      if (repeated(id)) return "\"id\" is given twice";
      if (!read_scalar(value, out.id_raw)) return "\"id\" is not a string, a number, true, false or null";
    } else if (is("aad")) {
      if (repeated(aad)) return "\"aad\" is given twice";
      if (!read_string(value, out.aad_raw, out.aad)) return "\"aad\" is not a valid string";
    } else if (is("aad_b64")) {
      if (repeated(aad)) return "\"aad\" is given twice";
      out.aad_is_base64 = true;
      if (!read_base64(value, out.aad_raw, out.aad)) return "\"aad_b64\" is not base64";
    } else if (kind == RecordKind::plain && is("msg")) {
      if (repeated(payload)) return "\"msg\" is given twice";
      std::string_view raw;
      if (!read_string(value, raw, out.payload)) return "\"msg\" is not a valid string";
    } else if (kind == RecordKind::plain && is("msg_b64")) {
      if (repeated(payload)) return "\"msg\" is given twice";
      std::string_view raw;
      if (!read_base64(value, raw, out.payload)) return "\"msg_b64\" is not base64";
    } else if (kind == RecordKind::sealed && is("sealed")) {
      if (repeated(payload)) return "\"sealed\" is given twice";
      std::string_view raw;
      if (!read_base64(value, raw, out.payload)) return "\"sealed\" is not base64";
    } else {
      // The raw name is used only as far as its closing quote.
      const char* const name = key.raw();
      return fmt::format("unknown field \"{}\"",
                         std::string_view(name, static_cast<size_t>(std::strchr(name, '"') - name)));
    }
  }
  if ((seen & payload) == 0)
    return kind == RecordKind::plain ? "no \"msg\" and no \"msg_b64\"" : "no \"sealed\"";
  return "";
}

std::string RecordParser::State::parse_json(Record& out, const Frame& frame) {
  simdjson::ondemand::document document;
  const simdjson::padded_string_view text(frame.bytes.data(), frame.bytes.size(),
                                          frame.bytes.size() + FrameBlock::kPadding);
  if (const auto error = parser.iterate(text).get(document)) {
    if (error == simdjson::MEMALLOC) throw std::bad_alloc();
    return "not JSON";
  }
  simdjson::ondemand::object object;
  if (const auto error = document.get_object().get(object)) {
    return error == simdjson::INCORRECT_TYPE ? "not a JSON object" : "not JSON";
  }
  std::string reason = parse_object(out, object);
  if (reason.empty() && document.current_location().error() != simdjson::OUT_OF_BOUNDS) {
    return "more than one JSON value on the line";
  }
  return reason;
}

std::string RecordParser::State::parse(Record& out, const Frame& frame) {
  out = Record{};
  out.frame = &frame;
  if (frame.fault == Frame::Fault::too_long) return "record is longer than --max-record allows";
  if (frame.fault == Frame::Fault::truncated) return "the input ends in the middle of this record";
  if (framing == Framing::ndjson) return parse_json(out, frame);
  if (framing == Framing::len32 || kind == RecordKind::plain) {
    out.payload = frame.bytes;
    return "";
  }
  std::string_view text = frame.bytes;
  if (text.ends_with('\r')) text.remove_suffix(1);
  return decode_base64(text, out.payload) ? "" : "not base64";
}

namespace {

// The fields that are carried along, each with a comma after it: "to":…,"id":…,"aad":…,
void append_carried(std::string& out, const Record& record) {
  const auto field = [&](std::string_view name, std::string_view raw) {
    if (raw.empty()) return;
    out += name;
    append_json_token(out, raw);
    out += ',';
  };
  field("\"to\":", record.to_raw);
  field("\"id\":", record.id_raw);
  field(record.aad_is_base64 ? "\"aad_b64\":" : "\"aad\":", record.aad_raw);
}

void append_len32(std::string& out, std::string_view bytes) {
  const auto len = static_cast<uint32_t>(bytes.size());
  for (const unsigned shift : {0U, 8U, 16U, 24U}) out += static_cast<char>(len >> shift & 0xff);
  out += bytes;
}

}  // namespace

void append_sealed(std::string& out, Framing framing, const Record& record, std::string_view sealed) {
  if (framing == Framing::len32) return append_len32(out, sealed);
  if (framing == Framing::ndjson) {
    out += '{';
    append_carried(out, record);
    out += "\"sealed\":\"";
  }
  append_base64(out, sealed);
  out += framing == Framing::ndjson ? "\"}\n" : "\n";
}

void append_opened(std::string& out, Framing framing, const Record& record, std::string_view message) {
  if (framing == Framing::len32) return append_len32(out, message);
  if (framing == Framing::lines) {
    out += message;
    out += '\n';
    return;
  }
  out += '{';
  append_carried(out, record);
  if (is_utf8(message)) {
    out += "\"msg\":";
    append_json_string(out, message);
  } else {
    out += "\"msg_b64\":\"";
    append_base64(out, message);
    out += '"';
  }
  out += "}\n";
}

}  // namespace megaseal::cli
