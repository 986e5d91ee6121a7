// The command line as a struct.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "megaseal/megaseal.h"

namespace megaseal::cli {

enum class Verb { keygen, pub, seal, open, info, selftest, bench };

/// How records are told apart in a stream.
enum class Framing {
  ndjson,  ///< a JSON object a line
  len32,   ///< the length in four bytes, little-endian, then that many bytes
  lines,   ///< a message a line; sealed: base64 a line
};

struct Options {
  Verb verb = Verb::info;

  std::string backend;   // empty: the best for each operation
  uint32_t threads = 0;  // 0: one for each CPU
  bool quiet = false;
  bool json = false;

  std::string output;               // empty: standard output
  bool force = false;               // keygen: overwrite
  std::string names;                // keygen: a key for each name in this file
  std::string directory;            // seal, open: read; keygen --names: written
  std::vector<std::string> inputs;  // empty: standard input

  std::vector<std::string> recipients;       // -r
  std::vector<std::string> recipient_files;  // -R
  std::vector<std::string> identities;       // -i
  megaseal_format format = MEGASEAL_FORMAT_HPKE;
  Framing framing = Framing::ndjson;
  std::string info;
  std::string psk_file;
  std::string psk_id;
  uint64_t pad = 0;  // messages are padded to a multiple of so many bytes; 0: not padded
  std::string rejects;
  bool skip_foreign = false;
  uint64_t max_record = 16 << 20;
  uint64_t prepared_cache = MEGASEAL_PREPARED_CACHE_DEFAULT;  // seal: bytes for tables of recipients; 0: none

  std::vector<std::string> operations;  // bench: which; empty: all
  std::vector<uint64_t> sizes;          // bench: bytes of a message
  uint64_t batch = 1024;                // bench: messages a call
  double seconds = 0.5;                 // bench: for each figure
};

/// Reads the command line and MEGASEAL_BACKEND. Prints help or the version and ends the process with 0 where
/// that is what was asked; throws Failure (usage) where the line makes no sense.
Options parse_options(int argc, char** argv);

}  // namespace megaseal::cli
