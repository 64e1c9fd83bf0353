/* Make recorded calls again and compare what they leave: replay LIBRARY FILE. See __init__.py. */
#include <dlfcn.h>
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static char *next; /* in the file */

static int64_t word(void) {
    int64_t value;
    memcpy(&value, next, 8);
    next += 8;
    return value;
}

static double number(int kind, const char *bytes, int64_t i) {
    if (kind == 8) return ((const double *)bytes)[i];
    return kind == 4 ? ((const float *)bytes)[i] : (double)((const int64_t *)bytes)[i];
}

/* The largest difference, relative to the largest number. */
static double difference(int kind, const char *got, const char *want, int64_t length) {
    double worst = 0, largest = 0;
    for (int64_t i = 0; i < length / (kind == 4 ? 4 : 8); i++) {
        double a = number(kind, got, i), b = number(kind, want, i);
        if (isfinite(b) && fabs(b) > largest) largest = fabs(b);
        if (a == b || (isnan(a) && isnan(b))) continue;
        if (!(fabs(a - b) <= worst)) worst = fabs(a - b);
    }
    return worst == 0 ? 0 : worst / largest;
}

int main(int count, char **arguments) {
    void *library = count == 3 ? dlopen(arguments[1], RTLD_NOW) : NULL;
    FILE *file = library ? fopen(arguments[2], "rb") : NULL;
    if (!file) return fprintf(stderr, "%s\n", library ? "no such file" : dlerror()), 2;
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    next = malloc(size);
    rewind(file);
    if (fread(next, 1, size, file) != (size_t)size) return 2;
    int64_t calls = word();
    long arrays = 0, different = 0;
    double worst = 0;
    for (int64_t c = 0; c < calls; c++) {
        const char *name = next;
        next += 128;
        int64_t fields = word(), record[64];
        struct { int kind; int64_t length; char *got, *want; } array[64];
        for (int f = 0; f < fields; f++) {
            array[f].kind = word();
            int64_t value = array[f].length = word();
            if (array[f].kind == 0) {
                record[f] = value;
                continue;
            }
            int64_t whole = (value + 7) / 8 * 8;
            array[f].got = aligned_alloc(64, (value + 127) / 64 * 64);
            memcpy(array[f].got, next, value);
            array[f].want = next + whole;
            record[f] = (int64_t)(uintptr_t)array[f].got;
            next += 2 * whole;
        }
        int64_t (*function)(const void *) = (int64_t(*)(const void *))dlsym(library, name);
        if (!function) return fprintf(stderr, "no function %s\n", name), 2;
        function(record);
        for (int f = 0; f < fields; f++) {
            if (array[f].kind == 0) continue;
            arrays++;
            if (memcmp(array[f].got, array[f].want, array[f].length)) {
                double d = difference(array[f].kind, array[f].got, array[f].want, array[f].length);
                if (!(d <= worst)) worst = d;
                if (different++ < 9) fprintf(stderr, "call %d %s field %d: %g\n", (int)c, name, f, d);
            }
            free(array[f].got);
        }
    }
    printf("%ld %ld %ld %g\n", (long)calls, arrays, different, worst);
    return 0;
}
