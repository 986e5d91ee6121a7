#include "engine/cli/json_text.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <array>
#include <iterator>

#include "engine/cli/base64.hpp"

namespace megaseal::cli {
namespace {

// Which bytes cannot stand in a JSON string as they are.
constexpr auto kNeedsEscape = [] {
  std::array<bool, 256> needs{};
  for (size_t c = 0; c < 0x20; ++c) needs[c] = true;
  needs['"'] = needs['\\'] = true;
  return needs;
}();

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
  size_t clean = 0;  // from here to i nothing needs an escape, and is copied in one go
  for (size_t i = 0; i < text.size(); ++i) {
    const auto c = static_cast<uint8_t>(text[i]);
    if (!kNeedsEscape[c]) continue;
    out.append(text, clean, i - clean);
    clean = i + 1;
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
        fmt::format_to(std::back_inserter(out), "\\u{:04x}", c);
    }
  }
  out.append(text, clean);
  out += '"';
}

void append_base64(std::string& out, std::string_view bytes) {
  const size_t at = out.size();
  out.resize(at + base64_len(bytes.size()));
  base64_encode(out.data() + at, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace megaseal::cli
