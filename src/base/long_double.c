/* INCRBYFLOAT computes in the C type `long double`: 80 bits on x86-64, 128 on
 * AArch64, as Redis does, so that 1 + -1.1 prints as -0.1. */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>

/* Parses the NUL-terminated `text` of `len` bytes whole. Returns 0 if it is not a number. */
static int parse(const char *text, size_t len, long double *out) {
    char *end;
    errno = 0;
    *out = strtold(text, &end);
    if (end != text + len) return 0;
    if (errno == ERANGE && (*out == HUGE_VALL || *out == -HUGE_VALL || *out == 0)) return 0;
    return !isnan(*out);
}

/* 1 if `text` is a number in the sense of INCRBYFLOAT, else 0. */
int sidering_long_double_valid(const char *text, size_t len) {
    long double value;
    return parse(text, len, &value);
}

/* Adds two numbers and prints the sum in Redis's human format into `out`.
 * Returns the length, -1 if an operand is not a number, -2 if the sum is not finite. */
int sidering_long_double_add(const char *a, size_t a_len, const char *b, size_t b_len, char *out,
                             size_t out_len) {
    long double x, y;
    if (!parse(a, a_len, &x) || !parse(b, b_len, &y)) return -1;
    long double sum = x + y;
    if (isnan(sum) || isinf(sum)) return -2;
    int len = snprintf(out, out_len, "%.17Lf", sum);
    if (len <= 0 || (size_t)len >= out_len) return -2;
    while (out[len - 1] == '0') len--;
    if (out[len - 1] == '.') len--;
    if (len == 2 && out[0] == '-' && out[1] == '0') {
        out[0] = '0';
        len = 1;
    }
    return len;
}
