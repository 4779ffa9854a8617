// How gradients of weights are computed for blocks of images: sums of products of inputs and gradients, over images
// and, if weights are shared, over units. Sums stay in registers for as many products as possible.

#include "blocks.h"
#include "single.h"

namespace wired {
namespace {

constexpr int kRows = 2, kMaps = 6;  // of sums that are in registers at once, where vectors are of images
constexpr int kChunkFloats = 3072;   // of gradients that are used again and again

// What follows from a layer alone, made once and kept.
struct Plan : Planned {
  Source inputs;
  std::vector<int32_t> steps;  // where taps read: (taps, units) if weights are shared, else (units, taps)

  explicit Plan(const Layer& of) : Planned(of), inputs(of.x, of.padding), steps(table.size()) {
    const Kernel& k = layer.kernel;
    for (int unit = 0, i = 0; unit < k.units; ++unit)
      for (int tap = 0; tap < k.taps; ++tap, ++i)
        steps[k.is_shared ? tap * k.units + unit : i] = table[i] * layer.x.of_position();
  }

  size_t bytes() const { return 8 * table.size(); }
};

// Rows of inputs, (tap, channel), whose products with gradients are added up over `count` places: units, or blocks of
// images. A row's inputs at a place are at x[row] + steps[row][place].
struct Places {
  int count;
  const float* const* x;
  const int32_t* const* steps;
  const float* gradients;  // one place after the other, as Correlation::put_gradients has them
  bool is_first;           // whether sums begin at 0
};

// If there are few maps, a vector is of images, and those of R rows are multiplied with those of M maps. A sum is a
// vector, whose lanes are added up when all products are in it.
template <int R, int M>
void correlate_images(const Places& places, int first_row, int maps, int first_map, float* sums) {
  const float* gradients = places.gradients + first_map * kBlock;
  sums += (first_row * maps + first_map) * kWidth;
  Vector some[R][M];
  for (int r = 0; r < R; ++r)
    for (int m = 0; m < M; ++m) some[r][m] = places.is_first ? Vector{} : load(sums + (r * maps + m) * kWidth);
  for (int place = 0, count = places.count; place < count; ++place, gradients += maps * kBlock) {
    const float* x[R];
    for (int r = 0; r < R; ++r) x[r] = places.x[first_row + r] + places.steps[first_row + r][place];
#pragma GCC unroll 1  // unrolled, it takes a tenth longer
    for (int v = 0; v < kBlock; v += kWidth) {
      Vector of_rows[R];
      for (int r = 0; r < R; ++r) of_rows[r] = load_once(x[r] + v);
      for (int m = 0; m < M; ++m) {
        const Vector values = load_once(gradients + m * kBlock + v);
        for (int r = 0; r < R; ++r) some[r][m] += of_rows[r] * values;
      }
    }
  }
  for (int r = 0; r < R; ++r)
    for (int m = 0; m < M; ++m) store(sums + (r * maps + m) * kWidth, some[r][m]);
}

// Otherwise it is of maps: for each image, V vectors of gradients are multiplied with single inputs.
template <int R, int V>
void correlate_maps(const Places& places, int first_row, int maps, int first_map, float* sums) {
  const float* gradients = places.gradients + first_map;
  sums += first_row * maps + first_map;
  Vector some[R][V];
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) some[r][v] = places.is_first ? Vector{} : load(sums + r * maps + v * kWidth);
  for (int place = 0, count = places.count; place < count; ++place) {
    const float* x[R];
    for (int r = 0; r < R; ++r) x[r] = places.x[first_row + r] + places.steps[first_row + r][place];
    for (int image = 0; image < kBlock; ++image, gradients += maps) {
      Vector values[V];
      for (int v = 0; v < V; ++v) values[v] = load_once(gradients + v * kWidth);
      for (int r = 0; r < R; ++r)
        for (int v = 0; v < V; ++v) some[r][v] += x[r][image] * values[v];
    }
  }
  for (int r = 0; r < R; ++r)
    for (int v = 0; v < V; ++v) store(sums + r * maps + v * kWidth, some[r][v]);
}

// Adds up `count` rows, each of `columns` vectors, `row_step` and `column_step` floats apart.
void add_columns(const float* from, int count, int64_t row_step, int columns, int64_t column_step, float* sums) {
  for_parts(columns, kMaps, [&](int first, int number) {
    with_constant<kMaps>(number, [&](auto of) {
      constexpr int C = decltype(of)::value;
      Vector some[C];
      for (int c = 0; c < C; ++c) some[c] = load(sums + (first + c) * kWidth);
      const float* row = from + first * column_step;
      for (int i = 0; i < count; ++i, row += row_step)
        for (int c = 0; c < C; ++c) some[c] += load(row + c * column_step);
      for (int c = 0; c < C; ++c) store(sums + (first + c) * kWidth, some[c]);
    });
  });
}

// How the gradients of a set of weights are summed up, (taps, channels, maps): rows, each with a sum for every map.
struct Correlation {
  const Kernel& kernel;
  int maps, wide, rows;
  bool is_of_images;  // see correlate_images and correlate_maps

  explicit Correlation(const Kernel& of)
      : kernel(of), maps(of.maps), wide(round_up(maps)), rows(of.taps * of.channels), is_of_images(maps <= kWidth) {}

  size_t of_place() const { return kBlock * (is_of_images ? maps : wide); }  // floats of a unit's gradients in a block
  size_t of_row() const { return is_of_images ? maps * kWidth : wide; }      // floats of a row's sums
  size_t of_finished() const { return is_of_images ? maps : wide; }          // and when its lanes are added up

  // Those of `count` units from `first` on.
  void put_gradients(const Layer& layer, const Gradient& gradient, int64_t block, int first, int count, float* to,
                     size_t step) const {
    for_unit_gradients(layer, gradient, block, first, count, [&](int i, const auto& rows) {
      if (is_of_images)
        for (int j = 0; j < maps * kBlock; j += kWidth) store(to + i * step + j, rows(j));
      else
        transpose([&](int map, int image) { return rows(map * kBlock + image); }, maps, wide, to + i * step);
    });
  }

  void add(const Places& places, float* sums) const {
    if (is_of_images) {
      for_parts(maps, kMaps, [&](int map, int count) {
        with_constant<kMaps>(count, [&](auto of) {
          add_rows<kRows>([&](auto number, int row) {
            correlate_images<decltype(number)::value, decltype(of)::value>(places, row, maps, map, sums);
          });
        });
      });
      return;
    }
    for (int map = 0; map < wide; map += 2 * kWidth)
      if (wide - map == kWidth)
        add_rows<kRowsOfOne>([&](auto number, int row) {
          correlate_maps<decltype(number)::value, 1>(places, row, wide, map, sums);
        });
      else
        add_rows<kRowsOfTwo>([&](auto number, int row) {
          correlate_maps<decltype(number)::value, 2>(places, row, wide, map, sums);
        });
  }

  // Adds the gradients of `count` places themselves to a row of sums.
  void add_biases(const float* gradients, int count, float* sums) const {
    if (!is_of_images) return add_columns(gradients, count * kBlock, wide, wide / kWidth, kWidth, sums);
    for (int v = 0; v < kBlock; v += kWidth) add_columns(gradients + v, count, maps * kBlock, maps, kBlock, sums);
  }

  // The sums of `count` rows, with room for a vector after them.
  void finish(const float* sums, int count, float* to) const {
    const int floats = count * of_finished();
    if (!is_of_images) {
      std::copy_n(sums, floats, to);
      return;
    }
    for (int i = 0; i < floats; i += kWidth, sums += kWidth * kWidth) {
      Vector some[kWidth];
      for (int lane = 0; lane < kWidth; ++lane) some[lane] = load(sums + lane * kWidth);
      store(to + i, lane_sums<kWidth / 2>(some));
    }
  }

 private:
  template <int Most, typename Function>  // function(integral_constant of their number, first row)
  void add_rows(const Function& function) const {
    for_parts(rows, Most, [&](int row, int count) {
      with_constant<Most>(count, [&](auto of) { function(of, row); });
    });
  }
};

// From rows of `width` floats, (taps, channels, maps), to the kernel's layout, for `count` sets of weights that are
// `step` floats apart.
void write_sets(const Kernel& k, const float* from, size_t width, size_t step, int first, int count, float* kernel) {
  for (int row = 0; row < k.taps * k.channels; ++row) {
    const int64_t* at = &k.at[row % k.channels * k.maps];
    for (int i = 0; i < count; ++i) {
      const float* of_set = from + i * step + row * width;
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
  const Correlation correlation(k);
  const int rows = correlation.rows, biases = layer.unit_bias ? k.units : 1;
  const size_t of_place = correlation.of_place(), of_row = correlation.of_row(), width = correlation.of_finished();
  const size_t floats = (rows + biases) * width, with_room = floats + kWidth;
  const int chunk = std::max<int>(1, kChunkFloats / of_place);  // units, whose gradients stay in the cache
  const Buffer of_blocks(layer.x.blocks * with_room);
  parallel(threads, layer.x.blocks, [&](int64_t block) {
    const Buffer padded(inputs.room()), gradients(chunk * of_place), buffer((rows + biases) * of_row + kWidth * kWidth);
    const float* from = inputs.block(x, block, padded.data());
    std::vector<const float*> of_rows(rows);
    std::vector<const int32_t*> steps(rows);
    for (int row = 0; row < rows; ++row) of_rows[row] = from + row % k.channels * kBlock;
    float *sums = buffer.data(), *of_biases = sums + rows * of_row;
    std::fill_n(of_biases, biases * of_row, 0.f);
    for (int first = 0; first < k.units; first += chunk) {
      const int count = std::min(chunk, k.units - first);
      correlation.put_gradients(layer, gradient, block, first, count, gradients.data(), of_place);
      if (layer.unit_bias)
        for (int i = 0; i < count; ++i)
          correlation.add_biases(gradients.data() + i * of_place, 1, of_biases + (first + i) * of_row);
      else correlation.add_biases(gradients.data(), count, of_biases);
      for (int row = 0; row < rows; ++row) steps[row] = &plan.steps[row / k.channels * k.units + first];
      correlation.add({count, of_rows.data(), steps.data(), gradients.data(), first == 0}, sums);
    }
    correlation.finish(sums, rows + biases, of_blocks.data() + block * with_room);
  });
  float* sums = of_blocks.data();
  for (int block = 1; block < layer.x.blocks; ++block)
    for (size_t i = 0; i < floats; ++i) sums[i] += sums[block * with_room + i];
  write_sets(k, sums, width, 0, 0, 1, kernel_gradient);
  for (int i = 0; i < biases; ++i) std::copy_n(sums + (rows + i) * width, k.maps, bias_gradient + i * k.maps);
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
  const Correlation correlation(k);
  const int rows = correlation.rows, chunk = 16;
  std::vector<int32_t> of_blocks;
  for (int block = 0; block < blocks; ++block) of_blocks.push_back(block * inputs.of_block());
  const std::vector<const int32_t*> steps(rows, of_blocks.data());
  const size_t of_place = correlation.of_place(), of_row = correlation.of_row(), width = correlation.of_finished();
  const size_t of_unit = (rows + 1) * width;
  parallel(threads, (k.units + chunk - 1) / chunk, [&](int64_t job) {
    const int first = job * chunk, count = std::min(chunk, k.units - first);
    const Buffer finished(count * of_unit + kWidth), gradients(count * blocks * of_place);
    const Buffer sums((rows + 1) * of_row + kWidth * kWidth);
    for (int block = 0; block < blocks; ++block)
      correlation.put_gradients(layer, gradient, block, first, count, gradients.data() + block * of_place,
                                blocks * of_place);
    std::vector<const float*> of_rows(rows);
    for (int i = 0; i < count; ++i) {
      const float* of = gradients.data() + i * blocks * of_place;
      for (int row = 0; row < rows; ++row)
        of_rows[row] = from + plan.steps[(first + i) * k.taps + row / k.channels] + row % k.channels * kBlock;
      std::fill_n(sums.data() + rows * of_row, of_row, 0.f);
      correlation.add_biases(of, blocks, sums.data() + rows * of_row);
      correlation.add({blocks, of_rows.data(), steps.data(), of, true}, sums.data());
      correlation.finish(sums.data(), rows + 1, finished.data() + i * of_unit);  // the next unit overwrites the rest
    }
    write_sets(k, finished.data(), width, of_unit, first, count, kernel_gradient);
    for (int i = 0; i < count; ++i)
      std::copy_n(finished.data() + i * of_unit + rows * width, k.maps, bias_gradient + (first + i) * k.maps);
  });
}

}  // namespace

void weight_gradient(const Threads& threads, const Layer& layer, const float* x, const Gradient& gradient,
                     float* kernel_gradient, float* bias_gradient) {
  if (layer.is_single()) return single::weight_gradient(layer, x, gradient, kernel_gradient, bias_gradient);
  const auto plan = kept<Plan>(layer);
  const auto compute = layer.kernel.is_shared ? shared_gradient : unshared_gradient;
  compute(threads, layer, *plan, x, gradient, kernel_gradient, bias_gradient);
}

}  // namespace wired
