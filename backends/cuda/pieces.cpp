#include "backends/cuda/pieces.hpp"

#include <optional>

namespace megaseal::gpu {
namespace {

/// The pieces of one tile on their way, the oldest first.
class Flights {
 public:
  static constexpr uint32_t max = 4;
  Flights(Devices& devices, const Work& work) : devices_(devices), work_(work) {}
  ~Flights() {
    // Pieces whose results nobody waits for any more.
    for (; num_ > 0; pop()) {
      Slot* const slot = oldest().slot;
      if (!slot) continue;
      if (devices_.finish(*slot))
        devices_.release(*slot);
      else
        devices_.fail(*slot);
    }
  }
  Flights(const Flights&) = delete;
  Flights& operator=(const Flights&) = delete;

  uint32_t num() const { return num_; }

  /// Packs the piece and sends it off. One that fails to start waits for its turn on the CPU.
  void start(Slot* slot, Piece piece) {
    if (devices_.prepare(*slot, piece.down_end, piece.end)) {
      work_.pack(piece, slot->pinned);
      const auto launch = [&](const Programs& programs, uint8_t* device, Stream stream) {
        return work_.launch(programs, piece, device, stream);
      };
      if (!devices_.submit(*slot, piece.up_end, piece.secrets, piece.secrets_end, piece.down_end, launch)) {
        devices_.fail(*slot);
        slot = nullptr;
      }
    } else {
      devices_.fail(*slot);
      slot = nullptr;
    }
    flights_[(first_ + num_++) % max] = {slot, piece};
  }

  /// Sees the oldest to its end; how many items that were. 0: they were left, here and to whoever called.
  uint32_t land() {
    const Flight flight = oldest();
    const Piece& piece = flight.piece;
    pop();
    if (flight.slot) {
      if (devices_.finish(*flight.slot)) {
        uint64_t clean_from = 0, clean_to = 0;
        work_.unpack(piece, flight.slot->pinned, &clean_from, &clean_to);
        devices_.release(*flight.slot, clean_from, clean_to);
        return piece.num;
      }
      devices_.fail(*flight.slot);
    }
    return work_.on_cpu(piece.from, piece.num) ? piece.num : 0;
  }

 private:
  struct Flight {
    Slot* slot;
    Piece piece;
  };
  Flight& oldest() { return flights_[first_]; }
  void pop() {
    first_ = (first_ + 1) % max;
    num_--;
  }

  Devices& devices_;
  const Work& work_;
  Flight flights_[max];
  uint32_t first_ = 0, num_ = 0;
};

}  // namespace

uint32_t run(Devices& devices, const Work& work) {
  if (work.num_items == 0) return 0;
  if (devices.unavailable()) return work.on_cpu(0, work.num_items) ? work.num_items : 0;
  std::optional<OurTurn> turn;
  Flights flights(devices, work);
  uint32_t planned = 0, done = 0;
  const auto land = [&] {
    const uint32_t landed = flights.land();
    done += landed;
    return landed > 0;
  };
  while (done < work.num_items) {
    Piece piece;
    if (planned < work.num_items) {
      piece = work.plan(planned, devices.slot_bytes());
      bool on_the_way = false;
      while (piece.num > 0 && !on_the_way) {
        // With pieces on their way nothing is waited for but those: callers that hold slots and wait for more could all
        // wait for each other.
        Slot* const slot = flights.num() < Flights::max ? devices.acquire(flights.num() == 0) : nullptr;
        if (slot) {
          if (!turn) turn.emplace(devices.runtime());
          flights.start(slot, piece);
          on_the_way = true;
        } else if (flights.num() == 0) {
          break;
        } else if (!land()) {
          return done;
        }
      }
      if (on_the_way) {
        planned += piece.num;
        continue;
      }
    }
    if (flights.num() > 0) {
      if (!land()) return done;
      continue;
    }
    // Too long for a slot: that item alone. No slot to be had: all that is left.
    const uint32_t num = piece.num == 0 ? 1 : work.num_items - planned;
    if (!work.on_cpu(planned, num)) return done;
    done = planned += num;
  }
  return done;
}

}  // namespace megaseal::gpu
