// See momentum.h.

#include "momentum.h"

#include "tools.h"

namespace wired {

void momentum_step(const Threads& threads, const Rates& rates, const std::vector<Parameters>& parameters) {
  constexpr int64_t kChunk = 1 << 14, kWorthThreads = 1 << 17;  // floats
  struct Chunk {
    const Parameters* of;
    int64_t first, last;
  };
  std::vector<Chunk> chunks;
  int64_t total = 0;
  for (const Parameters& of : parameters) {
    total += of.count;
    for (int64_t first = 0; first < of.count; first += kChunk)
      chunks.push_back({&of, first, std::min(of.count, first + kChunk)});
  }
  parallel(total < kWorthThreads ? Threads{} : threads, chunks.size(), [&](int64_t job) {
    const auto [of, first, last] = chunks[job];
    const auto new_trace = [&, of = of](auto values, auto trace, auto gradient) {
      const auto of_loss = of->decay == 0 ? gradient : gradient + of->decay * values;  // 0 times infinity is not 0
      return rates.momentum * trace + of_loss;
    };
    int64_t i = first;
    for (; i + kWidth <= last; i += kWidth) {
      const Vector values = load(of->values + i);
      const Vector trace = new_trace(values, load(of->trace + i), load(of->gradient + i));
      store(of->new_values + i, values - rates.learning_rate * trace);
      store(of->new_trace + i, trace);
    }
    for (; i < last; ++i) {
      const float values = of->values[i], trace = new_trace(values, of->trace[i], of->gradient[i]);
      of->new_values[i] = values - rates.learning_rate * trace;
      of->new_trace[i] = trace;
    }
  });
}

}  // namespace wired
