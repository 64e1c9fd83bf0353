// The place of the page: by itself, or in a notebook, whose cell is then its host.

export const host = (window.frameElement && window.frameElement.falllineHost) || null;

export const readHash = () => (host ? host.address() : location.hash.slice(1));

export function writeHash(text) {
  if (host) host.setAddress(text);
  else history.replaceState(null, "", `#${text}`);
}

/** Send a network at rest to the notebook. */
export function tellHost(problem, frame, setup) {
  if (host && host.stands && problem && !frame.playing) host.stands(problem, frame, setup);
}
