// Secret keys and contexts belong to the process that made them: a child of fork() finds zeros where they were, and is told.
#include <sys/resource.h>
#include <sys/syscall.h>

#include <csignal>
#include <cstring>
#include <fstream>

#include "tests/support/batch.hpp"
#include "tests/support/handles.hpp"
#include "tests/support/reference.hpp"
#include "tests/support/wipe_on_fork.hpp"
#include "tests/threads/in_child.hpp"

namespace megaseal::test {
namespace {

megaseal_secret_key* generate() {
  megaseal_secret_key* key = nullptr;
  throw_on(megaseal_secret_key_generate(&key), "megaseal_secret_key_generate");
  return key;
}

Bytes exported(const megaseal_secret_key* key) {
  Bytes secret(32);
  throw_on(megaseal_secret_key_export(key, secret.data()), "megaseal_secret_key_export");
  return secret;
}

/// What a child is told by every call that takes a secret key.
class ForkKey : public Forking<::testing::Test> {
 protected:
  ForkKey()
      : engine_(make_engine("", 2)),
        key_(generate()),
        recipient_(make_recipient(public_key_of(key_.get()))) {}

  Results seal_to(const megaseal_recipient* recipient, megaseal_format format) const {
    const megaseal_recipients to = to_one(&recipient);
    return seal(Layout::packed, shape_of(format), texts_, [&](size_t* failed, const megaseal_batch* batch) {
      return format == MEGASEAL_FORMAT_HPKE
                 ? megaseal_hpke_seal_batch(engine_.get(), failed, nullptr, batch, nullptr, &to)
                 : megaseal_sealedbox_seal_batch(engine_.get(), failed, batch, format, &to);
    });
  }
  Results open_with(const std::vector<const megaseal_secret_key*>& keys, megaseal_format format,
                    const std::vector<Bytes>& sealed) const {
    const size_t step = keys.size() > 1;
    return open(
        Layout::packed, shape_of(format), {sealed, {}}, [&](size_t* failed, const megaseal_batch* batch) {
          return format == MEGASEAL_FORMAT_HPKE
                     ? megaseal_hpke_open_batch(engine_.get(), failed, nullptr, batch, nullptr, keys.data(),
                                                step)
                     : megaseal_sealedbox_open_batch(engine_.get(), failed, batch, format, keys.data(), step);
        });
  }

  static constexpr megaseal_format formats_[] = {MEGASEAL_FORMAT_HPKE, MEGASEAL_FORMAT_SEALEDBOX,
                                                 MEGASEAL_FORMAT_SEALEDBOX_SALSA};
  const Messages texts_ = {std::vector<Bytes>(100, bytes_of("text")), {}};
  const Engine engine_;
  SecretKey key_;
  const Recipient recipient_;
};

TEST_F(ForkKey, IsRefusedInTheChildByEveryCall) {
  const std::vector<Bytes> sealed[] = {seal_to(recipient_.get(), formats_[0]).out,
                                       seal_to(recipient_.get(), formats_[1]).out,
                                       seal_to(recipient_.get(), formats_[2]).out};
  const Bytes public_key = public_key_of(key_.get());
  const Bytes answers = in_child([&] {
    Bytes out;
    for (size_t f = 0; f < 3; f++)
      out.push_back(uint8_t(open_with({key_.get()}, formats_[f], sealed[f]).error));
    megaseal_hpke_context* context = nullptr;
    out.push_back(uint8_t(
        megaseal_hpke_receiver_create(&context, engine_.get(), nullptr, key_.get(), sealed[0][0].data())));
    megaseal_secret_key* copy = nullptr;
    out.push_back(uint8_t(megaseal_secret_key_create_inheritable(&copy, key_.get())));
    Bytes secret(32, 1);
    out.push_back(uint8_t(megaseal_secret_key_export(key_.get(), secret.data())));
    char pem[MEGASEAL_SECRET_KEY_PEM_LEN];
    std::memset(pem, 1, sizeof pem);
    out.push_back(uint8_t(megaseal_secret_key_to_pem(pem, key_.get())));
    out.push_back(!context && !copy && all_zero(secret) && std::strlen(pem) == 0);
    out.push_back(public_key_of(key_.get()) == public_key);
    key_.reset();
    return out;
  });
  Bytes expected(7, MEGASEAL_ERROR_FORKED);
  expected.insert(expected.end(), {1, 1});
  EXPECT_EQ(answers, expected);
  for (size_t f = 0; f < 3; f++)
    EXPECT_TRUE(open_with({key_.get()}, formats_[f], sealed[f]).ok()) << "the parent";
  EXPECT_EQ(reference::x25519_public(exported(key_.get())), public_key);
}

TEST_F(ForkKey, OneOfManyRefusesTheCallAndNothingIsWritten) {
  const std::vector<Bytes> sealed = seal_to(recipient_.get(), MEGASEAL_FORMAT_HPKE).out;
  const Bytes answers = in_child([&] {
    const SecretKey own(generate());
    std::vector<const megaseal_secret_key*> keys(texts_.in.size(), own.get());
    keys.back() = key_.get();
    const Results opened = open_with(keys, MEGASEAL_FORMAT_HPKE, sealed);
    bool untouched = opened.num_failed == 0 && opened.statuses == Bytes(opened.statuses.size(), 0xee);
    for (const Bytes& text : opened.out) untouched &= text == Bytes(text.size(), canary);
    Bytes out = {uint8_t(opened.error), untouched};
    keys.back() = own.get();  // and with keys that are here the call runs: they are just not the ones
    const Results again = open_with(keys, MEGASEAL_FORMAT_HPKE, sealed);
    out.insert(out.end(), {uint8_t(again.error), uint8_t(again.num_failed)});
    return out;
  });
  EXPECT_EQ(answers, (Bytes{MEGASEAL_ERROR_FORKED, 1, MEGASEAL_ERROR_NONE, uint8_t(texts_.in.size())}));
}

// The slots of keys from before the fork are free for the child's own keys once it has released the former, and its own keys
// stand beside them in one page.
TEST_F(ForkKey, TheChildMakesItsOwn) {
  const Bytes answers = in_child([&] {
    std::vector<SecretKey> own;
    bool ok = true;
    for (int i = 0; i < 300; i++) {
      if (i == 100) key_.reset();
      own.emplace_back(generate());
    }
    for (const SecretKey& key : own)
      ok &= reference::x25519_public(exported(key.get())) == public_key_of(key.get());
    const Recipient to = make_recipient(public_key_of(own[150].get()));
    for (const megaseal_format format : formats_)
      ok &= open_with({own[150].get()}, format, seal_to(to.get(), format).out).ok();
    // They are no more the grandchild's than the parent's were the child's.
    const Bytes there = in_child([&] {
      Bytes secret(32);
      return Bytes{uint8_t(megaseal_secret_key_export(own[299].get(), secret.data()))};
    });
    return Bytes{ok, uint8_t(there == Bytes{MEGASEAL_ERROR_FORKED})};
  });
  EXPECT_EQ(answers, (Bytes{1, 1}));
}

TEST_F(ForkKey, InheritableOnesOpenInChildrenAndTheirChildren) {
  const SecretKey kept = inheritable(key_);
  EXPECT_EQ(public_key_of(kept.get()), public_key_of(key_.get()));
  EXPECT_EQ(exported(kept.get()), exported(key_.get()));
  key_.reset();
  const auto opens = [&] {
    Bytes out;
    for (const megaseal_format format : formats_)
      out.push_back(open_with({kept.get()}, format, seal_to(recipient_.get(), format).out).ok());
    return out;
  };
  const Bytes all(3, 1);
  EXPECT_EQ(in_child([&] {
              const Bytes here = opens(), there = in_child(opens);
              // A copy of a copy, and one that the child alone drops.
              const SecretKey again = inheritable(kept);
              return Bytes{here == all, there == all, exported(again.get()) == exported(kept.get())};
            }),
            all);
  EXPECT_EQ(opens(), all) << "and the parent goes on";
}

#if defined(__linux__)
/// Kilobytes that the process has locked.
long locked_memory() {
  std::ifstream status("/proc/self/status");
  for (std::string line; std::getline(status, line);)
    if (line.starts_with("VmLck:")) return std::strtol(line.c_str() + 6, nullptr, 10);
  return 0;
}

// fork() drops the locks of pages.
TEST_F(ForkKey, PagesAreLockedInTheChildToo) {
  rlimit limit = {};
  ASSERT_EQ(getrlimit(RLIMIT_MEMLOCK, &limit), 0);
  if (locked_memory() == 0 || limit.rlim_cur < 64 * size_t(sysconf(_SC_PAGESIZE)))
    GTEST_SKIP() << "too little memory can be locked here";
  const SecretKey kept = inheritable(key_);
  const Bytes grew = in_child([&] {
    const long inherited = locked_memory();
    const SecretKey own(generate());
    return Bytes{inherited > 0, locked_memory() > inherited};
  });
  EXPECT_EQ(grew, (Bytes{1, 1}))
      << "the pages of inheritable keys, and the others as soon as there is a key in them";
}

// A child that was not made by the C library's fork(), as some runtimes make theirs: nobody has counted it, but its pages are
// empty all the same.
TEST_F(ForkKey, IsRefusedInAChildMadeBehindTheLibrarysBack) {
  if (!kernel_wipes_on_fork()) GTEST_SKIP() << "this kernel does not wipe pages on fork";
  Bytes enc(32);
  megaseal_hpke_context* made = nullptr;
  ASSERT_EQ(megaseal_hpke_sender_create(&made, enc.data(), engine_.get(), nullptr, recipient_.get()),
            MEGASEAL_ERROR_NONE);
  const Context sender(made);
  const megaseal_inputs none = {};
  uint8_t secret[32], exports[32];
  let_others_sleep();
  const long child = syscall(SYS_clone, SIGCHLD, 0, 0, 0, 0);
  if (child == 0) {
    alarm(60);
    const bool refused = megaseal_secret_key_export(key_.get(), secret) == MEGASEAL_ERROR_FORKED &&
                         megaseal_hpke_context_export_batch(sender.get(), exports, engine_.get(), 1, &none,
                                                            32) == MEGASEAL_ERROR_FORKED;
    syscall(SYS_exit_group, refused ? 0 : 1);
  }
  ASSERT_GT(child, 0);
  int status = -1;
  ASSERT_EQ(waitpid(pid_t(child), &status, 0), child);
  EXPECT_EQ(status, 0);
}
#endif

/// Contexts of both sides.
class ForkContext : public Forking<::testing::Test> {
 protected:
  ForkContext() : engine_(make_engine("", 1)), key_(generate()) {
    const Recipient recipient = make_recipient(public_key_of(key_.get()));
    Bytes enc(32);
    megaseal_hpke_context* made = nullptr;
    throw_on(megaseal_hpke_sender_create(&made, enc.data(), engine_.get(), nullptr, recipient.get()),
             "sender");
    sender_.reset(made);
    throw_on(megaseal_hpke_receiver_create(&made, engine_.get(), nullptr, key_.get(), enc.data()),
             "receiver");
    receiver_.reset(made);
  }

  Results seal_one(uint64_t* sequence) const {
    return seal(
        Layout::packed, shape_, {{bytes_of("text")}, {}}, [&](size_t* failed, const megaseal_batch* batch) {
          return megaseal_hpke_context_seal_batch(sender_.get(), sequence, failed, engine_.get(), batch);
        });
  }
  Results open_one(const Results& sealed, uint64_t sequence) const {
    return open(Layout::packed, shape_, {sealed.out, {}}, [&](size_t* failed, const megaseal_batch* batch) {
      return megaseal_hpke_context_open_batch(receiver_.get(), failed, engine_.get(), batch, &sequence);
    });
  }
  megaseal_error export_one(const Context& context, Bytes& out) const {
    const std::vector<Bytes> strings = {bytes_of("context")};
    const Pointers about(strings);
    const megaseal_inputs contexts = about.inputs();
    return megaseal_hpke_context_export_batch(context.get(), out.data(), engine_.get(), 1, &contexts,
                                              out.size());
  }

  const Shape shape_ = shape_of(MEGASEAL_FORMAT_HPKE_CONTEXT);
  const Engine engine_;
  const SecretKey key_;
  Context sender_, receiver_;
};

TEST_F(ForkContext, BelongsToTheProcessThatMadeIt) {
  uint64_t sequence = 0;
  const Results sealed = seal_one(&sequence);
  EXPECT_TRUE(open_one(sealed, sequence).ok());
  const Bytes answers = in_child([&] {
    uint64_t never = 7;
    Bytes exported(32, 9), out = {uint8_t(seal_one(&never).error), uint8_t(open_one(sealed, sequence).error)};
    for (const Context* context : {&sender_, &receiver_})
      out.push_back(uint8_t(export_one(*context, exported)));
    out.push_back(never == 0 && exported == Bytes(32, 9));
    sender_.reset(), receiver_.reset();
    return out;
  });
  Bytes expected(4, MEGASEAL_ERROR_FORKED);
  expected.push_back(1);
  EXPECT_EQ(answers, expected);
  const Results next = seal_one(&sequence);
  EXPECT_TRUE(open_one(next, sequence).ok()) << "and the parent goes on";
  Bytes ours(32), theirs(32);
  ASSERT_EQ(export_one(sender_, ours), MEGASEAL_ERROR_NONE);
  ASSERT_EQ(export_one(receiver_, theirs), MEGASEAL_ERROR_NONE);
  EXPECT_EQ(ours, theirs);
}

}  // namespace
}  // namespace megaseal::test
