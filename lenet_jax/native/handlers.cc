// What XLA calls: the layers of wired.h as custom calls.

#include <algorithm>
#include <stdexcept>
#include <utility>
#include <vector>

#include "dense.h"
#include "momentum.h"
#include "wired.h"
#include "xla/ffi/api/ffi.h"

namespace {

namespace ffi = xla::ffi;
using Floats = ffi::Buffer<ffi::F32>;
using Table = ffi::Buffer<ffi::S32, 2>;
using Index = ffi::Buffer<ffi::S32, 1>;
using Result = ffi::Result<Floats>;

// The attributes of every call: see `Layer` in calls.py.
struct Attributes {
  int64_t size, out, before, after, activation;
  float pad_value;
  bool is_shared, unit_bias;
  ffi::Span<const int64_t> pairs;
};

wired::Maps maps(const Floats& values, int64_t size) {
  const auto shape = values.dimensions();
  if (shape.size() != 5 || shape[1] != size || shape[2] != size || (shape[4] != wired::kBlock && shape[4] != 1))
    throw std::invalid_argument("feature maps are not in blocks");
  return {int(shape[0]), int(size), int(shape[3]), int(shape[4])};
}

wired::Layer layer(const Attributes& of, const Floats& x, const Floats& y, const Floats& kernel, const Floats& bias,
                   const Table& table) {
  std::vector<std::pair<int, int>> pairs;
  for (size_t i = 0; i + 1 < of.pairs.size(); i += 2) pairs.emplace_back(of.pairs[i], of.pairs[i + 1]);
  const wired::Maps of_x = maps(x, of.size), of_y = maps(y, of.out);
  const int units = table.dimensions()[0], taps = table.dimensions()[1];
  wired::Layer found{of_x, of_y, {int(of.before), int(of.after), of.pad_value},
                     wired::Kernel(of.is_shared, taps, of_x.maps, of_y.maps, units, pairs),
                     table.typed_data(), of.unit_bias, wired::Activation(of.activation)};
  if (units != of.out * of.out || of_x.blocks != of_y.blocks || of_x.lanes != of_y.lanes ||
      (found.is_single() && !of.is_shared) ||
      int64_t(kernel.element_count()) != found.kernel.floats() ||
      int64_t(bias.element_count()) != found.biases())
    throw std::invalid_argument("the shapes of maps, weights and table do not fit together");
  return found;
}

// Calls compute(threads) and turns exceptions into errors of XLA.
template <typename Compute>
ffi::Error answer(ffi::ThreadPool& pool, const Compute& compute) {
  try {
    compute(wired::Threads{std::max(1, int(pool.num_threads())),
                           [&pool](std::function<void()> work) { pool.Schedule(std::move(work)); }});
  } catch (const std::exception& error) {
    return ffi::Error::InvalidArgument(error.what());
  }
  return ffi::Error::Success();
}

// Whether `values` are the averages that a layer hands on.
void check_pooled(const wired::Layer& of, const Floats& values) {
  const wired::Maps found = maps(values, of.pooled().size);
  if (found.blocks != of.y.blocks || !found.is_like(of.pooled()))
    throw std::invalid_argument("the averages do not have the shape of their windows");
}

ffi::Error forward(ffi::ThreadPool pool, Attributes of, Floats x, Floats kernel, Floats bias, Table table, Result y,
                   Result pooled) {
  return answer(pool, [&](const wired::Threads& threads) {
    const wired::Layer found = layer(of, x, *y, kernel, bias, table);
    if (found.is_pooled()) check_pooled(found, *pooled);
    wired::forward(threads, found, x.typed_data(), kernel.typed_data(), bias.typed_data(), y->typed_data(),
                   pooled->typed_data());
  });
}

ffi::Error weight_gradient(ffi::ThreadPool pool, Attributes of, Floats x, Floats gradient, Floats states, Table table,
                           Result kernel_gradient, Result bias_gradient) {
  return answer(pool, [&](const wired::Threads& threads) {
    const wired::Layer found = layer(of, x, states, *kernel_gradient, *bias_gradient, table);
    if (found.is_pooled()) check_pooled(found, gradient);
    wired::weight_gradient(threads, found, x.typed_data(), {gradient.typed_data(), states.typed_data()},
                           kernel_gradient->typed_data(), bias_gradient->typed_data());
  });
}

ffi::Error input_gradient(ffi::ThreadPool pool, Attributes of, Floats gradient, Floats states, Floats kernel,
                          Floats bias, Table table, Result x_gradient) {
  return answer(pool, [&](const wired::Threads& threads) {
    const wired::Layer found = layer(of, *x_gradient, states, kernel, bias, table);
    if (found.is_pooled()) check_pooled(found, gradient);
    wired::input_gradient(threads, found, {gradient.typed_data(), states.typed_data()}, kernel.typed_data(),
                          x_gradient->typed_data());
  });
}

// Between what there is of images, (N, ...), and whole blocks of them.
template <typename Compute>
ffi::Error rearrange(ffi::ThreadPool& pool, const Floats& images, const Floats& blocks, const Compute& compute) {
  return answer(pool, [&](const wired::Threads& threads) {
    const int64_t count = images.dimensions()[0], pixels = images.element_count() / std::max<int64_t>(1, count);
    if (int64_t(blocks.element_count()) != (count + wired::kBlock - 1) / wired::kBlock * wired::kBlock * pixels)
      throw std::invalid_argument("the blocks do not have the images' shape");
    compute(threads, count, pixels);
  });
}

ffi::Error blocks_of_images(ffi::ThreadPool pool, Floats images, Result blocks) {
  return rearrange(pool, images, *blocks, [&](const wired::Threads& threads, int count, int pixels) {
    wired::blocks_of_images(threads, images.typed_data(), count, pixels, blocks->typed_data());
  });
}

ffi::Error images_of_blocks(ffi::ThreadPool pool, Floats blocks, Result images) {
  return rearrange(pool, *images, blocks, [&](const wired::Threads& threads, int count, int pixels) {
    wired::images_of_blocks(threads, blocks.typed_data(), count, pixels, images->typed_data());
  });
}

ffi::Error rows_at(ffi::ThreadPool pool, Floats from, Index index, Result to) {
  return answer(pool, [&](const wired::Threads& threads) {
    const int64_t rows = from.dimensions()[0], count = index.dimensions()[0];
    const int64_t floats = from.element_count() / std::max<int64_t>(1, rows);
    if (int64_t(to->element_count()) != count * floats) throw std::invalid_argument("the rows do not fit together");
    wired::rows_at(threads, from.typed_data(), rows, floats, index.typed_data(), count, to->typed_data());
  });
}

// Inputs and outputs of a fully connected layer, or their gradients, and an array of the kernel's shape.
wired::Dense dense(const Floats& x, const Floats& y, const Floats& kernel) {
  const auto of_x = x.dimensions(), of_y = y.dimensions(), of_kernel = kernel.dimensions();
  const int64_t largest = std::max({x.element_count(), y.element_count(), kernel.element_count()});
  if (largest >= int64_t(1) << 31)
    throw std::invalid_argument("a layer is too large for the native kernel: set LENET_JAX_NATIVE=0");
  if (of_x.size() != 3 || of_y.size() != 3 || of_kernel.size() != 2 || of_x[2] != wired::kBlock ||
      of_y[2] != wired::kBlock || of_x[0] != of_y[0] || of_kernel[0] != of_x[1] || of_kernel[1] != of_y[1])
    throw std::invalid_argument("the shapes of inputs, outputs and weights do not fit together");
  return {int(of_x[0]), int(of_x[1]), int(of_y[1])};
}

void check_biases(const Floats& bias, const Floats& y) {
  if (int64_t(bias.element_count()) != y.dimensions()[1])
    throw std::invalid_argument("there is not one bias for each output");
}

ffi::Error dense_forward(ffi::ThreadPool pool, Floats x, Floats kernel, Floats bias, Result y) {
  return answer(pool, [&](const wired::Threads& threads) {
    const wired::Dense found = dense(x, *y, kernel);
    check_biases(bias, *y);
    found.forward(threads, x.typed_data(), kernel.typed_data(), bias.typed_data(), y->typed_data());
  });
}

ffi::Error dense_input_gradient(ffi::ThreadPool pool, Floats gradient, Floats kernel, Result x_gradient) {
  return answer(pool, [&](const wired::Threads& threads) {
    dense(*x_gradient, gradient, kernel)
        .input_gradient(threads, gradient.typed_data(), kernel.typed_data(), x_gradient->typed_data());
  });
}

ffi::Error dense_weight_gradient(ffi::ThreadPool pool, Floats x, Floats gradient, Result kernel_gradient,
                                 Result bias_gradient) {
  return answer(pool, [&](const wired::Threads& threads) {
    const wired::Dense found = dense(x, gradient, *kernel_gradient);
    check_biases(*bias_gradient, gradient);
    found.weight_gradient(threads, x.typed_data(), gradient.typed_data(), kernel_gradient->typed_data(),
                         bias_gradient->typed_data());
  });
}

// The operands after `decays`: the parameters of each array, then their traces, then their gradients.
ffi::Error momentum_step(ffi::ThreadPool pool, Floats momentum, Floats learning_rate, Floats decays,
                         ffi::RemainingArgs operands, ffi::RemainingRets results) {
  return answer(pool, [&](const wired::Threads& threads) {
    const size_t arrays = decays.element_count();
    if (operands.size() != 3 * arrays || results.size() != 2 * arrays)
      throw std::invalid_argument("the numbers of parameters, traces and gradients differ");
    std::vector<wired::Parameters> parameters;
    for (size_t i = 0; i < arrays; ++i) {
      const auto values = *operands.get<Floats>(i), trace = *operands.get<Floats>(arrays + i);
      const auto gradient = *operands.get<Floats>(2 * arrays + i);
      if (values.element_count() != trace.element_count() || values.element_count() != gradient.element_count())
        throw std::invalid_argument("the shapes of parameters, traces and gradients differ");
      parameters.push_back({int64_t(values.element_count()), values.typed_data(), trace.typed_data(),
                            gradient.typed_data(), decays.typed_data()[i], (*results.get<Floats>(i))->typed_data(),
                            (*results.get<Floats>(arrays + i))->typed_data()});
    }
    wired::momentum_step(threads, {*momentum.typed_data(), *learning_rate.typed_data()}, parameters);
  });
}

}  // namespace

XLA_FFI_REGISTER_STRUCT_ATTR_DECODING(Attributes, ffi::StructMember<int64_t>("size"),
                                      ffi::StructMember<int64_t>("out"), ffi::StructMember<int64_t>("before"),
                                      ffi::StructMember<int64_t>("after"),
                                      ffi::StructMember<int64_t>("activation"), ffi::StructMember<float>("pad_value"),
                                      ffi::StructMember<bool>("is_shared"), ffi::StructMember<bool>("unit_bias"),
                                      ffi::StructMember<ffi::Span<const int64_t>>("pairs"));

#define CALL ffi::Ffi::Bind().Ctx<ffi::ThreadPool>()

XLA_FFI_DEFINE_HANDLER_SYMBOL(
    wired_forward, forward,
    CALL.Attrs<Attributes>().Arg<Floats>().Arg<Floats>().Arg<Floats>().Arg<Table>().Ret<Floats>().Ret<Floats>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(
    wired_weight_gradient, weight_gradient,
    CALL.Attrs<Attributes>().Arg<Floats>().Arg<Floats>().Arg<Floats>().Arg<Table>().Ret<Floats>().Ret<Floats>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(
    wired_input_gradient, input_gradient,
    CALL.Attrs<Attributes>().Arg<Floats>().Arg<Floats>().Arg<Floats>().Arg<Floats>().Arg<Table>().Ret<Floats>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(wired_rows_at, rows_at, CALL.Arg<Floats>().Arg<Index>().Ret<Floats>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(wired_blocks_of_images, blocks_of_images, CALL.Arg<Floats>().Ret<Floats>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(wired_images_of_blocks, images_of_blocks, CALL.Arg<Floats>().Ret<Floats>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(wired_dense_forward, dense_forward,
                              CALL.Arg<Floats>().Arg<Floats>().Arg<Floats>().Ret<Floats>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(wired_dense_input_gradient, dense_input_gradient,
                              CALL.Arg<Floats>().Arg<Floats>().Ret<Floats>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(wired_dense_weight_gradient, dense_weight_gradient,
                              CALL.Arg<Floats>().Arg<Floats>().Ret<Floats>().Ret<Floats>());
XLA_FFI_DEFINE_HANDLER_SYMBOL(
    wired_momentum_step, momentum_step,
    CALL.Arg<Floats>().Arg<Floats>().Arg<Floats>().RemainingArgs().RemainingRets());

extern "C" int wired_block() { return wired::kBlock; }
