// A notebook's cell as the host of the page: the page in a frame, which tells where its network
// stands.

function render({ model, el }) {
  const frame = document.createElement("iframe");
  frame.title = "Fallline playground";
  frame.style.cssText = `width: 100%; height: ${model.get("height")}px; border: 0; border-radius: 8px;`;
  frame.falllineHost = {
    theme: theme(),
    address: () => model.get("address"),
    setAddress(text) {
      model.set("address", text);
      model.save_changes();
    },
    /** A network at rest: its architecture, and its parameters as bytes. */
    stands({ sizes, activations, loss }, { theta }, { network }) {
      const { init, seed } = network;
      model.set("theta", new DataView(theta.slice().buffer));
      model.set("standing", { sizes, hidden: activations.slice(0, -1), loss, init, seed });
      model.save_changes();
    },
  };
  frame.srcdoc = model.get("page");
  el.append(frame);
}

/** Light or dark, where the notebook says so. */
function theme() {
  const { jpThemeLight } = document.body.dataset;
  if (jpThemeLight) return jpThemeLight === "false" ? "dark" : "light";
  return document.querySelector(".dark, [data-theme=dark]") ? "dark" : null;
}

export default { render };
