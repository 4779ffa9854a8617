// Compares wired.h, dense.h and momentum.h with plain loops, on small layers of every kind. A library that has just
// been built is tried out with this in a process of its own; as a program, it runs under sanitizers.

#include <cmath>
#include <cstdio>
#include <vector>

#include "dense.h"
#include "momentum.h"
#include "wired.h"

namespace {

using Floats = std::vector<float>;

struct Shape {
  bool is_shared, unit_bias;
  int images, size, channels, maps, kernel_size, stride, before, after;
  std::vector<std::pair<int, int>> pairs;  // (channel, map)
  bool is_random;
  wired::Activation activation = wired::Activation::none;
};

Floats numbers(size_t count, unsigned seed) {
  Floats found(count);
  for (float& number : found) {
    seed = seed * 1664525u + 1013904223u;
    number = float(seed >> 8) / (1 << 23) - 1;
  }
  return found;
}

bool agree(const char* what, const Floats& found, const std::vector<double>& expected) {
  double largest = 0, difference = 0;
  for (size_t i = 0; i < found.size(); ++i) {
    largest = std::max(largest, std::abs(expected[i]));
    difference = std::max(difference, std::abs(found[i] - expected[i]));
    if (!(std::abs(found[i]) < 1e30)) difference = INFINITY;  // also if it is no number
  }
  if (difference <= 1e-5 * (largest + 1e-3)) return true;
  std::fprintf(stderr, "%s differs by %g, of %g\n", what, difference, largest);
  return false;
}

double state_of(wired::Activation activation, double sum) {
  switch (activation) {
    case wired::Activation::tanh: return std::tanh(sum);
    case wired::Activation::scaled_tanh: return 1.7159 * std::tanh(2 / 3. * sum);
    case wired::Activation::relu: return std::max(0., sum);
    default: return sum;
  }
}

double slope_of(wired::Activation activation, double sum) {
  switch (activation) {
    case wired::Activation::tanh: return 1 - std::pow(std::tanh(sum), 2);
    case wired::Activation::scaled_tanh: return 1.7159 * 2 / 3. * (1 - std::pow(std::tanh(2 / 3. * sum), 2));
    case wired::Activation::relu: return sum > 0;
    default: return 1;
  }
}

// Where number `image` of a map is at one position.
size_t place(const wired::Maps& maps, int image, int map, int position) {
  return image / maps.lanes * maps.of_block() + position * maps.of_position() + map * maps.lanes + image % maps.lanes;
}

bool check(const Shape& s, int lanes, const wired::Threads& threads) {
  const int side = s.size + s.before + s.after, out = (side - s.kernel_size) / s.stride + 1, units = out * out;
  const int taps = s.kernel_size * s.kernel_size, blocks = (s.images + lanes - 1) / lanes;
  const wired::Maps x_maps{blocks, s.size, s.channels, lanes}, y_maps{blocks, out, s.maps, lanes};
  std::vector<int32_t> table;
  const Floats draws = numbers(size_t(units) * taps, 7);
  for (int unit = 0; unit < units; ++unit)
    for (int tap = 0; tap < taps; ++tap) {
      const int row = unit / out * s.stride + tap / s.kernel_size, column = unit % out * s.stride + tap % s.kernel_size;
      const int drawn = int((draws[unit * taps + tap] + 1) / 2 * side * side) % (side * side);
      table.push_back(s.is_random ? drawn : row * side + column);
    }
  const float pad_value = -0.5f;
  wired::Layer layer{x_maps, y_maps, {s.before, s.after, pad_value},
                     wired::Kernel(s.is_shared, taps, s.channels, s.maps, units, s.pairs), table.data(), s.unit_bias,
                     s.activation};
  const wired::Kernel& k = layer.kernel;
  const bool is_pooled = layer.is_pooled();
  const wired::Maps with_gradient = is_pooled ? layer.pooled() : y_maps;
  Floats x(blocks * x_maps.of_block(), 0.f), gradient(blocks * with_gradient.of_block(), 0.f);
  const Floats x_drawn = numbers(x.size(), 1), gradient_drawn = numbers(gradient.size(), 2);
  for (int image = 0; image < s.images; ++image) {
    for (int map = 0; map < s.channels; ++map)
      for (int i = 0; i < x_maps.positions(); ++i) {
        const size_t at = place(x_maps, image, map, i);
        x[at] = x_drawn[at];
      }
    for (int map = 0; map < s.maps; ++map)
      for (int i = 0; i < with_gradient.positions(); ++i) {
        const size_t at = place(with_gradient, image, map, i);
        gradient[at] = gradient_drawn[at];
      }
  }
  const Floats kernel = numbers(k.tap_step * taps, 3), bias = numbers(layer.biases(), 4);
  std::vector<double> y_expected(blocks * y_maps.of_block()), pooled_expected(is_pooled ? gradient.size() : 0);
  std::vector<double> x_expected(x.size()), kernel_expected(kernel.size()), bias_expected(bias.size());
  for (int image = 0; image < blocks * lanes; ++image)
    for (int map = 0; map < s.maps; ++map)
      for (int unit = 0; unit < units; ++unit) {
        const size_t at = place(y_maps, image, map, unit);
        const int bias_at = (s.unit_bias ? unit * s.maps : 0) + map;
        double sum = bias[bias_at];
        auto for_each_link = [&](const auto& visit) {  // visit(weight, value, where the value is or -1)
          for (int tap = 0; tap < taps; ++tap)
            for (int channel = 0; channel < s.channels; ++channel) {
              const int64_t of_pair = k.at[channel * s.maps + map];
              if (of_pair < 0) continue;
              const int position = table[unit * taps + tap], row = position / side - s.before,
                        column = position % side - s.before;
              const bool is_padding = row < 0 || column < 0 || row >= s.size || column >= s.size;
              const int64_t from = is_padding ? -1 : place(x_maps, image, channel, row * s.size + column);
              visit(of_pair + tap * k.tap_step + unit * k.unit_step, is_padding ? pad_value : x[from], from);
            }
        };
        for_each_link([&](int64_t w, double value, int64_t) { sum += value * kernel[w]; });
        y_expected[at] = state_of(s.activation, sum);
        double of_sum = 0;
        if (!is_pooled) {
          of_sum = gradient[at];
        } else if (const int row = unit / out / 2, column = unit % out / 2; row < out / 2 && column < out / 2) {
          const size_t window = place(with_gradient, image, map, row * (out / 2) + column);
          pooled_expected[window] += y_expected[at] / 4;
          of_sum = gradient[window] / 4. * slope_of(s.activation, sum);
        }
        bias_expected[bias_at] += of_sum;
        for_each_link([&](int64_t w, double value, int64_t from) {
          kernel_expected[w] += value * of_sum;
          if (from >= 0) x_expected[from] += kernel[w] * of_sum;
        });
      }
  Floats y(y_expected.size(), NAN), pooled(pooled_expected.size(), NAN), x_gradient(x.size(), NAN),
      kernel_gradient(kernel.size(), NAN), bias_gradient(bias.size(), NAN);
  wired::forward(threads, layer, x.data(), kernel.data(), bias.data(), y.data(), pooled.data());
  const wired::Gradient of{gradient.data(), y.data()};
  wired::input_gradient(threads, layer, of, kernel.data(), x_gradient.data());
  wired::weight_gradient(threads, layer, x.data(), of, kernel_gradient.data(), bias_gradient.data());
  return agree("the output", y, y_expected) & agree("the average", pooled, pooled_expected) &
         agree("the gradient of the input", x_gradient, x_expected) &
         agree("the gradient of the kernel", kernel_gradient, kernel_expected) &
         agree("the gradient of the bias", bias_gradient, bias_expected);
}

bool check_images(const wired::Threads& threads, int count, int pixels) {
  const int blocks = (count + wired::kBlock - 1) / wired::kBlock;
  const Floats images = numbers(size_t(count) * pixels, 5);
  Floats found(size_t(blocks) * wired::kBlock * pixels, NAN);
  std::vector<double> expected(found.size());
  for (int image = 0; image < count; ++image)
    for (int pixel = 0; pixel < pixels; ++pixel)
      expected[(size_t(image / wired::kBlock) * pixels + pixel) * wired::kBlock + image % wired::kBlock] =
          images[size_t(image) * pixels + pixel];
  wired::blocks_of_images(threads, images.data(), count, pixels, found.data());
  Floats back(images.size(), NAN);
  wired::images_of_blocks(threads, found.data(), count, pixels, back.data());
  return agree("the blocks of images", found, expected) &
         agree("the images", back, std::vector<double>(images.begin(), images.end()));
}

bool check_dense(const wired::Threads& threads, int blocks, int inputs, int outputs) {
  const int lanes = wired::kBlock;
  const Floats x = numbers(size_t(blocks) * inputs * lanes, 1), kernel = numbers(size_t(inputs) * outputs, 2);
  const Floats bias = numbers(outputs, 3), gradient = numbers(size_t(blocks) * outputs * lanes, 4);
  std::vector<double> y_expected(gradient.size()), x_expected(x.size());
  std::vector<double> kernel_expected(kernel.size()), bias_expected(outputs);
  for (int block = 0; block < blocks; ++block)
    for (int output = 0; output < outputs; ++output)
      for (int lane = 0; lane < lanes; ++lane) {
        const size_t at = (size_t(block) * outputs + output) * lanes + lane;
        y_expected[at] = bias[output];
        bias_expected[output] += gradient[at];
        for (int input = 0; input < inputs; ++input) {
          const size_t from = (size_t(block) * inputs + input) * lanes + lane;
          const size_t weight = size_t(input) * outputs + output;
          y_expected[at] += double(x[from]) * kernel[weight];
          x_expected[from] += double(gradient[at]) * kernel[weight];
          kernel_expected[weight] += double(gradient[at]) * x[from];
        }
      }
  Floats y(gradient.size(), NAN), x_gradient(x.size(), NAN);
  Floats kernel_gradient(kernel.size(), NAN), bias_gradient(outputs, NAN);
  const wired::Dense layer{blocks, inputs, outputs};
  layer.forward(threads, x.data(), kernel.data(), bias.data(), y.data());
  layer.input_gradient(threads, gradient.data(), kernel.data(), x_gradient.data());
  layer.weight_gradient(threads, x.data(), gradient.data(), kernel_gradient.data(), bias_gradient.data());
  return agree("fully connected outputs", y, y_expected) & agree("the gradient of the inputs", x_gradient, x_expected) &
         agree("the gradient of the weights", kernel_gradient, kernel_expected) &
         agree("the gradient of the biases", bias_gradient, bias_expected);
}

bool check_momentum(const wired::Threads& threads, int64_t count) {
  const wired::Rates rates{0.9f, 0.1f};
  Floats values = numbers(count, 1), trace = numbers(count, 2);
  const Floats gradient = numbers(count, 3);
  std::vector<double> new_values, new_trace;
  for (int64_t i = 0; i < count; ++i) {
    new_trace.push_back(0.9 * trace[i] + gradient[i] + 0.01 * values[i]);
    new_values.push_back(values[i] - 0.1 * new_trace[i]);
  }
  wired::momentum_step(threads, rates,
                       {{count, values.data(), trace.data(), gradient.data(), 0.01f, values.data(), trace.data()}});
  return agree("parameters", values, new_values) & agree("their trace", trace, new_trace);
}

bool check_all(const wired::Threads& threads) {
  bool is_right = check_images(threads, 20, 49) & check_images(threads, 16, 27);
  is_right &= check_dense(threads, 2, 150, 203) & check_dense(threads, 1, 3, 7);
  is_right &= check_momentum(threads, 5) & check_momentum(threads, 40003);
  const std::vector<std::pair<int, int>> some = {{0, 0}, {3, 0}, {1, 1}, {2, 1}, {0, 2}, {1, 3}};
  std::vector<std::pair<int, int>> many;  // for more maps than a vector has lanes
  for (int map = 0; map < 37; ++map) many.emplace_back(map % 3, map);
  for (bool is_shared : {true, false}) {
    const bool unit_bias = !is_shared;
    const Shape shapes[] = {
        {is_shared, unit_bias, 20, 9, 1, 6, 5, 1, 0, 0, {}, false},
        {is_shared, unit_bias, 16, 8, 6, 16, 5, 1, 0, 0, {}, false},
        {is_shared, unit_bias, 33, 7, 3, 20, 3, 1, 0, 0, {}, true},
        {is_shared, true, 5, 8, 1, 12, 5, 2, 2, 1, {}, false},
        {is_shared, unit_bias, 9, 6, 4, 4, 3, 1, 1, 1, some, false},
        {is_shared, unit_bias, 3, 5, 13, 1, 5, 1, 0, 0, {}, false},
        {is_shared, true, 18, 5, 3, 37, 3, 1, 0, 0, many, false},
        {is_shared, unit_bias, 18, 5, 2, 37, 3, 1, 0, 0, {}, true},
        {is_shared, unit_bias, 18, 8, 2, 7, 3, 1, 0, 0, {}, false, wired::Activation::tanh},
        {is_shared, true, 9, 7, 1, 3, 3, 1, 0, 0, {}, true, wired::Activation::scaled_tanh},
        {is_shared, unit_bias, 16, 7, 2, 5, 4, 1, 1, 1, {}, false, wired::Activation::relu},
        {is_shared, unit_bias, 2, 3, 1, 4, 3, 1, 0, 0, {}, false, wired::Activation::tanh},  // no window
    };
    for (const Shape& shape : shapes)
      for (int lanes : {1, wired::kBlock})
        if (shape.is_shared || lanes > 1) is_right &= check(shape, lanes, threads);
  }
  return is_right;
}

}  // namespace

// 0 if everything agrees.
extern "C" int wired_check() {
  // The work is also divided for five threads, though it is done by one.
  const wired::Threads one, five{5, [](std::function<void()> work) { work(); }};
  return check_all(one) && check_all(five) ? 0 : 1;
}
