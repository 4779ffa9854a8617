// How images are taken from a dataset, and put into blocks and taken out of them.

#include "tools.h"

namespace wired {
namespace {

// One block of images, (images, pixels), as (pixels, kBlock).
void block_of_images(const float* from, int count, int pixels, float* to) {
  for (int first = 0; first < kBlock; first += kWidth) {
    int pixel = 0;
    for (; pixel + kWidth <= pixels; pixel += kWidth) {
      Vector some[kWidth];
      for (int i = 0; i < kWidth; ++i)
        some[i] = first + i < count ? load(from + size_t(first + i) * pixels + pixel) : Vector{};
      transpose_stretches<kWidth / 2>(some);
      for (int i = 0; i < kWidth; ++i) store(to + (pixel + i) * kBlock + first, some[i]);
    }
    for (; pixel < pixels; ++pixel)
      for (int i = 0; i < kWidth; ++i)
        to[pixel * kBlock + first + i] = first + i < count ? from[size_t(first + i) * pixels + pixel] : 0;
  }
}

// Calls work(block, its number of images) for each block.
template <typename Work>
void for_blocks(const Threads& threads, int count, const Work& work) {
  parallel(threads, (count + kBlock - 1) / kBlock,
           [&](int64_t block) { work(block, std::min<int64_t>(kBlock, count - block * kBlock)); });
}

}  // namespace

void rows_at(const Threads& threads, const float* from, int64_t rows, int64_t floats, const int32_t* index, int count,
             float* to) {
  for_blocks(threads, count, [&](int64_t block, int rows_of_it) {
    for (int64_t i = block * kBlock; i < block * kBlock + rows_of_it; ++i) {
      if (index[i] < 0 || index[i] >= rows)
        throw std::invalid_argument("there is no row " + std::to_string(index[i]) + " of " + std::to_string(rows));
      std::memcpy(to + i * floats, from + index[i] * floats, 4 * floats);
    }
  });
}

void blocks_of_images(const Threads& threads, const float* images, int count, int pixels, float* blocks) {
  const int64_t floats = int64_t(kBlock) * pixels;
  for_blocks(threads, count, [&](int64_t block, int images_of_it) {
    block_of_images(images + block * floats, images_of_it, pixels, blocks + block * floats);
  });
}

void images_of_blocks(const Threads& threads, const float* blocks, int count, int pixels, float* images) {
  const int64_t floats = int64_t(kBlock) * pixels;
  for_blocks(threads, count, [&](int64_t block, int images_of_it) {
    const float* from = blocks + block * floats;
    float* to = images + block * floats;
    for (int image = 0; image < images_of_it; ++image, to += pixels)
      for (int pixel = 0; pixel < pixels; ++pixel) to[pixel] = from[pixel * kBlock + image];
  });
}

}  // namespace wired
