// Arguments outside the batch: engines, keys and nonces, recipients, HPKE parameters, strides and steps, names.
#include <gtest/gtest.h>

#include <cstring>

#include "tests/support/handles.hpp"

namespace megaseal::test {
namespace {

TEST(Names, ErrorsStatusesAndOperationsAreDescribed) {
  for (int e = 0; e < 40; ++e) ASSERT_GT(std::strlen(megaseal_error_string(megaseal_error(e))), 0u);
  for (int s = 0; s < 256; ++s) ASSERT_GT(std::strlen(megaseal_status_string(uint8_t(s))), 0u);
  EXPECT_STREQ(megaseal_operation_name(MEGASEAL_OP_HPKE_SEAL), "hpke_seal");
  for (int op = 0; op < MEGASEAL_OP_COUNT_; ++op)
    EXPECT_NE(megaseal_operation_name(megaseal_operation(op)), nullptr);
  EXPECT_EQ(megaseal_operation_name(megaseal_operation(1000)), nullptr);
  EXPECT_EQ(megaseal_operation_name(megaseal_operation(-1)), nullptr);
  const std::string version = std::to_string(MEGASEAL_VERSION_MAJOR) + "." +
                              std::to_string(MEGASEAL_VERSION_MINOR) + "." +
                              std::to_string(MEGASEAL_VERSION_PATCH);
  EXPECT_EQ(megaseal_version(), version);
}

TEST(Names, UnknownFormats) {
  EXPECT_EQ(megaseal_overhead(megaseal_format(99)), 0u);
  EXPECT_EQ(megaseal_sealed_len(megaseal_format(99), 10), UINT64_MAX);
}

TEST(EngineArguments, CreateRefusesWhatItCannotServe) {
  EXPECT_EQ(megaseal_engine_create(nullptr, nullptr), MEGASEAL_ERROR_ARGUMENT);
  const auto expect_error = [](megaseal_engine_options options, megaseal_error expected) {
    megaseal_engine* engine = reinterpret_cast<megaseal_engine*>(8);
    EXPECT_EQ(megaseal_engine_create(&engine, &options), expected);
    EXPECT_EQ(engine, nullptr);
  };
  expect_error({0, nullptr, 0, 0, 0}, MEGASEAL_ERROR_ARGUMENT);
  expect_error({sizeof(megaseal_engine_options), nullptr, 1025, 0, 0}, MEGASEAL_ERROR_ARGUMENT);
  expect_error({sizeof(megaseal_engine_options), "abacus", 1, 0, 0}, MEGASEAL_ERROR_BACKEND_UNAVAILABLE);
  expect_error({sizeof(megaseal_engine_options), "Scalar", 1, 0, 0}, MEGASEAL_ERROR_BACKEND_UNAVAILABLE);
}

TEST(EngineArguments, DefaultsAndTheMostThreads) {
  megaseal_engine* engine = nullptr;
  ASSERT_EQ(megaseal_engine_create(&engine, nullptr), MEGASEAL_ERROR_NONE);
  EXPECT_GE(megaseal_engine_num_threads(engine), 1u);
  megaseal_engine_destroy(engine);
  EXPECT_EQ(megaseal_engine_num_threads(make_engine("", 1024).get()), 1024u);
  EXPECT_EQ(megaseal_engine_num_threads(make_engine("", 1).get()), 1u);
}

TEST(EngineArguments, QueriesOfNothing) {
  const Engine engine = make_engine();
  EXPECT_EQ(megaseal_backend_name(nullptr, MEGASEAL_OP_HPKE_SEAL), nullptr);
  EXPECT_EQ(megaseal_backend_name(engine.get(), megaseal_operation(1000)), nullptr);
  EXPECT_EQ(megaseal_recommended_batch(nullptr, MEGASEAL_OP_HPKE_SEAL), 0u);
  EXPECT_EQ(megaseal_recommended_batch(engine.get(), megaseal_operation(1000)), 0u);
  for (int op = 0; op < MEGASEAL_OP_COUNT_; ++op) {
    EXPECT_NE(megaseal_operation_name(megaseal_operation(op)), nullptr);
    if (op == MEGASEAL_OP_X25519_PREPARED) continue;  // the one that may be offered by nobody
    EXPECT_GT(megaseal_recommended_batch(engine.get(), megaseal_operation(op)), 0u);
    EXPECT_NE(megaseal_backend_name(engine.get(), megaseal_operation(op)), nullptr);
  }
  megaseal_backend_info info = {};
  info.struct_size = sizeof info;
  EXPECT_EQ(megaseal_get_backend_info(megaseal_num_backends(), &info), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_get_backend_info(0, nullptr), MEGASEAL_ERROR_ARGUMENT);
  info.struct_size = 0;
  EXPECT_EQ(megaseal_get_backend_info(0, &info), MEGASEAL_ERROR_ARGUMENT);
}

TEST(EngineArguments, NothingIsFreedGladly) {
  megaseal_engine_destroy(nullptr);
  megaseal_recipient_release(nullptr);
  megaseal_secret_key_release(nullptr);
  megaseal_hpke_context_destroy(nullptr);
}

class CallArguments : public ::testing::Test {
 protected:
  CallArguments() {
    batch_.struct_size = sizeof batch_;
    batch_.num_items = 2;
    batch_.in = {ins_, lens_, nullptr, nullptr};
    batch_.out = {outs_, capacities_, nullptr, 0, nullptr, nullptr};
    batch_.out_statuses = statuses_;
  }
  megaseal_error seal_aead(megaseal_format format, const megaseal_aead_keys* keys) {
    return megaseal_aead_seal_batch(engine_.get(), nullptr, &batch_, format, keys);
  }
  megaseal_error seal_hpke(const megaseal_hpke_params* params, const megaseal_recipients* to,
                           uint8_t* exports = nullptr) {
    return megaseal_hpke_seal_batch(engine_.get(), nullptr, exports, &batch_, params, to);
  }
  megaseal_error open_hpke(const megaseal_hpke_params* params, const megaseal_secret_key* const* keys,
                           size_t step, uint8_t* exports = nullptr) {
    return megaseal_hpke_open_batch(engine_.get(), nullptr, exports, &batch_, params, keys, step);
  }

  Engine engine_ = make_engine("", 1);
  Random random_;
  Bytes in_ = random_.bytes(60), out_[2] = {Bytes(200), Bytes(200)}, bytes_ = random_.bytes(64);
  const void* ins_[2] = {in_.data(), in_.data()};
  void* outs_[2] = {out_[0].data(), out_[1].data()};
  uint64_t lens_[2] = {60, 60}, capacities_[2] = {200, 200};
  uint8_t statuses_[2] = {};
  megaseal_batch batch_ = {};
  SecretKey key_ = make_secret_key(Random().bytes(32));
  Bytes public_ = public_key_of(key_.get());
  Recipient recipient_ = make_recipient(public_);
  const megaseal_recipient* handles_[2] = {recipient_.get(), recipient_.get()};
  const megaseal_secret_key* keys_[2] = {key_.get(), key_.get()};
  megaseal_recipients to_ = {handles_, 0, nullptr, 0};
};

TEST_F(CallArguments, SealingWithOneKeyAndOneNonceIsRefused) {
  const megaseal_aead_keys shared = {bytes_.data(), 0, bytes_.data() + 32, 0};
  EXPECT_EQ(seal_aead(MEGASEAL_FORMAT_CHACHA20POLY1305, &shared), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(seal_aead(MEGASEAL_FORMAT_XCHACHA20POLY1305, &shared), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_TRUE(all_zero(out_[0]) && all_zero(out_[1]));
  EXPECT_EQ(
      megaseal_aead_open_batch(engine_.get(), nullptr, &batch_, MEGASEAL_FORMAT_CHACHA20POLY1305, &shared),
      MEGASEAL_ERROR_NONE)
      << "opening is not";
  batch_.num_items = 1;
  EXPECT_EQ(seal_aead(MEGASEAL_FORMAT_CHACHA20POLY1305, &shared), MEGASEAL_ERROR_NONE) << "nor is one item";
  batch_.num_items = 2;
  const megaseal_aead_keys one_key = {bytes_.data(), 0, bytes_.data(), 12},
                           one_nonce = {bytes_.data(), 32, bytes_.data(), 0};
  EXPECT_EQ(seal_aead(MEGASEAL_FORMAT_CHACHA20POLY1305, &one_key), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(seal_aead(MEGASEAL_FORMAT_CHACHA20POLY1305, &one_nonce), MEGASEAL_ERROR_NONE);
}

TEST_F(CallArguments, AeadKeysAndFormats) {
  const megaseal_aead_keys keys = {bytes_.data(), 32, bytes_.data(), 12};
  for (const megaseal_format format :
       {MEGASEAL_FORMAT_HPKE, MEGASEAL_FORMAT_HPKE_CONTEXT, MEGASEAL_FORMAT_SEALEDBOX,
        MEGASEAL_FORMAT_SEALEDBOX_SALSA, megaseal_format(77)})
    EXPECT_EQ(seal_aead(format, &keys), MEGASEAL_ERROR_ARGUMENT) << format;
  EXPECT_EQ(seal_aead(MEGASEAL_FORMAT_CHACHA20POLY1305, nullptr), MEGASEAL_ERROR_ARGUMENT);
  const megaseal_aead_keys no_key = {nullptr, 32, bytes_.data(), 12},
                           no_nonce = {bytes_.data(), 32, nullptr, 12};
  EXPECT_EQ(seal_aead(MEGASEAL_FORMAT_CHACHA20POLY1305, &no_key), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(seal_aead(MEGASEAL_FORMAT_CHACHA20POLY1305, &no_nonce), MEGASEAL_ERROR_ARGUMENT);
}

TEST_F(CallArguments, SealedBoxFormats) {
  for (const megaseal_format format :
       {MEGASEAL_FORMAT_CHACHA20POLY1305, MEGASEAL_FORMAT_HPKE, megaseal_format(77)}) {
    EXPECT_EQ(megaseal_sealedbox_seal_batch(engine_.get(), nullptr, &batch_, format, &to_),
              MEGASEAL_ERROR_ARGUMENT);
    EXPECT_EQ(megaseal_sealedbox_open_batch(engine_.get(), nullptr, &batch_, format, keys_, 0),
              MEGASEAL_ERROR_ARGUMENT);
  }
}

TEST_F(CallArguments, Recipients) {
  EXPECT_EQ(seal_hpke(nullptr, &to_), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(seal_hpke(nullptr, nullptr), MEGASEAL_ERROR_ARGUMENT);
  const megaseal_recipients bad[] = {
      {nullptr, 0, nullptr, 0},          // neither
      {handles_, 0, public_.data(), 0},  // both
      {handles_, 2, nullptr, 0},         // step
      {nullptr, 0, public_.data(), 31},  // stride
      {nullptr, 0, public_.data(), 1},
  };
  for (const megaseal_recipients& to : bad) {
    EXPECT_EQ(seal_hpke(nullptr, &to), MEGASEAL_ERROR_ARGUMENT) << &to - bad;
    EXPECT_EQ(megaseal_sealedbox_seal_batch(engine_.get(), nullptr, &batch_, MEGASEAL_FORMAT_SEALEDBOX, &to),
              MEGASEAL_ERROR_ARGUMENT)
        << &to - bad;
  }
  handles_[1] = nullptr;
  const megaseal_recipients with_null = {handles_, 1, nullptr, 0};
  EXPECT_EQ(seal_hpke(nullptr, &with_null), MEGASEAL_ERROR_ARGUMENT);
}

TEST_F(CallArguments, SecretKeys) {
  EXPECT_EQ(open_hpke(nullptr, keys_, 1), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(open_hpke(nullptr, nullptr, 0), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(open_hpke(nullptr, keys_, 2), MEGASEAL_ERROR_ARGUMENT);
  keys_[1] = nullptr;
  EXPECT_EQ(open_hpke(nullptr, keys_, 1), MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(
      megaseal_sealedbox_open_batch(engine_.get(), nullptr, &batch_, MEGASEAL_FORMAT_SEALEDBOX, keys_, 1),
      MEGASEAL_ERROR_ARGUMENT);
}

TEST_F(CallArguments, HpkeParameters) {
  const Bytes psk(32, 1), id(1, 2);
  Bytes exports(2 * MEGASEAL_HPKE_MAX_EXPORT_LEN + 2);
  const auto expect = [&](megaseal_error expected, const char* what, const megaseal_hpke_params& params) {
    EXPECT_EQ(seal_hpke(&params, &to_, params.export_len ? exports.data() : nullptr), expected) << what;
    EXPECT_EQ(open_hpke(&params, keys_, 0, params.export_len ? exports.data() : nullptr), expected) << what;
    megaseal_hpke_params for_context = params;
    if (for_context.export_len) return;
    megaseal_hpke_context* context = nullptr;
    Bytes enc(32);
    EXPECT_EQ(
        megaseal_hpke_sender_create(&context, enc.data(), engine_.get(), &for_context, recipient_.get()),
        expected)
        << what;
    megaseal_hpke_context_destroy(context);
    context = nullptr;
    EXPECT_EQ(
        megaseal_hpke_receiver_create(&context, engine_.get(), &for_context, key_.get(), public_.data()),
        expected)
        << what;
    megaseal_hpke_context_destroy(context);
  };
  expect(MEGASEAL_ERROR_NONE, "base", hpke_params());
  expect(MEGASEAL_ERROR_NONE, "psk", hpke_params({}, psk, id));
  expect(MEGASEAL_ERROR_ARGUMENT, "psk of 31 bytes", hpke_params({}, Bytes(31, 1), id));
  expect(MEGASEAL_ERROR_ARGUMENT, "psk without psk_id", hpke_params({}, psk, {}));
  expect(MEGASEAL_ERROR_ARGUMENT, "psk_id without psk", hpke_params({}, {}, id));
  megaseal_hpke_params params = hpke_params();
  params.struct_size = 0;
  expect(MEGASEAL_ERROR_ARGUMENT, "struct_size", params);
  params = hpke_params();
  params.info_len = 5;
  expect(MEGASEAL_ERROR_ARGUMENT, "info NULL with a length", params);
  params = hpke_params();
  params.export_len = MEGASEAL_HPKE_MAX_EXPORT_LEN;
  expect(MEGASEAL_ERROR_NONE, "the longest export", params);
  params.export_len = MEGASEAL_HPKE_MAX_EXPORT_LEN + 1;
  expect(MEGASEAL_ERROR_ARGUMENT, "an export too long", params);
  params.export_len = 32;
  EXPECT_EQ(seal_hpke(&params, &to_, nullptr), MEGASEAL_ERROR_ARGUMENT) << "nowhere to export to";
  EXPECT_EQ(open_hpke(&params, keys_, 0, nullptr), MEGASEAL_ERROR_ARGUMENT);
  batch_.num_items = 0;
  EXPECT_EQ(seal_hpke(&params, &to_, nullptr), MEGASEAL_ERROR_NONE) << "nothing to export";
  EXPECT_EQ(open_hpke(&params, keys_, 0, nullptr), MEGASEAL_ERROR_NONE);
  batch_.num_items = 2;
  megaseal_hpke_context* context = nullptr;
  Bytes enc(32);
  EXPECT_EQ(megaseal_hpke_sender_create(&context, enc.data(), engine_.get(), &params, recipient_.get()),
            MEGASEAL_ERROR_ARGUMENT)
      << "a context's parameters with export_len";
}

TEST_F(CallArguments, HpkeLengthsThatOverflow) {
  constexpr size_t half = SIZE_MAX / 2 + 1;
  Bytes exports(64);
  const auto expect_refused = [&](size_t info_len, size_t context_len) {
    for (const size_t export_len : {size_t(0), size_t(32)}) {
      megaseal_hpke_params params = hpke_params();
      params.info = info_len ? bytes_.data() : nullptr;
      params.info_len = info_len;
      params.exporter_context = context_len ? bytes_.data() : nullptr;
      params.exporter_context_len = context_len;
      params.export_len = export_len;
      EXPECT_EQ(seal_hpke(&params, &to_, exports.data()), MEGASEAL_ERROR_ARGUMENT) << info_len << ", " << context_len;
      EXPECT_EQ(open_hpke(&params, keys_, 0, exports.data()), MEGASEAL_ERROR_ARGUMENT) << info_len << ", " << context_len;
    }
  };
  for (size_t less = 0; less < 128; ++less) {
    expect_refused(SIZE_MAX - less, 0);
    expect_refused(0, SIZE_MAX - less);
    expect_refused(half - less, half);
    expect_refused(half, half - less);
  }
}

TEST_F(CallArguments, ExportsOfFailedItemsAreZeros) {
  megaseal_hpke_params params = hpke_params();
  params.export_len = 48;
  const Bytes keys = [&] {
    Bytes out = Bytes(32);  // of low order
    out.insert(out.end(), public_.begin(), public_.end());
    return out;
  }();
  const megaseal_recipients to = to_raw(keys, 32);
  Bytes exports(96, 0xa5);
  ASSERT_EQ(seal_hpke(&params, &to, exports.data()), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(statuses_[0], MEGASEAL_LOW_ORDER);
  EXPECT_EQ(statuses_[1], MEGASEAL_OK);
  EXPECT_TRUE(all_zero({exports.data(), 48}));
  EXPECT_FALSE(all_zero({exports.data() + 48, 48}));
  const Bytes sealed[2] = {out_[1], out_[1]};
  ins_[0] = sealed[0].data();
  ins_[1] = sealed[1].data();
  lens_[0] = 60 + 48;
  lens_[1] = 60 + 47;  // cut short
  Bytes opened(96, 0xa5);
  ASSERT_EQ(open_hpke(&params, keys_, 0, opened.data()), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(statuses_[0], MEGASEAL_OK);
  EXPECT_EQ(statuses_[1], MEGASEAL_AUTH_FAILED);
  EXPECT_EQ(Bytes(opened.begin(), opened.begin() + 48), Bytes(exports.begin() + 48, exports.end()));
  EXPECT_TRUE(all_zero({opened.data() + 48, 48}));
}

TEST_F(CallArguments, ContextCalls) {
  megaseal_hpke_context* context = nullptr;
  Bytes enc(32);
  EXPECT_EQ(megaseal_hpke_sender_create(nullptr, enc.data(), engine_.get(), nullptr, recipient_.get()),
            MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_hpke_sender_create(&context, nullptr, engine_.get(), nullptr, recipient_.get()),
            MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_hpke_sender_create(&context, enc.data(), nullptr, nullptr, recipient_.get()),
            MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_hpke_sender_create(&context, enc.data(), engine_.get(), nullptr, nullptr),
            MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_hpke_receiver_create(&context, engine_.get(), nullptr, nullptr, enc.data()),
            MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_hpke_receiver_create(&context, engine_.get(), nullptr, key_.get(), nullptr),
            MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_hpke_receiver_create(&context, engine_.get(), nullptr, key_.get(), Bytes(32).data()),
            MEGASEAL_ERROR_KEY_LOW_ORDER);
  EXPECT_EQ(context, nullptr);
  EXPECT_EQ(megaseal_hpke_context_seal_batch(nullptr, nullptr, nullptr, engine_.get(), &batch_),
            MEGASEAL_ERROR_ARGUMENT);
  const uint64_t sequences[2] = {0, 1};
  EXPECT_EQ(megaseal_hpke_context_open_batch(nullptr, nullptr, engine_.get(), &batch_, sequences),
            MEGASEAL_ERROR_ARGUMENT);
  ASSERT_EQ(megaseal_hpke_receiver_create(&context, engine_.get(), nullptr, key_.get(), public_.data()),
            MEGASEAL_ERROR_NONE);
  const Context receiver(context);
  EXPECT_EQ(megaseal_hpke_context_open_batch(context, nullptr, engine_.get(), &batch_, nullptr),
            MEGASEAL_ERROR_ARGUMENT);
  EXPECT_EQ(megaseal_hpke_context_open_batch(context, nullptr, nullptr, &batch_, sequences),
            MEGASEAL_ERROR_ARGUMENT);
}

}  // namespace
}  // namespace megaseal::test
