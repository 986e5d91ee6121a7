#include "engine/cli/rejects.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "engine/cli/json_text.hpp"

namespace megaseal::cli {
namespace {

// A million bad records make no more noise than these.
constexpr uint64_t kMaxTold = 10;

// The record as a JSON value: itself where it is JSON, so that jq and a second run can take it as it is; else
// its text in a string; else, when it is not even text, base64 in {"b64": …}.
void append_record(std::string& out, const Line& line) {
  if (line.too_long) {
    out += "null";
    return;
  }
  std::string_view text = line.text;
  if (text.ends_with('\r')) text.remove_suffix(1);
  if (is_json(text)) {
    out += text;
  } else if (is_utf8(text)) {
    append_json_string(out, text);
  } else {
    out += "{\"b64\":\"";
    append_base64(out, text);
    out += "\"}";
  }
}

}  // namespace

Rejects::Rejects(const Options& options, const std::vector<std::string>& inputs)
    : inputs_(inputs), quiet_(options.quiet), path_(options.rejects) {
  if (path_.empty()) return;
  // Written as it comes, not when whole: if the run ends early, what was rejected until then must not be
  // lost.
  fd_ = Fd(::open(path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
  if (fd_.get() < 0) fail_errno("create", path_);
}

void Rejects::malformed(const Line& line, std::string_view reason) {
  ++num_malformed_;
  add(line, reason);
}

void Rejects::not_opened(const Line& line, std::string_view reason) {
  ++num_not_opened_;
  add(line, reason);
}

void Rejects::add(const Line& line, std::string_view reason) {
  const uint64_t num_rejects = num_malformed_ + num_not_opened_;
  if (!quiet_ && num_rejects <= kMaxTold) {
    const std::string file = inputs_.size() > 1 ? display_name(inputs_[line.input]) + ": " : "";
    tell("megaseal: {}line {}: {}", file, line.number, reason);
    if (num_rejects == kMaxTold) tell("megaseal: further ones are counted, not shown");
  }
  if (path_.empty()) return;
  buffer_ += '{';
  if (inputs_.size() > 1) {
    buffer_ += "\"file\":";
    append_json_string(buffer_, display_name(inputs_[line.input]));
    buffer_ += ',';
  }
  fmt::format_to(std::back_inserter(buffer_), "\"line\":{},\"reason\":", line.number);
  append_json_string(buffer_, reason);
  buffer_ += ",\"record\":";
  append_record(buffer_, line);
  buffer_ += "}\n";
}

void Rejects::flush() {
  if (buffer_.empty()) return;
  write_all(fd_.get(), buffer_, path_);
  buffer_.clear();
}

void Rejects::summarize(uint64_t num_records) const {
  if (quiet_ || exit() == Exit::done) return;
  std::string what;
  if (num_malformed_ != 0) what = fmt::format("{} rejected", num_malformed_);
  if (num_not_opened_ != 0)
    what += fmt::format("{}{} did not open", what.empty() ? "" : ", ", num_not_opened_);
  tell("megaseal: of {} records {}{}", num_records, what,
       path_.empty() ? "; --rejects FILE keeps them" : fmt::format("; see {}", path_));
}

Exit Rejects::exit() const {
  if (num_not_opened_ != 0) return Exit::not_opened;
  return num_malformed_ != 0 ? Exit::rejected : Exit::done;
}

}  // namespace megaseal::cli
