// Password, tokens, sound test; the language stands above each view.
import { $, ask, attempt, element, row } from "./common.js";
import { sound } from "./telephone.js";
import { text } from "./texts.js";

const TEST_S = 5;

async function load() {
  const { password, tokens } = await ask("/api/keys", undefined, "GET");
  $("password-state").textContent = text(password ? "password_is_set" : "password_is_not_set");
  $("password-remove").hidden = !password;
  $("token-list").replaceChildren(...tokens.map(each => row(each.name, text(each.may_dial ? "may_dial" : "may_read"),
    element("button", { type: "button", className: "plain small", onclick: () => attempt(async () => { await ask("/api/token", { name: each.name }, "DELETE"); await load(); }) }, text("delete")))));
}

const set_password = password => attempt(async () => { await ask("/api/password", { password }); $("password-form-new").reset(); await load(); });
export const enter = () => attempt(load);
export const show = () => { $("test-sound").disabled = !globalThis.isSecureContext; };

// Listen to the own microphone for a few seconds, level and ear: is it the right one?
async function test_sound() {
  $("test-sound").disabled = true;
  await attempt(async () => {
    await sound.turn_on();
    const stream = await navigator.mediaDevices.getUserMedia({ audio: true });
    const source = new MediaStreamAudioSourceNode(sound.context, { mediaStream: stream });
    const analyser = new AnalyserNode(sound.context, { fftSize: 1024 });
    source.connect(analyser);
    analyser.connect(sound.context.destination);
    const samples = new Float32Array(analyser.fftSize), end = Date.now() + 1000 * TEST_S;
    while (Date.now() < end) {
      analyser.getFloatTimeDomainData(samples);
      $("test-level").value = samples.reduce((most, each) => Math.max(most, Math.abs(each)), 0);
      await new Promise(requestAnimationFrame);
    }
    analyser.disconnect();
    stream.getTracks().forEach(track => track.stop());
    $("test-level").value = 0;
  });
  $("test-sound").disabled = false;
}

export function start() {
  $("password-form-new").onsubmit = event => { event.preventDefault(); set_password($("password-new").value); };
  $("password-remove").onclick = () => set_password("");
  $("token-form").onsubmit = event => {
    event.preventDefault();
    attempt(async () => {
      const { token } = await ask("/api/token", { name: $("token-name").value, may_dial: $("token-dial").checked });
      $("token-made").textContent = text("token_made", token);
      $("token-form").reset();
      await load();
    });
  };
  $("test-sound").onclick = test_sound;
}
