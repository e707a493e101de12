// Password, tokens, backup, sound test; what is the box's own is in own.js, the page's language above each view.
import { $, ask, attempt, element, row, small_button } from "./common.js";
import * as own from "./own.js";
import { sound } from "./telephone.js";
import { text } from "./texts.js";

const TEST_S = 5;

async function load() {
  const { password, tokens } = await ask("/api/keys", undefined, "GET");
  $("password-state").textContent = text(password ? "password_is_set" : "password_is_not_set");
  $("password-remove").hidden = !password;
  $("tokens-empty").hidden = tokens.length > 0;
  $("token-list").replaceChildren(...tokens.map(each => row(each.name, text(each.may_dial ? "may_dial" : "may_read"),
    small_button(text("delete"), each.name, () => attempt(async () => { await ask("/api/token", { name: each.name }, "DELETE"); await load(); })))));
}

const set_password = password => attempt(async () => { await ask("/api/password", { password }); $("password-form-new").reset(); await load(); });
export const enter = () => attempt(async () => { await own.load(); await load(); });
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

const secrets = () => ({ password: $("backup-password").value, passphrase: $("backup-passphrase").value });

async function save_file() {
  const { file } = await ask("/api/backup/file", secrets());
  const link = element("a", { href: URL.createObjectURL(new Blob([file], { type: "application/json" })), download: "fernruf-backup.json" });
  link.click();
  URL.revokeObjectURL(link.href);
}

async function restore() {
  const [file] = $("restore-file").files;
  await ask("/api/restore", { ...secrets(), words: $("restore-words").value, file: file ? await file.text() : "" });
  $("restore-form").reset();
  $("backup-shown").textContent = text("restored");
}

function start_backup() {
  $("backup-form").onsubmit = event => { event.preventDefault(); attempt(save_file); };
  $("backup-words").onclick = () => attempt(async () => { $("backup-shown").textContent = (await ask("/api/backup/words", secrets())).words; });
  $("restore-form").onsubmit = event => { event.preventDefault(); attempt(restore); };
}

export function start() {
  own.start();
  start_backup();
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
