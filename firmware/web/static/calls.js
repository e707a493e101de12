// The call log, newest first.
import { $, ask, attempt, box, element, row, spaced } from "./common.js";
import { edit } from "./book.js";
import { current, text } from "./texts.js";

let state = null;
let calls = [];

export const enter = () => attempt(async () => {
  ({ calls } = await ask("/api/calls", undefined, "GET"));
  list();
});

// A call that ended is in the log now.
export function show() {
  if (state !== null && state !== box.state && box.state === "idle") enter();
  state = box.state;
}

function list() {
  const missed = call => call.incoming && !call.duration_s;
  const found = calls.filter(call => !$("calls-missed").checked || missed(call));
  $("calls-list").replaceChildren(...found.map(call => {
    const kind = text(missed(call) ? "missed" : call.incoming ? "incoming" : "outgoing");
    const when = call.ended_utc_s ? new Date(1000 * call.ended_utc_s).toLocaleString(current(), { dateStyle: "short", timeStyle: "short" }) : "–";
    const actions = element("span", { className: "actions" });
    if (box.hand && call.peer) actions.append(element("button", { type: "button", className: "plain small", onclick: () => attempt(async () => { await ask("/api/dial", { digits: call.peer }); location.hash = "#telephone"; }) }, text("call")));
    if (!call.name && call.peer.length === 12) actions.append(element("button", { type: "button", className: "plain small", onclick: () => { location.hash = "#book"; setTimeout(() => edit({ number: call.peer }), 100); } }, text("to_book")));
    const quality = call.rtp?.opinion ? call.rtp.opinion.toFixed(1) : "";
    return row(`${{ missed: "✗", incoming: "↓", outgoing: "↑" }[missed(call) ? "missed" : call.incoming ? "incoming" : "outgoing"]} ${kind}`, when, call.name ?? spaced(call.peer), call.duration_s ? minutes(call.duration_s) : reason(call.reason), quality, actions);
  }));
  $("calls-empty").hidden = found.length > 0;
}

const minutes = seconds => `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, "0")}`;
const reason = word => text(`reason_${word}`);

export function start() { $("calls-missed").onchange = list; }
