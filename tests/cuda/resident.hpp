// For tests of megaseal_cuda.h, and of the programs under it: memory and a stream of a device where there is one, and else of a
// stand-in.
#pragma once
#include <gtest/gtest.h>
#include <sodium.h>

#include <algorithm>
#include <cstring>
#include <string_view>
#include <thread>
#include <vector>

#include "backends/cuda/cuda.hpp"
#include "megaseal/megaseal_cuda.h"
#include "tests/cuda/host_runtime.hpp"
#include "tests/cuda/on_host.hpp"
#include "tests/support/backends.hpp"
#include "tests/support/bytes.hpp"
#include "tests/support/handles.hpp"
#include "tests/support/reference.hpp"

namespace megaseal::test {

class cudaResident : public ::testing::Test {
 protected:
  cudaResident() : on_device_(gpu::unavailable() == nullptr) {
    runtime_ = on_device_ ? gpu::default_runtime() : &host_;
    EXPECT_TRUE(on_device_ || !device_is_needed()) << gpu::unavailable();
    RecordProperty("backend", on_device_ ? "cuda" : "stand-in");
    EXPECT_EQ(runtime_->use(0), 0);
    EXPECT_EQ(runtime_->create_stream(&stream_), 0);
    EXPECT_EQ(runtime_->create_event(&event_), 0);
    testing::use_cuda_runtime(on_device_ ? nullptr : &host_);
  }
  ~cudaResident() override {
    wait();
    testing::use_cuda_runtime(nullptr);
    for (void* p : memories_) EXPECT_EQ(runtime_->free_device(p), 0);
    EXPECT_EQ(runtime_->destroy_event(event_), 0);
    EXPECT_EQ(runtime_->destroy_stream(stream_), 0);
  }

  // Until the stream has come to its end.
  void wait() {
    ASSERT_EQ(runtime_->record(event_, stream_), 0);
    int e;
    while ((e = runtime_->query(event_)) == gpu::error_not_ready) std::this_thread::yield();
    ASSERT_EQ(e, 0);
  }
  void finish(megaseal_error error) {
    ASSERT_EQ(error, MEGASEAL_ERROR_NONE);
    wait();
  }

  // Memory of the device, with what is given in it.
  uint8_t* memory(Bytes bytes) {
    void* p = nullptr;
    bytes.resize(std::max<size_t>(bytes.size(), 16), 0xa5);
    EXPECT_EQ(runtime_->alloc_device(&p, bytes.size()), 0);
    memories_.push_back(p);
    write(static_cast<uint8_t*>(p), bytes);
    return static_cast<uint8_t*>(p);
  }
  uint8_t* memory(size_t len) { return memory(Bytes(len, 0xa5)); }
  void write(uint8_t* to, const Bytes& bytes) {
    if (bytes.empty()) return;
    with_pinned(bytes.size(), [&](uint8_t* pinned) {
      std::memcpy(pinned, bytes.data(), bytes.size());
      EXPECT_EQ(runtime_->upload(to, pinned, bytes.size(), stream_), 0);
      wait();
    });
  }
  Bytes read(const uint8_t* from, size_t len) {
    Bytes out(len);
    if (len == 0) return out;
    with_pinned(len, [&](uint8_t* pinned) {
      EXPECT_EQ(runtime_->download(pinned, from, len, stream_), 0);
      wait();
      std::memcpy(out.data(), pinned, len);
    });
    return out;
  }
  template <class Use>
  void with_pinned(size_t len, const Use& use) {
    void* pinned = nullptr;
    ASSERT_EQ(runtime_->alloc_pinned(&pinned, len), 0);
    use(static_cast<uint8_t*>(pinned));
    EXPECT_EQ(runtime_->free_pinned(pinned), 0);
  }

  const bool on_device_;
  const bool is_emulated_ = on_device_ && std::string_view(gpu::report().name).starts_with("emulated GPU");
  HostRuntime host_{gpu::on_host::programs()};
  gpu::Runtime* runtime_ = nullptr;
  gpu::Stream stream_ = nullptr;
  gpu::Event event_ = nullptr;
  std::vector<void*> memories_;
  Random random_;
};

inline Bytes part(const Bytes& all, size_t at, size_t len) {
  return {all.begin() + ptrdiff_t(at), all.begin() + ptrdiff_t(at + len)};
}

}  // namespace megaseal::test
