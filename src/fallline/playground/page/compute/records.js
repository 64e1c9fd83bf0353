// What the engine's functions are given: records of 8-byte fields, in this order, and the numbers
// of its functions. Made by fallline.engine.build from engine/records.py and engine/codes.py.

export const SOURCES = 752210352576379n; // of the kernels

export const ACTIVATIONS = [
  "identity", "sigmoid", "tanh", "relu", "leaky_relu", "elu", "gelu", "silu", "softplus",
];

export const LOSSES = [
  "squared_error", "binary_cross_entropy", "cross_entropy", "absolute_error", "huber",
  "poisson",
];

export const OPTIMIZERS = [
  "descent", "momentum", "nesterov", "rmsprop", "adam", "adamw",
];

export const OUTPUTS = [
  "identity", "sigmoid", "softmax", "exp",
];

/** The fields of each record by name, each with its kind. */
export const RECORDS = {
  train: [
    "thread: int", "n_threads: int", "barrier: int*", "theta: real*", "gradient: real*",
    "first: real*", "second: real*", "is_weight: real*", "size: int", "segment: int",
    "losses: float*", "costs: float*", "X: real*", "Y: real*", "weight: real*", "orders: int*",
    "n_order: int", "n_rows: int", "batch_size: int", "epochs: int", "one_block: int",
    "want_loss: int", "sum_before: float", "mass_before: float", "optimizer: int",
    "hyperparameters: float*", "rates: float*", "n_rates: int", "step: int", "l2: float",
    "l1: float", "penalty_per_mass: int", "learn: int", "dropout: float", "keys: int*",
    "n_keys: int", "n_hidden: int", "logits: real*", "workspace: real*", "plan: int*",
    "n_runs: int", "every: int", "first_epoch: int", "recorded: float*", "limit: float",
    "lowest: float*", "best: real*", "before: real*", "results: float*", "lookups: int*",
    "fractions: real*", "n_lookups: int", "n_fractions: int", "columns: int*", "centers: float*",
    "n_table_rows: int", "number_features: int*", "n_numbers: int", "lookup_space: real*",
    "blocks: int*",
  ],
  lay_out: [
    "sizes: int*", "codes: int*", "n_layers: int", "loss: int", "samples: int", "plan: int*",
    "length: int*", "workspace: real*",
  ],
  interleave: [
    "theta: real*", "gradient: real*", "first: real*", "second: real*", "is_weight: real*",
    "size: int", "workspace: real*", "plan: int*", "n_layers: int", "loss: int", "XY: real*",
    "n_columns: int", "orders: int*", "n_order: int", "n_rows: int", "batch_size: int",
    "epochs: int", "want_loss: int", "optimizer: int", "hyperparameters: float*", "rates: float*",
    "step: int", "l2: float", "l1: float", "shares: real*", "losses: float*", "results: float*",
  ],
  predict: [
    "weights: real*", "sizes: int*", "n_layers: int", "codes: int*", "output: int", "X: real*",
    "n_rows: int", "workspace: real*", "width: int", "out: real*", "blocks: int*",
    "lookups: int*", "fractions: real*", "n_lookups: int", "n_fractions: int", "columns: int*",
    "centers: float*", "n_table_rows: int", "number_features: int*", "n_numbers: int",
    "lookup_space: real*", "make_tables: int",
  ],
  shuffle: [
    "states: uint*", "n_generators: int", "n_rows: int", "count: int", "orders: int*",
  ],
  lbfgs: [
    "theta: float*", "gradient: float*", "loss: float", "size: int", "memory: int",
    "gradient_tolerance: float", "loss_tolerance: float", "state: float*", "direction: float*",
    "start: float*", "gradient_before: float*", "steps: float*", "changes: float*", "rho: float*",
    "alpha: float*",
  ],
  descend: [
    "theta: real*", "X: real*", "Y: real*", "shares: real*", "rates: float*", "n_rates: int",
    "epochs: int", "mass: float", "every: int", "first_epoch: int", "recorded: float*",
    "limit: float", "lowest: float*", "best: real*", "before: real*",
  ],
};
