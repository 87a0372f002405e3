/* The one-layer transformer of grokbook.models, forward and backward, a chunk of rows at a time.
 *
 * Only the last position is computed. Without noise, scores and values are looked up in tables over
 * tokens and positions, as Transformer._first_layer_of_tokens does. A chunk's activations stay in
 * the processor's second cache, and no more memory is needed for more pairs. */
#include "engine.h"
#include "matmul.h"

problem task;
network weights, gradient;
chunk at;

extern uint8_t __heap_base;
static uintptr_t top;

void *allocate(size_t bytes) {
  if (!top) top = ((uintptr_t)&__heap_base + 15) & ~(uintptr_t)15;
  void *start = (void *)top;
  top += (bytes + 15) & ~(size_t)15;
  size_t have = __builtin_wasm_memory_size(0) << 16;
  if (top > have && __builtin_wasm_memory_grow(0, (top - have + 0xffff) >> 16) == (size_t)-1)
    __builtin_trap(); /* the page says that memory was refused */
  return start;
}

static float *floats(int count) { return allocate(sizeof(float) * count); }

void lay_out(network *n, float *start) {
  int p = task.p, d = task.d, mlp = task.mlp;
  float **tensors = &n->embedding;
  int sizes[TENSORS] = {(p + 1) * d, 3 * d,   d * d, d * d, d * d,         d * d,
                        d * mlp,     mlp, mlp * d, d,     d * task.width};
  for (int i = 0; i < TENSORS; start += sizes[i++]) tensors[i] = start;
  task.count = (int)(start - n->embedding);
}

/* Packed weights, plain and transposed. */
static struct {
  float *output, *mlp_in, *mlp_out, *unembedding;
  float *output_t, *mlp_in_t, *mlp_out_t, *unembedding_t, *value, *value_t;
} packed;

/* Over tokens: first and second input (p x d), their values and scores; those of "=". */
static struct {
  int rows; /* p rounded up to a multiple of 4 */
  float *input[2], *value[2], *score[2];
  float *last, *last_value, last_score[HEADS];
  float *query, *reader; /* of "=": d; d x HEADS, what a score reads */
} table, d_table;

static float *d_out, *d_hidden, *d_residual, *d_heads, *panel, *d_last;
static float *softmax; /* of the chunk: rows x 3 x HEADS */

static void make_tables(void) {
  int p = table.rows = d_table.rows = padded(task.p, 4), d = task.d;
  for (int i = 0; i < 2; i++) {
    table.input[i] = floats(p * d), d_table.input[i] = floats(p * d);
    table.value[i] = floats(p * d), d_table.value[i] = floats(p * d);
    table.score[i] = floats(p * HEADS), d_table.score[i] = floats(p * HEADS);
  }
  table.last = floats(d), d_table.last = floats(d);
  table.last_value = floats(d), d_table.last_value = floats(d);
  table.query = floats(d), d_table.query = floats(d);
  table.reader = floats(d * HEADS), d_table.reader = floats(d * HEADS);
}

void make_network(void) {
  int d = task.d, mlp = task.mlp, width = task.width;
  packed.output = floats(d * d), packed.output_t = floats(d * d);
  packed.value = floats(d * d), packed.value_t = floats(d * d);
  packed.mlp_in = floats(d * mlp), packed.mlp_in_t = floats(d * mlp);
  packed.mlp_out = floats(d * mlp), packed.mlp_out_t = floats(d * mlp);
  packed.unembedding = floats(d * width), packed.unembedding_t = floats(d * width);
  at.inputs = floats(CHUNK * 3 * d);
  at.heads = floats(CHUNK * d), at.residual = floats(CHUNK * d), at.out = floats(CHUNK * d);
  at.hidden = floats(CHUNK * mlp), at.logits = floats(CHUNK * width);
  d_out = floats(CHUNK * d), d_residual = floats(CHUNK * d), d_heads = floats(CHUNK * d);
  d_hidden = floats(CHUNK * mlp), d_last = floats(d);
  int widest = mlp > width ? mlp : width, tokens = padded(task.p, 4);
  panel = floats((CHUNK > tokens ? CHUNK : tokens) * (widest > d ? widest : d));
  softmax = floats(CHUNK * 3 * HEADS);
  make_tables();
  make_noisy();
}

static void prepare_tables(void) {
  int p = task.p, d = task.d, size = d / HEADS;
  const float *E = weights.embedding, *position = weights.position;
  for (int t = 0; t < p; t++)
    for (int k = 0; k < d; k += 4)
      for (int i = 0; i < 2; i++)
        STORE(table.input[i] + t * d + k, ADD(LOAD(E + t * d + k), LOAD(position + i * d + k)));
  for (int k = 0; k < d; k++) table.last[k] = E[p * d + k] + position[2 * d + k];

  pack(packed.value, weights.value, d, d, d);
  for (int j = 0; j < d; j += 4) {
    vec query = SPLAT(0.0f), value = SPLAT(0.0f);
    for (int k = 0; k < d; k++) {
      vec x = SPLAT(table.last[k]);
      query = mul_add(x, LOAD(weights.query + k * d + j), query);
      value = mul_add(x, LOAD(weights.value + k * d + j), value);
    }
    STORE(table.query + j, query);
    STORE(table.last_value + j, value);
  }
  float scale = 1.0f / __builtin_sqrtf((float)size);
  for (int k = 0; k < d; k++)
    for (int h = 0; h < HEADS; h++) {
      vec sum = SPLAT(0.0f);
      for (int e = h * size; e < (h + 1) * size; e += 4)
        sum = mul_add(LOAD(table.query + e), LOAD(weights.key + k * d + e), sum);
      table.reader[k * HEADS + h] = scale * sum_of(sum);
    }
  for (int i = 0; i < 2; i++) {
    product(table.value[i], d, table.input[i], d, packed.value, table.rows, d, d, 0);
    for (int t = 0; t < p; t++) {
      vec score = SPLAT(0.0f);
      for (int k = 0; k < d; k++)
        score = mul_add(SPLAT(table.input[i][t * d + k]), LOAD(table.reader + k * HEADS), score);
      STORE(table.score[i] + t * HEADS, score);
    }
  }
  vec score = SPLAT(0.0f);
  for (int k = 0; k < d; k++)
    score = mul_add(SPLAT(table.last[k]), LOAD(table.reader + k * HEADS), score);
  STORE(table.last_score, score);
}

void prepare(int noisy) {
  int d = task.d, mlp = task.mlp, width = task.width;
  pack(packed.output, weights.output, d, d, d);
  pack(packed.mlp_in, weights.mlp_in, mlp, d, mlp);
  pack(packed.mlp_out, weights.mlp_out, d, mlp, d);
  pack(packed.unembedding, weights.unembedding, width, d, width);
  if (noisy)
    prepare_noisy();
  else
    prepare_tables();
}

/* at.heads from the tables. */
static void table_heads(const pair *pairs, int rows) {
  int d = task.d, size = d / HEADS;
  vec last = LOAD(table.last_score);
  for (int i = 0; i < rows; i++) {
    vec a = LOAD(table.score[0] + pairs[i].a * HEADS);
    vec b = LOAD(table.score[1] + pairs[i].b * HEADS);
    vec most = wasm_f32x4_max(wasm_f32x4_max(a, b), last);
    a = exp_of(SUB(a, most)), b = exp_of(SUB(b, most));
    vec c = exp_of(SUB(last, most)), total = ADD(ADD(a, b), c);
    float *share = softmax + i * 3 * HEADS;
    STORE(share, wasm_f32x4_div(a, total));
    STORE(share + HEADS, wasm_f32x4_div(b, total));
    STORE(share + 2 * HEADS, wasm_f32x4_div(c, total));
    const float *first = table.value[0] + pairs[i].a * d, *second = table.value[1] + pairs[i].b * d;
    for (int h = 0; h < HEADS; h++) {
      vec x = SPLAT(share[h]), y = SPLAT(share[HEADS + h]), z = SPLAT(share[2 * HEADS + h]);
      for (int k = h * size; k < (h + 1) * size; k += 4) {
        vec sum = mul_add(y, LOAD(second + k), MUL(x, LOAD(first + k)));
        STORE(at.heads + i * d + k, mul_add(z, LOAD(table.last_value + k), sum));
      }
    }
  }
}

void forward(const pair *pairs, int rows, const float *noise) {
  int d = task.d, mlp = task.mlp, width = task.width, filled = padded(rows, 4);
  if (noise) {
    const float *E = weights.embedding, *P = weights.position;
    for (int i = 0; i < filled; i++) {
      pair asked = i < rows ? pairs[i] : (pair){0, 0};
      const float *token[3] = {E + asked.a * d, E + asked.b * d, E + task.p * d};
      for (int j = 0; j < 3; j++)
        for (int k = 0; k < d; k += 4) {
          int to = (3 * i + j) * d + k;
          vec clean = ADD(LOAD(token[j] + k), LOAD(P + j * d + k));
          STORE(at.inputs + to, i < rows ? ADD(clean, LOAD(noise + to)) : clean);
        }
    }
    noisy_heads(filled);
  } else {
    table_heads(pairs, rows);
    for (int k = rows * d; k < filled * d; k++) at.heads[k] = 0;
  }
  for (int i = 0; i < filled; i++) {
    const float *last = noise ? at.inputs + (3 * i + 2) * d : table.last;
    for (int k = 0; k < d; k += 4) STORE(at.residual + i * d + k, LOAD(last + k));
  }
  product(at.residual, d, at.heads, d, packed.output, filled, d, d, 1);
  for (int i = 0; i < filled; i++)
    for (int k = 0; k < mlp; k += 4) STORE(at.hidden + i * mlp + k, LOAD(weights.mlp_in_bias + k));
  product(at.hidden, mlp, at.residual, d, packed.mlp_in, filled, mlp, d, 1);
  for (int k = 0; k < filled * mlp; k += 4)
    STORE(at.hidden + k, wasm_f32x4_max(LOAD(at.hidden + k), SPLAT(0.0f)));
  for (int i = 0; i < filled; i++)
    for (int k = 0; k < d; k += 4)
      STORE(at.out + i * d + k,
            ADD(LOAD(at.residual + i * d + k), LOAD(weights.mlp_out_bias + k)));
  product(at.out, d, at.hidden, mlp, packed.mlp_out, filled, d, mlp, 1);
  product(at.logits, width, at.out, d, packed.unembedding, filled, width, d, 0);
  for (int i = 0; i < filled; i++)
    for (int j = task.p; j < width; j++) at.logits[i * width + j] = -1e30f; /* never an answer */
}

static void add_column_sums(float *sums, const float *rows_of, int rows, int columns) {
  for (int k = 0; k < columns; k += 4) {
    vec sum = LOAD(sums + k);
    for (int i = 0; i < rows; i++) sum = ADD(sum, LOAD(rows_of + i * columns + k));
    STORE(sums + k, sum);
  }
}

/* Gradients of the attention's tables for one chunk. */
static void table_backward(const pair *pairs, int rows) {
  int d = task.d, size = d / HEADS;
  for (int i = 0; i < rows; i++) {
    const float *share = softmax + i * 3 * HEADS, *up = d_heads + i * d;
    int from[2] = {pairs[i].a * d, pairs[i].b * d};
    float d_share[3][HEADS];
    for (int h = 0; h < HEADS; h++) {
      vec x = SPLAT(share[h]), y = SPLAT(share[HEADS + h]), z = SPLAT(share[2 * HEADS + h]);
      vec dx = SPLAT(0.0f), dy = dx, dz = dx;
      for (int k = h * size; k < (h + 1) * size; k += 4) {
        vec u = LOAD(up + k);
        dx = mul_add(u, LOAD(table.value[0] + from[0] + k), dx);
        dy = mul_add(u, LOAD(table.value[1] + from[1] + k), dy);
        dz = mul_add(u, LOAD(table.last_value + k), dz);
        float *first = d_table.value[0] + from[0] + k, *second = d_table.value[1] + from[1] + k;
        STORE(first, mul_add(x, u, LOAD(first)));
        STORE(second, mul_add(y, u, LOAD(second)));
        STORE(d_table.last_value + k, mul_add(z, u, LOAD(d_table.last_value + k)));
      }
      d_share[0][h] = sum_of(dx), d_share[1][h] = sum_of(dy), d_share[2][h] = sum_of(dz);
    }
    vec x = LOAD(share), y = LOAD(share + HEADS), z = LOAD(share + 2 * HEADS);
    vec mean = mul_add(x, LOAD(d_share[0]), MUL(y, LOAD(d_share[1])));
    mean = mul_add(z, LOAD(d_share[2]), mean);
    float *score[3] = {d_table.score[0] + pairs[i].a * HEADS,
                       d_table.score[1] + pairs[i].b * HEADS, d_table.last_score};
    for (int j = 0; j < 3; j++) {
      vec step = MUL(LOAD(share + j * HEADS), SUB(LOAD(d_share[j]), mean));
      STORE(score[j], ADD(LOAD(score[j]), step));
    }
  }
}

void backward(const pair *pairs, int rows, int noisy) {
  int d = task.d, mlp = task.mlp, width = task.width, filled = padded(rows, 4);
  for (int k = rows * width; k < filled * width; k++) at.logits[k] = 0;
  pack(panel, at.logits, width, filled, width);
  add_transposed_product(gradient.unembedding, width, at.out, d, panel, d, width, filled);
  product(d_out, d, at.logits, width, packed.unembedding_t, filled, d, width, 0);

  pack(panel, d_out, d, filled, d);
  add_transposed_product(gradient.mlp_out, d, at.hidden, mlp, panel, mlp, d, filled);
  add_column_sums(gradient.mlp_out_bias, d_out, filled, d);
  product(d_hidden, mlp, d_out, d, packed.mlp_out_t, filled, mlp, d, 0);
  for (int k = 0; k < filled * mlp; k += 4) {
    vec active = wasm_f32x4_gt(LOAD(at.hidden + k), SPLAT(0.0f));
    STORE(d_hidden + k, wasm_v128_and(LOAD(d_hidden + k), active));
  }

  pack(panel, d_hidden, mlp, filled, mlp);
  add_transposed_product(gradient.mlp_in, mlp, at.residual, d, panel, d, mlp, filled);
  add_column_sums(gradient.mlp_in_bias, d_hidden, filled, mlp);
  for (int k = 0; k < filled * d; k += 4) STORE(d_residual + k, LOAD(d_out + k));
  product(d_residual, d, d_hidden, mlp, packed.mlp_in_t, filled, d, mlp, 1);

  pack(panel, d_residual, d, filled, d);
  add_transposed_product(gradient.output, d, at.heads, d, panel, d, d, filled);
  product(d_heads, d, d_residual, d, packed.output_t, filled, d, d, 0);
  if (noisy) {
    noisy_backward(pairs, rows, d_residual, d_heads);
  } else {
    add_column_sums(d_last, d_residual, filled, d);
    table_backward(pairs, rows);
  }
}

void clear_gradient(void) {
  int d = task.d, mlp = task.mlp, width = task.width, p = table.rows;
  pack_transposed(packed.output_t, weights.output, d, d, d);
  pack_transposed(packed.value_t, weights.value, d, d, d);
  pack_transposed(packed.mlp_in_t, weights.mlp_in, mlp, mlp, d);
  pack_transposed(packed.mlp_out_t, weights.mlp_out, d, d, mlp);
  pack_transposed(packed.unembedding_t, weights.unembedding, width, width, d);
  __builtin_memset(gradient.embedding, 0, sizeof(float) * task.count);
  for (int i = 0; i < 2; i++) {
    __builtin_memset(d_table.value[i], 0, sizeof(float) * p * d);
    __builtin_memset(d_table.score[i], 0, sizeof(float) * p * HEADS);
  }
  __builtin_memset(d_table.last_value, 0, sizeof(float) * d);
  __builtin_memset(d_table.last_score, 0, sizeof(float) * HEADS);
  __builtin_memset(d_table.reader, 0, sizeof(float) * d * HEADS);
  __builtin_memset(d_last, 0, sizeof(float) * d);
}

void finish_tables(void) {
  int p = task.p, d = task.d, size = d / HEADS;
  float *E = gradient.embedding, *position = gradient.position;
  for (int i = 0; i < 2; i++) {
    pack(panel, d_table.value[i], d, table.rows, d);
    add_transposed_product(gradient.value, d, table.input[i], d, panel, d, d, table.rows);
    product(d_table.input[i], d, d_table.value[i], d, packed.value_t, table.rows, d, d, 0);
    for (int t = 0; t < p; t++) {
      vec score = LOAD(d_table.score[i] + t * HEADS);
      float *input = d_table.input[i] + t * d;
      const float *token = table.input[i] + t * d;
      for (int k = 0; k < d; k++) {
        input[k] += sum_of(MUL(score, LOAD(table.reader + k * HEADS)));
        float *reader = d_table.reader + k * HEADS;
        STORE(reader, mul_add(SPLAT(token[k]), score, LOAD(reader)));
        E[t * d + k] += input[k];
        position[i * d + k] += input[k];
      }
    }
  }
  /* "=": its value and score, and the query that it asks. */
  float scale = 1.0f / __builtin_sqrtf((float)size);
  vec score = LOAD(d_table.last_score);
  for (int k = 0; k < d; k++) {
    float *reader = d_table.reader + k * HEADS;
    STORE(reader, mul_add(SPLAT(table.last[k]), score, LOAD(reader)));
    d_last[k] += sum_of(MUL(score, LOAD(table.reader + k * HEADS)));
  }
  __builtin_memset(d_table.query, 0, sizeof(float) * d);
  for (int k = 0; k < d; k++)
    for (int h = 0; h < HEADS; h++) {
      vec up = SPLAT(scale * d_table.reader[k * HEADS + h]);
      for (int e = h * size; e < (h + 1) * size; e += 4) {
        float *query = d_table.query + e, *key = gradient.key + k * d + e;
        STORE(query, mul_add(up, LOAD(weights.key + k * d + e), LOAD(query)));
        STORE(key, mul_add(up, LOAD(table.query + e), LOAD(key)));
      }
    }
  for (int k = 0; k < d; k++) {
    vec sum = SPLAT(0.0f), token = SPLAT(table.last[k]);
    for (int j = 0; j < d; j += 4) {
      vec query = LOAD(d_table.query + j), value = LOAD(d_table.last_value + j);
      sum = mul_add(query, LOAD(weights.query + k * d + j), sum);
      sum = mul_add(value, LOAD(weights.value + k * d + j), sum);
      float *d_query = gradient.query + k * d + j, *d_value = gradient.value + k * d + j;
      STORE(d_query, mul_add(token, query, LOAD(d_query)));
      STORE(d_value, mul_add(token, value, LOAD(d_value)));
    }
    d_last[k] += sum_of(sum);
    E[p * d + k] += d_last[k];
    position[2 * d + k] += d_last[k];
  }
}
