// The command's JSON writer, against nlohmann's parser, and its base64, against libsodium's.
#include "engine/cli/json_text.hpp"

#include <sodium.h>

#include <nlohmann/json.hpp>

namespace megaseal::cli {
namespace {

std::string json_string(std::string_view text) {
  std::string out = "before";
  append_json_string(out, text);
  EXPECT_EQ(out.substr(0, 6), "before");
  return out.substr(6);
}

// Every byte that ASCII has, at every distance from the words of eight that the writer looks at.
TEST(JsonText, EveryByteAtEveryPlace) {
  for (size_t len = 1; len <= 40; ++len)
    for (size_t at = 0; at < len; ++at)
      for (int c = 0; c < 0x80; ++c) {
        std::string text(len, 'x');
        text[at] = static_cast<char>(c);
        const std::string json = json_string(text);
        ASSERT_EQ(nlohmann::json::parse(json).get<std::string>(), text) << json;
        const bool escaped = c < 0x20 || c == '"' || c == '\\' || c == 0x7f;
        ASSERT_EQ(json.size() == len + 2, !escaped) << json;
      }
}

// Likewise those of Latin-1's upper half, of which the control characters are escaped.
TEST(JsonText, ControlCharactersOfLatin1AtEveryPlace) {
  for (size_t len = 2; len <= 40; ++len)
    for (size_t at = 0; at + 2 <= len; ++at)
      for (int c = 0x80; c < 0xc0; ++c) {
        std::string text(len, 'x');
        text[at] = '\xc2';
        text[at + 1] = static_cast<char>(c);
        const std::string json = json_string(text);
        ASSERT_EQ(nlohmann::json::parse(json).get<std::string>(), text) << json;
        ASSERT_EQ(json.size(), len + 2 + (c < 0xa0 ? 4 : 0)) << json;
        std::string token = "before";
        append_json_token(token, '"' + text + '"');
        ASSERT_EQ(token, "before" + json);
      }
}

TEST(JsonText, TokensStayAsTheyAre) {
  for (const char* token : {"1e5", "null", R"("\u0041\/\n")", R"("ü°名😀")"}) {
    std::string out;
    append_json_token(out, token);
    EXPECT_EQ(out, token);
  }
}

TEST(JsonText, EscapesInARow) {
  EXPECT_EQ(json_string(""), R"("")");
  EXPECT_EQ(json_string("\"\\\b\f\n\r\t\x01\x1f/ü"), R"("\"\\\b\f\n\r\t\u0001\u001f/ü")");
  EXPECT_EQ(json_string(std::string(20, '\0')).size(), 2 + 20 * 6);
  EXPECT_EQ(json_string(std::string(20, '\x7f')).size(), 2 + 20 * 6);
  EXPECT_EQ(json_string("abcdefg\"abcdefg\\abcdefg\n"), R"("abcdefg\"abcdefg\\abcdefg\n")");
}

TEST(JsonText, PrintableIsTextWithoutControlCharacters) {
  for (const char* text : {"", "plain", "tab\t", "ü 名 😀", "\xc2\xa0"})
    EXPECT_TRUE(is_printable(text)) << text;
  for (const std::string text : {"\n", "\r", "\x1b[31m", "\x7f", "\xc2\x9b", "\xff", "\xc2", "\xc2\x80"})
    EXPECT_FALSE(is_printable(text));
  EXPECT_FALSE(is_printable(std::string_view("\0", 1)));
}

TEST(JsonText, Base64IsLibsodiums) {
  for (size_t len = 0; len < 200; ++len) {
    std::string bytes(len, '\0');
    randombytes_buf(bytes.data(), len);
    std::string out;
    append_base64(out, bytes);
    std::string want(sodium_base64_encoded_len(len, sodium_base64_VARIANT_ORIGINAL), '\0');
    sodium_bin2base64(want.data(), want.size(), reinterpret_cast<const uint8_t*>(bytes.data()), len,
                      sodium_base64_VARIANT_ORIGINAL);
    want.pop_back();  // its NUL
    ASSERT_EQ(out, want);
  }
}

}  // namespace
}  // namespace megaseal::cli
