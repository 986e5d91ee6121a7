#include "engine/cli/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <utility>

#include "engine/cli/failure.hpp"

namespace megaseal::cli {
namespace {

// Understood before the verb as well as after it, so that `megaseal --backend scalar info` and
// `megaseal info --backend scalar` are the same.
void add_engine_options(CLI::App& app, Options& options) {
  app.add_option("--backend", options.backend, "Use this backend, see `megaseal info`; also MEGASEAL_BACKEND")
      ->type_name("NAME");
  app.add_option("--threads", options.threads, "Threads to use; 0: one per CPU")
      ->type_name("N")
      ->check(CLI::Range(0U, 1024U).description(""));
  app.add_flag("-q,--quiet", options.quiet, "No warnings and no summary on standard error");
}

void add_json(CLI::App& verb, Options& options, const char* help) {
  verb.add_flag("--json", options.json, help);
}

// What seal and open share.
void add_stream_options(CLI::App& verb, Options& options) {
  verb.add_option("INPUT", options.inputs, "Files of records; - or none: standard input")->type_name("FILE");
  verb.add_option("-o,--output", options.output, "Write here instead of standard output")->type_name("FILE");
  verb.add_option("--rejects", options.rejects,
                  "Write records that failed here, each with its line and the reason")
      ->type_name("FILE");
  verb.add_option("--format", options.format_name, "hpke (default), sealedbox or sealedbox-salsa")
      ->type_name("FORMAT");
  verb.add_option("--framing", options.framing, "How records are told apart: ndjson")->type_name("FRAMING");
  verb.add_option("--info", options.info, "HPKE info that both sides give")->type_name("TEXT");
  verb.add_option("--psk-file", options.psk_file, "HPKE pre-shared key: raw bytes, 32 or more")
      ->type_name("FILE");
  verb.add_option("--psk-id", options.psk_id, "Its name; goes with --psk-file")->type_name("TEXT");
  verb.add_option("--max-record", options.max_record, "Reject longer records (default 16 MiB)")
      ->type_name("BYTES")
      ->check(CLI::Range(uint64_t{1024}, uint64_t{1} << 30).description(""));
  add_engine_options(verb, options);
  add_json(verb, options, "A summary on standard error, as one JSON object");
}

// Whoever reads standard input first leaves nothing to the next.
void check_standard_input(const Options& options) {
  const auto has_dash = [](const std::vector<std::string>& paths) {
    return std::find(paths.begin(), paths.end(), "-") != paths.end();
  };
  const std::pair<const char*, bool> roles[] = {
      {"-i", has_dash(options.identities)},
      {"-R", has_dash(options.recipient_files)},
      {"--directory", options.directory == "-"},
      {"--psk-file", options.psk_file == "-"},
      {"INPUT", options.inputs.empty() || has_dash(options.inputs)},
  };
  const char* first = nullptr;
  for (const auto& [role, used] : roles) {
    if (!used) continue;
    if (first != nullptr) fail_usage("standard input cannot be both {} and {}", first, role);
    first = role;
  }
}

void check_stream_options(Options& options) {
  if (options.format_name == "sealedbox") {
    options.format = MEGASEAL_FORMAT_SEALEDBOX;
  } else if (options.format_name == "sealedbox-salsa") {
    options.format = MEGASEAL_FORMAT_SEALEDBOX_SALSA;
  } else if (options.format_name != "hpke") {
    fail_usage("--format {}: hpke, sealedbox or sealedbox-salsa", options.format_name);
  }
  if (options.framing != "ndjson") fail_usage("--framing {}: only ndjson is there yet", options.framing);
  const bool psk = !options.psk_file.empty();
  if (psk != !options.psk_id.empty()) fail_usage("--psk-file and --psk-id go together");
  if (options.format != MEGASEAL_FORMAT_HPKE && (psk || !options.info.empty())) {
    fail_usage("--info and --psk-file belong to --format hpke");
  }
  check_standard_input(options);
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  CLI::App app("Seals and opens messages in batches: HPKE and sealed boxes over X25519", "megaseal");
  app.set_version_flag("--version", [] { return fmt::format("megaseal {}", megaseal_version()); });
  app.require_subcommand(0, 1);
  add_engine_options(app, options);
  app.footer(
      "Exit: 0 done, 1 failure, 2 usage, 3 records rejected, 4 records not opened, 5 no such backend.\n"
      "`megaseal VERB --help` says more.");

  CLI::App& keygen =
      *app.add_subcommand("keygen", "Make a secret key (PEM); the public key goes to standard error");
  keygen.add_option("-o,--output", options.output, "Write here, mode 0600, instead of standard output")
      ->type_name("FILE");
  keygen.add_flag("-f,--force", options.force, "Overwrite the file");
  auto* names =
      keygen.add_option("--names", options.names, "Make a key for each name in this file, one a line")
          ->type_name("FILE");
  auto* made =
      keygen.add_option("--directory", options.directory, "With --names: write names and public keys here")
          ->type_name("DIR.ndjson");
  names->needs(made);
  made->needs(names);
  add_engine_options(keygen, options);

  CLI::App& pub = *app.add_subcommand("pub", "Print the public key of each secret key");
  pub.add_option("INPUT", options.inputs, "Key files; - or none: standard input")->type_name("FILE");

  CLI::App& seal = *app.add_subcommand("seal", "Seal records {\"msg\": …} to public keys");
  seal.add_option("-r,--recipient", options.recipients,
                  "Public key for records without \"to\"; may be repeated")
      ->type_name("KEY")
      ->allow_extra_args(false);
  seal.add_option("-R,--recipients-file", options.recipient_files, "Public keys, one a line, # comments")
      ->type_name("FILE")
      ->allow_extra_args(false);
  seal.add_option("--directory", options.directory, "Names for \"to\": lines {\"name\": …, \"key\": …}")
      ->type_name("DIR.ndjson");
  add_stream_options(seal, options);

  CLI::App& open = *app.add_subcommand("open", "Open records {\"sealed\": …} with secret keys");
  open.add_option("-i,--identity", options.identities,
                  "Secret keys (PEM), one or more in a file; may be repeated")
      ->type_name("KEYFILE")
      ->allow_extra_args(false)
      ->required();
  open.add_option("--directory", options.directory, "Choose the key by the name in \"to\"")
      ->type_name("DIR.ndjson");
  add_stream_options(open, options);

  CLI::App& info = *app.add_subcommand("info", "Show the CPU, the backends, and what is used for what");
  add_engine_options(info, options);
  add_json(info, options, "As one JSON object");
  CLI::App& selftest = *app.add_subcommand("selftest", "Check every backend against known answers");
  add_engine_options(selftest, options);
  add_json(selftest, options, "As one JSON object");

  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version: not errors
    std::exit(app.exit(success));
  } catch (const CLI::ParseError& error) {
    std::string message = error.what();
    while (!message.empty() && (message.back() == '\n' || message.back() == '.')) message.pop_back();
    throw Failure(Exit::usage, message);
  }

  if (keygen.parsed())
    options.verb = Verb::keygen;
  else if (pub.parsed())
    options.verb = Verb::pub;
  else if (seal.parsed())
    options.verb = Verb::seal;
  else if (open.parsed())
    options.verb = Verb::open;
  else if (info.parsed())
    options.verb = Verb::info;
  else if (selftest.parsed())
    options.verb = Verb::selftest;
  else {
    std::fputs(app.help().c_str(), stderr);
    throw Failure(Exit::usage, "which verb? keygen, pub, seal, open, info or selftest");
  }
  if (seal.parsed() || open.parsed()) check_stream_options(options);
  if (options.backend.empty()) {
    if (const char* forced = std::getenv("MEGASEAL_BACKEND")) options.backend = forced;
  }
  return options;
}

}  // namespace megaseal::cli
