/* Attention of tokens with noise: every pair has its own three inputs, so nothing is shared.
 *
 * The order of products is that of grokbook.models.Transformer.first_layer: what a head reads,
 * `reader` = W_K q, and what it mixes, `mixed` = sum of A_j x_j, cost one product a pair and not one
 * a token. */
#include "engine.h"
#include "matmul.h"

static struct {
  float *query, *query_t, *key, *key_t, *value, *value_t; /* keys and values head by head */
} packed;

static float *query, *d_query;             /* rows x d */
static float *reader, *mixed;              /* rows x HEADS x d */
static float *d_reader, *d_mixed, *panel; /* rows x HEADS x d */
static float *share;                       /* rows x HEADS x 4, the fourth unused */
static float *d_inputs;                    /* rows x 3d */

static float *floats(int count) { return allocate(sizeof(float) * count); }

void make_noisy(void) {
  int d = task.d;
  packed.query = floats(d * d), packed.query_t = floats(d * d);
  packed.key = floats(d * d), packed.key_t = floats(d * d);
  packed.value = floats(d * d), packed.value_t = floats(d * d);
  query = floats(CHUNK * d), d_query = floats(CHUNK * d);
  reader = floats(CHUNK * HEADS * d), d_reader = floats(CHUNK * HEADS * d);
  mixed = floats(CHUNK * HEADS * d), d_mixed = floats(CHUNK * HEADS * d);
  panel = floats(CHUNK * d);
  share = floats(CHUNK * HEADS * 4), d_inputs = floats(CHUNK * 3 * d);
}

void prepare_noisy(void) {
  int d = task.d, size = d / HEADS;
  pack(packed.query, weights.query, d, d, d);
  pack_transposed(packed.query_t, weights.query, d, d, d);
  for (int h = 0; h < HEADS; h++) {
    const float *key = weights.key + h * size, *value = weights.value + h * size;
    int from = h * d * size;
    pack(packed.key + from, key, d, d, size);
    pack_transposed(packed.key_t + from, key, d, size, d);
    pack(packed.value + from, value, d, d, size);
    pack_transposed(packed.value_t + from, value, d, size, d);
  }
}

static inline float dot(const float *x, const float *y, int count) {
  vec sum = SPLAT(0.0f), other = SPLAT(0.0f);
  for (int k = 0; k < count; k += 8) {
    sum = mul_add(LOAD(x + k), LOAD(y + k), sum);
    other = mul_add(LOAD(x + k + 4), LOAD(y + k + 4), other);
  }
  return sum_of(ADD(sum, other));
}

void noisy_heads(int rows) {
  int d = task.d, size = d / HEADS;
  float scale = 1.0f / __builtin_sqrtf((float)size);
  product(query, d, at.inputs + 2 * d, 3 * d, packed.query, rows, d, d, 0);
  for (int h = 0; h < HEADS; h++)
    product(reader + h * d, HEADS * d, query + h * size, d, packed.key_t + h * d * size, rows, d,
            size, 0);
  for (int i = 0; i < rows; i++) {
    const float *x = at.inputs + 3 * i * d, *y = x + d, *z = y + d;
    for (int h = 0; h < HEADS; h++) {
      const float *read = reader + (i * HEADS + h) * d;
      vec scores = wasm_f32x4_make(scale * dot(read, x, d), scale * dot(read, y, d),
                                   scale * dot(read, z, d), -1e30f);
      vec most = wasm_f32x4_max(scores, wasm_i32x4_shuffle(scores, scores, 1, 2, 0, 3));
      most = wasm_f32x4_max(most, wasm_i32x4_shuffle(scores, scores, 2, 0, 1, 3));
      vec up = exp_of(SUB(scores, wasm_i32x4_shuffle(most, most, 0, 0, 0, 0)));
      vec shares = wasm_f32x4_div(up, SPLAT(sum_of(up)));
      STORE(share + (i * HEADS + h) * 4, shares);
      vec a = SPLAT(wasm_f32x4_extract_lane(shares, 0));
      vec b = SPLAT(wasm_f32x4_extract_lane(shares, 1));
      vec c = SPLAT(wasm_f32x4_extract_lane(shares, 2));
      float *mix = mixed + (i * HEADS + h) * d;
      for (int k = 0; k < d; k += 4)
        STORE(mix + k, mul_add(c, LOAD(z + k), mul_add(b, LOAD(y + k), MUL(a, LOAD(x + k)))));
    }
  }
  for (int h = 0; h < HEADS; h++)
    product(at.heads + h * size, d, mixed + h * d, HEADS * d, packed.value + h * d * size, rows,
            size, d, 0);
}

/* d_inputs, d_reader and the scores' gradients of one row. */
static void row_backward(int i, const float *d_residual) {
  int d = task.d;
  float scale = 1.0f / __builtin_sqrtf((float)(d / HEADS));
  const float *x = at.inputs + 3 * i * d, *y = x + d, *z = y + d;
  float *dx = d_inputs + 3 * i * d, *dy = dx + d, *dz = dy + d;
  for (int k = 0; k < d; k += 4) {
    STORE(dx + k, SPLAT(0.0f));
    STORE(dy + k, SPLAT(0.0f));
    STORE(dz + k, LOAD(d_residual + k));
  }
  for (int h = 0; h < HEADS; h++) {
    const float *s = share + (i * HEADS + h) * 4;
    const float *up = d_mixed + (i * HEADS + h) * d, *read = reader + (i * HEADS + h) * d;
    float da = dot(up, x, d), db = dot(up, y, d), dc = dot(up, z, d);
    float mean = s[0] * da + s[1] * db + s[2] * dc;
    vec sa = SPLAT(scale * s[0] * (da - mean)), sb = SPLAT(scale * s[1] * (db - mean));
    vec sc = SPLAT(scale * s[2] * (dc - mean));
    vec a = SPLAT(s[0]), b = SPLAT(s[1]), c = SPLAT(s[2]);
    float *to = d_reader + (i * HEADS + h) * d;
    for (int k = 0; k < d; k += 4) {
      vec u = LOAD(up + k), r = LOAD(read + k);
      STORE(to + k, mul_add(sc, LOAD(z + k), mul_add(sb, LOAD(y + k), MUL(sa, LOAD(x + k)))));
      STORE(dx + k, mul_add(sa, r, mul_add(a, u, LOAD(dx + k))));
      STORE(dy + k, mul_add(sb, r, mul_add(b, u, LOAD(dy + k))));
      STORE(dz + k, mul_add(sc, r, mul_add(c, u, LOAD(dz + k))));
    }
  }
}

void noisy_backward(const pair *pairs, int asked, const float *d_residual, const float *d_heads) {
  int d = task.d, size = d / HEADS, rows = padded(asked, 4);
  for (int h = 0; h < HEADS; h++) {
    pack(panel, d_heads + h * size, d, rows, size);
    add_transposed_product(gradient.value + h * size, d, mixed + h * d, HEADS * d, panel, d, size,
                           rows);
    product(d_mixed + h * d, HEADS * d, d_heads + h * size, d, packed.value_t + h * d * size, rows,
            d, size, 0);
  }
  for (int i = 0; i < rows; i++) row_backward(i, d_residual + i * d);
  for (int h = 0; h < HEADS; h++) {
    pack(panel, query + h * size, d, rows, size);
    add_transposed_product(gradient.key + h * size, d, d_reader + h * d, HEADS * d, panel, d, size,
                           rows);
    product(d_query + h * size, d, d_reader + h * d, HEADS * d, packed.key + h * d * size, rows,
            size, d, 0);
  }
  pack(panel, d_query, d, rows, d);
  add_transposed_product(gradient.query, d, at.inputs + 2 * d, 3 * d, panel, d, d, rows);
  product(d_inputs + 2 * d, 3 * d, d_query, d, packed.query_t, rows, d, d, 1);
  for (int i = 0; i < asked; i++)
    for (int j = 0; j < 3; j++) {
      int token = j == 0 ? pairs[i].a : j == 1 ? pairs[i].b : task.p;
      float *E = gradient.embedding + token * d, *position = gradient.position + j * d;
      const float *from = d_inputs + (3 * i + j) * d;
      for (int k = 0; k < d; k += 4) {
        STORE(E + k, ADD(LOAD(E + k), LOAD(from + k)));
        STORE(position + k, ADD(LOAD(position + k), LOAD(from + k)));
      }
    }
}
