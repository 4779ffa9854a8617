// A step of stochastic gradient descent with momentum, in one pass over memory.

#pragma once

#include "wired.h"

namespace wired {

struct Rates {
  float momentum, learning_rate;
};

// Parameters and their trace, the decaying sum of gradients. The results may be where the arguments are.
struct Parameters {
  int64_t count;
  const float *values, *trace, *gradient;
  float decay;  // of weights
  float *new_values, *new_trace;
};

// new_trace = momentum trace + (gradient + decay values), new_values = values - learning_rate new_trace.
void momentum_step(const Threads& threads, const Rates& rates, const std::vector<Parameters>& parameters);

}  // namespace wired
