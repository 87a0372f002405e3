/* Blocked matrix products in plain 128-bit SIMD. */
#pragma once

/* Row-major B (depth x columns, rows `stride` apart) in panels of 8 columns; columns % 8 == 0. */
void pack(float *panels, const float *b, int stride, int depth, int columns);

/* The same for the transpose of a row-major matrix (columns x depth). */
void pack_transposed(float *panels, const float *b, int stride, int depth, int columns);

/* C = A B, or C += A B. Rows and columns of C are multiples of 4 and 8; `b` is packed. */
void product(float *c, int c_stride, const float *a, int a_stride, const float *b, int rows,
             int columns, int depth, int add);

/* C += A' B, with A stored as depth x rows. */
void add_transposed_product(float *c, int c_stride, const float *a, int a_stride, const float *b,
                            int rows, int columns, int depth);
