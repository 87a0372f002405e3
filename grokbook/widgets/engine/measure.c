/* What the page shows: answers to all pairs, accuracies, losses, weight norm; PMI and PE. */
#include "engine.h"
#include "matmul.h"

#define EXPORT(name) __attribute__((export_name(name)))

const float *draw(int from, int rows, double sigma, int for_metrics);
double cross_entropy(float *logits, int answer, double weight, int *prediction);

enum { TRAIN, SEEN_MIRRORED, UNSEEN, KINDS };

static uint8_t *kinds, *answers; /* of every pair (a, b), at a p + b */

static struct {
  double accuracy[KINDS]; /* of training pairs, of their mirror images, of all others */
  double test_accuracy, train_loss, test_loss, norm, information, entropy;
} results;

EXPORT("results") double *results_of(void) { return results.accuracy; }
EXPORT("answers") uint8_t *answers_of(void) { return answers; }
EXPORT("kinds") uint8_t *kinds_of(void) { return kinds; }

/* Sort the pairs into kinds; once, after the split. */
EXPORT("sort_pairs") void sort_pairs(void) {
  int p = task.p;
  if (!kinds) kinds = allocate(p * p), answers = allocate(p * p);
  for (int i = 0; i < p * p; i++) kinds[i] = UNSEEN;
  for (int i = 0; i < task.points; i++)
    kinds[task.pairs[i].b * p + task.pairs[i].a] = SEEN_MIRRORED;
  for (int i = 0; i < task.points; i++) kinds[task.pairs[i].a * p + task.pairs[i].b] = TRAIN;
}

static double ratio(double part, double whole) { return part / whole; } /* 0 / 0 is NaN */

/* Ask every pair. */
EXPORT("measure") void measure(void) {
  int p = task.p, all = p * p;
  double right[KINDS] = {0}, count[KINDS] = {0}, loss[KINDS] = {0};
  prepare(0);
  for (int from = 0; from < all; from += CHUNK) {
    int rows = all - from < CHUNK ? all - from : CHUNK;
    const pair *asked = task.pairs + from;
    forward(asked, rows, 0);
    for (int i = 0; i < rows; i++) {
      int cell = asked[i].a * p + asked[i].b, answer = answer_to(asked[i]), kind = kinds[cell];
      int best;
      loss[kind] += cross_entropy(at.logits + i * task.width, answer, 1, &best);
      answers[cell] = (uint8_t)best;
      right[kind] += best == answer;
      count[kind] += 1;
    }
  }
  for (int kind = 0; kind < KINDS; kind++)
    results.accuracy[kind] = ratio(right[kind], count[kind]);
  double tested = count[SEEN_MIRRORED] + count[UNSEEN];
  results.test_accuracy = ratio(right[SEEN_MIRRORED] + right[UNSEEN], tested);
  results.train_loss = ratio(loss[TRAIN], count[TRAIN]);
  results.test_loss = ratio(loss[SEEN_MIRRORED] + loss[UNSEEN], tested);
  double squares = 0;
  for (int i = 0; i < task.count; i++)
    squares += (double)weights.embedding[i] * weights.embedding[i];
  results.norm = __builtin_sqrt(squares);
}

/* The logits of one pair, p floats. */
EXPORT("logits") const float *logits(int a, int b) {
  pair asked = {a, b};
  prepare(0);
  forward(&asked, 1, 0);
  return at.logits;
}

/* Scale a row to length one; a zero row becomes the first unit vector, as in unit_features. */
static void to_unit(float *to, const float *row, int columns, int width) {
  double square = 0;
  for (int k = 0; k < columns; k++) square += (double)row[k] * row[k];
  float scale = square > 0 ? (float)(1 / __builtin_sqrt(square)) : 0;
  for (int k = 0; k < width; k++) to[k] = k < columns ? scale * row[k] : 0;
  if (square == 0) to[0] = 1;
}

/* PMI and PE at order 2: entropies -log (||G||_F^2 / n^2) of Gram matrices G, mean over batches of
 * training pairs (Definitions 5.1 and 5.2; the last batch may be smaller). */
EXPORT("information") void information(double sigma, int batch) {
  int d = task.d, width = task.width, most = padded(batch, 8), blocks = padded(most, CHUNK);
  static float *first, *second, *packed, *gram_1, *gram_2;
  static int room;
  if (room < blocks) {
    int widest = d > width ? d : width;
    room = blocks;
    first = allocate(sizeof(float) * blocks * d), second = allocate(sizeof(float) * blocks * width);
    packed = allocate(sizeof(float) * most * widest);
    gram_1 = allocate(sizeof(float) * CHUNK * most), gram_2 = allocate(sizeof(float) * CHUNK * most);
  }
  double mutual = 0, entropy = 0;
  prepare(1);
  for (int start = 0; start < task.points; start += batch) {
    int n = task.points - start < batch ? task.points - start : batch, filled = padded(n, 8);
    __builtin_memset(first, 0, sizeof(float) * blocks * d);
    __builtin_memset(second, 0, sizeof(float) * blocks * width);
    for (int from = 0; from < n; from += CHUNK) {
      int rows = n - from < CHUNK ? n - from : CHUNK;
      forward(task.pairs + start + from, rows, draw(start + from, rows, sigma, 1));
      for (int i = 0; i < rows; i++) {
        to_unit(first + (from + i) * d, at.residual + i * d, d, d);
        to_unit(second + (from + i) * width, at.logits + i * width, task.p, width);
      }
    }
    double square_1 = 0, square_2 = 0, square_both = 0;
    for (int from = 0; from < filled; from += CHUNK) {
      int rows = filled - from < CHUNK ? filled - from : CHUNK;
      pack_transposed(packed, first, d, d, filled);
      product(gram_1, filled, first + from * d, d, packed, rows, filled, d, 0);
      pack_transposed(packed, second, width, width, filled);
      product(gram_2, filled, second + from * width, width, packed, rows, filled, width, 0);
      for (int k = 0; k < rows * filled; k += 4) {
        vec one = LOAD(gram_1 + k), two = LOAD(gram_2 + k), both = MUL(one, two);
        square_1 += exact_sum_of(MUL(one, one));
        square_2 += exact_sum_of(MUL(two, two));
        square_both += exact_sum_of(MUL(both, both));
      }
    }
    double share = (double)n / task.points, scale = 1.0 / ((double)n * n);
    /* -log x = log1p(1 / x - 1), x being at most 1 but for rounding */
    double bits[3] = {square_1 * scale, square_2 * scale, square_both * scale};
    for (int i = 0; i < 3; i++) bits[i] = bits[i] < 1 ? log1p_of(1 / bits[i] - 1) : 0;
    mutual += share * (bits[0] + bits[1] - bits[2]);
    entropy += share * bits[1];
  }
  results.information = mutual;
  results.entropy = entropy;
}
