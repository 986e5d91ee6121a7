// Frames of the len32 framing, and lines, cut as a reference cuts them that has everything in memory.
#include <sys/mman.h>
#include <unistd.h>

#include <string>

#include "engine/cli/frames.hpp"
#include "tests/fuzz/fuzz.hpp"

using namespace megaseal;
using namespace megaseal::cli;
using Fault = Frame::Fault;

namespace {

struct Found {
  std::string bytes;
  Fault fault;
  bool operator==(const Found&) const = default;
};

std::vector<Found> len32(std::string_view bytes, size_t max) {
  std::vector<Found> out;
  while (!bytes.empty()) {
    uint32_t len = 0;
    for (size_t i = 0; i < 4 && i < bytes.size(); i++) len |= uint32_t(uint8_t(bytes[i])) << 8 * i;
    if (bytes.size() >= 4 && len > max) {
      out.push_back({"", Fault::too_long});
    } else if (bytes.size() < 4 || bytes.size() - 4 < len) {
      out.push_back({std::string(bytes), Fault::truncated});
      break;
    } else {
      out.push_back({std::string(bytes.substr(4, len)), Fault::none});
    }
    bytes.remove_prefix(std::min(bytes.size(), size_t(4) + len));
  }
  return out;
}

std::vector<Found> lines(std::string_view text, size_t max) {
  std::vector<Found> out;
  while (!text.empty()) {
    const std::string_view line = text.substr(0, text.find('\n'));
    text.remove_prefix(std::min(text.size(), line.size() + 1));
    out.push_back(line.size() > max ? Found{"", Fault::too_long} : Found{std::string(line), Fault::none});
  }
  return out;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  fuzz::Input input(data, size);
  const bool by_length = input.byte() & 1;
  const size_t block_len = 1 + input.byte(), max = input.byte();
  const fuzz::Bytes bytes = input.rest();
  const Fd file(memfd_create("input", MFD_CLOEXEC));
  if (write(file.get(), bytes.data(), bytes.size()) != ssize_t(bytes.size())) return 0;
  FrameReader reader({"/proc/self/fd/" + std::to_string(file.get())},
                     by_length ? Framing::len32 : Framing::lines, FrameReader::Blanks::kept, block_len, max);
  std::vector<Found> found;
  for (FrameBlock block; reader.next(block);) {
    for (const Frame& frame : block.frames) found.push_back({std::string(frame.bytes), frame.fault});
    if (block.frames.empty()) fuzz::demand(block.num_bytes != 0, "a block of nothing");
  }
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()), bytes.size());
  fuzz::demand(found == (by_length ? len32(text, max) : lines(text, max)),
               "cut otherwise than the reference cuts");
  return 0;
}
