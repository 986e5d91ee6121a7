// The main job: real messages are sealed and opened by the megaseal command, and every byte is compared.
#include <fmt/format.h>
#include <signal.h>
#include <simdjson.h>
#include <unistd.h>

#include <charconv>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <set>
#include <stdexcept>

#include "bench/main_job/child.hpp"
#include "bench/main_job/messages.hpp"

namespace {

using namespace megaseal::main_job;
namespace fs = std::filesystem;

constexpr uint64_t kDefaultCount = 1'000'000;
constexpr uint64_t kNumRecipients = 1'000;
constexpr const char* kNoName = "(records without a name)";

struct Arguments {
  std::string command;
  fs::path work = ".";
  std::string file;
  uint64_t count = 0;
};

Arguments parse_arguments(int argc, char** argv) {
  Arguments arguments;
  for (int i = 1; i < argc; ++i) {
    const std::string_view arg = argv[i];
    const auto value = [&]() -> std::string {
      if (i + 1 == argc) throw std::invalid_argument(fmt::format("{} needs a value", arg));
      return argv[++i];
    };
    if (arg == "--command") {
      arguments.command = value();
    } else if (arg == "--work") {
      arguments.work = value();
    } else if (arg == "--count") {
      const std::string text = value();
      const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), arguments.count);
      if (error != std::errc() || end != text.data() + text.size() || arguments.count == 0) {
        throw std::invalid_argument(fmt::format("--count {}: not a number from 1 on", text));
      }
    } else if (arg.starts_with('-') || !arguments.file.empty()) {
      throw std::invalid_argument(
          fmt::format("{}: not understood; usage: run [FILE.ndjson] [--count N]", arg));
    } else {
      arguments.file = arg;
    }
  }
  if (arguments.command.empty()) throw std::invalid_argument("--command names the megaseal to run");
  return arguments;
}

/// The command ended in a way that leaves nothing to compare. It has said why itself.
struct CommandFailed : std::runtime_error {
  CommandFailed(const char* stage, int code)
      : std::runtime_error(fmt::format("megaseal {} ended with exit code {}", stage, code)),
        exit_code(code) {}
  int exit_code;
};

/// A directory for the files of one run, gone at its end.
class Workspace {
 public:
  explicit Workspace(const fs::path& parent) {
    std::string name = (parent / "main-job.XXXXXX").string();
    if (::mkdtemp(name.data()) == nullptr) {
      throw std::runtime_error(fmt::format("cannot create {}: {}", name, std::strerror(errno)));
    }
    path_ = name;
  }
  ~Workspace() {
    std::error_code ignored;
    fs::remove_all(path_, ignored);
  }
  Workspace(const Workspace&) = delete;
  Workspace& operator=(const Workspace&) = delete;
  std::string file(const char* name) const { return (path_ / name).string(); }

 private:
  fs::path path_;
};

// "1234567" as "1,234,567".
std::string grouped(uint64_t number) {
  const std::string digits = std::to_string(number);
  std::string text;
  for (size_t i = 0; i < digits.size(); ++i) {
    if (i != 0 && (digits.size() - i) % 3 == 0) text += ',';
    text += digits[i];
  }
  return text;
}

class MainJob {
 public:
  explicit MainJob(const Arguments& arguments)
      : command_(arguments.command),
        messages_(arguments.file.empty()
                      ? fortunes(arguments.count == 0 ? kDefaultCount : arguments.count, kNumRecipients)
                      : records_of(arguments.file, arguments.count)),
        work_(arguments.work) {}

  bool run() {
    check_backend();
    const double write_seconds = write_messages();
    fmt::print("{} messages, {:.1f} MB, to {} recipients: {}\n", grouped(num_messages_),
               1e-6 * double(num_bytes_), grouped(names_.size()), messages_->description());
    show_backends();
    fmt::print("\n  {:<10}{:>10}{:>14}{:>10}{:>14}\n", "stage", "seconds", "messages/s", "MB/s",
               "peak memory");
    show_stage("write", write_seconds, 0);

    const ChildResult keys = call("keygen",
                                  {"keygen", "--names", work_.file("names"), "--directory",
                                   work_.file("directory"), "-o", work_.file("keys.pem")},
                                  "", "");
    fmt::print("  {:<10}{:>10.2f}{:>14}{:>10}{:>14}\n", "keys", keys.seconds, "", "",
               megabytes(keys.peak_bytes));

    std::vector<std::string> seal = {"seal", "--directory", work_.file("directory")};
    if (names_.contains(kNoName)) seal.insert(seal.end(), {"-r", key_of(kNoName)});
    show_stage("seal", call("seal", seal, work_.file("plain"), work_.file("sealed")));
    fs::remove(work_.file("plain"));  // what it said is known from the source
    show_stage("open",
               call("open", {"open", "-i", work_.file("keys.pem"), "--directory", work_.file("directory")},
                    work_.file("sealed"), work_.file("opened")));
    const uint64_t num_opened = compare();
    fmt::print("\n{} of {} opened\n", grouped(num_opened), grouped(num_messages_));
    return num_opened == num_messages_;
  }

 private:
  // Before minutes are spent on writing: a forced backend that is not there ends the run here, the command's
  // own message on standard error.
  void check_backend() { call("info", {"info", "--json"}, "", work_.file("info")); }

  double write_messages() {
    Progress progress("write");
    const double begin = now_seconds();
    std::ofstream out(work_.file("plain"), std::ios::binary);
    Message message;
    while (messages_->next(message)) {
      if (interrupted) throw std::runtime_error("interrupted");
      out << message.record << '\n';
      ++num_messages_;
      num_bytes_ += message.bytes.size();
      names_.insert(message.to.value_or(kNoName));
      if (messages_->count() != 0) progress.show(double(num_messages_) / double(messages_->count()));
    }
    out.close();
    std::ofstream names(work_.file("names"), std::ios::binary);
    for (const std::string& name : names_) {
      if (name.find('\n') != name.npos) throw std::runtime_error("a name in \"to\" has a line feed in it");
      names << name << '\n';
    }
    names.close();
    if (!out || !names)
      throw std::runtime_error(fmt::format("cannot write {}; is the disk full?", work_.file("")));
    return now_seconds() - begin;
  }

  void show_backends() {
    simdjson::dom::parser parser;
    const simdjson::dom::element info = parser.load(work_.file("info"));
    fmt::print("megaseal {} on {} threads", std::string_view(info["version"]), uint64_t(info["threads"]));
    for (const char* operation : {"keygen", "hpke_seal", "hpke_open"}) {
      fmt::print(", {} by {}", operation, std::string_view(info["operations"][operation]));
    }
    fmt::print("\n");
  }

  std::string key_of(std::string_view name) {
    simdjson::dom::parser parser;
    for (const simdjson::dom::element entry : parser.load_many(work_.file("directory"))) {
      if (std::string_view(entry["name"]) == name) return std::string(std::string_view(entry["key"]));
    }
    throw std::runtime_error("keygen left out a name");
  }

  ChildResult call(const char* stage, const std::vector<std::string>& args, const std::string& in,
                   const std::string& out) {
    std::vector<std::string> line = {command_};
    line.insert(line.end(), args.begin(), args.end());
    const std::string messages = work_.file("messages");
    ChildResult result{};
    {
      Progress progress(stage);
      result = run_child(line, in, out, messages, [&](double fraction) { progress.show(fraction); });
    }
    // What the command says stays out of the table, unless something is wrong.
    if (result.exit_code != 0) {
      std::ifstream file(messages);
      for (std::string text; std::getline(file, text);) fmt::print(stderr, "{}\n", text);
    }
    if (interrupted) throw std::runtime_error("interrupted");
    // Records that were refused or did not open show in the comparison; anything else ends the run.
    if (result.exit_code == 0 || result.exit_code == 3 || result.exit_code == 4) return result;
    throw CommandFailed(stage, result.exit_code);
  }

  // Every opened message against the source, in order; a gap is found because the records that follow differ.
  uint64_t compare() {
    const double begin = now_seconds();
    uint64_t num_equal = 0;
    {
      Progress progress("compare");
      std::ifstream in(work_.file("opened"), std::ios::binary);
      messages_->rewind();
      std::string line;
      Message original;
      Message opened;
      for (uint64_t i = 0; messages_->next(original) && std::getline(in, line); ++i) {
        if (interrupted) throw std::runtime_error("interrupted");
        read_message(opened, line);
        if (opened.bytes == original.bytes) {
          ++num_equal;
        } else if (num_equal == i) {
          fmt::print(stderr, "message {} differs\n", i + 1);
        }
        progress.show(double(i) / double(num_messages_));
      }
      if (std::getline(in, line)) throw std::runtime_error("more messages were opened than sealed");
    }
    show_stage("compare", now_seconds() - begin, 0);
    return num_equal;
  }

  /// Nothing for 0, which nobody takes.
  static std::string megabytes(uint64_t bytes) {
    return bytes == 0 ? "" : fmt::format("{:.1f} MB", 1e-6 * double(bytes));
  }

  void show_stage(const char* stage, const ChildResult& result) {
    show_stage(stage, result.seconds, result.peak_bytes);
  }
  void show_stage(const char* stage, double seconds, uint64_t peak_bytes) {
    fmt::print("  {:<10}{:>10.2f}{:>14}{:>10.1f}{:>14}\n", stage, seconds,
               grouped(static_cast<uint64_t>(double(num_messages_) / seconds)),
               1e-6 * double(num_bytes_) / seconds, megabytes(peak_bytes));
    std::fflush(stdout);
  }

 public:
  static inline volatile sig_atomic_t interrupted = 0;

 private:
  std::string command_;
  std::unique_ptr<Messages> messages_;
  Workspace work_;
  std::set<std::string> names_;
  uint64_t num_messages_ = 0;
  uint64_t num_bytes_ = 0;
};

}  // namespace

int main(int argc, char** argv) {
  // The child is interrupted by the same key; here it only has to be noticed, so that the files go away.
  struct sigaction action {};
  action.sa_handler = [](int) { MainJob::interrupted = 1; };
  ::sigaction(SIGINT, &action, nullptr);
  ::sigaction(SIGTERM, &action, nullptr);
  try {
    return MainJob(parse_arguments(argc, argv)).run() ? 0 : 1;
  } catch (const std::invalid_argument& error) {
    fmt::print(stderr, "main job: {}\n", error.what());
    return 2;
  } catch (const CommandFailed& error) {
    fmt::print(stderr, "main job: {}\n", error.what());
    return error.exit_code;  // 5 stays 5: the backend asked for is not there
  } catch (const std::exception& error) {
    fmt::print(stderr, "main job: {}\n", error.what());
    return 1;
  }
}
