#include "engine/cli/json_text.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "engine/cli/base64.hpp"

namespace megaseal::cli {
namespace {

// How many bytes at the front of `text` can stand in a JSON string as they are: all but control characters, quotes
// and backslashes. Eight at a time, each byte's highest bit telling whether it is one of those; a borrow may only mark
// bytes behind a true one, and the first is what is asked for.
size_t clean_len(std::string_view text) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHighs = 0x8080808080808080;
  const auto below = [](uint64_t bytes, uint64_t limit) { return (bytes - limit * kOnes) & ~bytes & kHighs; };
  size_t at = 0;
  for (; text.size() - at >= 8; at += 8) {
    uint64_t bytes = 0;
    std::memcpy(&bytes, text.data() + at, sizeof bytes);
    const uint64_t marked =
        below(bytes, 0x20) | below(bytes ^ ('"' * kOnes), 1) | below(bytes ^ ('\\' * kOnes), 1);
    if (marked != 0) return at + static_cast<size_t>(std::countr_zero(marked)) / 8;
  }
  for (; at < text.size(); ++at) {
    const auto c = static_cast<uint8_t>(text[at]);
    if (c < 0x20 || c == '"' || c == '\\') break;
  }
  return at;
}

}  // namespace

bool is_utf8(std::string_view text) { return simdjson::validate_utf8(text.data(), text.size()); }

bool is_printable(std::string_view text) {
  if (!is_utf8(text)) return false;
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<uint8_t>(text[i]);
    if ((c < 0x20 && c != '\t') || c == 0x7f) return false;
    // U+0080 to U+009F, the control characters of Latin-1.
    if (c == 0xc2 && static_cast<uint8_t>(text[i + 1]) < 0xa0) return false;
  }
  return true;
}

bool is_json(std::string_view text) {
  simdjson::dom::parser parser;
  return parser.parse(text.data(), text.size()).error() == simdjson::SUCCESS;
}

void append_json_string(std::string& out, std::string_view text) {
  out += '"';
  for (;;) {
    const size_t len = clean_len(text);
    out.append(text, 0, len);
    if (len == text.size()) break;
    const char c = text[len];
    text.remove_prefix(len + 1);
    switch (c) {
      case '"':
        out += "\\\"";
        break;
      case '\\':
        out += "\\\\";
        break;
      case '\b':
        out += "\\b";
        break;
      case '\f':
        out += "\\f";
        break;
      case '\n':
        out += "\\n";
        break;
      case '\r':
        out += "\\r";
        break;
      case '\t':
        out += "\\t";
        break;
      default:
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", static_cast<uint8_t>(c));
    }
  }
  out += '"';
}

void append_base64(std::string& out, std::string_view bytes) {
  const size_t at = out.size();
  out.resize(at + base64_len(bytes.size()));
  base64_encode(out.data() + at, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace megaseal::cli
