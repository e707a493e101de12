// The line: who can reach us, the way of the present call, and how it has been.
import { $, box, element, row, shape, write } from "./common.js";
import { text } from "./texts.js";

const HISTORY_S = 120, WIDTH = 600, HEIGHT = 120;
const PLOTS = [["lost", "plot_lost", "", 10], ["jitter_ms", "jitter", " ms", 40], ["delay_ms", "buffer", " ms", 200], ["rtt_ms", "rtt", " ms", 200]];
const history = [];
let lost_before = 0;
const ms = seconds => Math.round(1000 * seconds);

export function show() {
  write("reach", box.reachable ? text("reachable") : text("not_reachable", box.unreachable ? `: ${box.unreachable}` : ""));
  $("exchanges").replaceChildren(...box.exchanges.map(each => row(each.endpoint, `${each.rtt_ms} ms`, `${Math.round(each.load / 2.55)} %`, text(each.rings ? "yes" : "no"))));
  $("no-exchanges").hidden = box.exchanges.length > 0;
  const called = box.state === "connected", rtp = box.rtp;
  route($("route"), called);
  list($("quality"), called ? [
    ["codec", box.codec], ["path", text(box.path)], ["rtt", box.rtt_s ? `${ms(box.rtt_s)} ms` : "–"],
    ["received", rtp.packets_received], ["lost", rtp.packets_lost], ["jitter", `${ms(rtp.jitter_s)} ms`], ["buffer", `${ms(rtp.buffer_s)} ms`],
    ["opinion", rtp.opinion ? rtp.opinion.toFixed(1) : "–"],
  ] : []);
  $("plots").hidden = !called;
  if (called) $("plots").replaceChildren(...PLOTS.map(plot));
}

function list(dl, pairs) {
  dl.replaceChildren(...pairs.flatMap(([key, value]) => [element("dt", {}, text(key)), element("dd", {}, String(value))]));
}

function route(svg, called) {
  const hops = called && box.path === "relay" ? ["me", "exchange", "peer"] : ["me", "peer"];
  const x = i => 90 + i * 420 / (hops.length - 1);
  const parts = [shape("path", { d: `M90 50H${x(hops.length - 1)}`, class: called ? "" : "idle" })];
  hops.forEach((hop, i) => parts.push(
    shape("rect", { x: x(i) - 70, y: 25, width: 140, height: 50, rx: 10 }),
    shape("text", { x: x(i), y: 55 }, hop === "peer" && called && box.peer_name ? box.peer_name : text(hop)),
  ));
  svg.replaceChildren(...parts);
  svg.setAttribute("aria-label", called ? hops.map(hop => text(hop)).join(" – ") : text("no_call"));
}

// One curve of the last two minutes; the scale grows in steps so that it does not dance.
function plot([key, label, unit, least]) {
  const values = history.map(each => each[key]);
  let most = least;
  while (values.some(value => value > most)) most *= 2;
  const x = i => WIDTH - (values.length - 1 - i) * WIDTH / HISTORY_S, y = value => HEIGHT - 4 - value / most * (HEIGHT - 10);
  const last = values.at(-1) ?? 0, words = `${text(label)}: ${last}${unit}`;
  const points = values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const svg = shape("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, role: "img", "aria-label": words, class: "plot", "data-plot": key },
    ...[0, 0.5, 1].map(part => shape("path", { d: `M0 ${y(part * most)}H${WIDTH}`, class: "grid" })),
    shape("text", { x: 4, y: 16 }, `${most}${unit}`), shape("polyline", { points }));
  return element("figure", {}, element("figcaption", {}, words), svg);
}

export function start() {
  setInterval(() => {
    if (box.state !== "connected") { history.length = 0; lost_before = 0; return; }
    const rtp = box.rtp;
    history.push({ lost: Math.max(0, rtp.packets_lost - lost_before), jitter_ms: ms(rtp.jitter_s), delay_ms: ms(rtp.buffer_s), rtt_ms: ms(box.rtt_s ?? rtp.rtt_s ?? 0) });
    lost_before = rtp.packets_lost;
    if (history.length > HISTORY_S) history.shift();
    if (!$("line").hidden) show();
  }, 1000);
}
