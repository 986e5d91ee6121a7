#include "engine/cli/rejects.hpp"

#include <sys/stat.h>
#include <unistd.h>

#include "engine/cli/json_text.hpp"
#include "engine/cli/roles.hpp"

namespace megaseal::cli {
namespace {

// A million bad records make no more noise than these.
constexpr uint64_t kMaxTold = 10;

// A string; or, when it is not even text, base64 in {"b64": …}.
void append_text(std::string& out, std::string_view text) {
  if (is_utf8(text)) return append_json_string(out, text);
  out += "{\"b64\":\"";
  append_base64(out, text);
  out += "\"}";
}

// The record as a JSON value: itself where it is a record of NDJSON, so that jq and a second run can take it as
// it is; else its text.
void append_record(std::string& out, const Frame& frame, Framing framing) {
  if (frame.fault == Frame::Fault::too_long) {
    out += "null";
    return;
  }
  std::string_view text = frame.bytes;
  if (framing == Framing::ndjson && text.ends_with('\r')) text.remove_suffix(1);
  if (framing == Framing::ndjson && is_json(text)) {
    append_json_token(out, text);
  } else {
    append_text(out, text);
  }
}

// Which other role the file of --rejects has, or "". It would be emptied, or the two would be mixed.
std::string other_role(const struct stat& status, const Options& options) {
  if (S_ISCHR(status.st_mode)) return "";  // /dev/null, a terminal
  const auto output = file_status(options.output.empty() ? "-" : options.output, STDOUT_FILENO);
  if (output && same_file(status, *output)) return "the output";
  // What was told there before would be gone. A pipe for both loses nothing.
  const auto messages = file_status("-", STDERR_FILENO);
  if (S_ISREG(status.st_mode) && messages && same_file(status, *messages)) return "standard error";
  return input_role(status, options);
}

Fd open_rejects(const Options& options) {
  const std::string& path = options.rejects;
  struct stat status {};
  const bool existed = ::stat(path.c_str(), &status) == 0;
  Fd fd = open_private(path);
  if (::fstat(fd.get(), &status) != 0) fail_errno("create", path);
  const std::string role = other_role(status, options);
  if (!role.empty()) {
    if (!existed) ::unlink(path.c_str());  // -o and --rejects name the same new file
    fail_usage("--rejects {} is also {}", path, role);
  }
  if (S_ISREG(status.st_mode)) {
    if (::fchmod(fd.get(), 0600) != 0) fail_errno("set the mode of", path);
    if (::ftruncate(fd.get(), 0) != 0) fail_errno("empty", path);
  }
  return fd;
}

}  // namespace

Rejects::Rejects(const Options& options, const std::vector<std::string>& inputs)
    : inputs_(inputs), framing_(options.framing), quiet_(options.quiet), path_(options.rejects) {
  if (path_.empty()) return;
  // Written as it comes, not when whole: if the run ends early, what was rejected until then must not be
  // lost.
  fd_ = open_rejects(options);
}

void Rejects::add(const std::vector<Reject>& rejects) {
  for (const Reject& reject : rejects) {
    ++(reject.kind == Reject::Kind::malformed ? num_malformed_ : num_not_opened_);
    const uint64_t num = num_malformed_ + num_not_opened_;
    if (!quiet_ && num <= kMaxTold) tell_one(reject);
    if (!quiet_ && num == kMaxTold) tell("megaseal: further ones are counted, not shown");
    if (!path_.empty()) keep(reject);
  }
  if (buffer_.empty()) return;
  write_lines(fd_.get(), buffer_, path_);
  buffer_.clear();
}

void Rejects::tell_one(const Reject& reject) const {
  const Frame& frame = *reject.frame;
  const std::string file = inputs_.size() > 1 ? display_name(inputs_[frame.input]) + ": " : "";
  const char* const unit = framing_ == Framing::len32 ? "record" : "line";
  tell("megaseal: {}{} {}: {}", file, unit, frame.number, reject.reason);
}

void Rejects::keep(const Reject& reject) {
  const Frame& frame = *reject.frame;
  buffer_ += '{';
  if (inputs_.size() > 1) {
    buffer_ += "\"file\":";
    append_text(buffer_, display_name(inputs_[frame.input]));
    buffer_ += ',';
  }
  fmt::format_to(std::back_inserter(buffer_), "\"line\":{},\"reason\":", frame.number);
  append_json_string(buffer_, reject.reason);
  buffer_ += ",\"record\":";
  append_record(buffer_, frame, framing_);
  buffer_ += "}\n";
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
