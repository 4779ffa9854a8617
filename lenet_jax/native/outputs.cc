// How outputs and gradients of inputs are computed for blocks of images; single.cc computes few images, one by one.
//
// Each unit reads as many positions, `taps`, of its input maps, which a table lists. Images are the innermost
// dimension, a block of them at a time: as many as fit into two vectors. A block's row, one map at one
// position, is multiplied with weights and added to sums in registers. Threads share jobs; each number of a
// result is summed up in one job, in an order that depends neither on the number of threads nor on their speed.

#include <numeric>

#include "blocks.h"
#include "single.h"

namespace wired {
namespace {

// Where a result finds its sources, an offset in a block, and its weights.
struct Read {
  int32_t source, weights;
};

// What each result reads: reads[starts[i]] to reads[starts[i + 1]]. Weights are (taps, channels, maps) if they are
// shared; otherwise those of a result are put together, (reads, channels, whole vectors of maps), from where the
// kernel has them, in an order in which a row of results reads the kernel from its beginning to its end.
struct Reads {
  std::vector<int32_t> starts;
  std::vector<Read> reads;
  std::vector<int32_t> from, order;

  static int width_of(const Kernel& k) { return k.is_shared ? k.maps : round_up(k.maps); }  // of a channel's weights

  static Reads of_units(const Layer& layer) {
    const Kernel& k = layer.kernel;
    Reads found(k.units, k);
    for (int unit = 0; unit < k.units; ++unit) found.starts[unit + 1] = (unit + 1) * k.taps;
    for (int unit = 0, i = 0; unit < k.units; ++unit)
      for (int tap = 0; tap < k.taps; ++tap, ++i) found.put(i, unit, tap, layer.table[i] * layer.x.of_position(), k);
    found.put_in_order(0, layer.y.size, layer.y.size);
    return found;
  }

  // Of positions: the units that read them.
  static Reads of_positions(const Layer& layer) {
    const Kernel& k = layer.kernel;
    const int positions = layer.side() * layer.side();
    Reads found(positions, k);
    for (int i = 0; i < k.units * k.taps; ++i) ++found.starts[layer.table[i] + 1];
    for (int p = 0; p < positions; ++p) found.starts[p + 1] += found.starts[p];
    std::vector<int32_t> next(found.starts.begin(), found.starts.end() - 1);
    for (int unit = 0, i = 0; unit < k.units; ++unit)
      for (int tap = 0; tap < k.taps; ++tap, ++i)
        found.put(next[layer.table[i]]++, unit, tap, unit * layer.y.of_position(), k);
    for (int p = 0; p < positions && !k.is_shared; ++p)
      for (int i = found.starts[p]; i < found.starts[p + 1]; ++i)
        found.reads[i].weights = (i - found.starts[p]) * k.channels * width_of(k);
    found.put_in_order(layer.padding.before, layer.x.size, layer.side());
    return found;
  }

 private:
  Reads(int results, const Kernel& k)
      : starts(results + 1), reads(size_t(k.units) * k.taps), from(k.is_shared ? 0 : reads.size()) {}

  void put(int i, int unit, int tap, int64_t source, const Kernel& k) {
    reads[i] = {int32_t(source), tap * k.channels * width_of(k)};
    if (!k.is_shared) from[i] = tap * k.tap_step + unit * k.unit_step;
  }

  // Rows of `size` results, from number `skip` of a row of `width` on.
  void put_in_order(int skip, int size, int width) {
    order.resize(from.size());
    std::iota(order.begin(), order.end(), 0);
    for (size_t row = skip; row + size < starts.size() && !from.empty(); row += width)
      std::sort(order.begin() + starts[row], order.begin() + starts[row + size],
                [&](int a, int b) { return from[a] < from[b]; });
  }
};

// Rows of results computed together, and stretches of the sources that any of them reads: first and count of each.
struct Group {
  int first, count;
  std::vector<std::pair<int, int>> sources;
};

template <typename IsRead>  // is_read(source, row)
std::vector<Group> groups_of(int rows, int sources, const IsRead& is_read) {
  std::vector<Group> found;
  for_parts(rows, kRowsOfOutputs, [&](int first, int count) {
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
  });
  return found;
}

// What follows from a layer alone, made once and kept.
struct Plan : Planned {
  Source inputs;
  Reads of_units, of_positions;
  std::vector<Group> map_groups, channel_groups;

  explicit Plan(const Layer& of)
      : Planned(of), inputs(of.x, of.padding), of_units(Reads::of_units(layer)),
        of_positions(Reads::of_positions(layer)) {
    const Kernel& k = layer.kernel;
    map_groups = groups_of(k.maps, k.channels, [&](int c, int o) { return k.at[c * k.maps + o] >= 0; });
    channel_groups = groups_of(k.channels, k.maps, [&](int o, int c) { return k.at[c * k.maps + o] >= 0; });
  }

  size_t bytes() const { return 36 * table.size(); }  // of the table and its two lists of reads
};

// Shared weights as (taps, channels, maps), 0 where a pair has none: the kernel itself, or a copy in `buffer`.
const float* all_pairs(const Kernel& k, const float* from, const Buffer& buffer) {
  if (k.is_dense) return from;
  float* to = buffer.data();
  for (int tap = 0; tap < k.taps; ++tap, from += k.tap_step)
    for (int64_t at : k.at) *to++ = at < 0 ? 0 : from[at];
  return buffer.data();
}

// For each result d and row m: y[d, m] = bias + the sum over d's reads and the sources s of weights times x.
struct Product {
  const Kernel& kernel;
  std::function<const float*(int block, float* room)> sources;  // of a block, which may be put into the room
  size_t room;
  const Reads& reads;
  const std::vector<Group>& groups;
  const float* weights;
  bool are_units;     // whether sources are channels and results are maps, or the other way round
  const float* bias;  // or null
  int64_t bias_step;  // to the next position
  Maps out;
  int skip, width;  // results are from row and column `skip` on among those that read, in rows of `width`

  // Is called when two rows of results are there: `row` and, unless it is the last, the next one.
  using Finish = std::function<void(int block, int row)>;

  void compute(const Threads& threads, float* y, const Finish& finish) const {
    if (kernel.is_shared) by_blocks(threads, y, finish);
    else by_rows(threads, y, finish);
  }

 private:
  // A job computes rows of a block.
  void by_blocks(const Threads& threads, float* y, const Finish& finish) const {
    const Buffer copy(kernel.is_dense ? 0 : kernel.weights());
    const float* w = all_pairs(kernel, weights, copy);
    const int pairs = (out.size + 1) / 2, shares = std::clamp((threads.count + out.blocks - 1) / out.blocks, 1, pairs);
    parallel(threads, int64_t(out.blocks) * shares, [&](int64_t job) {
      const int block = job / shares, share = job % shares;
      const Buffer buffer(room);
      const float* from = sources(block, buffer.data());
      for (int pair = pairs * share / shares; pair < pairs * (share + 1) / shares; ++pair) {
        for (int row = 2 * pair; row < std::min(out.size, 2 * pair + 2); ++row)
          compute_row(row, from, w, 0, y + block * out.of_block());
        if (finish) finish(block, 2 * pair);
      }
    });
  }

  // A job computes two rows, of some blocks, so that their weights are used again and again.
  void by_rows(const Threads& threads, float* y, const Finish& finish) const {
    const Buffer rooms(room * out.blocks);
    std::vector<const float*> from(out.blocks);
    parallel(room ? threads : Threads{}, out.blocks,
             [&](int64_t block) { from[block] = sources(block, rooms.data() + block * room); });
    const int pairs = (out.size + 1) / 2, shares = std::clamp(4 * threads.count / pairs, 1, out.blocks);
    parallel(threads, int64_t(pairs) * shares, [&](int64_t job) {
      const int pair = job / shares, share = job % shares;
      const int first = out.blocks * share / shares, end = out.blocks * (share + 1) / shares;
      for (int row = 2 * pair; row < std::min(out.size, 2 * pair + 2); ++row) {
        const int start = reads.starts[result_at(row)], count = reads.starts[result_at(row) + out.size] - start;
        const Buffer w(size_t(count) * kernel.channels * round_up(kernel.maps));
        gather(start, count, w.data());
        for (int block = first; block < end; ++block)
          compute_row(row, from[block], w.data(), start, y + block * out.of_block());
      }
      for (int block = first; block < end && finish; ++block) finish(block, 2 * pair);
    });
  }

  int result_at(int row) const { return (row + skip) * width + skip; }  // of its first column

  // The weights of some reads, (reads, channels, whole vectors of maps), 0 where a pair has none.
  void gather(int first, int count, float* to) const {
    const int channels = kernel.channels, maps = kernel.maps, wide = round_up(maps);
    const float* end = weights + kernel.floats();
    for (int i = first; i < first + count; ++i) {
      const float* of_read = weights + reads.from[reads.order[i]];
      float* row = to + size_t(reads.order[i] - first) * channels * wide;
      for (int c = 0; c < channels; ++c, row += wide) {
        const int64_t* at = &kernel.at[c * maps];
        if (!kernel.is_dense)
          for (int o = 0; o < maps; ++o) row[o] = at[o] < 0 ? 0 : of_read[at[o]];
        else if (of_read + *at + wide <= end)  // copies whole vectors where it may read them
          for (int o = 0; o < wide; o += kWidth) store(row + o, load(of_read + *at + o));
        else
          std::copy_n(of_read + *at, maps, row);
      }
    }
  }

  // A row of results. Weights that are not shared begin with those of read number `first`.
  void compute_row(int row, const float* x, const float* w, int first, float* y) const {
    for (const Group& group : groups)
      with_constant<kRowsOfOutputs>(group.count, [&](auto count) {
        constexpr int M = decltype(count)::value;
        if (are_units) compute_row<M, true>(row, group, x, w, first, y);
        else compute_row<M, false>(row, group, x, w, first, y);
      });
  }

  template <int M, bool are_maps>
  void compute_row(int row, const Group& group, const float* x, const float* w, int first, float* y) const {
    const int64_t width = Reads::width_of(kernel);
    w += group.first * (are_maps ? 1 : width);
    y += row * out.size * out.of_position() + group.first * kBlock;
    const float* of_biases = bias ? bias + row * out.size * bias_step + group.first : nullptr;
    const int32_t* start = &reads.starts[result_at(row)];
    for (int column = 0; column < out.size; ++column, ++start, y += out.of_position()) {
      const float* of_result = kernel.is_shared ? w : w + (*start - first) * kernel.channels * width;
      const Read* all = reads.reads.data();
      compute<M, are_maps>(all + start[0], all + start[1], group, x, of_result,
                           bias ? of_biases + column * bias_step : nullptr, y);
    }
  }

  // Rows of a group at one position. Not inlined, so that all registers are for the loop.
  template <int M, bool are_maps>
  __attribute__((noinline)) void compute(const Read* read, const Read* end, const Group& group, const float* x,
                                         const float* w, const float* biases, float* y) const {
    const int64_t width = Reads::width_of(kernel);
    const int64_t source_step = are_maps ? width : 1, result_step = are_maps ? 1 : width;
    Vector sums[M][kVectors];
    for (int m = 0; m < M; ++m)
      for (int v = 0; v < kVectors; ++v) sums[m][v] = Vector{} + (biases ? biases[m] : 0.f);
    auto add = [&](const float* from, const float* of_source) __attribute__((always_inline)) {
      Vector values[kVectors];
      for (int v = 0; v < kVectors; ++v) values[v] = load_once(from + v * kWidth);
      for (int m = 0; m < M; ++m)
        for (int v = 0; v < kVectors; ++v) sums[m][v] += of_source[m * result_step] * values[v];
    };
    for (auto [first, count] : group.sources) {
      const float *from = x + first * kBlock, *of_first = w + first * source_step;
      if (count == 1) {  // one loop, so that there is little between the products
        for (const Read* r = read; r < end; ++r) add(from + r->source, of_first + r->weights);
      } else {
        for (const Read* r = read; r < end; ++r) {
          const float *row = from + r->source, *of_row = of_first + r->weights;
          for (int s = 0; s < count; ++s, row += kBlock, of_row += source_step) add(row, of_row);
        }
      }
    }
    for (int m = 0; m < M; ++m)
      for (int v = 0; v < kVectors; ++v) store(y + m * kBlock + v * kWidth, sums[m][v]);
  }
};

// Activates two rows of sums, which become states, and averages over their windows.
template <Activation activation>
void finish_rows(const Layer& layer, int block, int first_row, float* y, float* pooled) {
  const int size = layer.y.size, half = size / 2, floats = layer.y.of_position();
  const int rows = std::min(2, size - first_row);
  y += block * layer.y.of_block() + first_row * size * layer.y.of_position();
  pooled += block * layer.pooled().of_block() + first_row / 2 * half * layer.y.of_position();
  for (int i = 0; i < rows * size * floats; i += kWidth) store(y + i, state_of<activation>(load(y + i)));
  if (rows < 2) return;
  for (int column = 0; column < half; ++column, pooled += floats) {
    const float *a = y + 2 * column * floats, *b = a + floats, *c = a + size * floats, *d = c + floats;
    for (int i = 0; i < floats; i += kWidth)
      store(pooled + i, 0.25f * ((load(a + i) + load(c + i)) + (load(b + i) + load(d + i))));
  }
}

}  // namespace

void forward(const Threads& threads, const Layer& layer, const float* x, const float* kernel, const float* bias,
             float* y, float* pooled) {
  if (layer.is_single()) return single::forward(layer, x, kernel, bias, y, pooled);
  const auto plan = kept<Plan>(layer);
  const Kernel& k = layer.kernel;
  const auto of_block = [&](int block, float* room) { return plan->inputs.block(x, block, room); };
  const int64_t bias_step = layer.unit_bias ? k.maps : 0;
  const Product product{k, of_block, plan->inputs.room(), plan->of_units, plan->map_groups, kernel, true, bias,
                        bias_step, layer.y, 0, layer.y.size};
  with_activation(layer.activation, [&](auto of) {
    constexpr Activation activation = decltype(of)::value;
    if constexpr (activation == Activation::none) return product.compute(threads, y, nullptr);
    else
      product.compute(threads, y,
                      [&](int block, int row) { finish_rows<activation>(layer, block, row, y, pooled); });
  });
}

void input_gradient(const Threads& threads, const Layer& layer, const Gradient& gradient, const float* kernel,
                    float* x_gradient) {
  if (layer.is_single()) return single::input_gradient(layer, gradient, kernel, x_gradient);
  const auto plan = kept<Plan>(layer);
  const Kernel& k = layer.kernel;
  const auto of_block = [&](int block, float* room) -> const float* {
    if (!layer.is_pooled()) return gradient.values + block * layer.y.of_block();
    for_unit_gradients(layer, gradient, block, 0, k.units, [&](int unit, const auto& rows) {
      float* to = room + unit * layer.y.of_position();
      for (int i = 0; i < layer.y.of_position(); i += kWidth) store(to + i, rows(i));
    });
    return room;
  };
  const size_t room = layer.is_pooled() ? layer.y.of_block() : 0;
  Product{k, of_block, room, plan->of_positions, plan->channel_groups, kernel, false, nullptr, 0, layer.x,
          layer.padding.before, layer.side()}
      .compute(threads, x_gradient, nullptr);
}

}  // namespace wired
