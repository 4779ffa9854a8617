// Products of small matrices, whose sums stay in registers.

#pragma once

#include <cstdint>

namespace wired {

// The sum over k of a(m, k) b(k, n). Rows of b and of the result are whole vectors, `*_step` floats apart. It is written
// to the result, or added to it.
struct Matrices {
  const float* a;
  int64_t a_row, a_column;
  const float* b;
  int64_t b_step;
  int count;  // of k
  float* result;
  int64_t result_step;

  void write(int rows, int columns) const;
  void add(int rows, int columns) const;
};

}  // namespace wired
