// What the kernels are made of: threads, memory, vectors, activations, and plans that are kept.

#pragma once

#include <algorithm>
#include <atomic>
#include <condition_variable>
#include <cstring>
#include <exception>
#include <memory>
#include <mutex>
#include <stdexcept>
#include <string>
#include <type_traits>

#include "wired.h"

namespace wired {
namespace {

// Threads and memory -----------------------------------------------------------------------------------------

// Calls work(job) for every job and returns when all are done. The caller works as well, and helpers that
// start late find no job left, so that nothing waits for a thread that is busy. An exception of a job is thrown
// again once no job is running.
template <typename Work>
void parallel(const Threads& threads, int64_t jobs, const Work& work) {
  const int64_t helpers = std::min<int64_t>(threads.count, jobs) - 1;
  if (helpers <= 0) {
    for (int64_t job = 0; job < jobs; ++job) work(job);
    return;
  }
  struct Shared {
    std::atomic<int64_t> next{0}, done{0};
    std::mutex mutex;
    std::condition_variable all_done;
    std::exception_ptr failure;
  };
  auto shared = std::make_shared<Shared>();
  auto help = [shared, jobs, &work] {  // `work` exists as long as a job is left
    int64_t finished = 0;
    for (int64_t job; (job = shared->next.fetch_add(1)) < jobs; ++finished) {
      try {
        work(job);
      } catch (...) {
        std::lock_guard<std::mutex> lock(shared->mutex);
        shared->failure = std::current_exception();
      }
    }
    if (finished && shared->done.fetch_add(finished) + finished == jobs) {
      std::lock_guard<std::mutex> lock(shared->mutex);
      shared->all_done.notify_one();
    }
  };
  for (int64_t i = 0; i < helpers; ++i) threads.schedule(help);
  help();
  for (int i = 0; i < 10000 && shared->done.load() < jobs; ++i) {  // waking up takes longer than most jobs
#if defined(__x86_64__)
    __builtin_ia32_pause();
#endif
  }
  std::unique_lock<std::mutex> lock(shared->mutex);
  shared->all_done.wait(lock, [&] { return shared->done.load() == jobs; });
  if (shared->failure) std::rethrow_exception(shared->failure);
}

// Memory for a number of floats. Threads keep it for their next calls: getting large blocks is slow.
class Buffer {
 public:
  explicit Buffer(size_t count) {
    auto& free = unused();
    if (!free.empty()) {
      memory_ = std::move(free.back());
      free.pop_back();
    }
    if (memory_.size() < count + 16) memory_.resize(count + 16);
    const auto address = reinterpret_cast<uintptr_t>(memory_.data());
    data_ = memory_.data() + (64 - address % 64) % 64 / 4;  // where a cache line starts
  }
  ~Buffer() { unused().push_back(std::move(memory_)); }
  Buffer(const Buffer&) = delete;
  float* data() const { return data_; }

 private:
  static std::vector<std::vector<float>>& unused() {
    static thread_local std::vector<std::vector<float>> buffers;
    return buffers;
  }
  std::vector<float> memory_;
  float* data_;
};

// Vectors ----------------------------------------------------------------------------------------------------

typedef float Vector __attribute__((vector_size(4 * kWidth), aligned(4), may_alias));
typedef int32_t Lanes __attribute__((vector_size(4 * kWidth)));

Vector load(const float* from) { return *reinterpret_cast<const Vector*>(from); }

// A vector that stays in a register while it is used: GCC would load it again for each product.
inline __attribute__((always_inline)) Vector load_once(const float* from) {
  Vector vector = load(from);
#if defined(__x86_64__)
  asm("" : "+v"(vector));
#elif defined(__aarch64__)
  asm("" : "+w"(vector));
#endif
  return vector;
}

void store(float* to, Vector vector) { *reinterpret_cast<Vector*>(to) = vector; }

int round_up(int maps) { return (maps + kWidth - 1) / kWidth * kWidth; }

// Calls visit(first, count) for parts of `total` that are at most `most` and nearly equal.
template <typename Visit>
inline __attribute__((always_inline)) void for_parts(int total, int most, const Visit& visit) {
  const int parts = (total + most - 1) / most;
  for (int i = 0, first = 0; i < parts; ++i) {
    const int count = (total - first + parts - i - 1) / (parts - i);
    visit(first, count);
    first += count;
  }
}

// Calls function(integral_constant) with the constant that equals `number`, from 1 to Most.
template <int Most, typename Function>
void with_constant(int number, const Function& function) {
  if constexpr (Most >= 1) {
    if (number == Most) return function(std::integral_constant<int, Most>());
    with_constant<Most - 1>(number, function);
  }
}

// Lanes of two vectors, of which stretches of `half` are exchanged: those of `low` and of `high` are the two results.
template <int half>
struct Exchanged {
  Vector low, high;

  Exchanged(Vector a, Vector b) {
    Lanes from;
    for (int lane = 0; lane < kWidth; ++lane) from[lane] = lane / half % 2 ? lane - half + kWidth : lane;
    low = __builtin_shuffle(a, b, from);
    high = __builtin_shuffle(a, b, from + half);
  }
};

// Exchanges stretches of `half` lanes between vectors that are `half` apart; all together, they transpose.
template <int half>
void transpose_stretches(Vector (&vectors)[kWidth]) {
  for (int i = 0; i < kWidth; ++i)
    if (i / half % 2 == 0) {
      const Exchanged<half> both(vectors[i], vectors[i + half]);
      vectors[i] = both.low, vectors[i + half] = both.high;
    }
  if constexpr (half > 1) transpose_stretches<half / 2>(vectors);
}

// A vector of the sums of the lanes of kWidth vectors. Begins with stretches of kWidth / 2 lanes.
template <int half>
Vector lane_sums(Vector (&vectors)[kWidth]) {
  for (int i = 0; i < half; ++i) {
    const Exchanged<half> both(vectors[i], vectors[i + half]);
    vectors[i] = both.low + both.high;
  }
  if constexpr (half == 1) return vectors[0];
  else return lane_sums<half / 2>(vectors);
}

// From rows of lanes, one per map, to rows of maps, one per image; the last maps of a row may be missing and 0.
template <typename RowOf>  // row_of(map, image): a vector of the images from `image` on
void transpose(const RowOf& row_of, int maps, int step, float* to) {
  for (int map = 0; map < maps; map += kWidth)
    for (int image = 0; image < kBlock; image += kWidth) {
      Vector some[kWidth];
      for (int i = 0; i < kWidth; ++i) some[i] = map + i < maps ? row_of(map + i, image) : Vector{};
      transpose_stretches<kWidth / 2>(some);
      for (int i = 0; i < kWidth; ++i) store(to + (image + i) * step + map, some[i]);
    }
}

// Activations ------------------------------------------------------------------------------------------------

constexpr float kScale = 1.7159f, kStretch = 2 / 3.f;  // of the scaled tanh

// A rational function whose relative error on [-9, 9] is least: 6e-8, and 4e-7 with rounding. Beyond, tanh is 1.
inline __attribute__((always_inline)) Vector tanh(Vector x) {
  const Vector limit = Vector{} + 9.f;
  x = x > limit ? limit : x < -limit ? -limit : x;
  const Vector s = x * x;
  const Vector above = (((((1.82565144e-11f * s - 1.27810234e-08f) * s + 9.26764278e-06f) * s + 0.00292078848f) * s +
                         0.129192546f) * s + 0.99999994f) * x;
  const Vector below = ((0.00022810373f * s + 0.0237632804f) * s + 0.462525368f) * s + 1.f;
  return above / below;
}

template <Activation activation>
Vector state_of(Vector sum) {
  if constexpr (activation == Activation::tanh) return tanh(sum);
  if constexpr (activation == Activation::scaled_tanh) return kScale * tanh(kStretch * sum);
  return sum <= 0.f ? Vector{} : sum;  // NaN stays NaN, so that a run that diverges is noticed
}

// The derivative, by the state.
template <Activation activation>
Vector slope_at(Vector state) {
  if constexpr (activation == Activation::tanh) return 1.f - state * state;
  if constexpr (activation == Activation::scaled_tanh) return kStretch * kScale - kStretch / kScale * (state * state);
  return state <= 0.f ? Vector{} : state != state ? state : Vector{} + 1.f;
}

// Calls function(integral_constant) with the layer's activation.
template <typename Function>
void with_activation(Activation activation, const Function& function) {
  switch (activation) {
    case Activation::none: return function(std::integral_constant<Activation, Activation::none>());
    case Activation::tanh: return function(std::integral_constant<Activation, Activation::tanh>());
    case Activation::scaled_tanh: return function(std::integral_constant<Activation, Activation::scaled_tanh>());
    case Activation::relu: return function(std::integral_constant<Activation, Activation::relu>());
  }
}

// Plans ----------------------------------------------------------------------------------------------------

// Offsets have 32 bits.
void check_size(const Layer& layer) {
  const int64_t positions = int64_t(layer.side()) * layer.side();
  const int64_t weights = int64_t(layer.kernel.channels) * round_up(layer.kernel.maps);
  const int64_t links = int64_t(layer.kernel.units) * layer.kernel.taps * weights;
  const int64_t largest = std::max({layer.x.blocks * layer.x.of_block(), layer.y.blocks * layer.y.of_block(),
                                    positions * layer.x.maps * kBlock * layer.x.blocks, links});
  if (largest >= int64_t(1) << 31)
    throw std::invalid_argument("a layer is too large for the native kernel: set LENET_JAX_NATIVE=0");
}

void check_table(const Layer& layer) {
  const int positions = layer.side() * layer.side();
  for (int i = 0; i < layer.kernel.units * layer.kernel.taps; ++i)
    if (layer.table[i] < 0 || layer.table[i] >= positions)
      throw std::invalid_argument("a unit reads position " + std::to_string(layer.table[i]) + " of " +
                                  std::to_string(positions));
}

// What a plan is for: a layer, with a table of its own, whatever the number of images and the activation.
struct Planned {
  std::vector<int32_t> table;
  Layer layer;

  explicit Planned(const Layer& of) : table(of.table, of.table + of.kernel.units * of.kernel.taps), layer(of) {
    layer.table = table.data();
  }
  Planned(const Planned&) = delete;

  bool is_for(const Layer& other) const {
    return layer.x.is_like(other.x) && layer.y.is_like(other.y) && layer.padding == other.padding &&
           layer.kernel == other.kernel && layer.unit_bias == other.unit_bias &&
           std::memcmp(table.data(), other.table, 4 * table.size()) == 0;
  }
};

// The plan of a layer, which is Planned and follows from the layer alone: made once and kept, with others of its type.
template <typename Plan>
std::shared_ptr<const Plan> kept(const Layer& layer) {
  check_size(layer);
  static std::mutex mutex;
  static std::vector<std::shared_ptr<const Plan>> plans;  // those used last are last
  constexpr size_t kMost = 32, kMostBytes = size_t(1) << 28;
  std::lock_guard<std::mutex> lock(mutex);
  const auto found = std::find_if(plans.rbegin(), plans.rend(), [&](const auto& plan) { return plan->is_for(layer); });
  if (found != plans.rend()) {
    std::rotate(found.base() - 1, found.base(), plans.end());
  } else {
    check_table(layer);
    plans.push_back(std::make_shared<const Plan>(layer));
    size_t bytes = 0;
    for (const auto& plan : plans) bytes += plan->bytes();
    for (; plans.size() > 1 && (plans.size() > kMost || bytes > kMostBytes); plans.erase(plans.begin()))
      bytes -= plans.front()->bytes();
  }
  return plans.back();
}

}  // namespace
}  // namespace wired
