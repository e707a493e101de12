// The telephone: what its display shows, and for a simulated box the handset, hook and keys.
import { $, alarm, ask, box, element, is_lifted, spaced, write } from "./common.js";
import { draw } from "./display.js";
import { Sound } from "./sound.js";
import { text } from "./texts.js";

const KEYS = "123456789*0#";
const LETTERS = { 2: "ABC", 3: "DEF", 4: "GHI", 5: "JKL", 6: "MNO", 7: "PQRS", 8: "TUV", 9: "WXYZ" };
export const sound = new Sound(() => show());
// One finger: what is done next waits for what was done before, so that keys never overtake each other.
let finger = Promise.resolve();
const hand = (name, body) => finger = finger.then(() => ask(`/api/hand/${name}`, body ?? {})).catch(error => alarm(error.message));
export const is_soft = () => Boolean(box.audio?.browser);

export function show() {
  if (!("state" in box)) return;
  draw($("display"), box);
  write("state", text(box.state));
  document.title = box.state === "ringing" ? `☎ ${text("ringing")}` : "Fernruf";
  write("number", box.number ? spaced(box.number) : text("making"));
  $("copy").hidden = !box.number || !navigator.clipboard;
  if (box.number && $("qr").dataset.number !== box.number) {
    $("qr").dataset.number = box.number;
    $("qr").src = "/api/number.svg";
  }
  $("qr").hidden = $("own-card").hidden = !box.number;
  $("qr").alt = text("qr", box.number ?? "");
  $("hand").hidden = !box.hand;
  $("hook").setAttribute("aria-pressed", is_lifted());
  write("hook-words", text(is_lifted() ? "replace" : "lift"));
  $("handset").classList.toggle("lifted", is_lifted());
  $("handset").classList.toggle("rings", box.bell);
  show_sound();
}

function show_sound() {
  $("sound").hidden = !is_soft();
  if (!is_soft()) return;
  sound.ring(box.bell);
  sound.lift(is_lifted());
  $("sound-on").hidden = Boolean(sound.context) && sound.context.state === "running" && sound.state !== "taken";
  write("sound-state", text(`sound_${sound.context ? sound.state : "off"}`));
  write("microphone-state", text(`microphone_${sound.microphone}`));
  $("insecure").hidden = sound.microphone !== "insecure";
  $("level").value = sound.level;
  const { delay_ms, way_ms } = sound.figures;
  write("delay", is_lifted() && delay_ms > 0 ? text("delay", Math.round(delay_ms), Math.round(way_ms ?? 0)) : "");
}

async function turn_on() {
  if (!is_soft()) return;
  if (sound.state === "taken") location.reload();
  await sound.turn_on();
  show();
}

async function move_hook() {
  await turn_on();
  await hand(is_lifted() ? "replace" : "lift");
}

async function press(key, button) {
  button?.classList.add("down");
  await turn_on();
  await hand("press", { digits: key });
  button?.classList.remove("down");
}

export function start() {
  for (const key of KEYS) {
    const button = element("button", { type: "button" }, element("b", {}, key));
    if (LETTERS[key]) {
      const letters = element("small", {}, LETTERS[key]);
      letters.setAttribute("aria-hidden", "true");
      button.append(letters);
    }
    button.dataset.key = key;
    button.onclick = () => press(key, button);
    $("keys").append(button);
  }
  $("hook").onclick = move_hook;
  $("flash").onclick = () => hand("flash");
  $("sound-on").onclick = turn_on;
  $("headset").checked = localStorage.getItem("headset") === "1";
  $("headset").onchange = () => localStorage.setItem("headset", $("headset").checked ? "1" : "0");
  $("copy").onclick = async () => { await navigator.clipboard.writeText(box.number); $("copy").textContent = text("copied"); };
  document.addEventListener("keydown", event => {
    if ($("hand").hidden || $("telephone").hidden || event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
    if (event.target.closest("select,input,textarea")) return;
    if (KEYS.includes(event.key)) press(event.key, document.querySelector(`[data-key="${event.key}"]`));
    else if (event.key === "l" || event.key === "h") move_hook();
  });
  setInterval(() => { if (is_soft() && !$("telephone").hidden) $("level").value = is_lifted() ? sound.level : 0; }, 100);
  globalThis.fernruf_sound = sound; // for who measures
}
