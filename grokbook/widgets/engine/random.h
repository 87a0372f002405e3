/* The page's random numbers: xoshiro128++ in four lanes, seeded by SplitMix64, and Box-Muller. */
#pragma once

#include "simd.h"

typedef struct {
  vec s[4];
} generator;

/* Streams of one seed are independent, so that drawing more from one changes nothing in another. */
enum stream { SPLIT = 1, INITIAL = 2, NOISE = 3, METRICS = 4 };

void seed_stream(generator *source, uint32_t seed, enum stream stream);

/* 4 random words. */
vec next_words(generator *source);

/* Fill with `scale` times standard normal numbers; `count` is a multiple of 8. */
void fill_normal(generator *source, float *out, int count, float scale);
