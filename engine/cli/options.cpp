#include "engine/cli/options.hpp"

#include <fmt/format.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <sstream>
#include <utility>

#include "engine/cli/failure.hpp"
#include "engine/cli/files.hpp"

namespace megaseal::cli {
namespace {

constexpr uint64_t kMaxPad = 1 << 20;

// A screen of 80 columns and 24 lines holds the help of any verb: one line an option, and nothing said twice.
class OneScreen : public CLI::Formatter {
 public:
  OneScreen() { column_width(28); }
  std::string make_positionals(const CLI::App*) const override { return ""; }  // the usage line names them
  std::string make_option_opts(const CLI::Option* option) const override {
    return option->get_type_size() == 0 ? "" : " " + option->get_type_name();
  }
  std::string make_usage(const CLI::App* app, std::string name) const override {
    if (app->get_name() == "megaseal") return "Usage: megaseal VERB [OPTIONS]";
    std::string usage = "Usage: " + name + " [OPTIONS]";
    for (const CLI::Option* option :
         app->get_options([](const CLI::Option* o) { return o->get_positional(); }))
      usage += " [" + option->get_single_name() + "]...";
    return usage;  // what follows begins with a line feed, and 24 lines have no room for two
  }
};

// What an option may be given as, beyond what CLI11 looks at. The empty description keeps it out of the help.
const CLI::Validator not_empty(
    [](const std::string& text) { return text.empty() ? std::string("must not be empty") : std::string(); },
    "");

// CLI11 would read 010 as octal.
const CLI::Validator decimal(
    [](const std::string& text) {
      const auto is_digit = [&](size_t i) { return i < text.size() && text[i] >= '0' && text[i] <= '9'; };
      const bool octal = text.starts_with('0') && is_digit(1);
      const bool begins = is_digit(0) || text.starts_with('.');
      if (begins && !octal && text.find_first_not_of("0123456789.e+-") == text.npos) return std::string();
      return text + " is not a decimal number without leading zeros";
    },
    "");

// Understood before the verb as well as after it, so that `megaseal --backend scalar info` and
// `megaseal info --backend scalar` are the same.
void add_engine_options(CLI::App& app, Options& options) {
  app.add_option("--threads", options.threads, "Threads to use; 0, the default: one per CPU")
      ->type_name("N")
      ->check(decimal)
      ->check(CLI::Range(0U, 1024U).description(""));
  app.add_option("--backend", options.backend, "Use this backend; also MEGASEAL_BACKEND")->type_name("NAME");
}

void add_quiet(CLI::App& app, Options& options) {
  app.add_flag("-q,--quiet", options.quiet, "No warnings, progress or counts on stderr");
}

void add_json(CLI::App& verb, Options& options, const char* help) {
  verb.add_flag("--json", options.json, help);
}

// An option that may be repeated, each time with one value.
void add_repeatable(CLI::App& verb, const char* names, std::vector<std::string>& out, const char* help,
                    const char* type_name) {
  verb.add_option(names, out, help)->type_name(type_name)->allow_extra_args(false);
}

// What seal and open share.
void add_stream_options(CLI::App& verb, Options& options, const char* pad_help) {
  static const std::map<std::string, megaseal_format> formats{
      {"hpke", MEGASEAL_FORMAT_HPKE},
      {"sealedbox", MEGASEAL_FORMAT_SEALEDBOX},
      {"sealedbox-salsa", MEGASEAL_FORMAT_SEALEDBOX_SALSA}};
  static const std::map<std::string, Framing> framings{
      {"ndjson", Framing::ndjson}, {"len32", Framing::len32}, {"lines", Framing::lines}};
  const auto choose = [](const auto& names, auto& out, const char* option) {
    return [&names, &out, option](const std::string& name) {
      const auto found = names.find(name);
      if (found != names.end()) {
        out = found->second;
        return;
      }
      std::string known;
      for (const auto& entry : names) known += (known.empty() ? "" : ", ") + entry.first;
      fail_usage("{} {}: there are {}", option, name, known);
    };
  };
  verb.add_option("INPUT", options.inputs, "Files of records; - or none: standard input")->type_name("FILE");
  verb.add_option("-o,--output", options.output, "Write here, once whole, instead of to stdout")
      ->type_name("FILE")
      ->check(not_empty);
  verb.add_option("--rejects", options.rejects, "Keep records that failed here, with the reason")
      ->type_name("FILE")
      ->check(not_empty);
  verb.add_option_function<std::string>("--format", choose(formats, options.format, "--format"),
                                        "hpke (default), sealedbox, sealedbox-salsa")
      ->type_name("FORMAT");
  verb.add_option_function<std::string>("--framing", choose(framings, options.framing, "--framing"),
                                        "ndjson (default), len32, lines")
      ->type_name("FRAMING");
  verb.add_option("--info", options.info, "HPKE info that both sides give")->type_name("TEXT");
  verb.add_option("--psk-file", options.psk_file, "HPKE pre-shared key: 32 raw bytes or more")
      ->type_name("FILE")
      ->check(not_empty);
  verb.add_option("--psk-id", options.psk_id, "Its name; goes with --psk-file")
      ->type_name("TEXT")
      ->check(not_empty);
  verb.add_option("--pad", options.pad, pad_help)
      ->type_name("N")
      ->check(decimal)
      ->check(CLI::Range(uint64_t{1}, kMaxPad).description(""));
  verb.add_option("--max-record", options.max_record, "Reject longer records (default 16 MiB)")
      ->type_name("BYTES")
      ->check(decimal)
      ->check(CLI::Range(uint64_t{1024}, uint64_t{1} << 30).description(""));
  add_engine_options(verb, options);
  add_quiet(verb, options);
  add_json(verb, options, "A summary as one JSON object on stderr");
}

void add_keygen(CLI::App& app, Options& options) {
  CLI::App& keygen = *app.add_subcommand("keygen", "Make a secret key; its public key goes to stderr");
  keygen.add_option("-o,--output", options.output, "Write here, mode 0600, instead of to stdout")
      ->type_name("FILE")
      ->check(not_empty);
  keygen.add_flag("-f,--force", options.force, "Overwrite the file");
  auto* names = keygen.add_option("--names", options.names, "A key for each name in this file, one a line")
                    ->type_name("FILE")
                    ->check(not_empty);
  auto* made = keygen.add_option("--directory", options.directory, "With --names: names and public keys")
                   ->type_name("DIR.ndjson")
                   ->check(not_empty);
  names->needs(made);
  made->needs(names);
}

void add_pub(CLI::App& app, Options& options) {
  CLI::App& pub = *app.add_subcommand("pub", "Print the public key of each secret key");
  pub.add_option("INPUT", options.inputs, "Key files; - or none: standard input")->type_name("FILE");
  add_quiet(pub, options);
}

void add_seal(CLI::App& app, Options& options) {
  CLI::App& seal = *app.add_subcommand("seal", "Seal records {\"msg\": …} to public keys");
  add_repeatable(seal, "-r,--recipient", options.recipients, "For records without \"to\"; repeatable", "KEY");
  add_repeatable(seal, "-R,--recipients-file", options.recipient_files, "Public keys, one a line, # comments",
                 "FILE");
  seal.add_option("--directory", options.directory, "Names for \"to\": {\"name\": …, \"key\": …}")
      ->type_name("DIR.ndjson")
      ->check(not_empty);
  seal.add_option("--prepared-cache", options.prepared_cache, "For tables of keys met often (default 32 MiB)")
      ->type_name("BYTES")
      ->check(decimal)
      ->check(CLI::Range(uint64_t{0}, uint64_t{1} << 40).description(""));
  add_stream_options(seal, options, "Pad messages to a multiple of N bytes");
}

void add_open(CLI::App& app, Options& options) {
  CLI::App& open = *app.add_subcommand("open", "Open records {\"sealed\": …} with secret keys");
  open.add_option("-i,--identity", options.identities, "Secret keys (PEM); repeatable")
      ->type_name("KEYFILE")
      ->allow_extra_args(false)
      ->required();
  open.add_option("--directory", options.directory, "Choose the key by the name in \"to\"")
      ->type_name("DIR.ndjson")
      ->check(not_empty);
  open.add_flag("--skip-foreign", options.skip_foreign, "Pass over records to other keys: no failure");
  add_stream_options(open, options, "Take the padding of seal --pad N off");
}

void add_info_and_selftest(CLI::App& app, Options& options) {
  CLI::App& info = *app.add_subcommand("info", "Show the CPU, the backends, what is used for what");
  add_engine_options(info, options);
  add_json(info, options, "As one JSON object");
  CLI::App& selftest = *app.add_subcommand("selftest", "Check every backend against known answers");
  add_engine_options(selftest, options);
  add_quiet(selftest, options);
  add_json(selftest, options, "As one JSON object");
}

void add_bench(CLI::App& app, Options& options) {
  CLI::App& bench = *app.add_subcommand("bench", "Measure this machine, operation by operation");
  bench.add_option("OPERATION", options.operations, "Which; see `megaseal info`")->type_name("NAME");
  bench.add_option("--size", options.sizes, "Bytes of a message; repeatable (default 64 256 1024)")
      ->type_name("BYTES")
      ->allow_extra_args(false)
      ->check(decimal)
      ->check(CLI::Range(uint64_t{0}, uint64_t{1} << 20).description(""));
  bench.add_option("--batch", options.batch, "Messages a call (default 1024)")
      ->type_name("N")
      ->check(decimal)
      ->check(CLI::Range(uint64_t{1}, uint64_t{1} << 20).description(""));
  bench.add_option("--seconds", options.seconds, "Time for each figure (default 0.5)")
      ->type_name("S")
      ->check(decimal)
      ->check(CLI::Range(0.01, 3600.0).description(""));
  add_engine_options(bench, options);
  add_json(bench, options, "As one JSON object");
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

void check_stream_options(const Options& options) {
  const bool psk = !options.psk_file.empty();
  if (psk != !options.psk_id.empty()) fail_usage("--psk-file and --psk-id go together");
  if (options.format != MEGASEAL_FORMAT_HPKE && (psk || !options.info.empty())) {
    fail_usage("--info and --psk-file belong to --format hpke");
  }
  if (options.framing != Framing::ndjson && (!options.directory.empty() || options.skip_foreign)) {
    fail_usage("--directory and --skip-foreign go by \"to\", which only --framing ndjson has");
  }
  if (options.rejects == "-") fail_usage("--rejects takes a file");
  check_standard_input(options);
}

/// CLI11 takes `--output=` for `--output`, and the next argument, which may be a file of records, for its value.
void refuse_values_left_out(const CLI::App& app, int argc, char** argv) {
  const auto refuse = [&](const CLI::App* of) {
    for (const CLI::Option* option : of->get_options())
      for (const std::string& name : option->get_lnames())
        for (int i = 1; i < argc && option->get_expected_max() > 0; i++)
          if (argv[i] == "--" + name + "=") fail_usage("{} has no value", argv[i]);
  };
  refuse(&app);
  for (const CLI::App* verb : app.get_subcommands({})) refuse(verb);
}

}  // namespace

Options parse_options(int argc, char** argv) {
  Options options;
  CLI::App app("Seals and opens messages in batches: HPKE and sealed boxes over X25519", "megaseal");
  app.formatter(std::make_shared<OneScreen>());
  app.set_help_flag("-h,--help", "Print this help");
  app.set_version_flag(
      "--version", [] { return fmt::format("megaseal {}", megaseal_version()); }, "Print the version");
  app.require_subcommand(0, 1);
  add_engine_options(app, options);
  add_quiet(app, options);
  app.footer(
      "Exit: 0 done, 1 failure, 2 usage, 3 records rejected, 4 records not opened,\n"
      "5 backend unavailable. `megaseal VERB --help` and megaseal(1) say more.");
  add_keygen(app, options);
  add_pub(app, options);
  add_seal(app, options);
  add_open(app, options);
  add_info_and_selftest(app, options);
  add_bench(app, options);

  try {
    refuse_values_left_out(app, argc, argv);
    app.parse(argc, argv);
  } catch (const CLI::Success& success) {  // --help, --version: not errors
    std::ostringstream text;
    const int status = app.exit(success, text, text);
    Output("").write(text.str());
    std::exit(status);
  } catch (const CLI::ParseError& error) {
    std::string message = error.what();
    while (!message.empty() && (message.back() == '\n' || message.back() == '.')) message.pop_back();
    throw Failure(Exit::usage, message);
  }

  static const std::map<std::string, Verb> verbs{
      {"keygen", Verb::keygen}, {"pub", Verb::pub},           {"seal", Verb::seal},  {"open", Verb::open},
      {"info", Verb::info},     {"selftest", Verb::selftest}, {"bench", Verb::bench}};
  const auto parsed = app.get_subcommands();
  if (parsed.empty()) {
    std::fputs(app.help().c_str(), stderr);
    throw Failure(Exit::usage, "which verb? keygen, pub, seal, open, info, selftest or bench");
  }
  options.verb = verbs.at(parsed.front()->get_name());
  if (options.verb == Verb::seal || options.verb == Verb::open) check_stream_options(options);
  if (options.backend.empty()) {
    if (const char* forced = std::getenv("MEGASEAL_BACKEND")) options.backend = forced;
  }
  return options;
}

}  // namespace megaseal::cli
