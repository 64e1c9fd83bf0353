// The limits of the page, so that no address and no table makes it compute forever.

export const MAX_TABLE_BYTES = 50 * 1024 * 1024;
export const MAX_TABLE_NUMBERS = 20_000_000; // rows times features
export const MAX_HIDDEN_LAYERS = 6;
export const MAX_NEURONS = 64; // in a hidden layer
export const MAX_OUTPUTS = 30;
export const MAX_PARAMETERS = 20_000;
export const MAX_POINTS = 2_000; // made or drawn
export const MAX_EPOCHS = 1_000_000;
export const MAX_ROWS = 32; // of a truth table whose rows are edited
