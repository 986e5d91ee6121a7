// What stands for kernels/safegcd.hpp where a field's own inversion is run over intervals: any number below 2^255, for
// any number below 2^255. Running that machine over what a field gives it would show no more, because a matrix of steps
// depends on the bits of its numbers, and over intervals it has to be any matrix: so it is proved by itself, for all
// numbers (inversion_bounds_test.cpp, divsteps_test.cpp). What stands around it is the field's: lanes that are multiplied
// together and taken apart, the way to canonical words and the way back.
#pragma once
#include "interval_word.hpp"
#include "kernels/safegcd.hpp"

MEGASEAL_KERNELS_BEGIN

/// How often a kernel has inverted: tests see by it that they ran the inversion that ships.
inline long num_inverted = 0;

template <int LANES, int REGISTERS>
struct Safegcd25519<IntervalLanes<LANES, REGISTERS>> {
  using Number = IntervalLanes<LANES, REGISTERS>;
  static void invert(Number (&w)[4]) {
    num_inverted++;
    need(w[3].hi >> 63 == 0, "what is inverted < 2^255");
    for (Number& word : w) word = Number::any();
    w[3].hi >>= 1;
  }
};

MEGASEAL_KERNELS_END
