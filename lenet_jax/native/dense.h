// A fully connected layer.

#pragma once

#include "wired.h"

namespace wired {

// Inputs are (blocks, inputs, kBlock) and outputs (blocks, outputs, kBlock), as are their gradients; the kernel is
// (inputs, outputs).
struct Dense {
  int blocks, inputs, outputs;

  void forward(const Threads& threads, const float* x, const float* kernel, const float* bias, float* y) const;
  void input_gradient(const Threads& threads, const float* gradient, const float* kernel, float* x_gradient) const;
  void weight_gradient(const Threads& threads, const float* x, const float* gradient, float* kernel_gradient,
                       float* bias_gradient) const;
};

}  // namespace wired
