// Microphone, loudspeaker and bell of the page. Sound needs a click first, the microphone a page
// from this computer or by https: browsers want it so.
const BELL_HZ = [435, 500], BELL_GAIN = 0.25;

export class Sound {
  constructor(changed) {
    this.changed = changed;
    this.state = "off"; // on, taken, closed
    this.microphone = globalThis.isSecureContext ? "off" : "insecure"; // on, asking, refused, missing
    this.figures = {};
    this.level = 0;
  }

  // After a click. Harmless when on.
  async turn_on() {
    if (this.context) { await this.context.resume(); return; }
    const context = this.context = new AudioContext({ latencyHint: "interactive" });
    await context.resume();
    await context.audioWorklet.addModule("worklet.js");
    this.mouth = new AudioWorkletNode(context, "mouth", { numberOfOutputs: 0 });
    this.ear = new AudioWorkletNode(context, "ear", { numberOfInputs: 0, outputChannelCount: [1] });
    this.ear.connect(context.destination);
    const up = new MessageChannel(), down = new MessageChannel();
    this.mouth.port.postMessage(up.port1, [up.port1]);
    this.ear.port.postMessage(down.port1, [down.port1]);
    this.mouth.port.onmessage = event => { this.level = Math.max(event.data, 0.8 * this.level); };
    this.ear.port.onmessage = event => this.measured(event.data);
    this.wire = new Worker("wire.js");
    this.wire.onmessage = event => { this.state = event.data.state === "open" ? "on" : event.data.state; this.changed(); };
    const url = new URL("/api/sound", location.href);
    url.protocol = url.protocol.replace("http", "ws");
    this.wire.postMessage({ url: url.href, mouth: up.port2, ear: down.port2 }, [up.port2, down.port2]);
  }

  measured(figures) {
    const output_ms = 1000 * ((this.context.outputLatency || 0) + (this.context.baseLatency || 0));
    this.figures = { ...figures, output_ms, delay_ms: figures.buffer_ms + output_ms };
    if (this.figures.delay_ms > 0) this.wire.postMessage({ delay_ms: this.figures.delay_ms });
    this.changed();
  }

  // The handset is lifted: listen; it is replaced: let go of the microphone.
  async lift(lifted) {
    if (lifted === this.lifted) return;
    this.lifted = lifted;
    if (!lifted) { this.source?.disconnect(); this.tracks?.forEach(track => track.stop()); this.source = this.tracks = null; if (this.microphone === "on") this.microphone = "off"; return; }
    if (this.microphone === "insecure" || !this.context) return;
    this.microphone = "asking";
    try {
      const clean = localStorage.getItem("headset") !== "1"; // with a headset there is no echo to take out
      const stream = await navigator.mediaDevices.getUserMedia({ audio: { channelCount: 1, echoCancellation: clean, noiseSuppression: clean, autoGainControl: clean } });
      if (!this.lifted) { stream.getTracks().forEach(track => track.stop()); return; }
      this.tracks = stream.getTracks();
      this.source = new MediaStreamAudioSourceNode(this.context, { mediaStream: stream });
      this.source.connect(this.mouth);
      this.microphone = "on";
    } catch (error) {
      this.microphone = error.name === "NotAllowedError" ? "refused" : "missing";
    }
    this.changed();
  }

  // The bell as it sounds in the box: on and off in the cadence of the country.
  ring(on) {
    if (on === Boolean(this.bell) || !this.context) return;
    if (!on) { this.bell.forEach(each => each.stop()); this.bell = null; return; }
    const gain = new GainNode(this.context, { gain: BELL_GAIN });
    gain.connect(this.context.destination);
    this.bell = BELL_HZ.map(frequency => {
      const each = new OscillatorNode(this.context, { type: "triangle", frequency });
      each.connect(gain);
      each.start();
      return each;
    });
  }
}
