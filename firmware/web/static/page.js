// The page: a door, then views of one stream of changes from the box.
import { draw, plot } from "./display.js";
import { current, speak, text } from "./texts.js";

const VIEWS = ["telephone", "line"];
const KEYS = "123456789*0#";
const HISTORY_S = 120;
const RETRY_MS = 2000;
const $ = id => document.getElementById(id);
const box = {};
const history = [];
let stream = null;

async function ask(path, body, method = "POST") {
  const response = await fetch(path, { method, headers: { "X-Fernruf": "1", "Content-Type": "application/json" }, body: body && JSON.stringify(body) });
  const answer = await response.json();
  if (!response.ok) throw new Error(answer.error);
  return answer;
}

function alarm(message) {
  $("alarm").textContent = message ?? "";
  $("alarm").hidden = !message;
}

async function enter() {
  try {
    const { inside } = await ask("/api/door");
    $("door").hidden = inside;
    document.querySelector("nav").hidden = $("leave").hidden = !inside;
    alarm();
    if (inside) listen(); else $("code").focus();
    show();
  } catch (error) {
    alarm(error instanceof TypeError ? text("gone") : error.message);
    setTimeout(enter, RETRY_MS);
  }
}

function listen() {
  stream?.close();
  stream = new EventSource("/api/events");
  stream.onmessage = event => { alarm(); Object.assign(box, JSON.parse(event.data)); show(); };
  stream.onerror = () => { alarm(text("gone")); if (stream.readyState === EventSource.CLOSED) setTimeout(enter, RETRY_MS); };
}

function show() {
  const wanted = location.hash.slice(1), view = VIEWS.includes(wanted) ? wanted : VIEWS[0];
  const inside = $("door").hidden && "state" in box;
  for (const name of VIEWS) $(name).hidden = !inside || name !== view;
  for (const link of document.querySelectorAll("nav a")) link.toggleAttribute("aria-current", link.hash === `#${view}`);
  if (inside) ({ telephone, line })[view]();
}

const spaced = number => number.replace(/(....)(?=.)/g, "$1 ");

function telephone() {
  draw($("display"), box);
  const state = text(box.state);
  if ($("state").textContent !== state) $("state").textContent = state;
  $("number").textContent = box.number ? spaced(box.number) : text("making");
  $("copy").hidden = !box.number || !navigator.clipboard;
  if (box.number && $("qr").dataset.number !== box.number) {
    $("qr").dataset.number = box.number;
    $("qr").src = "/api/number.svg";
  }
  $("qr").hidden = !box.number;
  $("qr").alt = text("qr", box.number ?? "");
  $("hand").hidden = !box.hand;
  const lifted = !["idle", "ringing"].includes(box.state);
  $("hook").setAttribute("aria-pressed", lifted);
  $("hook").textContent = text(lifted ? "replace" : "lift");
}

function line() {
  $("reach").textContent = box.reachable ? text("reachable") : text("not_reachable", box.unreachable ? `: ${box.unreachable}` : "");
  $("exchanges").replaceChildren(...box.exchanges.map(each => row(each.endpoint, `${each.rtt_ms} ms`, `${Math.round(each.load / 2.55)} %`, text(each.rings ? "yes" : "no"))));
  const called = box.state === "connected", rtp = box.rtp;
  route($("route"), called);
  list($("quality"), called ? [
    ["codec", box.codec], ["path", text(box.path)], ["rtt", box.rtt_s ? `${Math.round(1000 * box.rtt_s)} ms` : "–"],
    ["received", rtp.packets_received], ["lost", rtp.packets_lost], ["jitter", `${Math.round(1000 * rtp.jitter_s)} ms`], ["buffer", `${Math.round(1000 * rtp.buffer_s)} ms`],
  ] : []);
  $("history").hidden = !called;
  plot($("plot"), history);
}

function row(...cells) {
  const tr = document.createElement("tr");
  for (const cell of cells) tr.insertCell().textContent = cell;
  return tr;
}

function list(dl, pairs) {
  dl.replaceChildren(...pairs.flatMap(([key, value]) => {
    const dt = document.createElement("dt"), dd = document.createElement("dd");
    dt.textContent = text(key);
    dd.textContent = value;
    return [dt, dd];
  }));
}

function route(svg, called) {
  const hops = called && box.path === "relay" ? ["me", "exchange", "peer"] : ["me", "peer"];
  const SVG = "http://www.w3.org/2000/svg", make = (name, attributes, words) => {
    const element = document.createElementNS(SVG, name);
    for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
    if (words) element.textContent = words;
    return element;
  };
  const x = i => 90 + i * 420 / (hops.length - 1), parts = [make("path", { d: `M90 50H${x(hops.length - 1)}`, class: called ? "" : "idle" })];
  hops.forEach((hop, i) => parts.push(make("rect", { x: x(i) - 60, y: 25, width: 120, height: 50, rx: 10 }), make("text", { x: x(i), y: 55 }, text(hop))));
  svg.replaceChildren(...parts);
  svg.setAttribute("aria-label", called ? hops.map(hop => text(hop)).join(" – ") : text("no_call"));
}

setInterval(() => {
  if (box.state !== "connected") { history.length = 0; history.lost = 0; return; }
  history.push({ lost: Math.max(0, box.rtp.packets_lost - (history.lost ?? 0)), buffer_s: box.rtp.buffer_s });
  history.lost = box.rtp.packets_lost;
  if (history.length > HISTORY_S) history.shift();
  if (!$("line").hidden) plot($("plot"), history);
}, 1000);

const hand = (name, body) => ask(`/api/hand/${name}`, body ?? {}).catch(error => alarm(error.message));
for (const key of KEYS) {
  const button = document.createElement("button");
  button.type = "button";
  button.textContent = key;
  button.onclick = () => hand("press", { digits: key });
  $("keys").append(button);
}
$("hook").onclick = () => hand($("hook").getAttribute("aria-pressed") === "true" ? "replace" : "lift");
$("flash").onclick = () => hand("flash");
$("copy").onclick = async () => { await navigator.clipboard.writeText(box.number); $("copy").textContent = text("copied"); };
$("leave").onclick = async () => { await ask("/api/session", undefined, "DELETE"); location.reload(); };
$("door-form").onsubmit = async event => {
  event.preventDefault();
  try { await ask("/api/session", { code: $("code").value }); $("code").value = ""; await enter(); $("main").focus(); } catch (error) { alarm(error.message); $("code").select(); }
};
document.addEventListener("keydown", event => {
  if (!$("hand").hidden && KEYS.includes(event.key) && !$("telephone").hidden && !event.target.closest("select,input") && !event.repeat) hand("press", { digits: event.key });
});
$("language").value = current();
$("language").onchange = () => { speak($("language").value); show(); };
addEventListener("hashchange", () => { show(); scrollTo(0, 0); $("main").focus({ preventScroll: true }); });
speak(current());
enter();
