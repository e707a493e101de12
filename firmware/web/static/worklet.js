// The page's sound card, in the browser's audio thread: 16 kHz outside, the card's own rate inside.
// Mouth: periods of 20 ms, each with the time of this clock. Ear: a small buffer that grows when it
// runs dry and shrinks when it never does; a slightly other speed keeps it where it should be.
const RATE = 16000, PERIOD = 320, STAMP_BYTES = 4;
const PHASES = 256, ZEROS = 8, PASS = 0.94; // of the kernel: positions, zero crossings a side, cut-off
const RESERVE_MS = 6, RESERVE_MAX_MS = 120, START_MS = 30; // what the buffer holds at its emptiest
const DRY_STEP_MS = 6, CALM_STEP_MS = 1, CALM_S = 8, JUMP_MS = 120, SPEED_MAX = 0.006;

// Windowed sinc at any ratio: write samples of one rate, read at a position between them.
class Resampler {
  constructor(from, to) {
    const cut = PASS * Math.min(1, to / from);
    this.step = from / to;
    this.half = Math.ceil(ZEROS / Math.min(1, to / from));
    this.size = 1 << 16;
    this.samples = new Float32Array(this.size);
    this.written = 0;
    this.at = 0;
    this.kernel = Array.from({ length: PHASES + 1 }, (_, phase) => Float32Array.from({ length: 2 * this.half }, (_, i) => {
      const x = i - this.half + 1 - phase / PHASES, w = Math.cos(Math.PI * x / (2 * this.half)) ** 2;
      return Math.abs(x) >= this.half ? 0 : w * (x === 0 ? cut : Math.sin(Math.PI * cut * x) / (Math.PI * x));
    }));
  }
  get waiting() { return this.written - this.at - this.half; }
  write(sample) { this.samples[this.written++ & this.size - 1] = sample; }
  read(speed = 1) {
    const base = Math.floor(this.at), kernel = this.kernel[Math.round((this.at - base) * PHASES)];
    let sum = 0;
    for (let i = 0; i < kernel.length; i++) sum += kernel[i] * this.samples[base - this.half + 1 + i & this.size - 1];
    this.at += this.step * speed;
    return sum;
  }
}

class Mouth extends AudioWorkletProcessor {
  constructor() {
    super();
    this.rate = new Resampler(sampleRate, RATE);
    this.fill = 0;
    this.peak = 0;
    this.next();
    this.wire = null;
    this.port.onmessage = event => { this.wire = event.data; };
  }
  next() {
    this.data = new DataView(new ArrayBuffer(STAMP_BYTES + 2 * PERIOD));
    this.fill = 0;
  }
  process([input]) {
    if (!input.length) return true;
    for (const sample of input[0]) this.rate.write(sample);
    while (this.rate.waiting >= 1) {
      const value = Math.max(-1, Math.min(1, this.rate.read()));
      this.peak = Math.max(this.peak, Math.abs(value));
      this.data.setInt16(STAMP_BYTES + 2 * this.fill, Math.round(32767 * value), true);
      if (++this.fill < PERIOD) continue;
      this.data.setUint32(0, Math.round(1000 * currentTime), true);
      this.wire?.postMessage(this.data.buffer, [this.data.buffer]);
      this.port.postMessage(this.peak);
      this.peak = 0;
      this.next();
    }
    return true;
  }
}

class Ear extends AudioWorkletProcessor {
  constructor() {
    super();
    this.rate = new Resampler(RATE, sampleRate);
    this.reserve = RESERVE_MS;
    this.lowest = Infinity;
    this.speed = 1;
    this.gain = 0;
    this.last = 0;
    this.dry = 0;
    this.is_filling = true;
    this.is_measured = false;
    this.calm_s = this.report_s = currentTime;
    this.stamp = 0;
    this.way = [];
    this.port.onmessage = event => { event.data.onmessage = frame => this.take(frame.data); };
  }
  take(buffer) {
    const data = new DataView(buffer), stamp = data.getUint32(0, true);
    for (let i = STAMP_BYTES; i < data.byteLength; i += 2) this.rate.write(data.getInt16(i, true) / 32768);
    if (stamp && stamp !== this.stamp) this.way.push(1000 * currentTime - stamp);
    this.stamp = stamp;
    const most = this.reserve + JUMP_MS;
    if (this.ms > most) this.rate.at = this.rate.written - this.rate.half - (this.reserve + START_MS) * RATE / 1000;
  }
  get ms() { return 1000 * this.rate.waiting / RATE; }
  process(_inputs, [output]) {
    const needed = 1 + output[0].length * this.rate.step * this.speed;
    if (this.is_filling && this.ms >= this.reserve + START_MS / 2) this.is_filling = false;
    if (!this.is_filling && this.rate.waiting < needed) {
      this.is_filling = true;
      this.dry++;
      this.reserve = Math.min(RESERVE_MAX_MS, this.reserve + DRY_STEP_MS);
      this.calm_s = currentTime;
      this.lowest = Infinity;
    }
    for (let i = 0; i < output[0].length; i++) {
      if (!this.is_filling) this.last = this.rate.read(this.speed);
      this.gain += ((this.is_filling ? 0 : 1) - this.gain) / 32; // no click at either end
      output[0][i] = this.gain * this.last;
    }
    for (const other of output.slice(1)) other.set(output[0]);
    if (!this.is_filling) this.lowest = Math.min(this.lowest, this.ms);
    if (currentTime - this.report_s >= 1) this.judge();
    return true;
  }
  judge() {
    this.report_s = currentTime;
    if (this.lowest < Infinity) {
      const excess = this.lowest - this.reserve; // ms; a twentieth of it is made up for in each second
      this.speed = 1 + Math.max(-SPEED_MAX, Math.min(SPEED_MAX, Math.abs(excess) < 2 ? 0 : excess / 2000));
    }
    if (currentTime - this.calm_s > CALM_S) {
      this.reserve = Math.max(RESERVE_MS, this.reserve - CALM_STEP_MS);
      this.calm_s = currentTime - CALM_S + 1;
    }
    this.way.sort((a, b) => a - b);
    this.port.postMessage({ buffer_ms: this.ms, lowest_ms: this.lowest, reserve_ms: this.reserve, dry: this.dry, way_ms: this.way[this.way.length >> 1] ?? null });
    this.lowest = Infinity;
    this.way = [];
  }
}

registerProcessor("mouth", Mouth);
registerProcessor("ear", Ear);
