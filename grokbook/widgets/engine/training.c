/* One step of training: the objectives of grokbook.strategies and AdamW of grokbook.steps.
 *
 * The page (or a test) calls `create`, sets what it likes, calls `start`, then `step`, `measure`
 * and `information`. All randomness comes from four streams of the seed, see random.h. */
#include "engine.h"

#define EXPORT(name) __attribute__((export_name(name)))

static network first_moment, second_moment;
static float *blocks, *kept; /* weights and both moments, one after the other; a copy of them */
static float *difference;    /* of a pair's logits and its mirror image's */
static float *noise;         /* of a chunk */
static const float *given;   /* standard normal numbers from outside, in place of our own */
static generator noise_stream, metrics_stream;

static struct {
  double lr, decay, beta_1, beta_2, lambda_1, lambda_2, coefficient;
  int warmup, refresh;
} settings;

static struct {
  int step;
  double sigma;
  generator noise_stream;
} now, then;

static pair mirrored(pair asked) { return (pair){asked.b, asked.a}; }

/* Allocate everything for p classes, `points` training pairs, and a training of enum training. */
EXPORT("create") void create(int p, int d, int mlp, int points, int training) {
  task.p = p, task.d = d, task.mlp = mlp, task.points = points, task.training = training;
  task.width = padded(p, 8);
  task.rows = training == ABELIAN || training == MIRRORED ? 2 * points : points;
  lay_out(&weights, 0); /* for task.count */
  blocks = allocate(sizeof(float) * 3 * task.count);
  kept = allocate(sizeof(float) * 3 * task.count);
  lay_out(&weights, blocks);
  lay_out(&first_moment, blocks + task.count);
  lay_out(&second_moment, blocks + 2 * task.count);
  lay_out(&gradient, allocate(sizeof(float) * task.count));
  task.pairs = allocate(sizeof(pair) * p * p);
  task.step_rows = allocate(sizeof(pair) * task.rows);
  difference = allocate(sizeof(float) * task.width);
  noise = allocate(sizeof(float) * CHUNK * 3 * d);
  make_network();
}

/* All pairs in a random order, by Fisher and Yates; the first `points` train. */
EXPORT("split") void split(uint32_t seed) {
  generator source;
  seed_stream(&source, seed, SPLIT);
  int p = task.p;
  for (int i = 0; i < p * p; i++) task.pairs[i] = (pair){i / p, i % p};
  for (int i = p * p - 1; i > 0; i--) {
    uint32_t word = (uint32_t)wasm_i32x4_extract_lane(next_words(&source), 0);
    int j = (int)(((uint64_t)word * (uint32_t)(i + 1)) >> 32);
    pair swapped = task.pairs[i];
    task.pairs[i] = task.pairs[j];
    task.pairs[j] = swapped;
  }
}

/* Weights N(0, 1) / sqrt d, the unembedding's N(0, 1) / sqrt p, biases 0, as in the paper. */
EXPORT("initialise") void initialise(uint32_t seed) {
  generator source;
  seed_stream(&source, seed, INITIAL);
  int d = task.d, mlp = task.mlp, width = task.width;
  float scale = 1.0f / __builtin_sqrtf((float)d);
  fill_normal(&source, weights.embedding, (task.p + 1) * d, scale);
  fill_normal(&source, weights.position, 3 * d, scale);
  fill_normal(&source, weights.query, d * d, scale);
  fill_normal(&source, weights.key, d * d, scale);
  fill_normal(&source, weights.value, d * d, scale);
  fill_normal(&source, weights.output, d * d, scale);
  fill_normal(&source, weights.mlp_in, d * mlp, scale);
  fill_normal(&source, weights.mlp_out, d * mlp, scale);
  fill_normal(&source, weights.unembedding, d * width, 1.0f / __builtin_sqrtf((float)task.p));
  for (int k = 0; k < d; k++)
    for (int j = task.p; j < width; j++) weights.unembedding[k * width + j] = 0;
}

/* Begin at step 0 with the split, the weights and the settings as they are. */
EXPORT("start") void start(uint32_t seed) {
  int half = CHUNK / 2, n = task.points;
  seed_stream(&noise_stream, seed, NOISE);
  seed_stream(&metrics_stream, seed, METRICS);
  now.step = 0, now.sigma = -1;
  if (task.rows == n) {
    __builtin_memcpy(task.step_rows, task.pairs, sizeof(pair) * n);
    return;
  }
  /* Chunks of pairs and then of their mirror images. */
  for (int from = 0, to = 0; from < n; from += half) {
    int count = n - from < half ? n - from : half;
    for (int i = 0; i < count; i++) {
      task.step_rows[to + i] = task.pairs[from + i];
      task.step_rows[to + count + i] = mirrored(task.pairs[from + i]);
    }
    to += 2 * count;
  }
}

EXPORT("optimizer")
void optimizer(double lr, double decay, double beta_1, double beta_2, int warmup) {
  settings.lr = lr, settings.decay = decay;
  settings.beta_1 = beta_1, settings.beta_2 = beta_2, settings.warmup = warmup;
}

EXPORT("strategy")
void strategy(double lambda_1, double lambda_2, int refresh, double coefficient) {
  settings.lambda_1 = lambda_1, settings.lambda_2 = lambda_2;
  settings.refresh = refresh, settings.coefficient = coefficient;
}

/* Read standard normal numbers (rows x 3d) from here, not from the generator; 0 to end that. */
EXPORT("inject") void inject(const float *numbers) { given = numbers; }

/* sigma times the noise of rows `from` to `from + rows`. */
const float *draw(int from, int rows, double sigma, int for_metrics) {
  int count = rows * 3 * task.d;
  if (given) {
    const float *source = given + from * 3 * task.d;
    for (int i = 0; i < count; i++) noise[i] = (float)sigma * source[i];
  } else {
    fill_normal(for_metrics ? &metrics_stream : &noise_stream, noise, count, (float)sigma);
  }
  return noise;
}

/* Cross-entropy of one row of logits, in float64; they become its gradient times `weight`. */
double cross_entropy(float *logits, int answer, double weight, int *prediction) {
  int best = 0, width = task.width;
  for (int j = 1; j < task.p; j++)
    if (logits[j] > logits[best]) best = j;
  *prediction = best;
  float highest = logits[best];
  double behind = (double)highest - (double)logits[answer];
  vec shift = SPLAT(highest);
  for (int j = 0; j < width; j += 4) STORE(logits + j, exp_of(SUB(LOAD(logits + j), shift)));
  logits[best] = 0;
  double rest = 0;
  for (int j = 0; j < width; j += 4) rest += exact_sum_of(LOAD(logits + j));
  logits[best] = 1; /* its share is known exactly: the total is 1 + rest, without rounding */
  double others = answer == best ? rest : 1 + rest - logits[answer];
  double factor = weight / (1 + rest);
  vec scale = SPLAT((float)factor);
  for (int j = 0; j < width; j += 4) STORE(logits + j, MUL(LOAD(logits + j), scale));
  logits[answer] = (float)(-factor * others);
  return behind + log1p_of(rest);
}

/* coefficient times mean (f(a, b) - f(b, a))^2 over pairs and classes, and its gradient. */
static double abelian_chunk(int pairs, int first_row) {
  int width = task.width, ignored;
  double law = 0, loss = 0, n = task.points;
  float factor = (float)(2 * settings.coefficient / (n * task.p));
  for (int i = 0; i < pairs; i++) {
    float *forward_row = at.logits + i * width, *mirror_row = at.logits + (pairs + i) * width;
    for (int j = 0; j < width; j += 4) {
      vec apart = SUB(LOAD(forward_row + j), LOAD(mirror_row + j));
      law += exact_sum_of(MUL(apart, apart));
      STORE(difference + j, MUL(apart, SPLAT(factor)));
    }
    loss += cross_entropy(forward_row, answer_to(task.step_rows[first_row + i]), 1 / n, &ignored);
    for (int j = 0; j < width; j += 4) {
      vec up = LOAD(difference + j);
      STORE(forward_row + j, ADD(LOAD(forward_row + j), up));
      STORE(mirror_row + j, wasm_f32x4_neg(up));
    }
  }
  return loss / n + settings.coefficient * law / (n * task.p);
}

static double power(double base, int exponent) {
  double result = 1;
  for (; exponent; exponent >>= 1, base *= base)
    if (exponent & 1) result *= base;
  return result;
}

/* One step of AdamW, as torch.optim.AdamW takes it. */
static void descend(void) {
  int taken = now.step, warmup = settings.warmup > 1 ? settings.warmup : 1;
  double share = (taken + 1.0) / warmup, lr = settings.lr * (share < 1 ? share : 1);
  double b1 = settings.beta_1, b2 = settings.beta_2;
  double correction_1 = 1 - power(b1, taken + 1), correction_2 = 1 - power(b2, taken + 1);
  vec keep = SPLAT((float)(1 - lr * settings.decay)), rate = SPLAT((float)(lr / correction_1));
  vec beta_1 = SPLAT((float)b1), new_1 = SPLAT((float)(1 - b1));
  vec beta_2 = SPLAT((float)b2), new_2 = SPLAT((float)(1 - b2));
  vec root = SPLAT((float)__builtin_sqrt(correction_2)), epsilon = SPLAT(1e-8f);
  float *w = weights.embedding, *g = gradient.embedding;
  float *m = first_moment.embedding, *v = second_moment.embedding;
  for (int i = 0; i < task.count; i += 4) {
    vec up = LOAD(g + i);
    vec mean = mul_add(beta_1, LOAD(m + i), MUL(new_1, up));
    vec square = mul_add(beta_2, LOAD(v + i), MUL(new_2, MUL(up, up)));
    vec under = ADD(wasm_f32x4_div(wasm_f32x4_sqrt(square), root), epsilon);
    STORE(m + i, mean);
    STORE(v + i, square);
    vec move = wasm_f32x4_div(MUL(rate, mean), under);
    STORE(w + i, SUB(MUL(keep, LOAD(w + i)), move));
  }
}

/* Share of training pairs answered rightly, without noise. */
static double train_accuracy(void) {
  int right = 0, ignored;
  prepare(0);
  for (int from = 0; from < task.points; from += CHUNK) {
    int rows = task.points - from < CHUNK ? task.points - from : CHUNK;
    forward(task.pairs + from, rows, 0);
    for (int i = 0; i < rows; i++) {
      int answer = answer_to(task.pairs[from + i]), *best = &ignored;
      cross_entropy(at.logits + i * task.width, answer, 1, best);
      right += ignored == answer;
    }
  }
  return (double)right / task.points;
}

static void update_sigma(void) {
  if (now.step % settings.refresh && now.sigma >= 0) return;
  double adaptive = settings.lambda_1 * (1 - train_accuracy());
  now.sigma = adaptive > settings.lambda_2 ? adaptive : settings.lambda_2;
}

/* Descend the training loss once and return it as it was before. */
EXPORT("step") double step(void) {
  int noisy = task.training == PERTURBED && (settings.lambda_1 > 0 || settings.lambda_2 > 0);
  int law = task.training == ABELIAN, ignored;
  double loss = 0, weight = 1.0 / task.rows;
  if (noisy) update_sigma();
  prepare(noisy);
  clear_gradient();
  for (int from = 0; from < task.rows; from += CHUNK) {
    int rows = task.rows - from < CHUNK ? task.rows - from : CHUNK;
    const pair *chunk_rows = task.step_rows + from;
    forward(chunk_rows, rows, noisy ? draw(from, rows, now.sigma, 0) : 0);
    if (law) {
      loss += abelian_chunk(rows / 2, from);
    } else {
      for (int i = 0; i < rows; i++) {
        float *logits = at.logits + i * task.width;
        loss += weight * cross_entropy(logits, answer_to(chunk_rows[i]), weight, &ignored);
      }
    }
    backward(chunk_rows, rows, noisy);
  }
  if (!noisy) finish_tables();
  descend();
  now.step++;
  return loss;
}

/* Keep this state, and go back to the one kept. */
EXPORT("keep") void keep(void) {
  __builtin_memcpy(kept, blocks, sizeof(float) * 3 * task.count);
  now.noise_stream = noise_stream;
  then = now;
}

EXPORT("go_back") void go_back(void) {
  __builtin_memcpy(blocks, kept, sizeof(float) * 3 * task.count);
  now = then;
  noise_stream = now.noise_stream;
}

EXPORT("taken") int taken(void) { return now.step; }
EXPORT("sigma") double sigma(void) { return now.sigma; }
EXPORT("sizes") int sizes(void) { return task.count; }
EXPORT("tensors") float **tensors(void) { return &weights.embedding; }
EXPORT("gradients") float **gradients(void) { return &gradient.embedding; }
EXPORT("pairs") pair *pairs(void) { return task.pairs; }
EXPORT("reserve") void *reserve(int bytes) { return allocate((size_t)bytes); }
EXPORT("metrics_noise_from") void metrics_noise_from(uint32_t seed) {
  seed_stream(&metrics_stream, seed, METRICS);
}
