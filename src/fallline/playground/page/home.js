// Where the page lives: on its own server, or in a notebook, whose cell is then its host.

export const host = (window.frameElement && window.frameElement.falllineHost) || null;

export const readHash = () => (host ? host.address() : location.hash.slice(1));

export function writeHash(text) {
  if (host) host.setAddress(text);
  else history.replaceState(null, "", `${location.pathname}#${text}`);
}
