// How a fully connected layer is computed: products of matrices whose parts fit into a core's caches. A job computes a
// strip of the result.

#include "dense.h"

#include "matrices.h"
#include "tools.h"

namespace wired {
namespace {

constexpr int kWidest = 12 * kBlock;  // outputs or inputs of a strip: pieces of rows that are read fast
constexpr int kDepth = 128;           // of what is summed up, at a time

// Divides `total` into strips, equally many for each thread, and calls compute(first, count) for each. Results do not
// depend on where strips begin.
template <typename Compute>
void for_strips(const Threads& threads, int total, const Compute& compute) {
  const int rounds = (total + threads.count * kWidest - 1) / (threads.count * kWidest);
  const int size = ((total + threads.count * rounds - 1) / (threads.count * rounds) + kBlock - 1) / kBlock * kBlock;
  parallel(threads, (total + size - 1) / size, [&](int64_t job) {
    const int first = job * size;
    compute(first, std::min(size, total - first));
  });
}

}  // namespace

void Dense::forward(const Threads& threads, const float* x, const float* kernel, const float* bias, float* y) const {
  for_strips(threads, outputs, [&](int first, int count) {
    const Buffer strip(size_t(kDepth) * count);
    for (int block = 0; block < blocks; ++block)
      for (int output = first; output < first + count; ++output)
        std::fill_n(y + (size_t(block) * outputs + output) * kBlock, kBlock, bias[output]);
    for (int input = 0; input < inputs; input += kDepth) {
      const int depth = std::min(kDepth, inputs - input);
      for (int i = 0; i < depth; ++i)
        std::memcpy(strip.data() + i * count, kernel + size_t(input + i) * outputs + first, 4 * count);
      for (int block = 0; block < blocks; ++block)
        Matrices{strip.data(), 1, count, x + (size_t(block) * inputs + input) * kBlock, kBlock, depth,
                 y + (size_t(block) * outputs + first) * kBlock, kBlock}
            .add(count, kBlock);
    }
  });
}

void Dense::input_gradient(const Threads& threads, const float* gradient, const float* kernel,
                           float* x_gradient) const {
  for_strips(threads, inputs, [&](int first, int count) {
    for (int block = 0; block < blocks; ++block)
      std::fill_n(x_gradient + (size_t(block) * inputs + first) * kBlock, size_t(count) * kBlock, 0.f);
    for (int output = 0; output < outputs; output += kDepth)
      for (int block = 0; block < blocks; ++block)
        Matrices{kernel + size_t(first) * outputs + output, outputs, 1,
                 gradient + (size_t(block) * outputs + output) * kBlock, kBlock, std::min(kDepth, outputs - output),
                 x_gradient + (size_t(block) * inputs + first) * kBlock, kBlock}
            .add(count, kBlock);
  });
}

void Dense::weight_gradient(const Threads& threads, const float* x, const float* gradient, float* kernel_gradient,
                            float* bias_gradient) const {
  const int images = blocks * kBlock;
  const Buffer of_inputs(size_t(inputs) * images);  // (inputs, images)
  for_strips(threads, inputs, [&](int first, int count) {
    for (int input = first; input < first + count; ++input)
      for (int block = 0; block < blocks; ++block)
        std::memcpy(of_inputs.data() + size_t(input) * images + block * kBlock,
                    x + (size_t(block) * inputs + input) * kBlock, 4 * kBlock);
  });
  for_strips(threads, outputs, [&](int first, int count) {
    const int wide = round_up(count) + kWidth;  // no power of two: rows would share places in the cache
    const Buffer strip(size_t(images) * wide);  // (images, outputs)
    for (int block = 0; block < blocks; ++block) {
      const float* from = gradient + (size_t(block) * outputs + first) * kBlock;
      transpose([=](int output, int lane) { return load(from + output * kBlock + lane); }, count, wide,
                strip.data() + size_t(block) * kBlock * wide);
    }
    std::fill_n(bias_gradient + first, count, 0.f);
    for (int image = 0; image < images; ++image) {
      const float* row = strip.data() + size_t(image) * wide;
      for (int output = 0; output < count; ++output) bias_gradient[first + output] += row[output];
    }
    const int whole = count / kWidth * kWidth;
    Matrices{of_inputs.data(), images, 1, strip.data(), wide, images, kernel_gradient + first, outputs}
        .write(inputs, whole);
    if (whole == count) return;
    const Buffer last(size_t(inputs) * kWidth);  // outputs that do not fill a vector
    Matrices{of_inputs.data(), images, 1, strip.data() + whole, wide, images, last.data(), kWidth}
        .write(inputs, kWidth);
    for (int input = 0; input < inputs; ++input)
      std::memcpy(kernel_gradient + size_t(input) * outputs + first + whole, last.data() + input * kWidth,
                  4 * (count - whole));
  });
}

}  // namespace wired
