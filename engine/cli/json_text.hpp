// Writing JSON.
#pragma once
#include <string>
#include <string_view>

namespace megaseal::cli {

bool is_utf8(std::string_view text);
/// Whether `text` is valid UTF-8 that moves no terminal: no control characters but tabs.
bool is_printable(std::string_view text);
/// Whether `text` is one JSON value. Throws std::bad_alloc.
bool is_json(std::string_view text);
/// Appends `text`, valid UTF-8, as a JSON string, with all control characters escaped: those that JSON lets stand, too.
void append_json_string(std::string& out, std::string_view text);
/// Appends `token`, a JSON value as it stands in an input, but with all control characters in its strings escaped.
void append_json_token(std::string& out, std::string_view token);
/// Appends `bytes` in base64, without quotes.
void append_base64(std::string& out, std::string_view bytes);

}  // namespace megaseal::cli
