"""The C text of exported models; braces are doubled in parts that are formatted."""

__all__ = [
    "ACTIVATIONS",
    "BANDED",
    "CLIPPED",
    "DENSE",
    "FIND",
    "HEAD",
    "INTERVAL",
    "INTERVAL_HEAD",
    "LABEL",
    "LOOP",
    "PROVER",
    "RAMP",
    "SET",
    "SET_HEAD",
    "SOFTMAX",
    "TOP",
]

HEAD = """\
/* A trained network. Written by Fallline; regenerate to change.

   {p}_predict fills out[{n}] for one row and returns 0, or the number, from 1, of the column that
   cannot be used; out is then untouched.
   {out}

   A missing number is NAN, a missing text 0 or one of the usual marks such as "NA". A date is the
   days since 1970-01-01, with a fraction for the time of day. Texts are in UTF-8; a category is
   spelled as in the training table. */
#ifndef {P}_H
#define {P}_H

#ifdef __cplusplus
extern "C" {{
#endif

enum {{ {p}_n_columns = {columns}, {p}_n_results = {n} }};

struct {p}_row {{
{fields}
}};

extern const char *const {p}_columns[{columns}]; /* their names, in UTF-8 */
{labels}int {p}_predict(const struct {p}_row *row, double *out);
{sure}
#ifdef __cplusplus
}}
#endif

#endif
"""
TOP = """\
/* A trained network. Written by Fallline; regenerate to change. The header says how to use it.
   With -D{P}_FLOAT the network is computed in float, for processors without double. */
#include "{file}.h"

#include <math.h>

#ifdef {P}_FLOAT
typedef float real;
#define F(name) name##f
#else
typedef double real;
#define F(name) name
#endif

typedef {weight} weight;
"""
DENSE = """\
/* z = A W + b; W has a row of n_in weights for each unit */
static void dense(const real *A, int n_in, const weight *W, const weight *b, int n_out, real *z)
{
    int i, j;
    for (j = 0; j < n_out; j++) {
        real sum = b[j];
        for (i = 0; i < n_in; i++)
            sum += A[i] * W[i];
        W += n_in;
        z[j] = sum;
    }
}
"""
BANDED = """\
/* the same where each unit takes count[j] inputs from first[j] on */
static void banded(const real *A, const int *first, const int *count, const weight *W,
                   const weight *b, int n_out, real *z)
{
    int i, j;
    for (j = 0; j < n_out; j++) {
        real sum = b[j];
        for (i = 0; i < count[j]; i++)
            sum += A[first[j] + i] * W[i];
        W += count[j];
        z[j] = sum;
    }
}
"""
CLIPPED = """\
static double scaled(double x, double shift, double scale)
{
    double z = (x - shift) / scale;
    if (z < -1e150)
        z = -1e150;
    if (z > 1e150)
        z = 1e150;
    return z;
}

static double clipped(double x, double shift, double scale)
{
    double z = scaled(x, shift, scale);
    return z / sqrt(1.0 + (z / 3.0) * (z / 3.0));
}
"""
RAMP = """\
/* how far x has come from r[0] to r[1], less r[2] */
static double ramp(double x, const double *r)
{
    double part = (x - r[0]) / (r[1] - r[0]);
    if (part < 0.0)
        part = 0.0;
    if (part > 1.0)
        part = 1.0;
    return part - r[2];
}
"""
FIND = """\
static const char *const marks[] = {{{marks}}};

static int same(const char *text, int length, const char *name)
{{
    int i;
    if (!name)
        return 0;
    for (i = 0; i < length; i++)
        if (text[i] != name[i])
            return 0;
    return name[length] == 0;
}}

static int blank(char c)
{{
    return c == ' ' || (c >= 9 && c <= 13);
}}

/* the position of a text among n names; n for another text, n + 1 for a missing one */
static int find(const char *text, const char *const *names, int n, int by_letter)
{{
    int i, length = 0;
    if (!text)
        return n + 1;
    while (blank(*text))
        text++;
    while (text[length])
        length++;
    while (length && blank(text[length - 1]))
        length--;
    for (i = 0; i < (int)(sizeof marks / sizeof *marks); i++)
        if (same(text, length, marks[i]))
            return n + 1;
    if (by_letter) {{
        int letter = 1;
        while (letter < length && (text[letter] & 0xC0) == 0x80)
            letter++;
        length = letter;
    }}
    for (i = 0; i < n; i++)
        if (same(text, length, names[i]))
            return i;
    return n;
}}
"""
LABEL = """\
int {p}_label(const double *out)
{{
    int k, best = 0;
    for (k = 1; k < {n}; k++)
        if (out[k] {above} out[best])
            best = k;
    return best;
}}
"""
SET = """\
int {p}_set(const double *out, int *set)
{{
    static const double quantiles[{n}] = {{{quantiles}}};
    int k, size = 0, best = {p}_label(out);
    for (k = 0; k < {n}; k++) {{
        set[k] = k == best || 1.0 - out[k] <= quantiles[k];
        size += set[k];
    }}
    return size;
}}
"""
INTERVAL_HEAD = """\
/* ends[0] to ends[1] hold the true value for {level} of new rows; returns what {p}_predict does */
int {p}_interval(const struct {p}_row *row, double *ends);
"""
SET_HEAD = """\
/* set[k] is 1 where {p}_labels[k] is in the row's set, else 0: the sets hold the true label for
   {level} of new rows; out is of {p}_predict, and set has {n} numbers; returns how many are 1 */
int {p}_set(const double *out, int *set);
"""
INTERVAL = """\
int {p}_predict(const struct {p}_row *row, double *out)
{{
    return compute(row, out, 0);
}}

int {p}_interval(const struct {p}_row *row, double *ends)
{{
    double out[1];
    return compute(row, out, ends);
}}
"""
# Each writes over z[n].
ACTIVATIONS = {
    "sigmoid": "z[j] = 1 / (1 + F(exp)(-z[j]));",
    "tanh": "z[j] = F(tanh)(z[j]);",
    "relu": "z[j] = z[j] > 0 ? z[j] : 0;",
    "leaky_relu": "z[j] = z[j] > 0 ? z[j] : (real)0.01 * z[j];",
    "elu": "z[j] = z[j] > 0 ? z[j] : F(expm1)(z[j]);",
    "gelu": "z[j] = z[j] * (real)0.5 * F(erfc)(-z[j] * (real)0.70710678118654752440);",
    "silu": "z[j] = z[j] / (1 + F(exp)(-z[j]));",
    "softplus": "z[j] = F(fmax)(z[j], 0) + F(log1p)(F(exp)(-F(fabs)(z[j])));",
    "identity": "",
    "exp": "z[j] = F(exp)(F(fmin)(z[j], (real)(sizeof(real) == 4 ? 88.7218 : 709.7817123930504)));",
    "softmax": "",
}
LOOP = """\
static void to_{name}(real *z, int n)
{{
    int j;
    for (j = 0; j < n; j++)
        {body}
}}
"""
SOFTMAX = """\
static void to_softmax(real *z, int n)
{
    int j;
    real largest = z[0], sum = 0;
    for (j = 1; j < n; j++)
        if (z[j] > largest)
            largest = z[j];
    for (j = 0; j < n; j++) {
        z[j] = F(exp)(z[j] - largest);
        sum += z[j];
    }
    for (j = 0; j < n; j++)
        z[j] /= sum;
}
"""

# Reads rows from standard input, and prints what the model predicts.
PROVER = """
#include <stdio.h>
#include "{stem}.h"

static double number(void)
{{
    char text[64] = "";
    double value = 0;
    if (scanf("%63s", text) != 1 || sscanf(text, "%lf", &value) != 1)
        value = 0;
    return value;
}}

static const char *text(char *into)
{{
    long n = -1;
    if (scanf("%ld", &n) != 1 || n < 0)
        return 0;
    getchar();
    n = (long)fread(into, 1, (unsigned long)n, stdin);
    into[n] = 0;
    return into;
}}

int main(void)
{{
    static char cells[{columns}][{longest}];
    struct {p}_row row;
    double out[{n}];
    long i, k;
    (void)cells;
    (void)text;
    for (i = 0; i < {rows}; i++) {{
{fill}
        if ({p}_predict(&row, out))
            return 1;
        for (k = 0; k < {n}; k++)
            printf("%.17g ", out[k]);
        {label}
    }}
    return 0;
}}
"""
