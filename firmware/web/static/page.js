// The page: a door, then views of one stream of changes from the box.
import * as book from "./book.js";
import * as calls from "./calls.js";
import { $, alarm, ask, box } from "./common.js";
import * as helping from "./helping.js";
import * as log from "./journal.js";
import * as line from "./line.js";
import * as rules from "./rules.js";
import * as settings from "./settings.js";
import * as telephone from "./telephone.js";
import { current, speak, text } from "./texts.js";

const VIEWS = { telephone, book, calls, rules, line, helping, settings, log };
const RETRY_MS = 2000;
const INVITATION = "#invitation=";
let stream = null;
let entered = null;
let is_ready = false;

async function enter(code = false) {
  try {
    const { inside, password } = await ask("/api/door", { code });
    $("door").hidden = inside;
    $("password-form").hidden = !password;
    $("door-form").hidden = password;
    document.querySelector("nav").hidden = $("leave").hidden = !inside;
    alarm();
    if (inside) listen(); else $(password ? "password" : "code").focus();
    show();
  } catch (error) {
    alarm(error.message);
    setTimeout(enter, RETRY_MS);
  }
}

// An address that was printed in the box's terminal opens the door once.
async function come() {
  const invitation = location.hash.startsWith(INVITATION) ? location.hash.slice(INVITATION.length) : null;
  if (invitation) {
    history.replaceState(null, "", "/");
    await ask("/api/session", { invitation }).catch(() => null);
  }
  await enter();
}

function listen() {
  stream?.close();
  stream = new EventSource("/api/events");
  stream.onopen = () => alarm(); // "gone" is over; a refusal stays when the box tells of something else
  stream.onmessage = event => { Object.assign(box, JSON.parse(event.data)); telephone.show(); show(); if (!is_ready) performance.mark("ready"); is_ready = true; };
  stream.onerror = () => { alarm(text("gone")); if (stream.readyState === EventSource.CLOSED) setTimeout(enter, RETRY_MS); };
}

function show() {
  const wanted = location.hash.slice(1), view = wanted in VIEWS ? wanted : "telephone";
  const inside = $("door").hidden && "state" in box;
  for (const name in VIEWS) $(name).hidden = !inside || name !== view;
  for (const link of document.querySelectorAll("nav a")) {
    if (link.hash === `#${view}`) link.setAttribute("aria-current", "page"); else link.removeAttribute("aria-current");
  }
  if (!inside) return;
  if (entered !== view) VIEWS[view].enter?.(); // what is asked for once, and not told by the stream
  entered = view;
  VIEWS[view].show();
}

$("leave").onclick = async () => { await ask("/api/session", undefined, "DELETE"); location.reload(); };
for (const [form, field] of [["door-form", "code"], ["password-form", "password"]]) {
  $(form).onsubmit = async event => {
    event.preventDefault();
    try { await ask("/api/session", { [field]: $(field).value }); $(field).value = ""; await enter(); $("main").focus(); } catch (error) { alarm(error.message); $(field).select(); }
  };
}
$("by-code").onclick = () => enter(true);
$("language").value = current();
$("language").onchange = () => { speak($("language").value); entered = null; telephone.show(); show(); };
addEventListener("hashchange", () => { show(); scrollTo(0, 0); $("main").focus({ preventScroll: true }); });
speak(current());
for (const view of Object.values(VIEWS)) view.start();
come();
