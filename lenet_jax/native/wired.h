// Layers of feature maps under any wiring, forward and backward, in float32, for CPUs. See outputs.cc.

#pragma once

#include <cstdint>
#include <functional>
#include <utility>
#include <vector>

namespace wired {

// As wide as the processor's registers: wider vectors would be split up, which takes ten times as long.
#if defined(__AVX512F__)
constexpr int kWidth = 16, kRegisters = 32;
#elif defined(__AVX__)
constexpr int kWidth = 8, kRegisters = 16;
#elif defined(__aarch64__)
constexpr int kWidth = 4, kRegisters = 32;
#else
constexpr int kWidth = 4, kRegisters = 16;
#endif
constexpr int kVectors = 2;                // of a row
constexpr int kBlock = kVectors * kWidth;  // images in a row
// Rows whose sums are in registers at once: of outputs; of other products, where a row is one or two vectors.
constexpr int kRowsOfOutputs = kRegisters == 32 ? 12 : 6;
constexpr int kRowsOfOne = 9, kRowsOfTwo = kRegisters == 32 ? 9 : 6;

// The threads that share the work.
struct Threads {
  int count = 1;
  std::function<void(std::function<void()>)> schedule;  // runs a function on another thread
};

// Feature maps, (blocks, size, size, maps, lanes). With kBlock lanes, each is an image of a block. With one, each block
// is an image; layers that do not share weights are not computed so.
struct Maps {
  int blocks, size, maps, lanes;

  bool is_like(const Maps& other) const { return size == other.size && maps == other.maps && lanes == other.lanes; }
  int positions() const { return size * size; }
  int64_t of_position() const { return int64_t(maps) * lanes; }  // floats
  int64_t of_block() const { return positions() * of_position(); }
};

// Rows and columns around input maps.
struct Padding {
  int before = 0, after = 0;
  float value = 0;

  bool operator==(const Padding& other) const {
    return before == other.before && after == other.after && value == other.value;
  }
};

// The layout of a layer's weights: (taps, channels, [units], maps), or, if not every map reads every channel,
// (taps, pairs, [units]); with units if they do not share weights.
struct Kernel {
  bool is_shared, is_dense;
  int taps, channels, maps, units;
  std::vector<int64_t> at;  // (channels, maps): where the weights of a pair start; -1 if there are none
  int64_t tap_step, unit_step;

  // pairs: (channel, map), in the kernel's order; empty if every map reads every channel.
  Kernel(bool is_shared, int taps, int channels, int maps, int units, const std::vector<std::pair<int, int>>& pairs)
      : is_shared(is_shared), is_dense(pairs.empty()), taps(taps), channels(channels), maps(maps), units(units),
        at(channels * maps, -1) {
    const int64_t copies = is_shared ? 1 : units;
    unit_step = is_shared ? 0 : is_dense ? maps : 1;
    tap_step = copies * (is_dense ? channels * maps : pairs.size());
    for (int i = 0; i < channels * maps && is_dense; ++i) at[i] = i / maps * copies * maps + i % maps;
    for (size_t i = 0; i < pairs.size(); ++i) at[pairs[i].first * maps + pairs[i].second] = i * copies;
  }
  bool operator==(const Kernel& other) const {
    return is_shared == other.is_shared && taps == other.taps && channels == other.channels && maps == other.maps &&
           units == other.units && at == other.at;
  }
  int weights() const { return taps * channels * maps; }  // of a set
  int64_t floats() const { return tap_step * taps; }        // of the kernel
};

// What a layer of units does to its sums before it averages them over 2x2 windows: `none`, then neither is done.
enum class Activation { none, tanh, scaled_tanh, relu };

struct Layer {
  Maps x, y;
  Padding padding;  // of x
  Kernel kernel;
  const int32_t* table;  // (units, taps): positions in padded input maps
  bool unit_bias;        // whether each unit has a bias, (units, maps), or only each map
  Activation activation;

  int side() const { return x.size + padding.before + padding.after; }  // of padded input maps
  bool is_single() const { return x.lanes == 1; }                       // image by image
  bool is_pooled() const { return activation != Activation::none; }
  Maps pooled() const { return {y.blocks, y.size / 2, y.maps, y.lanes}; }  // an odd last row is dropped
  int biases() const { return (unit_bias ? kernel.units : 1) * kernel.maps; }
};

// With respect to the units' states; with an activation, to the averages, and then the states are needed as well.
struct Gradient {
  const float* values;
  const float* states;
};

// Each function writes all of its results: y, the units' states, and `pooled` if there is an activation. They
// throw std::invalid_argument if the table names a position that does not exist.
void forward(const Threads& threads, const Layer& layer, const float* x, const float* kernel, const float* bias,
             float* y, float* pooled);
void input_gradient(const Threads& threads, const Layer& layer, const Gradient& gradient, const float* kernel,
                    float* x_gradient);
void weight_gradient(const Threads& threads, const Layer& layer, const float* x, const Gradient& gradient,
                     float* kernel_gradient, float* bias_gradient);

// Writes rows of `floats` numbers, those of `rows` that `index` names. Throws std::invalid_argument if there is none.
void rows_at(const Threads& threads, const float* from, int64_t rows, int64_t floats, const int32_t* index, int count,
             float* to);

// From (count, pixels) to (blocks, pixels, kBlock); 0 where a block lacks images.
void blocks_of_images(const Threads& threads, const float* images, int count, int pixels, float* blocks);

// And back.
void images_of_blocks(const Threads& threads, const float* blocks, int count, int pixels, float* images);

}  // namespace wired
