/* Train a 3-2-1 network on "first AND last" and predict: see docs/c-interface.md. */
#include <stdio.h>
#include "fallline.h"
#define AT(array) FALLLINE_ADDRESS(array)
enum { N_ROWS = 8, SIZE = 16, EPOCHS = 20000 }; /* 11 parameters, padded to 64 bytes */

static double X[N_ROWS][3], Y[N_ROWS], theta[SIZE] = {.5, -.3, -.2, .4, .3, .6, 0, 0, -.4, .7, 0};
static double gradient[2 * SIZE], losses[8], costs[1], results[3], workspace[4096];
static double rate[] = {1.6}, no_momentum[5], layers[3][16], weights[7 * 8], probability[N_ROWS];
static int64_t order[N_ROWS], barrier[1], plan[8 + 8 * 2], length[1];
static int64_t sizes[] = {3, 2, 1}, hidden[] = {FALLLINE_ACTIVATION_SIGMOID, 0};

int main(void) {
    for (int i = 0; i < N_ROWS; i++) {
        for (int k = 0; k < 3; k++) X[i][k] = i >> (2 - k) & 1;
        Y[i] = X[i][0] * X[i][2], order[i] = i;
    }
    struct fallline_lay_out layout = {
        .sizes = AT(sizes), .codes = AT(hidden), .n_layers = 2, .samples = N_ROWS,
        .loss = FALLLINE_LOSS_BINARY_CROSS_ENTROPY, .plan = AT(plan), .length = AT(length),
        .workspace = AT(workspace)};
    fallline_lay_out_float64(&layout);
    struct fallline_train run = {
        .n_threads = 1, .n_runs = 1, .barrier = AT(barrier), .theta = AT(theta), .size = SIZE,
        .gradient = AT(gradient), .segment = SIZE, .losses = AT(losses), .costs = AT(costs),
        .X = AT(X), .Y = AT(Y), .orders = AT(order), .n_order = N_ROWS, .n_rows = N_ROWS,
        .batch_size = N_ROWS, .epochs = EPOCHS, .one_block = 1, .want_loss = 1, .learn = 1,
        .optimizer = FALLLINE_OPTIMIZER_DESCENT, .hyperparameters = AT(no_momentum),
        .rates = AT(rate), .n_rates = 1, .workspace = AT(workspace), .plan = AT(plan),
        .results = AT(results)};
    fallline_train_float64(&run);
    for (int i = 0; i < 4; i++) /* W over b, each row padded to 8 numbers: 4 x 2, then 3 x 1 */
        for (int j = 0; j < 2; j++) weights[8 * i + j] = theta[2 * i + j];
    for (int i = 0; i < 3; i++) weights[8 * (4 + i)] = theta[8 + i];
    struct fallline_predict answer = {
        .weights = AT(weights), .sizes = AT(sizes), .n_layers = 2, .codes = AT(hidden),
        .output = FALLLINE_OUTPUT_SIGMOID, .X = AT(X), .n_rows = N_ROWS, .workspace = AT(layers),
        .width = 16, .out = AT(probability)};
    if (!fallline_predict_float64(&answer)) return puts("an input is not finite"), 1;
    printf("loss %.17g\n", results[0] / results[1]);
    for (int i = 0; i < N_ROWS; i++) printf("%.17g\n", probability[i]);
    return 0;
}
