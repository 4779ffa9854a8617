// What outputs.cc and weights.cc share: blocks of inputs, and gradients of units.

#pragma once

#include "tools.h"

namespace wired {
namespace {

// Blocks of maps to read from, (positions, maps, kBlock), as they are or with padding.
class Source {
 public:
  Source(const Maps& maps, const Padding& padding) : maps_(maps), padding_(padding) {}

  size_t room() const { return is_padded() ? of_block() : 0; }  // floats that `block` needs
  int64_t of_block() const { return side() * side() * maps_.of_position(); }

  const float* block(const float* from, int number, float* room) const {
    from += number * maps_.of_block();
    if (!is_padded()) return from;
    std::fill_n(room, of_block(), padding_.value);
    const int64_t row = maps_.size * maps_.of_position();
    for (int i = 0; i < maps_.size; ++i)
      std::memcpy(room + ((i + padding_.before) * side() + padding_.before) * maps_.of_position(), from + i * row,
                  4 * row);
    return room;
  }

 private:
  bool is_padded() const { return padding_.before || padding_.after; }
  int64_t side() const { return maps_.size + padding_.before + padding_.after; }

  Maps maps_;
  Padding padding_;
};

// Calls visit(i, rows) for `count` units from `first` on with the gradients of unit `first + i` in a block of images:
// rows(j) is a vector of them, from number j of (maps, kBlock) on.
template <typename Visit>
void for_unit_gradients(const Layer& layer, const Gradient& gradient, int64_t block, int first, int count,
                        const Visit& visit) {
  const int size = layer.y.size, half = size / 2;
  const int64_t floats = layer.y.of_position(), at = block * layer.y.of_block() + first * floats;
  with_activation(layer.activation, [&](auto of) {
    constexpr Activation activation = decltype(of)::value;
    if constexpr (activation == Activation::none) {
      const float* from = gradient.values + at;
      for (int i = 0; i < count; ++i, from += floats) visit(i, [=](int j) { return load(from + j); });
    } else {
      const float* states = gradient.states + at;
      const float* windows = gradient.values + block * layer.pooled().of_block();
      for (int i = 0, row = first / size, column = first % size; i < count; ++i, states += floats) {
        const float* window = windows + (row / 2 * half + column / 2) * floats;
        if (row < 2 * half && column < 2 * half)
          visit(i, [=](int j) { return 0.25f * load(window + j) * slope_at<activation>(load(states + j)); });
        else
          visit(i, [](int) { return Vector{}; });
        if (++column == size) ++row, column = 0;
      }
    }
  });
}

}  // namespace
}  // namespace wired
