// The command line as a struct.
#pragma once
#include <cstdint>
#include <string>
#include <vector>

#include "megaseal/megaseal.h"

namespace megaseal::cli {

enum class Verb { keygen, pub, seal, open, info, selftest };

struct Options {
  Verb verb = Verb::info;

  std::string backend;  // empty: the best for each operation
  uint32_t threads = 0;
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
  std::string format_name = "hpke";
  megaseal_format format = MEGASEAL_FORMAT_HPKE;  // what format_name says
  std::string framing = "ndjson";
  std::string info;
  std::string psk_file;
  std::string psk_id;
  std::string rejects;
  uint64_t max_record = 16 << 20;
};

/// Reads the command line and MEGASEAL_BACKEND. Prints help or the version and ends the process with 0 where
/// that is what was asked; throws Failure (usage) where the line makes no sense.
Options parse_options(int argc, char** argv);

}  // namespace megaseal::cli
