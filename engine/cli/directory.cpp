#include "engine/cli/directory.hpp"

#include <functional>
#include <new>

#include <simdjson.h>

#include "engine/cli/frames.hpp"

namespace megaseal::cli {
namespace {

constexpr size_t kBlockLen = 1 << 20;
constexpr size_t kMaxLine = 64 << 10;

// Returns "" or what is wrong with the line.
std::string parse_entry(std::string_view& out_name, PublicKey& out_key, simdjson::ondemand::parser& parser,
                        const Frame& line) {
  constexpr const char* kShape = "not of the form {\"name\": …, \"key\": …}";
  if (line.fault != Frame::Fault::none) return kShape;
  simdjson::ondemand::document document;
  simdjson::ondemand::object object;
  const simdjson::padded_string_view text(line.bytes.data(), line.bytes.size(),
                                          line.bytes.size() + FrameBlock::kPadding);
  const auto error = parser.iterate(text).get(document);
  if (error == simdjson::MEMALLOC) throw std::bad_alloc();
  if (error || document.get_object().get(object)) return kShape;
  std::string_view key_text;
  bool has_name = false;
  bool has_key = false;
  for (auto field : object) {
    simdjson::ondemand::raw_json_string key;
    if (field.key().get(key)) return kShape;
    const bool is_name = key.unsafe_is_equal("name");
    if (!is_name && !key.unsafe_is_equal("key")) return kShape;
    bool& seen = is_name ? has_name : has_key;
    if (seen || field.value().get_string().get(is_name ? out_name : key_text)) return kShape;
    seen = true;
  }
  if (!has_name || !has_key || document.current_location().error() != simdjson::OUT_OF_BOUNDS) return kShape;
  // A name that reads as a key would leave open whom a record addressed to it is for.
  if (looks_like_key(out_name)) return fmt::format("the name \"{}\" looks like a key", out_name);
  return parse_public_key(out_key, key_text);
}

}  // namespace

bool looks_like_key(std::string_view text) {
  constexpr size_t kBech32Len = MEGASEAL_PUBLIC_KEY_TEXT_LEN - 1;
  if (text.size() == kBech32Len) return text.starts_with("megaseal1") || text.starts_with("MEGASEAL1");
  if (text.size() != 43 && !(text.size() == 44 && text.back() == '=')) return false;
  // 32 bytes in base64: names of just this length exist, but hardly one without a blank, a dot or a dash.
  return text.substr(0, 43).find_first_not_of(
             "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == text.npos;
}

std::string parse_public_key(PublicKey& out, std::string_view text) {
  const megaseal_error error = megaseal_public_key_from_text(out.data(), text.data(), text.size());
  switch (error) {
    case MEGASEAL_ERROR_NONE:
      return "";
    case MEGASEAL_ERROR_KEY_FORMAT:
      return "not a public key (neither megaseal1… nor 32 bytes in base64)";
    case MEGASEAL_ERROR_KEY_NONCANONICAL:
      return "a public key that is not in canonical form";
    case MEGASEAL_ERROR_KEY_LOW_ORDER:
      return "a public key of low order, which keeps nothing secret";
    default:
      return megaseal_error_string(error);
  }
}

Directory::Directory(const std::string& path, bool quiet) {
  FrameReader reader({path}, Framing::ndjson, FrameReader::Blanks::left_out, kBlockLen, kMaxLine);
  FrameBlock block;
  simdjson::ondemand::parser parser;
  while (reader.next(block)) {
    for (const Frame& line : block.frames) {
      std::string_view entry_name;
      PublicKey entry_key;
      const std::string reason = parse_entry(entry_name, entry_key, parser, line);
      if (!reason.empty()) fail("{}: line {}: {}", display_name(path), line.number, reason);
      if (!add(entry_name, entry_key)) {
        fail("{}: line {}: the name \"{}\" is there twice", display_name(path), line.number, entry_name);
      }
    }
  }
  if (!quiet) tell("megaseal: {} names in {}", size(), display_name(path));
}

size_t Directory::slot_of(std::string_view name_) const {
  const size_t mask = slots_.size() - 1;
  size_t slot = std::hash<std::string_view>()(name_) & mask;
  while (slots_[slot] != 0 && name(slots_[slot] - 1) != name_) slot = (slot + 1) & mask;
  return slot;
}

std::optional<uint32_t> Directory::find(std::string_view wanted) const {
  if (slots_.empty()) return std::nullopt;
  const uint32_t entry = slots_[slot_of(wanted)];
  return entry == 0 ? std::nullopt : std::optional(entry - 1);
}

bool Directory::add(std::string_view new_name, const PublicKey& new_key) {
  if (slots_.size() < 2 * (keys_.size() + 1)) grow();
  const size_t slot = slot_of(new_name);
  if (slots_[slot] != 0) return false;
  names_ += new_name;
  name_ends_.push_back(names_.size());
  keys_.push_back(new_key);
  slots_[slot] = static_cast<uint32_t>(keys_.size());
  return true;
}

void Directory::grow() {
  slots_.assign(slots_.empty() ? 1024 : 2 * slots_.size(), 0);
  for (uint32_t i = 0; i < keys_.size(); ++i) slots_[slot_of(name(i))] = i + 1;
}

}  // namespace megaseal::cli
