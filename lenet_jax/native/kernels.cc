// How the layers of wired.h are computed for blocks of images; single.cc computes few images, one by one.
//
// Each unit reads as many positions, `taps`, of its input maps, which a table lists. Images are the innermost
// dimension, a block of them at a time: as many as fit into two vectors. A block's row, one map at one
// position, is multiplied with weights and added to sums in registers. Threads share jobs; each number of a
// result is summed up in one job, in an order that depends neither on the number of threads nor on their speed.

#include "single.h"
#include "tools.h"

namespace wired {
namespace {

// Maps to read from: one block of them, as they are or with padding.
class Source {
 public:
  Source(const Tiles& tiles, const Padding& padding) : tiles_(tiles), padding_(padding) {
    is_padded_ = padding.before || padding.after;
    const int side = tiles.size + padding.before + padding.after;
    map_step = is_padded_ ? kBlock : tiles.map_step();
    block_step = is_padded_ ? int64_t(side) * side * tiles.maps * kBlock : tiles.block_step();
    offsets = tiles.offsets();
    if (!is_padded_) return;
    of_maps_ = std::move(offsets);
    for (int i = 0; i < side * side; ++i) offsets.push_back(i * tiles.maps * kBlock);
  }

  size_t room() const { return is_padded_ ? block_step : 0; }  // floats that `block` needs

  const float* block(const float* from, int number, float* room) const {
    from += number * tiles_.block_step();
    if (!is_padded_) return from;
    std::fill_n(room, block_step, padding_.value);
    const int side = tiles_.size + padding_.before + padding_.after;
    for (int row = 0; row < tiles_.size; ++row)
      for (int column = 0; column < tiles_.size; ++column)
        for (int map = 0; map < tiles_.maps; ++map)
          std::memcpy(room + offsets[(row + padding_.before) * side + column + padding_.before] + map * map_step,
                      from + of_maps_[row * tiles_.size + column] + map * tiles_.map_step(), 4 * kBlock);
    return room;
  }

  std::vector<int32_t> offsets;  // of positions, in a block
  int64_t map_step, block_step;

 private:
  Tiles tiles_;
  Padding padding_;
  bool is_padded_;
  std::vector<int32_t> of_maps_;
};

// Weights as (sets, taps, channels, maps), 0 where a pair has none: the kernel itself, or a copy.
class Weights {
 public:
  Weights(const Threads& threads, const Kernel& kernel, const float* from)
      : copy_(kernel.is_dense && kernel.is_shared ? 0 : size_t(kernel.sets()) * kernel.weights()), values(from) {
    if (kernel.is_dense && kernel.is_shared) return;
    float* copy = copy_.data();
    values = copy;
    const int chunk = 16;  // units, whose weights are side by side in the kernel
    parallel(threads, (kernel.sets() + chunk - 1) / chunk, [&](int64_t job) {
      const int first = job * chunk, last = std::min<int>(kernel.sets(), first + chunk);
      for (int row = 0; row < kernel.taps * kernel.channels; ++row) {
        const float* of_tap = from + row / kernel.channels * kernel.tap_step;
        const int64_t* at = &kernel.at[row % kernel.channels * kernel.maps];
        for (int unit = first; unit < last; ++unit) {
          float* to = copy + size_t(unit) * kernel.weights() + row * kernel.maps;
          const float* of_unit = of_tap + unit * kernel.unit_step;
          if (kernel.is_dense)
            for (int map = 0; map < kernel.maps; ++map) to[map] = of_unit[*at + map];
          else
            for (int map = 0; map < kernel.maps; ++map) to[map] = at[map] < 0 ? 0 : of_unit[at[map]];
        }
      }
    });
  }

 private:
  Buffer copy_;

 public:
  const float* values;
};

// Outputs, and gradients of inputs ---------------------------------------------------------------------------

// Where a result finds its sources, an offset in a block, and its weights.
struct Read {
  int32_t source, weights;
};

// What each result reads: reads[starts[i]] to reads[starts[i + 1]].
struct Reads {
  std::vector<int32_t> starts;
  std::vector<Read> reads;

  // Of units. `sources` are the offsets of positions.
  static Reads of_units(const Layer& layer, const std::vector<int32_t>& sources) {
    const Kernel& k = layer.kernel;
    const int pairs = k.channels * k.maps;
    Reads found;
    found.starts.resize(k.units + 1);
    found.reads.resize(k.units * k.taps);
    for (int unit = 0, i = 0; unit < k.units; ++unit) {
      for (int tap = 0; tap < k.taps; ++tap, ++i)
        found.reads[i] = {sources[layer.table[i]], (k.is_shared ? tap : i) * pairs};
      found.starts[unit + 1] = i;
    }
    return found;
  }

  // Of positions: the units that read them. `sources` are the offsets of units.
  static Reads of_positions(const Layer& layer, const std::vector<int32_t>& sources) {
    const Kernel& k = layer.kernel;
    const int pairs = k.channels * k.maps, positions = layer.side() * layer.side();
    Reads found;
    found.starts.assign(positions + 2, 0);
    found.reads.resize(k.units * k.taps);
    for (size_t i = 0; i < found.reads.size(); ++i) ++found.starts[layer.table[i] + 2];
    for (int p = 0; p < positions; ++p) found.starts[p + 2] += found.starts[p + 1];
    for (int unit = 0, i = 0; unit < k.units; ++unit)  // moves each start to the next one
      for (int tap = 0; tap < k.taps; ++tap, ++i)
        found.reads[found.starts[layer.table[i] + 1]++] = {sources[unit], (k.is_shared ? tap : i) * pairs};
    return found;
  }
};

// Results computed together, and stretches of the sources that any of them reads: first and count of each.
struct Group {
  int first, count;
  std::vector<std::pair<int, int>> sources;
};

template <typename IsRead>  // is_read(source, result)
std::vector<Group> groups_of(int results, int sources, const IsRead& is_read) {
  std::vector<Group> found;
  for (auto [first, count] : parts(results, kResults)) {
    Group group{first, count, {}};
    for (int s = 0; s < sources; ++s) {
      bool is_any = false;
      for (int r = first; r < first + count; ++r) is_any |= is_read(s, r);
      if (!is_any) continue;
      if (!group.sources.empty() && s == group.sources.back().first + group.sources.back().second)
        ++group.sources.back().second;
      else
        group.sources.emplace_back(s, 1);
    }
    found.push_back(std::move(group));
  }
  return found;
}

// What follows from a layer alone, made once and kept.
struct Plan : Planned {
  Source inputs;
  std::vector<int32_t> of_states, of_windows;  // where a unit's state is in its block; its window, -1 if it has none
  Reads of_units, of_positions;
  std::vector<Group> map_groups, channel_groups;
  std::vector<int32_t> steps;  // where each tap of each unit reads: (taps, units) if weights are shared, else (units, taps)

  explicit Plan(const Layer& of) : Planned(of), inputs(of.x, of.padding), of_states(of.y.offsets()) {
    const Kernel& k = layer.kernel;
    of_units = Reads::of_units(layer, inputs.offsets);
    of_positions = Reads::of_positions(layer, of_states);
    const int half = of.y.size / 2;
    for (int unit = 0; unit < k.units; ++unit) {
      const int row = unit / of.y.size / 2, column = unit % of.y.size / 2;
      of_windows.push_back(row < half && column < half ? (row * half + column) * kBlock : -1);
    }
    map_groups = groups_of(k.maps, k.channels, [&](int c, int o) { return k.at[c * k.maps + o] >= 0; });
    channel_groups = groups_of(k.channels, k.maps, [&](int o, int c) { return k.at[c * k.maps + o] >= 0; });
    steps.resize(table.size());
    for (int unit = 0, i = 0; unit < k.units; ++unit)
      for (int tap = 0; tap < k.taps; ++tap, ++i) steps[k.is_shared ? tap * k.units + unit : i] = inputs.offsets[table[i]];
  }

  size_t bytes() const { return 24 * table.size(); }  // of the table, its two lists of reads, and the steps
};

// For each result d and row m: y[d, m] = bias + the sum over d's reads and the sources s of weights times x.
struct Product {
  std::function<const float*(int block, float* room)> sources;  // of a block, which may be put into the room
  size_t room;
  int64_t map_step;
  const Reads& reads;
  const std::vector<Group>& groups;
  const float* weights;
  int64_t source_step, result_step;  // of the weights
  const float* bias;                 // or null
  int64_t bias_step;                 // to the next position
  Tiles out;
  int skip, width;  // results are from row and column `skip` on among those that read, in rows of `width`

  // Calls finish(block, row) when two rows of results are there: `row` and, unless it is the last, the next one.
  void compute(const Threads& threads, float* y, const std::function<void(int block, int row)>& finish) const {
    const auto offsets = out.offsets();
    const int pairs = (out.size + 1) / 2, shares = std::clamp((threads.count + out.blocks - 1) / out.blocks, 1, pairs);
    parallel(threads, int64_t(out.blocks) * shares, [&](int64_t job) {
      const int block = job / shares, share = job % shares;
      const Buffer buffer(room);
      const float* from = sources(block, buffer.data());
      const int last = std::min(out.size, pairs * (share + 1) / shares * 2);
      for (int row = pairs * share / shares * 2; row < last; ++row) {
        for (const Group& group : groups)
          with_constant<kResults>(group.count, [&](auto count) {
            constexpr int M = decltype(count)::value;
            float* to = y + block * out.block_step() + group.first * out.map_step();
            if (result_step == 1) compute_row<M, true>(row, group, from, offsets.data(), to);
            else compute_row<M, false>(row, group, from, offsets.data(), to);
          });
        if (finish && (row % 2 == 1 || row == out.size - 1)) finish(block, row - row % 2);
      }
    });
  }

 private:
  template <int M, bool kAdjacent>
  void compute_row(int row, const Group& group, const float* x, const int32_t* offsets, float* y) const {
    const int64_t step = source_step, along = kAdjacent ? 1 : result_step;
    const float* of_group = weights + group.first * along;
    for (int column = 0; column < out.size; ++column) {
      const int position = row * out.size + column, result = (row + skip) * width + column + skip;
      Vector sums[M][kVectors];
      for (int m = 0; m < M; ++m)
        for (int v = 0; v < kVectors; ++v)
          sums[m][v] = Vector{} + (bias ? bias[position * bias_step + group.first + m] : 0.f);
      auto add = [&](const float* from, const float* w) __attribute__((always_inline)) {
        Vector values[kVectors];
        for (int v = 0; v < kVectors; ++v) values[v] = load(from + v * kWidth);
        for (int m = 0; m < M; ++m)
          for (int v = 0; v < kVectors; ++v) sums[m][v] += w[m * along] * values[v];
      };
      const Read *read = &reads.reads[reads.starts[result]], *end = &reads.reads[reads.starts[result + 1]];
      for (auto [first, count] : group.sources) {
        const float *from = x + first * map_step, *w = of_group + first * step;
        if (count == 1) {  // one loop, so that there is little between the products
          for (const Read* r = read; r < end; ++r) add(from + r->source, w + r->weights);
        } else {
          for (const Read* r = read; r < end; ++r) {
            const float *row_from = from + r->source, *row_w = w + r->weights;
            for (int s = 0; s < count; ++s, row_from += map_step, row_w += step) add(row_from, row_w);
          }
        }
      }
      float* to = y + offsets[position];
      for (int m = 0; m < M; ++m, to += out.map_step())
        for (int v = 0; v < kVectors; ++v) store(to + v * kWidth, sums[m][v]);
    }
  }
};

// Activates two rows of sums, which become states, and averages over their windows.
template <Activation activation>
void finish_rows(const Layer& layer, const Plan& plan, int block, int first_row, float* y, float* pooled) {
  const Tiles windows = layer.pooled();
  y += block * layer.y.block_step();
  pooled += block * windows.block_step();
  const int size = layer.y.size;
  const int64_t map_step = layer.y.map_step(), window_step = windows.map_step();
  for (int column = 0; column < size; column += 2) {
    const int unit = first_row * size + column;
    const int32_t window = plan.of_windows[unit];
    if (window >= 0) {
      float *a = y + plan.of_states[unit], *b = y + plan.of_states[unit + 1];
      float *c = y + plan.of_states[unit + size], *d = y + plan.of_states[unit + size + 1];
      float* to = pooled + window;
      for (int map = 0; map < layer.y.maps; ++map) {
        for (int v = 0; v < kBlock; v += kWidth) {
          const Vector of_a = state_of<activation>(load(a + v)), of_b = state_of<activation>(load(b + v));
          const Vector of_c = state_of<activation>(load(c + v)), of_d = state_of<activation>(load(d + v));
          store(a + v, of_a), store(b + v, of_b), store(c + v, of_c), store(d + v, of_d);
          store(to + v, 0.25f * ((of_a + of_c) + (of_b + of_d)));
        }
        a += map_step, b += map_step, c += map_step, d += map_step, to += window_step;
      }
      continue;
    }
    for (int row = first_row; row < std::min(size, first_row + 2); ++row)  // an odd last row or column
      for (int last = column; last < std::min(size, column + 2); ++last) {
        float* at = y + plan.of_states[row * size + last];
        for (int map = 0; map < layer.y.maps; ++map, at += map_step)
          for (int v = 0; v < kBlock; v += kWidth) store(at + v, state_of<activation>(load(at + v)));
      }
  }
}

// Sets what lies beyond the maps to 0.
void clear_beyond(const Tiles& tiles, float* values) {
  const int end = tiles.along * tiles.side;
  if (end == tiles.size) return;
  for (int block = 0; block < tiles.blocks; ++block)
    for (int row = 0; row < end; ++row)
      for (int column = row < tiles.size ? tiles.size : 0; column < end; ++column)
        for (int map = 0; map < tiles.maps; ++map)
          std::fill_n(values + block * tiles.block_step() + tiles.offset(row, column) + map * tiles.map_step(), kBlock, 0.f);
}

// Gradients of weights --------------------------------------------------------------------------------------

// Here the maps are innermost: for each image, a vector of gradients is multiplied with single inputs, and the
// sums are the gradients of weights themselves.

// Calls function(row_of) with row_of(map, image): gradients of a unit's sums, for a vector of images.
template <Activation activation, typename Function>
void with_unit_gradient(const Layer& layer, const Plan& plan, const Gradient& gradient, int64_t block, int unit,
                        const Function& function) {
  const int64_t map_step = layer.y.map_step(), state_at = block * layer.y.block_step() + plan.of_states[unit];
  if constexpr (activation == Activation::none) {
    const float* from = gradient.values + state_at;
    function([=](int map, int image) { return load(from + map * map_step + image); });
  } else if (plan.of_windows[unit] < 0) {
    function([](int, int) { return Vector{}; });
  } else {
    const Tiles pooled = layer.pooled();
    const float* states = gradient.states + state_at;
    const float* windows = gradient.values + block * pooled.block_step() + plan.of_windows[unit];
    const int64_t window_step = pooled.map_step();
    function([=](int map, int image) {
      return 0.25f * load(windows + map * window_step + image) * slope_at<activation>(load(states + map * map_step + image));
    });
  }
}

// The gradients of a unit's sums as rows of maps, one per image of a block.
void transposed_gradient(const Layer& layer, const Plan& plan, const Gradient& gradient, int64_t block, int unit,
                         float* to) {
  with_activation(layer.activation, [&](auto of) {
    with_unit_gradient<decltype(of)::value>(layer, plan, gradient, block, unit, [&](const auto& row_of) {
      transpose(row_of, layer.kernel.maps, round_up(layer.kernel.maps), to);
    });
  });
}

// Rows of inputs, whose products with gradients are added up over `count` places: units, or blocks of images.
struct Places {
  int count;
  const float* x;
  int64_t channel_step;
  const int32_t* taps;     // where a tap's inputs are, or null
  const int32_t* steps;    // where a place's inputs are, `tap_step` further for each tap
  int64_t tap_step;
  const float* gradients;  // (places, images, maps)
};

template <int R, int V>
void correlate(const Places& places, int first_row, int channels, int maps, int first_map, float* sums) {
  const float* x[R];
  const int32_t* steps[R];
  for (int r = 0; r < R; ++r) {
    const int tap = (first_row + r) / channels, channel = (first_row + r) % channels;
    x[r] = places.x + (places.taps ? places.taps[tap] : 0) + channel * places.channel_step;
    steps[r] = places.steps + tap * places.tap_step;
  }
  const float* gradients = places.gradients + first_map;
  sums += first_row * maps + first_map;
  Vector some[R][V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) some[r][v] = load(sums + r * maps + v * kWidth);
  for (int place = 0, count = places.count; place < count; ++place) {
    const float* rows[R];
    for (int r = 0; r < R; ++r) rows[r] = x[r] + steps[r][place];
    for (int image = 0; image < kBlock; ++image, gradients += maps) {
      Vector values[V];
      for (int v = 0; v < V; ++v) values[v] = load(gradients + v * kWidth);
      for (int r = 0; r < R; ++r)
        for (int v = 0; v < V; ++v) some[r][v] += rows[r][image] * values[v];
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) store(sums + r * maps + v * kWidth, some[r][v]);
}

// sums (taps, channels, maps) += the products; the number of maps is rounded up, here and in the gradients.
void correlate_all(const Kernel& k, const Places& places, float* sums) {
  const int rows = k.taps * k.channels, maps = round_up(k.maps);
  for (int first_map = 0; first_map < maps; first_map += 2 * kWidth) {
    const bool is_single = maps - first_map == kWidth;
    for (auto [first, count] : parts(rows, is_single ? kRowsOfOne : kRowsOfTwo)) {
      const int row = first, map = first_map;
      if (is_single)
        with_constant<kRowsOfOne>(count, [&](auto of) {
          correlate<decltype(of)::value, 1>(places, row, k.channels, maps, map, sums);
        });
      else
        with_constant<kRowsOfTwo>(count, [&](auto of) {
          correlate<decltype(of)::value, 2>(places, row, k.channels, maps, map, sums);
        });
    }
  }
}

// sums (maps) += gradients (count, maps).
void add_biases(const float* gradients, int count, int maps, float* sums) {
  for (int map = 0; map < maps; map += kWidth) {
    Vector sum = load(sums + map);
    for (int i = 0; i < count; ++i) sum += load(gradients + i * maps + map);
    store(sums + map, sum);
  }
}

// From (taps, channels, maps) to the kernel's layout, for `count` sets of weights, `step` floats apart.
void write_sets(const Kernel& k, const float* from, size_t step, int first, int count, float* kernel) {
  const int maps = round_up(k.maps);
  for (int row = 0; row < k.taps * k.channels; ++row) {
    const int64_t* at = &k.at[row % k.channels * k.maps];
    for (int i = 0; i < count; ++i) {
      const float* of_set = from + i * step + row * maps;
      float* to = kernel + row / k.channels * k.tap_step + (first + i) * k.unit_step;
      if (k.is_dense)
        for (int map = 0; map < k.maps; ++map) to[*at + map] = of_set[map];
      else
        for (int map = 0; map < k.maps; ++map)
          if (at[map] >= 0) to[at[map]] = of_set[map];
    }
  }
}

// Each job sums up over the units of one block of images; then blocks are added up.
void shared_gradient(const Threads& threads, const Layer& layer, const Plan& plan, const float* x,
                     const Gradient& gradient, float* kernel_gradient, float* bias_gradient) {
  const Kernel& k = layer.kernel;
  const Source& inputs = plan.inputs;
  const int maps = round_up(k.maps), weights = k.taps * k.channels * maps;
  const int biases = (layer.unit_bias ? k.units : 1) * maps, floats = weights + biases;
  const int chunk = std::max(1, 16 * 1024 / 4 / (kBlock * maps));  // units, whose gradients stay in the cache
  const Buffer of_blocks(size_t(layer.x.blocks) * floats);
  parallel(threads, layer.x.blocks, [&](int64_t block) {
    const Buffer padded(inputs.room()), gradients(size_t(chunk) * kBlock * maps);
    const float* from = inputs.block(x, block, padded.data());
    float* sums = of_blocks.data() + block * floats;
    std::fill_n(sums, floats, 0.f);
    for (int first = 0; first < k.units; first += chunk) {
      const int count = std::min(chunk, k.units - first);
      for (int i = 0; i < count; ++i)
        transposed_gradient(layer, plan, gradient, block, first + i, gradients.data() + i * kBlock * maps);
      for (int i = 0; i < (layer.unit_bias ? count : 1); ++i)
        add_biases(gradients.data() + i * kBlock * maps, layer.unit_bias ? kBlock : count * kBlock, maps,
                   sums + weights + (layer.unit_bias ? (first + i) * maps : 0));
      correlate_all(k, {count, from, inputs.map_step, nullptr, &plan.steps[first], k.units, gradients.data()}, sums);
    }
  });
  float* sums = of_blocks.data();
  for (int block = 1; block < layer.x.blocks; ++block)
    for (int i = 0; i < floats; ++i) sums[i] += sums[size_t(block) * floats + i];
  write_sets(k, sums, 0, 0, 1, kernel_gradient);
  for (int i = 0; i < layer.biases(); ++i) bias_gradient[i] = sums[weights + i / k.maps * maps + i % k.maps];
}

// Each job sums up, for some units, over all blocks of images.
void unshared_gradient(const Threads& threads, const Layer& layer, const Plan& plan, const float* x,
                       const Gradient& gradient, float* kernel_gradient, float* bias_gradient) {
  const Kernel& k = layer.kernel;
  const int blocks = layer.x.blocks;
  const Source& inputs = plan.inputs;
  const Buffer padded(inputs.room() * blocks);
  if (inputs.room())
    parallel(threads, blocks, [&](int64_t block) {
      inputs.block(x, block, padded.data() + block * inputs.room());
    });
  const float* from = inputs.room() ? padded.data() : x;
  std::vector<int32_t> steps;
  for (int block = 0; block < blocks; ++block) steps.push_back(block * inputs.block_step);
  const int maps = round_up(k.maps), rows = k.taps * k.channels, chunk = 16;
  const size_t of_unit = size_t(rows + 1) * maps, gradients_of_unit = size_t(blocks) * kBlock * maps;
  parallel(threads, (k.units + chunk - 1) / chunk, [&](int64_t job) {
    const int first = job * chunk, count = std::min(chunk, k.units - first);
    const Buffer sums(count * of_unit), gradients(count * gradients_of_unit);
    std::fill_n(sums.data(), count * of_unit, 0.f);
    for (int block = 0; block < blocks; ++block)
      for (int i = 0; i < count; ++i)
        transposed_gradient(layer, plan, gradient, block, first + i,
                            gradients.data() + i * gradients_of_unit + block * kBlock * maps);
    for (int i = 0; i < count; ++i) {
      const float* of = gradients.data() + i * gradients_of_unit;
      float* to = sums.data() + i * of_unit;
      add_biases(of, blocks * kBlock, maps, to + rows * maps);
      correlate_all(k, {blocks, from, inputs.map_step, &plan.steps[(first + i) * k.taps], steps.data(), 0, of}, to);
    }
    write_sets(k, sums.data(), of_unit, first, count, kernel_gradient);
    for (int i = 0; i < count; ++i)
      std::copy_n(sums.data() + i * of_unit + rows * maps, k.maps, bias_gradient + (first + i) * k.maps);
  });
}

// One block of images, (images, positions, channels), as (channels, positions, kBlock).
void block_of_images(const float* from, int count, int positions, int channels, float* to) {
  const int pixels = positions * channels;
  auto row = [&](int pixel) { return to + (pixel % channels * positions + pixel / channels) * kBlock; };
  for (int first = 0; first < kBlock; first += kWidth) {
    int pixel = 0;
    for (; pixel + kWidth <= pixels; pixel += kWidth) {
      Vector some[kWidth];
      for (int i = 0; i < kWidth; ++i)
        some[i] = first + i < count ? load(from + size_t(first + i) * pixels + pixel) : Vector{};
      transpose_stretches<kWidth / 2>(some);
      for (int i = 0; i < kWidth; ++i) store(row(pixel + i) + first, some[i]);
    }
    for (; pixel < pixels; ++pixel)
      for (int i = 0; i < kWidth; ++i)
        row(pixel)[first + i] = first + i < count ? from[size_t(first + i) * pixels + pixel] : 0;
  }
}

}  // namespace

void forward(const Threads& threads, const Layer& layer, const float* x, const float* kernel, const float* bias,
             float* y, float* pooled) {
  if (layer.is_single()) return single::forward(layer, x, kernel, bias, y, pooled);
  const auto plan = kept<Plan>(layer);
  const Kernel& k = layer.kernel;
  const Weights weights(threads, k, kernel);
  const Product product{
      [&](int block, float* room) { return plan->inputs.block(x, block, room); }, plan->inputs.room(),
      plan->inputs.map_step, plan->of_units, plan->map_groups, weights.values, k.maps, 1, bias,
      layer.unit_bias ? k.maps : 0, layer.y, 0, layer.y.size};
  with_activation(layer.activation, [&](auto of) {
    constexpr Activation activation = decltype(of)::value;
    if constexpr (activation == Activation::none) return product.compute(threads, y, nullptr);
    else product.compute(threads, y, [&](int block, int row) { finish_rows<activation>(layer, *plan, block, row, y, pooled); });
  });
  clear_beyond(layer.y, y);
}

void input_gradient(const Threads& threads, const Layer& layer, const Gradient& gradient, const float* kernel,
                    float* x_gradient) {
  if (layer.is_single()) return single::input_gradient(layer, gradient, kernel, x_gradient);
  const auto plan = kept<Plan>(layer);
  const Kernel& k = layer.kernel;
  const Weights weights(threads, k, kernel);
  const bool is_pooled = layer.activation != Activation::none;
  const auto of_block = [&](int block, float* room) -> const float* {
    if (!is_pooled) return gradient.values + block * layer.y.block_step();
    with_activation(layer.activation, [&](auto of) {
      for (int unit = 0; unit < k.units; ++unit)
        with_unit_gradient<decltype(of)::value>(layer, *plan, gradient, block, unit, [&](const auto& row_of) {
          float* to = room + plan->of_states[unit];
          for (int map = 0; map < k.maps; ++map, to += layer.y.map_step())
            for (int v = 0; v < kBlock; v += kWidth) store(to + v, row_of(map, v));
        });
    });
    return room;
  };
  const size_t room = is_pooled ? layer.y.block_step() : 0;
  Product{of_block, room, layer.y.map_step(), plan->of_positions, plan->channel_groups, weights.values, 1, k.maps,
          nullptr, 0, layer.x, layer.padding.before, layer.side()}
      .compute(threads, x_gradient, nullptr);
  clear_beyond(layer.x, x_gradient);
}

void weight_gradient(const Threads& threads, const Layer& layer, const float* x, const Gradient& gradient,
                     float* kernel_gradient, float* bias_gradient) {
  if (layer.is_single()) return single::weight_gradient(layer, x, gradient, kernel_gradient, bias_gradient);
  const auto plan = kept<Plan>(layer);
  const auto compute = layer.kernel.is_shared ? shared_gradient : unshared_gradient;
  compute(threads, layer, *plan, x, gradient, kernel_gradient, bias_gradient);
}

void blocks_of_images(const Threads& threads, const float* images, int count, int positions, int channels,
                      float* blocks) {
  const int64_t pixels = int64_t(positions) * channels;
  parallel(threads, (count + kBlock - 1) / kBlock, [&](int64_t block) {
    block_of_images(images + block * kBlock * pixels, std::min<int64_t>(kBlock, count - block * kBlock), positions,
                    channels, blocks + block * kBlock * pixels);
  });
}

void images_of_blocks(const Threads& threads, const float* blocks, int count, int positions, int channels,
                      float* images) {
  const int pixels = positions * channels;
  parallel(threads, (count + kBlock - 1) / kBlock, [&](int64_t block) {
    const float* from = blocks + block * kBlock * pixels;
    for (int image = 0; image < std::min<int64_t>(kBlock, count - block * kBlock); ++image) {
      float* to = images + (block * kBlock + image) * pixels;
      for (int pixel = 0; pixel < pixels; ++pixel)
        to[pixel] = from[(pixel % channels * positions + pixel / channels) * kBlock + image];
    }
  });
}

}  // namespace wired
