// Parts of the page's file: bytes, packed by gzip, in base64.

export async function unpacked(text) {
  const letters = atob(text);
  const bytes = new Uint8Array(letters.length);
  for (let i = 0; i < bytes.length; i++) bytes[i] = letters.charCodeAt(i);
  const { readable, writable } = new DecompressionStream("gzip");
  const writer = writable.getWriter(); // WebKit cannot read a Blob's stream in the worker of a page from disk
  const written = writer.write(bytes).then(() => writer.close());
  const [found] = await Promise.all([joined(readable.getReader()), written]);
  return found;
}

/** All bytes that a reader gives. */
async function joined(reader) {
  const pieces = [];
  let length = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    pieces.push(value);
    length += value.length;
  }
  const all = new Uint8Array(length);
  let at = 0;
  for (const piece of pieces) {
    all.set(piece, at);
    at += piece.length;
  }
  return all;
}

export const unpackedText = async (text) => new TextDecoder().decode(await unpacked(text));
