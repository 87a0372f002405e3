/* Blocked matrix products: tiles of 4 x 8 of the result stay in registers.
 *
 * A tile takes 8 of the 16 registers of an x86 processor; 2 hold a row of B's panel, 1 an element
 * of A. Operands are small enough for the second cache, since training goes through the batch in
 * chunks of rows: see transformer.c. */
#include "matmul.h"

#include "simd.h"

void pack(float *panels, const float *b, int stride, int depth, int columns) {
  for (int j = 0; j < columns; j += 8)
    for (int k = 0; k < depth; k++, panels += 8) {
      STORE(panels, LOAD(b + k * stride + j));
      STORE(panels + 4, LOAD(b + k * stride + j + 4));
    }
}

void pack_transposed(float *panels, const float *b, int stride, int depth, int columns) {
  for (int j = 0; j < columns; j += 8)
    for (int k = 0; k < depth; k++, panels += 8)
      for (int i = 0; i < 8; i++) panels[i] = b[(j + i) * stride + k];
}

/* One tile; element (i, k) of A is a[i * down + k * along]. */
static inline __attribute__((always_inline)) void tile(float *c, int c_stride, const float *a,
                                                       int down, int along, const float *b,
                                                       int depth, int add) {
  vec sum[4][2];
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 2; j++) sum[i][j] = add ? LOAD(c + i * c_stride + 4 * j) : SPLAT(0.0f);
  const float *a0 = a, *a1 = a + down, *a2 = a + 2 * down, *a3 = a + 3 * down;
#pragma clang loop unroll_count(2)
  for (int k = 0; k < depth; k++) {
    vec left = LOAD(b), right = LOAD(b + 4);
    vec x = wasm_v128_load32_splat(a0);
    sum[0][0] = mul_add(x, left, sum[0][0]);
    sum[0][1] = mul_add(x, right, sum[0][1]);
    x = wasm_v128_load32_splat(a1);
    sum[1][0] = mul_add(x, left, sum[1][0]);
    sum[1][1] = mul_add(x, right, sum[1][1]);
    x = wasm_v128_load32_splat(a2);
    sum[2][0] = mul_add(x, left, sum[2][0]);
    sum[2][1] = mul_add(x, right, sum[2][1]);
    x = wasm_v128_load32_splat(a3);
    sum[3][0] = mul_add(x, left, sum[3][0]);
    sum[3][1] = mul_add(x, right, sum[3][1]);
    b += 8;
    a0 += along, a1 += along, a2 += along, a3 += along;
  }
  for (int i = 0; i < 4; i++)
    for (int j = 0; j < 2; j++) STORE(c + i * c_stride + 4 * j, sum[i][j]);
}

void product(float *c, int c_stride, const float *a, int a_stride, const float *b, int rows,
             int columns, int depth, int add) {
  for (int j = 0; j < columns; j += 8, b += 8 * depth)
    for (int i = 0; i < rows; i += 4)
      tile(c + i * c_stride + j, c_stride, a + i * a_stride, a_stride, 1, b, depth, add);
}

void add_transposed_product(float *c, int c_stride, const float *a, int a_stride, const float *b,
                            int rows, int columns, int depth) {
  for (int j = 0; j < columns; j += 8, b += 8 * depth)
    for (int i = 0; i < rows; i += 4)
      tile(c + i * c_stride + j, c_stride, a + i, 1, a_stride, b, depth, 1);
}
