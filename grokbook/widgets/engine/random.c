/* xoshiro128++ (Blackman & Vigna 2021), one generator a lane; normal numbers by Box & Muller. */
#include "random.h"

static uint64_t split_mix(uint64_t *state) {
  uint64_t z = *state += 0x9e3779b97f4a7c15u;
  z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
  z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
  return z ^ (z >> 31);
}

void seed_stream(generator *source, uint32_t seed, enum stream stream) {
  uint64_t state = ((uint64_t)stream << 32) | seed;
  uint32_t *words = (uint32_t *)source->s;
  for (int i = 0; i < 16; i++) words[i] = (uint32_t)(split_mix(&state) >> 32);
}

static inline vec rotated(vec x, int by) {
  return wasm_v128_or(wasm_i32x4_shl(x, by), wasm_u32x4_shr(x, 32 - by));
}

static inline vec advance(vec s[4]) {
  vec result = wasm_i32x4_add(rotated(wasm_i32x4_add(s[0], s[3]), 7), s[0]);
  vec shifted = wasm_i32x4_shl(s[1], 9);
  s[2] = wasm_v128_xor(s[2], s[0]);
  s[3] = wasm_v128_xor(s[3], s[1]);
  s[1] = wasm_v128_xor(s[1], s[2]);
  s[0] = wasm_v128_xor(s[0], s[3]);
  s[2] = wasm_v128_xor(s[2], shifted);
  s[3] = rotated(s[3], 11);
  return result;
}

vec next_words(generator *source) { return advance(source->s); }

void fill_normal(generator *source, float *out, int count, float scale) {
  vec s[4] = {source->s[0], source->s[1], source->s[2], source->s[3]};
  const vec unit = SPLAT(0x1p-24f);
  for (int i = 0; i < count; i += 8) {
    vec first = wasm_f32x4_convert_u32x4(wasm_u32x4_shr(advance(s), 8));
    vec second = wasm_f32x4_convert_u32x4(wasm_u32x4_shr(advance(s), 8));
    vec u = MUL(ADD(first, SPLAT(1.0f)), unit); /* in (0, 1] */
    vec radius = MUL(wasm_f32x4_sqrt(MUL(log_of(u), SPLAT(-2.0f))), SPLAT(scale));
    vec cosine, sine;
    turn(MUL(second, unit), &cosine, &sine);
    STORE(out + i, MUL(radius, cosine));
    STORE(out + i + 4, MUL(radius, sine));
  }
  for (int i = 0; i < 4; i++) source->s[i] = s[i];
}
