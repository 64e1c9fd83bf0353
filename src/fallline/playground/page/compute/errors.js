// Errors for people: what was wrong, what is allowed, what to do next.

export class PageError extends Error {}

/** A value as a message shows it, in at most 60 characters. */
export const shown = (value) => {
  const text = typeof value === "string" ? `'${value}'` : (JSON.stringify(value) ?? String(value));
  return text.slice(0, 60);
};
