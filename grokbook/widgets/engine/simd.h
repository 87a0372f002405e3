/* Four floats at a time: the elementary functions that the engine needs.
 *
 * WebAssembly has no exp, log or cos. These are plain series after exact range reduction, right to
 * a few units in the last place; being made of IEEE additions and products alone, they give the
 * same bits in every browser. */
#pragma once

#include <stdint.h>
#include <wasm_simd128.h>

typedef v128_t vec;

#define SPLAT wasm_f32x4_splat
#define ADD wasm_f32x4_add
#define SUB wasm_f32x4_sub
#define MUL wasm_f32x4_mul
#define LOAD wasm_v128_load
#define STORE wasm_v128_store

/* a b + c, rounded twice as everywhere in plain SIMD. */
static inline vec mul_add(vec a, vec b, vec c) { return ADD(MUL(a, b), c); }

static inline float sum_of(vec v) {
  return (wasm_f32x4_extract_lane(v, 0) + wasm_f32x4_extract_lane(v, 1)) +
         (wasm_f32x4_extract_lane(v, 2) + wasm_f32x4_extract_lane(v, 3));
}

/* The sum of four floats, added in float64. */
static inline double exact_sum_of(vec v) {
  vec high = wasm_i32x4_shuffle(v, v, 2, 3, 2, 3);
  vec pair = wasm_f64x2_add(wasm_f64x2_promote_low_f32x4(v), wasm_f64x2_promote_low_f32x4(high));
  return wasm_f64x2_extract_lane(pair, 0) + wasm_f64x2_extract_lane(pair, 1);
}

/* exp x for x <= 0. Below -60 it is 0: such a share of a softmax changes nothing, and as a
 * subnormal number it would slow every product that it enters. NaN stays NaN. */
static inline vec exp_of(vec x) {
  const float ln2_high = 0.693359375f, ln2_low = -2.12194440e-4f;
  vec k = wasm_f32x4_nearest(MUL(x, SPLAT(1.44269504f)));
  vec r = SUB(SUB(x, MUL(k, SPLAT(ln2_high))), MUL(k, SPLAT(ln2_low)));
  vec series = SPLAT(1.0f / 5040);
  const float factorials[] = {1.0f / 720, 1.0f / 120, 1.0f / 24, 1.0f / 6, 0.5f, 1.0f, 1.0f};
#pragma clang loop unroll(full)
  for (int i = 0; i < 7; i++) series = mul_add(series, r, SPLAT(factorials[i]));
  vec exponent = wasm_i32x4_shl(wasm_i32x4_trunc_sat_f32x4(k), 23);
  vec small = wasm_f32x4_lt(x, SPLAT(-60.0f));
  return wasm_v128_andnot(wasm_i32x4_add(series, exponent), small);
}

/* log x for normal x > 0: 2 artanh((m - 1) / (m + 1)) + e log 2 with m between 0.7 and 1.5. */
static inline vec log_of(vec x) {
  vec shifted = wasm_i32x4_sub(x, wasm_i32x4_splat(0x3f333333)); /* 0.7 */
  vec e = wasm_f32x4_convert_i32x4(wasm_i32x4_shr(shifted, 23));
  vec mantissa = wasm_v128_and(shifted, wasm_i32x4_splat(0x007fffff));
  vec m = wasm_i32x4_add(mantissa, wasm_i32x4_splat(0x3f333333));
  vec s = wasm_f32x4_div(SUB(m, SPLAT(1.0f)), ADD(m, SPLAT(1.0f)));
  vec square = MUL(s, s);
  vec series = SPLAT(2.0f / 9);
  series = mul_add(series, square, SPLAT(2.0f / 7));
  series = mul_add(series, square, SPLAT(2.0f / 5));
  series = mul_add(series, square, SPLAT(2.0f / 3));
  series = mul_add(series, square, SPLAT(2.0f));
  return mul_add(e, SPLAT(0.693147181f), MUL(series, s));
}

/* Cosine and sine of a whole turn times u, for u in [0, 1). */
static inline void turn(vec u, vec *cosine, vec *sine) {
  vec quarter = wasm_f32x4_nearest(MUL(u, SPLAT(4.0f)));
  vec x = MUL(SUB(u, MUL(quarter, SPLAT(0.25f))), SPLAT(6.28318531f)); /* within pi / 4 */
  vec square = MUL(x, x);
  vec s = SPLAT(1.0f / 362880);
  s = mul_add(s, square, SPLAT(-1.0f / 5040));
  s = mul_add(s, square, SPLAT(1.0f / 120));
  s = mul_add(s, square, SPLAT(-1.0f / 6));
  s = MUL(mul_add(s, square, SPLAT(1.0f)), x);
  vec c = SPLAT(1.0f / 40320);
  c = mul_add(c, square, SPLAT(-1.0f / 720));
  c = mul_add(c, square, SPLAT(1.0f / 24));
  c = mul_add(c, square, SPLAT(-0.5f));
  c = mul_add(c, square, SPLAT(1.0f));
  /* Quarter turns exchange the two and change signs. */
  vec q = wasm_i32x4_trunc_sat_f32x4(quarter);
  vec odd = wasm_i32x4_ne(wasm_v128_and(q, wasm_i32x4_splat(1)), wasm_i32x4_splat(0));
  vec sine_sign = wasm_i32x4_shl(wasm_v128_and(q, wasm_i32x4_splat(2)), 30);
  vec next = wasm_i32x4_add(q, wasm_i32x4_splat(1));
  vec cosine_sign = wasm_i32x4_shl(wasm_v128_and(next, wasm_i32x4_splat(2)), 30);
  *cosine = wasm_v128_xor(wasm_v128_bitselect(s, c, odd), cosine_sign);
  *sine = wasm_v128_xor(wasm_v128_bitselect(c, s, odd), sine_sign);
}

/* log(1 + x) in float64 for x >= 0: losses are small, and their digits count. */
static inline double log1p_of(double x) {
  double e = 0;
  while (x > 0.5 && x < 1e300) { /* halve 1 + x: a few times; infinity stays */
    x = (x - 1) / 2;
    e += 1;
  }
  double s = x / (2 + x), square = s * s, series = 0;
  for (int k = 27; k >= 1; k -= 2) series = series * square + 2.0 / k;
  return series * s + e * 0.69314718055994530942;
}
