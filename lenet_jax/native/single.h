// The layers of wired.h for a few images: image by image.

#pragma once

#include "wired.h"

namespace wired::single {

void forward(const Layer& layer, const float* x, const float* kernel, const float* bias, float* y, float* pooled);
void input_gradient(const Layer& layer, const Gradient& gradient, const float* kernel, float* x_gradient);
void weight_gradient(const Layer& layer, const float* x, const Gradient& gradient, float* kernel_gradient,
                     float* bias_gradient);

}  // namespace wired::single
