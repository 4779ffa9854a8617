// How the layers of wired.h that share weights are computed for a few images: image by image, without threads, as
// there is little to share.
//
// Maps are the innermost dimension, (positions, maps). What the units read is copied into rows, one per unit,
// (units, taps, channels); then outputs and gradients are products of small matrices.

#include "single.h"

#include "matrices.h"
#include "tools.h"

namespace wired::single {
namespace {

// Positions that a unit reads one after the other: where they start in padded maps, and how many numbers they are.
struct Stretch {
  int32_t from, count;
};

// Weights of a channel, for one tap, that are side by side.
struct Run {
  int channel, map, count;
  int64_t at;
};

struct Plan : Planned {
  std::vector<Stretch> stretches;  // of all units, one after the other
  std::vector<Run> runs;
  int rows;  // of a unit's weights: taps * channels

  explicit Plan(const Layer& of) : Planned(of), rows(of.kernel.taps * of.kernel.channels) {
    const Kernel& k = layer.kernel;
    for (int unit = 0, i = 0; unit < k.units; ++unit)
      for (int tap = 0; tap < k.taps; ++tap, ++i)
        if (tap && table[i] == table[i - 1] + 1) stretches.back().count += k.channels;
        else stretches.push_back({table[i] * k.channels, k.channels});
    for (int channel = 0; channel < k.channels; ++channel)
      for (int map = 0; map < k.maps; map += k.is_dense ? k.maps : 1)
        if (const int64_t at = k.at[channel * k.maps + map]; at >= 0)
          runs.push_back({channel, map, k.is_dense ? k.maps : 1, at});
  }

  size_t bytes() const { return 12 * table.size(); }

  // The floats of padded maps, and as many as a vector that starts within them may run beyond.
  size_t padded_floats() const { return size_t(layer.side()) * layer.side() * layer.x.maps + kWidth; }
};

// Between rows of `width` floats that are side by side, and rows of whole vectors, `wide` floats, with zeros after
// `width` of them. The narrow rows have a vector's room after their end.
void widen(const float* from, int rows, int width, int wide, float* to) {
  Lanes has_number;  // of the last vector
  for (int lane = 0; lane < kWidth; ++lane) has_number[lane] = wide - kWidth + lane < width ? -1 : 0;
  for (int row = 0; row < rows; ++row, from += width, to += wide) {
    int i = 0;
    for (; i < wide - kWidth; i += kWidth) store(to + i, load(from + i));
    store(to + i, has_number ? load(from + i) : Vector{});
  }
}
void narrow(const float* from, int rows, int width, int wide, float* to) {  // each row overwrites the last one's rest
  for (int row = 0; row < rows; ++row, from += wide, to += width)
    for (int i = 0; i < width; i += kWidth) store(to + i, load(from + i));
}

inline __attribute__((always_inline)) void copy(const float* from, int count, float* to) {
  if (count == 1) *to = *from;  // many are single weights of a connection table
  else std::memcpy(to, from, 4 * count);
}

// to += from.
inline __attribute__((always_inline)) void add(const float* from, int count, float* to) {
  int i = 0;
  for (; i + kWidth <= count; i += kWidth) store(to + i, load(to + i) + load(from + i));
  for (; i < count; ++i) to[i] += from[i];
}

// Calls visit(row of the image, row of padded maps, floats) for each row.
template <typename Visit>
void for_each_row(const Layer& layer, const Visit& visit) {
  const int maps = layer.x.maps, before = layer.padding.before;
  for (int row = 0; row < layer.x.size; ++row)
    visit(row * layer.x.size * maps, ((row + before) * layer.side() + before) * maps, layer.x.size * maps);
}

// What the units read, (images, units, rows), with a vector's room after it.
void read(const Plan& plan, int images, const float* x, float* to) {
  const Buffer padded(plan.padded_floats());
  std::fill_n(padded.data(), plan.padded_floats(), plan.layer.padding.value);
  for (int image = 0; image < images; ++image, x += plan.layer.x.of_block()) {
    for_each_row(plan.layer,
                 [&](int from, int at, int count) { std::memcpy(padded.data() + at, x + from, 4 * count); });
    for (const Stretch& stretch : plan.stretches) {
      for (int i = 0; i < stretch.count; i += kWidth) store(to + i, load(padded.data() + stretch.from + i));
      to += stretch.count;
    }
  }
}

// Calls visit(tap's channel, run, where its weights start) for each tap and run.
template <typename Visit>
void for_each_run(const Plan& plan, const Visit& visit) {
  const Kernel& k = plan.layer.kernel;
  for (int tap = 0; tap < k.taps; ++tap)
    for (const Run& run : plan.runs) visit(tap * k.channels + run.channel, run, run.at + tap * k.tap_step);
}

template <Activation activation>
void activate(float* y, int count) {
  for (int i = 0; i < count; i += kWidth) store(y + i, state_of<activation>(load(y + i)));
}

// Averages of the windows, with a vector's room after them, as the states have.
void average(const Layer& layer, const float* y, float* to) {
  const int maps = layer.y.maps, row_step = layer.y.size * maps, half = layer.y.size / 2;
  for (int row = 0; row < half; ++row)
    for (int column = 0; column < half; ++column, to += maps) {
      const float* from = y + 2 * row * row_step + 2 * column * maps;
      for (int i = 0; i < maps; i += kWidth, from += kWidth) {
        const Vector left = load(from) + load(from + row_step);
        store(to + i, 0.25f * (left + (load(from + maps) + load(from + row_step + maps))));
      }
    }
}

// The gradient of the units' sums from that of the averages, (units, maps). All have a vector's room after them.
template <Activation activation>
void through_average(const Layer& layer, const float* windows, const float* states, float* to) {
  const int size = layer.y.size, maps = layer.y.maps, half = size / 2;
  for (int row = 0; row < size; ++row)
    for (int column = 0; column < size; ++column, to += maps, states += maps) {
      const bool has_window = row < 2 * half && column < 2 * half;
      const float* window = windows + (row / 2 * half + column / 2) * maps;
      for (int i = 0; i < maps; i += kWidth)
        store(to + i, has_window ? 0.25f * load(window + i) * slope_at<activation>(load(states + i)) : Vector{});
    }
}

// The gradient of the units' sums, (images, units, wide), with zeros beyond the maps.
void sum_gradients(const Layer& layer, const Gradient& gradient, float* to) {
  const int maps = layer.y.maps, wide = round_up(maps), units = layer.kernel.units;
  const int64_t of_states = int64_t(units) * maps, of_windows = layer.pooled().of_block();
  const Buffer states(of_states + kWidth), windows(of_windows + kWidth), sums(of_states + kWidth);
  for (int image = 0; image < layer.x.blocks; ++image, to += int64_t(units) * wide) {
    with_activation(layer.activation, [&](auto of) {
      constexpr Activation activation = decltype(of)::value;
      if constexpr (activation == Activation::none) {
        std::memcpy(sums.data(), gradient.values + image * of_states, 4 * of_states);
      } else {
        std::memcpy(states.data(), gradient.states + image * of_states, 4 * of_states);
        std::copy_n(gradient.values + image * of_windows, of_windows, windows.data());
        through_average<activation>(layer, windows.data(), states.data(), sums.data());
      }
    });
    widen(sums.data(), units, maps, wide, to);
  }
}

// Stores what is within `count` floats of a vector that starts at `at`.
void store_within(float* to, int64_t at, int64_t count, Vector vector) {
  if (at + kWidth <= count) return store(to + at, vector);
  for (int i = 0; at + i < count; ++i) to[at + i] = vector[i];
}

}  // namespace

void forward(const Layer& layer, const float* x, const float* kernel, const float* bias, float* y, float* pooled) {
  const auto plan = kept<Plan>(layer);
  const Kernel& k = layer.kernel;
  const int rows = plan->rows, wide = round_up(k.maps), places = layer.x.blocks * k.units;
  const int64_t windows = layer.pooled().of_block(), floats = k.units * k.maps;
  const Buffer reads(size_t(places) * rows + kWidth), sums(size_t(places) * wide);
  const Buffer states(places * size_t(k.maps) + kWidth);
  const Buffer averages(windows + kWidth), weights(size_t(rows) * wide);
  read(*plan, layer.x.blocks, x, reads.data());
  const Buffer biases(layer.biases() + kWidth);
  std::copy_n(bias, layer.biases(), biases.data());
  for (int place = 0; place < places; ++place)
    widen(biases.data() + (layer.unit_bias ? place % k.units * k.maps : 0), 1, k.maps, wide,
          sums.data() + size_t(place) * wide);
  std::fill_n(weights.data(), size_t(rows) * wide, 0.f);
  for_each_run(*plan, [&](int row, const Run& run, int64_t at) {
    copy(kernel + at, run.count, weights.data() + row * wide + run.map);
  });
  Matrices{reads.data(), rows, 1, weights.data(), wide, rows, sums.data(), wide}.add(places, wide);
  narrow(sums.data(), places, k.maps, wide, states.data());
  with_activation(layer.activation, [&](auto of) {
    constexpr Activation activation = decltype(of)::value;
    if constexpr (activation != Activation::none) {
      activate<activation>(states.data(), places * k.maps);
      for (int image = 0; image < layer.x.blocks; ++image) {
        average(layer, states.data() + image * floats, averages.data());
        std::copy_n(averages.data(), windows, pooled + image * windows);
      }
    }
  });
  std::memcpy(y, states.data(), 4 * size_t(places) * k.maps);
}

void input_gradient(const Layer& layer, const Gradient& gradient, const float* kernel, float* x_gradient) {
  const auto plan = kept<Plan>(layer);
  const Kernel& k = layer.kernel;
  const int rows = plan->rows, wide_rows = round_up(rows), wide = round_up(k.maps), places = layer.x.blocks * k.units;
  const Buffer sums(size_t(places) * wide), of_reads(size_t(places) * wide_rows);
  const Buffer padded(plan->padded_floats()), weights(size_t(k.maps) * wide_rows);
  sum_gradients(layer, gradient, sums.data());
  std::fill_n(weights.data(), size_t(k.maps) * wide_rows, 0.f);
  for_each_run(*plan, [&](int row, const Run& run, int64_t at) {
    for (int i = 0; i < run.count; ++i) weights.data()[(run.map + i) * wide_rows + row] = kernel[at + i];
  });
  Matrices{sums.data(), wide, 1, weights.data(), wide_rows, k.maps, of_reads.data(), wide_rows}
      .write(places, wide_rows);
  const float* from = of_reads.data();
  for (int image = 0; image < layer.x.blocks; ++image) {
    std::fill_n(padded.data(), plan->padded_floats(), 0.f);
    const Stretch* stretch = plan->stretches.data();
    for (int unit = 0; unit < k.units; ++unit, from += wide_rows)
      for (int row = 0; row < rows; row += stretch++->count)
        add(from + row, stretch->count, padded.data() + stretch->from);
    float* to = x_gradient + image * layer.x.of_block();
    for_each_row(layer,
                 [&](int at, int of_row, int count) { std::memcpy(to + at, padded.data() + of_row, 4 * count); });
  }
}

void weight_gradient(const Layer& layer, const float* x, const Gradient& gradient, float* kernel_gradient,
                     float* bias_gradient) {
  const auto plan = kept<Plan>(layer);
  const Kernel& k = layer.kernel;
  const int rows = plan->rows, wide = round_up(k.maps), places = layer.x.blocks * k.units;
  const Buffer reads(size_t(places) * rows + kWidth), sums(size_t(places) * wide);
  const Buffer weights(size_t(rows) * wide);
  read(*plan, layer.x.blocks, x, reads.data());
  sum_gradients(layer, gradient, sums.data());
  const int biases = layer.unit_bias ? k.units : 1;  // rows of them
  for (int row = 0; row < biases; ++row)
    for (int map = 0; map < k.maps; map += kWidth) {
      Vector sum{};
      for (int place = row; place < places; place += biases) sum += load(sums.data() + size_t(place) * wide + map);
      store_within(bias_gradient, row * k.maps + map, layer.biases(), sum);  // the next row overwrites this one's rest
    }
  Matrices{reads.data(), 1, rows, sums.data(), wide, places, weights.data(), wide}.write(rows, wide);
  for_each_run(*plan, [&](int row, const Run& run, int64_t at) {
    copy(weights.data() + row * wide + run.map, run.count, kernel_gradient + at);
  });
}

}  // namespace wired::single
