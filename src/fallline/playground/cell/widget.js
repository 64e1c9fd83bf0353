// A notebook's cell as the host of the page: the page in a frame, its messages over the widget's
// own connection. PAGE, the whole page as one text, stands above.

let views = 0;

function render({ model, el }) {
  const view = `${Date.now().toString(36)}-${(views += 1)}`;
  const uploads = new Map();
  let socket = null, uploading = 0;
  const send = (content, buffers) => model.send({ view, ...content }, undefined, buffers);

  const frame = document.createElement("iframe");
  frame.title = "Fallline playground";
  frame.style.cssText = `width: 100%; height: ${model.get("height")}px; border: 0; border-radius: 8px;`;
  frame.falllineHost = {
    theme: theme(),
    address: () => model.get("address"),
    setAddress(text) { model.set("address", text); model.save_changes(); },
    open() {
      socket = { readyState: 1, send: (text) => send({ text }) };
      send({ event: "open" });
      return socket;
    },
    upload(name, body) {
      uploading += 1;
      const number = uploading;
      return new Promise((resolve, reject) => {
        uploads.set(number, { resolve, reject });
        send({ event: "upload", number, name }, [Uint8Array.from(new Uint8Array(body)).buffer]);
      });
    },
  };

  const receive = (content, buffers) => {
    if (content.view !== view || !socket) return;
    if (content.event === "uploaded") {
      const { resolve, reject } = uploads.get(content.number);
      uploads.delete(content.number);
      if (content.error) reject(new Error(content.error)); else resolve(content.facts);
    } else if (content.event === "closed") socket.onclose();
    else if (content.text !== undefined) socket.onmessage({ data: content.text });
    else {
      const { buffer, byteOffset, byteLength } = buffers[0];
      socket.onmessage({ data: buffer.slice(byteOffset, byteOffset + byteLength) });
    }
  };
  model.on("msg:custom", receive);
  const beat = setInterval(() => send({ event: "alive" }), 20000);
  frame.srcdoc = PAGE;
  el.append(frame);
  return () => {
    clearInterval(beat);
    model.off("msg:custom", receive);
    send({ event: "close" });
  };
}

/** Light or dark, where the notebook says so. */
function theme() {
  const { jpThemeLight } = document.body.dataset;
  if (jpThemeLight) return jpThemeLight === "false" ? "dark" : "light";
  return document.querySelector(".dark, [data-theme=dark]") ? "dark" : null;
}

export default { render };
