#include "engine/cli/json_text.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <bit>
#include <cstdint>
#include <cstring>
#include <new>

#include "engine/cli/base64.hpp"

namespace megaseal::cli {
namespace {

// The first byte of U+0080 to U+00BF in UTF-8. Those below U+00A0 are the control characters of Latin-1.
constexpr uint8_t kLatin1 = 0xc2;

// Of eight bytes, in the order of a little-endian word: which can't stand in a JSON string as they are (control characters,
// quotes and backslashes), by each one's highest bit. A control character of Latin-1 is marked where it begins, and so is
// whatever begins like one in the last byte. A borrow may only mark bytes behind a true one, and the first is what is
// asked for.
uint64_t to_be_escaped(uint64_t bytes) {
  constexpr uint64_t kOnes = 0x0101010101010101;
  constexpr uint64_t kHighs = 0x8080808080808080;
  const auto equal = [&](uint64_t other) { return (bytes ^ (other * kOnes)) - kOnes; };
  const uint64_t ascii = (bytes - 0x20 * kOnes) | equal('"') | equal('\\') | equal(0x7f);
  // The second byte has 0x20 from U+00A0 on.
  const uint64_t latin1 = equal(kLatin1) & ~(bytes >> 6);
  return ((ascii & ~bytes) | (latin1 & bytes)) & kHighs;
}

bool must_escape(char c) { return static_cast<uint8_t>(c) < 0x20 || c == '"' || c == '\\' || c == 0x7f; }

bool is_latin1(char c) { return static_cast<uint8_t>(c) == kLatin1; }

// Whether a control character of Latin-1 begins here.
bool is_latin1_control(const char* in, const char* end) {
  return end - in >= 2 && is_latin1(in[0]) && static_cast<uint8_t>(in[1]) < 0xa0;
}

// Writes the escape of a character below U+0100, at most six bytes, and returns its end.
char* escape(char* out, char c) {
  constexpr std::string_view kNamed =
      "\"\"\\\\\bb\ff\nn\rr\tt";  // byte, then the letter behind the backslash
  *out++ = '\\';
  for (size_t i = 0; i < kNamed.size(); i += 2)
    if (kNamed[i] == c) {
      *out = kNamed[i + 1];
      return out + 1;
    }
  return fmt::format_to(out, "u{:04x}", static_cast<uint8_t>(c));
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
  const auto error = parser.parse(text.data(), text.size()).error();
  if (error == simdjson::MEMALLOC) throw std::bad_alloc();
  return error == simdjson::SUCCESS;
}

void append_json_string(std::string& out, std::string_view text) {
  constexpr size_t kSlack = 16;  // an escape takes six bytes, and then there is a quote
  size_t at = out.size();
  out.resize(at + text.size() + text.size() / 16 + kSlack);
  out[at++] = '"';
  const char* in = text.data();
  const char* const end = in + text.size();
  while (in != end) {
    if (out.size() - at < size_t(end - in) + kSlack) out.resize(out.size() + size_t(end - in) / 4 + kSlack);
    char* to = out.data() + at;
    // As far as it is clean, or its end.
    for (; end - in >= 8; in += 8, to += 8) {
      uint64_t bytes = 0;
      std::memcpy(&bytes, in, sizeof bytes);
      std::memcpy(to, &bytes, sizeof bytes);
      if (const uint64_t marked = to_be_escaped(bytes); marked != 0) {
        const auto clean = std::countr_zero(marked) / 8;
        in += clean, to += clean;
        break;
      }
    }
    for (; in != end && end - in < 8 && !must_escape(*in) && !is_latin1(*in); ++in) *to++ = *in;
    if (in != end && must_escape(*in)) {
      to = escape(to, *in++);
    } else if (is_latin1_control(in, end)) {  // its code point is its second byte
      to = escape(to, in[1]);
      in += 2;
    } else if (in != end && is_latin1(*in)) {
      *to++ = *in++;
    }
    at = size_t(to - out.data());
  }
  out[at++] = '"';
  out.resize(at);
}

void append_json_token(std::string& out, std::string_view token) {
  const auto has = [&](int c) { return std::memchr(token.data(), c, token.size()) != nullptr; };
  if (!has(0x7f) && !has(kLatin1)) {  // nearly always
    out += token;
    return;
  }
  const char* const end = token.data() + token.size();
  for (const char* in = token.data(); in != end; ++in) {
    const bool latin1 = is_latin1_control(in, end);
    if (*in == 0x7f || latin1) {
      in += latin1;
      char escaped[6];
      out.append(escaped, escape(escaped, *in));
    } else {
      out += *in;
    }
  }
}

void append_base64(std::string& out, std::string_view bytes) {
  const size_t at = out.size();
  out.resize(at + base64_len(bytes.size()));
  base64_encode(out.data() + at, reinterpret_cast<const uint8_t*>(bytes.data()), bytes.size());
}

}  // namespace megaseal::cli
