#include "matrices.h"

#include "tools.h"

namespace wired {
namespace {

template <int M, int V>
void compute_rows(const Matrices& of, bool adds, int row, int column) {
  float* to = of.result + row * of.result_step + column;
  Vector sums[M][V];
  for (int m = 0; m < M; ++m)
    for (int v = 0; v < V; ++v) sums[m][v] = adds ? load(to + m * of.result_step + v * kWidth) : Vector{};
  const float *a = of.a + row * of.a_row, *b = of.b + column;
  for (int k = 0; k < of.count; ++k, a += of.a_column, b += of.b_step) {
    Vector values[V];
    for (int v = 0; v < V; ++v) values[v] = load_once(b + v * kWidth);
    for (int m = 0; m < M; ++m)
      for (int v = 0; v < V; ++v) sums[m][v] += a[m * of.a_row] * values[v];
  }
  for (int m = 0; m < M; ++m)
    for (int v = 0; v < V; ++v) store(to + m * of.result_step + v * kWidth, sums[m][v]);
}

void compute(const Matrices& of, bool adds, int rows, int columns) {
  for_parts(rows, columns == kWidth ? kRowsOfOne : kRowsOfTwo, [&](int row, int number) {
    for (int column = 0; column < columns; column += 2 * kWidth) {
      if (columns - column == kWidth)
        with_constant<kRowsOfOne>(number, [&](auto m) { compute_rows<decltype(m)::value, 1>(of, adds, row, column); });
      else
        with_constant<kRowsOfTwo>(number, [&](auto m) { compute_rows<decltype(m)::value, 2>(of, adds, row, column); });
    }
  });
}

}  // namespace

void Matrices::write(int rows, int columns) const { compute(*this, false, rows, columns); }
void Matrices::add(int rows, int columns) const { compute(*this, true, rows, columns); }

}  // namespace wired
