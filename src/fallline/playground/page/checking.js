// The verdict of the gradient check, part by part.

import { exact, h } from "./dom.js";
import { T } from "./text.js";

const M = T.microscope;

/** The place of the worst entry of a part that is wrong, to mark it in its matrix; else null. */
export function worst(check, layer, kind) {
  if (!check) return null;
  const part = check.parts.find((one) => one.layer === layer && one.kind === kind);
  return part && !part.passed ? part.index : null;
}

export function checkParts(check) {
  const heads = [M.part, M.worst, M.analytic, M.numeric, M.error, M.verdict];
  const rows = check.parts.map((part) => h("tr", { class: part.passed ? "" : "wrong" },
    h("th", { scope: "row" }, `${M.layer} ${part.layer}, ${part.kind}`),
    h("td", {}, `d${part.kind}${part.layer}[${part.index.join(", ")}]`),
    h("td", { class: "num" }, exact(part.analytic)), h("td", { class: "num" }, exact(part.numeric)),
    h("td", { class: "num" }, part.error === null ? "–" : part.error.toExponential(1)),
    h("td", {}, part.passed ? M.right : M.wrong, part.ratio !== null && !part.passed ? `: ${M.ratio(part.ratio.toFixed(4))}` : "")));
  return [h("p", { class: check.passed ? "good" : "warning", id: "verdict" }, check.passed ? M.passed : M.failed),
    h("div", { class: "scroll table" }, h("table", {}, h("thead", {}, h("tr", {}, heads.map((head) => h("th", { scope: "col" }, head)))), h("tbody", {}, rows)))];
}
