/* The engine's state, shared by its files. One instance of the module trains one network. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "random.h"

enum {
  HEADS = 4,  /* one float a head: a row of scores is one vector */
  CHUNK = 64, /* rows that go through the network together; a multiple of 8 */
  TENSORS = 11
};

enum training { STANDARD, PERTURBED, ABELIAN, MIRRORED };

/* The tensors of grokbook.models.Transformer, in its order, one after the other in memory. Rows of
 * the unembedding are padded with zeros to `width` columns. */
typedef struct {
  float *embedding, *position, *query, *key, *value, *output;
  float *mlp_in, *mlp_in_bias, *mlp_out, *mlp_out_bias, *unembedding;
} network;

typedef struct {
  int32_t a, b;
} pair;

typedef struct {
  int p, d, mlp, width; /* width: p rounded up to a multiple of 8 */
  int count;            /* floats of a network, padding included */
  int points, rows;     /* training pairs; rows of a step, mirror images included */
  enum training training;
  pair *pairs, *step_rows; /* all p * p, training pairs first; what a step reads */
} problem;

extern problem task;
extern network weights, gradient;

/* Bytes from the end of memory, zeroed, aligned to 16; never freed: the instance is thrown away. */
void *allocate(size_t bytes);

void lay_out(network *tensors, float *start);

/* What one chunk of rows leaves behind, each row-major with the widths given. */
typedef struct {
  float *inputs;                          /* rows x 3d, only with noise */
  float *heads, *residual, *hidden, *out; /* d, d, mlp, d */
  float *logits;                          /* width; turned into their gradient in place */
} chunk;

extern chunk at;

void make_network(void);

/* Tables and packed weights; before the first chunk after the weights changed. */
void prepare(int noisy);

/* Logits of up to CHUNK pairs, with `noise` (rows x 3d) added to the embedded tokens unless 0. */
void forward(const pair *pairs, int rows, const float *noise);

/* Add to the gradient what `at.logits`, a gradient now, gives for the chunk last forwarded. */
void backward(const pair *pairs, int rows, int noisy);

void clear_gradient(void);

/* Add what the tables gathered; after the last chunk of a step without noise. */
void finish_tables(void);

/* Attention of noisy tokens (noisy.c): `at.inputs` to `at.heads`, and back. */
void make_noisy(void);
void prepare_noisy(void);
void noisy_heads(int rows);
void noisy_backward(const pair *pairs, int rows, const float *d_residual, const float *d_heads);

static inline int padded(int count, int to) { return (count + to - 1) / to * to; }

static inline int answer_to(pair asked) { return (asked.a + asked.b) % task.p; }
