// The line: who can reach us, the way of the present call, and how it has been.
import { $, ask, attempt, box, element, row, shape, spaced, write } from "./common.js";
import { current, text } from "./texts.js";

const HISTORY_S = 120, HEIGHT = 100;
let width = 600; // as wide as there is room, so that letters keep their size
const PLOTS = [["lost", "plot_lost", "", 10], ["jitter_ms", "jitter", " ms", 40], ["delay_ms", "buffer", " ms", 200], ["rtt_ms", "rtt", " ms", 200]];
const history = [];
let lost_before = 0;
const ms = seconds => Math.round(1000 * seconds);

const measure = () => { width = Math.max(240, $("line").clientWidth - 44); };

export function show() {
  measure();
  write("reach", box.reachable ? text("reachable") : text(`unreachable_${box.unreachable ?? "not_published"}`));
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

// The way as a map: homes as houses, the Internet as a cloud between routers, an exchange where one carries the call.
// Beside each other where there is room, below each other on a telephone's screen.
const ROW_LEAST = 640, LETTER = 8, LINE = 18;

function route(svg, called) {
  const hops = hops_of(called), is_long = hops.length > 2, is_column = is_long && width < ROW_LEAST;
  const place = i => is_column ? [38, 40 + 100 * i] : [width / hops.length * (i + 0.5), 70];
  const letters = Math.floor((is_column ? width - 84 : width / hops.length) / LETTER);
  const lines = hop => [...broken(hop.words, letters).map(words => [words, ""]), ...broken(hop.more, letters).map(words => [words, "more"])];
  const say = ([x, y], lines) => lines.map(([words, kind], i) => shape("text", { ...is_column ? { x: x + 46, y: y - 2 + LINE * i } : { x, y: y + 48 + LINE * i }, class: kind }, words));
  const height = is_column ? 100 * hops.length : 112 + LINE * Math.max(...hops.map(hop => lines(hop).length));
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.classList.toggle("column", is_column);
  const parts = [];
  hops.slice(1).forEach((_, i) => {
    const [x, y] = place(i), [to_x, to_y] = place(i + 1);
    parts.push(shape("path", { d: `M${x} ${y}L${to_x} ${to_y}`, class: called ? "" : "idle" }));
    if (is_long && i === 1) parts.push(...cloud([(x + to_x) / 2, (y + to_y) / 2]));
  });
  if (called && box.rtt_s) {
    const path = text(box.path === "relay" ? "relay" : "direct"), rtt = `${text("rtt")} ${ms(box.rtt_s)} ms`;
    if (is_column) parts.push(...say([38, 190], [[path, "more"], [rtt, "more"]]));
    else parts.push(shape("text", { x: width / 2, y: 24 }, `${path}, ${rtt}`));
  }
  hops.forEach((hop, i) => parts.push(hop.kind === "home" ? house(place(i)) : machine(place(i)), ...say(place(i), lines(hop))));
  svg.replaceChildren(...parts);
  svg.setAttribute("aria-label", called ? hops.map(hop => `${hop.words} ${hop.more}`.trim()).join(" – ") : text("no_call"));
}

const broken = (words, letters) => words.match(new RegExp(`.{1,${letters}}`, "gu")) ?? [];

// From here to there; two boxes of one network have nothing between them.
function hops_of(called) {
  const remote = box.remote ?? "", relayed = box.path === "relay", near = called && !relayed && is_private(remote);
  const me = { kind: "home", words: text("me"), more: box.number ? spaced(box.number) : "" };
  if (!called) return [me, { kind: "home", words: text("peer"), more: "" }];
  const peer = { kind: "home", words: box.peer_name || text("peer"), more: relayed ? "" : near ? remote : spaced(box.peer_number ?? "") };
  const router = { kind: "box", words: text("router"), more: box.mapped ?? "" };
  return near ? [me, peer] : [me, router, { kind: "box", words: text(relayed ? "exchange" : "router"), more: remote }, peer];
}

const house = ([x, y]) => shape("path", { d: `M${x - 34} ${y - 4}L${x} ${y - 34}L${x + 34} ${y - 4}H${x + 26}V${y + 26}H${x - 26}V${y - 4}Z`, class: "hop" });
const machine = ([x, y]) => shape("rect", { x: x - 34, y: y - 20, width: 68, height: 40, rx: 8, class: "hop" });
const cloud = ([x, y]) => [shape("ellipse", { cx: x, cy: y, rx: 38, ry: 26, class: "cloud" }), shape("text", { x, y: y + 5, class: "inside" }, text("internet"))];

const is_private = address => /^(10\.|127\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|169\.254\.|\[f[cd]|\[fe80|\[::1\])/.test(address);

// A month, an hour a point; hours in which nothing is known are gaps.
const MONTH_H = 31 * 24;
const MONTH = [["reachable", "history_reachable", "%", 100], ["loss", "history_loss", "%", 1], ["jitter_ms", "jitter", " ms", 20], ["buffer_ms", "buffer", " ms", 100], ["rtt_ms", "rtt", " ms", 100]];

let hours = [];

export const enter = () => attempt(async () => {
  ({ hours } = await ask("/api/history", undefined, "GET"));
  show_month();
});

function show_month() {
  measure();
  const known = hours.map(each => ({ ...each, reachable: each.reachable === null ? null : 100 * each.reachable, loss: each.loss === null ? null : 100 * each.loss }));
  $("history-empty").hidden = known.length > 0;
  $("history").replaceChildren(...(known.length ? MONTH : []).map(each => month(known, ...each)));
}

function month(hours, key, label, unit, least) {
  const points = hours.filter(each => each[key] !== null);
  let most = least;
  while (points.some(each => each[key] > most)) most *= 2;
  const end = Math.floor(Date.now() / 3.6e6), x = each => width * (1 - (end - each.utc_s / 3600) / MONTH_H), y = value => HEIGHT - 20 - value / most * (HEIGHT - 40);
  const bars = points.map(each => `M${x(each).toFixed(1)} ${y(0)}V${Math.min(y(each[key]), y(0) - 1.5).toFixed(1)}`).join("");
  const weeks = [0, 7, 14, 21, 28].map(days => { const at = width * (1 - 24 * days / MONTH_H); return shape("text", { x: Math.max(4, at - 44), y: HEIGHT - 4 }, new Date(Date.now() - 864e5 * days).toLocaleDateString(current(), { day: "numeric", month: "short" })); });
  const mean = points.length ? points.reduce((sum, each) => sum + each[key], 0) / points.length : null;
  const words = `${text(label)}: ${mean === null ? "–" : text("on_average", mean.toFixed(mean < 10 ? 1 : 0) + unit)}`;
  const svg = shape("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": words, class: "plot", "data-month": key },
    ...[0, 0.5, 1].map(part => shape("path", { d: `M0 ${y(part * most)}H${width}`, class: "grid" })),
    shape("path", { d: bars, class: "bars" }), shape("text", { x: 4, y: 14 }, `${most}${unit}`), ...weeks);
  return element("figure", {}, element("figcaption", {}, words), svg);
}

// One curve of the last two minutes; the scale grows in steps so that it does not dance.
function plot([key, label, unit, least]) {
  const values = history.map(each => each[key]);
  let most = least;
  while (values.some(value => value > most)) most *= 2;
  const x = i => width - (values.length - 1 - i) * width / HISTORY_S, y = value => HEIGHT - 4 - value / most * (HEIGHT - 24);
  const last = values.at(-1) ?? 0, words = `${text(label)}: ${last}${unit}`;
  const points = values.map((value, i) => `${x(i).toFixed(1)},${y(value).toFixed(1)}`).join(" ");
  const svg = shape("svg", { viewBox: `0 0 ${width} ${HEIGHT}`, role: "img", "aria-label": words, class: "plot", "data-plot": key },
    ...[0, 0.5, 1].map(part => shape("path", { d: `M0 ${y(part * most)}H${width}`, class: "grid" })),
    shape("text", { x: 4, y: 14 }, `${most}${unit}`), shape("polyline", { points }));
  return element("figure", {}, element("figcaption", {}, words), svg);
}

export function start() {
  addEventListener("resize", () => { if (!$("line").hidden) { show(); show_month(); } });
  setInterval(() => {
    if (box.state !== "connected") { history.length = 0; lost_before = 0; return; }
    const rtp = box.rtp;
    history.push({ lost: Math.max(0, rtp.packets_lost - lost_before), jitter_ms: ms(rtp.jitter_s), delay_ms: ms(rtp.buffer_s), rtt_ms: ms(box.rtt_s ?? rtp.rtt_s ?? 0) });
    lost_before = rtp.packets_lost;
    if (history.length > HISTORY_S) history.shift();
    if (!$("line").hidden) show();
  }, 1000);
}
