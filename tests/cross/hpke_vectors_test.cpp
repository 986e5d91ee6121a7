// RFC 9180 A.2.1 and A.2.2 through the C ABI: single-shot, contexts at the published sequence numbers, exports; on
// every backend.
#include "tests/support/backends.hpp"
#include "tests/support/batch.hpp"
#include "tests/support/handles.hpp"
#include "tests/support/vectors.hpp"

namespace megaseal::test {
namespace {

/// A vector with the handles and parameters that it needs; `params` points into it, so it stays where it is.
struct Published {
  explicit Published(const Vector& v)
      : info(v.hex("info")),
        psk(v.hex("psk")),
        psk_id(v.hex("psk_id")),
        ephemeral(v.hex("skEm")),
        enc(v.hex("enc")),
        recipient(make_recipient(v.hex("pkRm"))),
        key(make_secret_key(v.hex("skRm"))),
        params(hpke_params(info, psk, psk_id)) {}
  Published(const Published&) = delete;

  Bytes info, psk, psk_id, ephemeral, enc;
  Recipient recipient;
  SecretKey key;
  megaseal_hpke_params params;
};

class HpkeVectors : public BackendTest {
 protected:
  void SetUp() override {
    BackendTest::SetUp();
    if (!IsSkipped() && !HasFatalFailure()) engine_ = make_engine(name());
  }
  Engine engine_;
};

Bytes join(const Bytes& a, const Bytes& b) {
  Bytes out = a;
  out.insert(out.end(), b.begin(), b.end());
  return out;
}

TEST_P(HpkeVectors, SecretKeysGiveThePublishedPublicKeys) {
  for (const Vector& v : load_vectors("hpke.json")) {
    EXPECT_EQ(to_hex(public_key_of(make_secret_key(v.hex("skRm")).get())), v.text("pkRm"));
    EXPECT_EQ(to_hex(public_key_of(make_secret_key(v.hex("skEm")).get())), v.text("pkEm"));
  }
}

TEST_P(HpkeVectors, SingleShotIsTheFirstMessage) {
  for (const Vector& v : load_vectors("hpke.json")) {
    SCOPED_TRACE(v.text("name"));
    const Published setup(v);
    const Vector& first = v.list("encryptions")[0];
    ASSERT_EQ(first.number("sequence"), 0u);
    const megaseal_recipient* handle = setup.recipient.get();
    const megaseal_recipients to = to_one(&handle);
    const Results sealed =
        seal(Layout::pointers, shape_of(MEGASEAL_FORMAT_HPKE), {{first.hex("pt")}, {first.hex("aad")}},
             [&](size_t* failed, const megaseal_batch* batch) {
               return testing::hpke_seal_batch(engine_.get(), failed, nullptr, batch, &setup.params, &to,
                                               setup.ephemeral.data());
             });
    ASSERT_TRUE(sealed.ok());
    EXPECT_EQ(to_hex(sealed.out[0]), v.text("enc") + first.text("ct"));
    const megaseal_secret_key* key = setup.key.get();
    const Results opened =
        open(Layout::pointers, shape_of(MEGASEAL_FORMAT_HPKE), {{join(setup.enc, first.hex("ct"))}, {first.hex("aad")}},
             [&](size_t* failed, const megaseal_batch* batch) {
               return megaseal_hpke_open_batch(engine_.get(), failed, nullptr, batch, &setup.params, &key, 0);
             });
    ASSERT_TRUE(opened.ok());
    EXPECT_EQ(to_hex(opened.out[0]), first.text("pt"));
  }
}

TEST_P(HpkeVectors, SingleShotExports) {
  for (const Vector& v : load_vectors("hpke.json")) {
    const Published setup(v);
    const Vector& first = v.list("encryptions")[0];
    for (const Vector& e : v.list("exports")) {
      SCOPED_TRACE(v.text("name") + ", context " + e.text("exporter_context"));
      const Bytes context = e.hex("exporter_context");
      megaseal_hpke_params params = setup.params;
      params.exporter_context = context.data();
      params.exporter_context_len = context.size();
      params.export_len = 32;
      Bytes sealing(32), opening(32);
      const megaseal_recipient* handle = setup.recipient.get();
      const megaseal_recipients to = to_one(&handle);
      const Results sealed = seal(
          Layout::pointers, shape_of(MEGASEAL_FORMAT_HPKE), {{first.hex("pt")}, {first.hex("aad")}},
          [&](size_t* failed, const megaseal_batch* batch) {
            return testing::hpke_seal_batch(engine_.get(), failed, sealing.data(), batch, &params, &to,
                                            setup.ephemeral.data());
          });
      ASSERT_TRUE(sealed.ok());
      EXPECT_EQ(to_hex(sealed.out[0]), v.text("enc") + first.text("ct")) << "exporting leaves the message as it is";
      EXPECT_EQ(to_hex(sealing), e.text("value"));
      const megaseal_secret_key* key = setup.key.get();
      const Results opened = open(Layout::pointers, shape_of(MEGASEAL_FORMAT_HPKE), {sealed.out, {first.hex("aad")}},
                                  [&](size_t* failed, const megaseal_batch* batch) {
                                    return megaseal_hpke_open_batch(engine_.get(), failed, opening.data(), batch,
                                                                    &params, &key, 0);
                                  });
      ASSERT_TRUE(opened.ok());
      EXPECT_EQ(to_hex(opening), e.text("value"));
    }
  }
}

TEST_P(HpkeVectors, ContextsAtThePublishedSequenceNumbers) {
  for (const Vector& v : load_vectors("hpke.json")) {
    const Published setup(v);
    megaseal_hpke_context* made = nullptr;
    ASSERT_EQ(megaseal_hpke_receiver_create(&made, engine_.get(), &setup.params, setup.key.get(), setup.enc.data()),
              MEGASEAL_ERROR_NONE);
    const Context receiver(made);
    Messages all;
    std::vector<uint64_t> sequences;
    for (const Vector& e : v.list("encryptions")) {
      SCOPED_TRACE(v.text("name") + ", sequence number " + e.text("sequence"));
      Bytes enc(32);
      ASSERT_EQ(testing::hpke_sender_create(&made, enc.data(), engine_.get(), &setup.params, setup.recipient.get(),
                                            setup.ephemeral.data(), e.number("sequence")),
                MEGASEAL_ERROR_NONE);
      const Context sender(made);
      EXPECT_EQ(enc, setup.enc);
      uint64_t sequence = UINT64_MAX;
      const Results sealed =
          seal(Layout::packed, shape_of(MEGASEAL_FORMAT_HPKE_CONTEXT), {{e.hex("pt")}, {e.hex("aad")}},
               [&](size_t* failed, const megaseal_batch* batch) {
                 return megaseal_hpke_context_seal_batch(sender.get(), &sequence, failed, engine_.get(), batch);
               });
      ASSERT_TRUE(sealed.ok());
      EXPECT_EQ(sequence, e.number("sequence"));
      EXPECT_EQ(to_hex(sealed.out[0]), e.text("ct"));
      all.in.insert(all.in.begin(), sealed.out[0]);  // opened in the reverse order, all at once
      all.aad.insert(all.aad.begin(), e.hex("aad"));
      sequences.insert(sequences.begin(), e.number("sequence"));
    }
    const Results opened = open(Layout::packed, shape_of(MEGASEAL_FORMAT_HPKE_CONTEXT), all,
                                [&](size_t* failed, const megaseal_batch* batch) {
                                  return megaseal_hpke_context_open_batch(receiver.get(), failed, engine_.get(), batch,
                                                                          sequences.data());
                                });
    ASSERT_TRUE(opened.ok());
    for (const Bytes& out : opened.out) EXPECT_EQ(to_hex(out), v.list("encryptions")[0].text("pt"));
  }
}

TEST_P(HpkeVectors, ContextExports) {
  for (const Vector& v : load_vectors("hpke.json")) {
    const Published setup(v);
    std::vector<Bytes> contexts;
    std::string expected;
    for (const Vector& e : v.list("exports")) {
      contexts.push_back(e.hex("exporter_context"));
      expected += e.text("value");
    }
    megaseal_hpke_context* made = nullptr;
    ASSERT_EQ(megaseal_hpke_receiver_create(&made, engine_.get(), &setup.params, setup.key.get(), setup.enc.data()),
              MEGASEAL_ERROR_NONE);
    const Context receiver(made);
    Bytes enc(32);
    ASSERT_EQ(testing::hpke_sender_create(&made, enc.data(), engine_.get(), &setup.params, setup.recipient.get(),
                                          setup.ephemeral.data(), 0),
              MEGASEAL_ERROR_NONE);
    const Context sender(made);
    for (const Context* context : {&sender, &receiver}) {
      Bytes exports(32 * contexts.size());
      const Pointers pointers(contexts);
      const megaseal_inputs inputs = pointers.inputs();
      ASSERT_EQ(megaseal_hpke_context_export_batch(context->get(), exports.data(), engine_.get(), contexts.size(),
                                                   &inputs, 32),
                MEGASEAL_ERROR_NONE);
      EXPECT_EQ(to_hex(exports), expected) << v.text("name");
    }
  }
}

MEGASEAL_ON_EVERY_BACKEND(HpkeVectors);

}  // namespace
}  // namespace megaseal::test
