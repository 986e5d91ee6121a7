#include "bench/main_job/messages.hpp"

#include <fmt/format.h>
#include <simdjson.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>
#include <vector>

#include "engine/cli/base64.hpp"
#include "engine/cli/json_text.hpp"

namespace megaseal::main_job {
namespace {

namespace fs = std::filesystem;
constexpr const char* kFortunes = "/usr/share/games/fortunes";

std::string read_file(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  if (!in) throw std::runtime_error(fmt::format("cannot open {}", path.string()));
  return {std::istreambuf_iterator<char>(in), {}};
}

// Texts stand between lines that hold only '%'.
void add_texts(std::vector<std::string>& out, const std::string& file) {
  std::string text;
  for (size_t at = 0; at < file.size();) {
    const size_t feed = std::min(file.find('\n', at), file.size());
    const std::string_view line(file.data() + at, feed - at);
    at = feed + 1;
    if (line != "%") {
      text.append(line) += '\n';
    } else if (!text.empty()) {
      out.push_back(std::move(text));
      text.clear();
    }
  }
  if (!text.empty()) out.push_back(std::move(text));
}

class Fortunes : public Messages {
 public:
  Fortunes(uint64_t count, uint64_t num_recipients) : count_(count), num_recipients_(num_recipients) {
    std::vector<fs::path> files;
    std::error_code error;
    for (const auto& entry : fs::directory_iterator(kFortunes, error)) {
      const fs::path& path = entry.path();
      // .dat files are indices, .u8 links name the same file again.
      if (entry.is_regular_file() && !entry.is_symlink() && path.extension() != ".dat") files.push_back(path);
    }
    std::sort(files.begin(), files.end());  // the same messages on every machine
    for (const fs::path& path : files) add_texts(texts_, read_file(path));
    if (texts_.empty()) throw std::runtime_error(fmt::format("no texts in {}; install fortunes", kFortunes));
  }

  void rewind() override { next_ = 0; }
  uint64_t count() const override { return count_; }
  std::string description() const override {
    return fmt::format("{} texts of Debian's fortunes, repeated", texts_.size());
  }

  bool next(Message& out) override {
    if (next_ == count_) return false;
    const uint64_t number = ++next_;
    out.bytes = fmt::format("No. {}\n{}", number, texts_[number % texts_.size()]);
    out.to = fmt::format("recipient-{:04}", number % num_recipients_);
    out.record.clear();
    fmt::format_to(std::back_inserter(out.record), "{{\"to\":\"{}\",\"id\":{},", *out.to, number);
    if (cli::is_utf8(out.bytes)) {
      out.record += "\"msg\":";
      cli::append_json_string(out.record, out.bytes);
      out.record += '}';
    } else {
      out.record += "\"msg_b64\":\"";
      cli::append_base64(out.record, out.bytes);
      out.record += "\"}";
    }
    return true;
  }

 private:
  std::vector<std::string> texts_;
  uint64_t count_;
  uint64_t num_recipients_;
  uint64_t next_ = 0;
};

class Records : public Messages {
 public:
  Records(std::string path, uint64_t count) : path_(std::move(path)), count_(count) { reopen(); }

  void rewind() override {
    reopen();
    num_given_ = 0;
  }
  uint64_t count() const override { return count_; }
  std::string description() const override { return path_; }

  bool next(Message& out) override {
    if (count_ != 0 && num_given_ == count_) return false;
    while (!read_record(out.record)) {
      if (count_ == 0 || num_given_ == 0) return false;
      reopen();
    }
    try {
      read_message(out, out.record);
    } catch (const std::exception& error) {
      throw std::runtime_error(fmt::format("{}: line {}: {}", path_, line_, error.what()));
    }
    ++num_given_;
    return true;
  }

 private:
  void reopen() {
    in_ = std::ifstream(path_, std::ios::binary);
    if (!in_) throw std::runtime_error(fmt::format("cannot open {}", path_));
    line_ = 0;
  }

  bool read_record(std::string& out) {
    while (std::getline(in_, out)) {
      ++line_;
      if (out.find_first_not_of(" \t\r") != out.npos) return true;
    }
    return false;
  }

  std::string path_;
  std::ifstream in_;
  uint64_t count_;
  uint64_t num_given_ = 0;
  uint64_t line_ = 0;
};

}  // namespace

std::unique_ptr<Messages> fortunes(uint64_t count, uint64_t num_recipients) {
  return std::make_unique<Fortunes>(count, num_recipients);
}

std::unique_ptr<Messages> records_of(const std::string& path, uint64_t count) {
  return std::make_unique<Records>(path, count);
}

void read_message(Message& out, std::string_view record) {
  static simdjson::dom::parser parser;
  simdjson::dom::object object;
  if (parser.parse(record.data(), record.size()).get(object)) throw std::runtime_error("not a JSON object");
  std::string_view text;
  out.to.reset();
  if (object["to"].get(text) == simdjson::SUCCESS) out.to = text;
  if (object["msg"].get(text) == simdjson::SUCCESS) {
    out.bytes = text;
  } else if (object["msg_b64"].get(text) == simdjson::SUCCESS) {
    out.bytes.resize(text.size() / 4 * 3 + 2);
    size_t len = 0;
    if (!cli::base64_decode(reinterpret_cast<uint8_t*>(out.bytes.data()), len, text)) {
      throw std::runtime_error("\"msg_b64\" is not base64");
    }
    out.bytes.resize(len);
  } else {
    throw std::runtime_error("no \"msg\" and no \"msg_b64\"");
  }
}

}  // namespace megaseal::main_job
