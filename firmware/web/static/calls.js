// The call log and the spoken messages, newest first.
import { $, ask, attempt, box, dial, element, row, small_button, spaced } from "./common.js";
import { edit } from "./book.js";
import { current, text } from "./texts.js";

let seen = null; // of the archive, when it was last asked
let calls = [];
let older = null;

export const enter = () => attempt(async () => {
  seen = JSON.stringify(box.archive);
  ({ calls, older } = await ask("/api/calls", undefined, "GET"));
  list();
  tell((await ask("/api/messages", undefined, "GET")).messages);
});

// A call that ended is in the log now, a message that was left on the card.
export function show() {
  if (seen !== JSON.stringify(box.archive)) enter();
}

const time = utc_s => utc_s ? new Date(1000 * utc_s).toLocaleString(current(), { dateStyle: "short", timeStyle: "short" }) : "–";

function list() {
  const missed = call => call.incoming && !call.duration_s;
  const found = calls.filter(call => !$("calls-missed").checked || missed(call));
  $("calls-list").replaceChildren(...found.map(call => {
    const who = call.name ?? spaced(call.peer), when = time(call.ended_utc_s);
    const kind = missed(call) ? "missed" : call.incoming ? "incoming" : "outgoing";
    const actions = element("span", { className: "actions" });
    if (box.hand && call.peer) actions.append(small_button(text("call"), who, () => dial(call.peer)));
    if (!call.name && call.peer.length === 12) actions.append(small_button(text("to_book"), who, () => { location.hash = "#book"; setTimeout(() => edit({ number: call.peer }), 100); }));
    if (call.key) actions.append(small_button(text("delete"), `${who}, ${when}`, () => attempt(async () => { await ask("/api/call", { key: call.key }, "DELETE"); await enter(); })));
    const quality = call.rtp?.opinion ? call.rtp.opinion.toFixed(1) : "";
    return row(`${{ missed: "✗", incoming: "↓", outgoing: "↑" }[kind]} ${text(kind)}`, when, who, call.duration_s ? minutes(call.duration_s) : reason(call.reason), quality, actions);
  }));
  $("calls-empty").hidden = found.length > 0;
  $("calls-older").hidden = older === null;
  $("calls-forget").hidden = calls.length === 0;
}

function tell(messages) {
  if ([...$("messages").querySelectorAll("audio")].some(each => !each.paused && !each.ended)) return; // not in mid-word
  $("messages").replaceChildren(...messages.map(message => {
    const who = message.name ?? spaced(message.number), label = `${who}, ${time(message.utc_s)}`;
    const sound = element("audio", { controls: true, preload: "none", src: `/api/message.wav?key=${encodeURIComponent(message.key)}` });
    sound.setAttribute("aria-label", `${text("message")}: ${label}`);
    sound.onended = () => attempt(async () => { if (message.is_new) await ask("/api/message", { key: message.key }); await enter(); });
    const actions = element("span", { className: "actions" });
    if (box.hand && message.number) actions.append(small_button(text("call"), who, () => dial(message.number)));
    actions.append(small_button(text("delete"), label, () => attempt(async () => { await ask("/api/message", { key: message.key }, "DELETE"); await enter(); })));
    return row(message.is_new ? element("b", {}, text("new")) : "", time(message.utc_s), who, sound, actions);
  }));
  $("messages-empty").hidden = messages.length > 0;
}

const minutes = seconds => `${Math.floor(seconds / 60)}:${String(Math.round(seconds % 60)).padStart(2, "0")}`;
const reason = word => text(`reason_${word}`);

export function start() {
  $("calls-missed").onchange = list;
  $("calls-older").onclick = () => attempt(async () => {
    const found = await ask(`/api/calls?before=${older}`, undefined, "GET");
    calls = [...calls, ...found.calls];
    older = found.older;
    list();
  });
  $("calls-forget").onclick = () => {
    if (confirm(text("forget_calls_sure"))) attempt(async () => { await ask("/api/calls", undefined, "DELETE"); await enter(); });
  };
}
