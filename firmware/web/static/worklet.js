// The page's sound card, in the browser's audio thread: 16 kHz outside, the card's own rate inside.
// Mouth: periods of 20 ms, each with the time of this clock. Ear: a small buffer that grows when it
// runs dry and shrinks when it never does. What it holds too much or too little is made up for where
// nobody hears it, in the speaker's pauses; the speed itself only follows the drift of the clocks.
const RATE = 16000, PERIOD = 320, STAMP_BYTES = 4;
const PHASES = 256, ZEROS = 8, PASS = 0.94; // of the kernel: positions, zero crossings a side, cut-off
const RESERVE_MS = 6, RESERVE_MAX_MS = 120; // what the buffer holds at its emptiest
const FIRST_RESERVE_MS = 20, START_MS = 18; // a card may take 20 ms at a time: nobody knows it yet
const DRY_STEP_MS = 6, DRY_S = 0.3, CALM_STEP_MS = 1, CALM_S = 8, JUMP_MS = 120, SPEED_MAX = 0.0005;
const SKIP_MS = 10, SKIP_EVERY_S = 0.03; // at a time, in a pause
const QUIET = 0.03, QUIET_MIN = 0.002, FORGET = 0.998; // a pause: of the loudest, which fades by period

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
    const value = this.look(this.at);
    this.at += this.step * speed;
    return value;
  }
  look(at) {
    const base = Math.floor(at), kernel = this.kernel[Math.round((at - base) * PHASES)];
    let sum = 0;
    for (let i = 0; i < kernel.length; i++) sum += kernel[i] * this.samples[base - this.half + 1 + i & this.size - 1];
    return sum;
  }
  loudest(from, to) {
    let peak = 0;
    for (let i = Math.floor(from); i <= to; i++) peak = Math.max(peak, Math.abs(this.samples[i & this.size - 1]));
    return peak;
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
    this.reserve = FIRST_RESERVE_MS;
    this.lowest = Infinity;
    this.excess = 0; // ms that the buffer holds above what it should
    this.skip_s = currentTime;
    this.loudest = 0;
    this.speed = 1;
    this.gain = 0;
    this.last = 0;
    this.dry = 0;
    this.dry_s = null; // when it ran dry, until the next period comes
    this.is_filling = true;
    this.calm_s = this.report_s = currentTime;
    this.stamp = 0;
    this.way = [];
    this.port.onmessage = event => { event.data.onmessage = frame => this.take(frame.data); };
  }
  take(buffer) {
    const data = new DataView(buffer), stamp = data.getUint32(0, true), begun = this.rate.written;
    for (let i = STAMP_BYTES; i < data.byteLength; i += 2) this.rate.write(data.getInt16(i, true) / 32768);
    this.loudest = Math.max(FORGET * this.loudest, this.rate.loudest(begun, this.rate.written - 1));
    if (stamp && stamp !== this.stamp) this.way.push(1000 * currentTime - stamp);
    this.stamp = stamp;
    if (this.dry_s !== null && currentTime - this.dry_s < DRY_S) { // later it is the next call
      this.dry++;
      this.reserve = Math.min(RESERVE_MAX_MS, this.reserve + DRY_STEP_MS);
      this.calm_s = currentTime;
    }
    this.dry_s = null;
    const most = this.reserve + JUMP_MS;
    if (this.ms > most) this.rate.at = this.rate.written - this.rate.half - (this.reserve + START_MS) * RATE / 1000;
  }
  get ms() { return 1000 * this.rate.waiting / RATE; }
  process(_inputs, [output]) {
    const needed = 1 + output[0].length * this.rate.step * this.speed;
    if (this.is_filling && this.ms >= this.reserve + START_MS) this.is_filling = false;
    if (!this.is_filling && this.rate.waiting < needed) {
      this.is_filling = true;
      this.dry_s = currentTime;
      this.lowest = Infinity;
      this.excess = 0;
    }
    const skip = this.is_filling ? 0 : this.skipped(needed); // the voice fades over to what is so far on
    for (let i = 0; i < output[0].length; i++) {
      const later = skip && this.rate.look(this.rate.at + skip) * i / output[0].length;
      if (!this.is_filling) this.last = this.rate.read(this.speed);
      if (skip) this.last = this.last * (1 - i / output[0].length) + later;
      this.gain += ((this.is_filling ? 0 : 1) - this.gain) / 32; // no click at either end
      output[0][i] = this.gain * this.last;
    }
    this.rate.at += skip;
    for (const other of output.slice(1)) other.set(output[0]);
    if (!this.is_filling) this.lowest = Math.min(this.lowest, this.ms);
    if (currentTime - this.report_s >= 1) this.judge();
    return true;
  }
  // Samples to leave out now, below zero: to say again; 0 while the speaker speaks.
  skipped(needed) {
    if (Math.abs(this.excess) < 2 || currentTime - this.skip_s < SKIP_EVERY_S) return 0;
    const ms = Math.max(-SKIP_MS, Math.min(SKIP_MS, this.excess)), skip = ms * RATE / 1000;
    const { at, half, waiting } = this.rate;
    if (waiting < needed + skip) return 0;
    const peak = this.rate.loudest(Math.min(at, at + skip) - half, Math.max(at, at + skip) + needed + half);
    if (peak > Math.max(QUIET_MIN, QUIET * this.loudest)) return 0;
    this.skip_s = currentTime;
    this.excess -= ms;
    this.lowest -= ms;
    return skip;
  }
  judge() {
    this.report_s = currentTime;
    if (this.lowest < Infinity) {
      this.excess = this.lowest - this.reserve;
      this.speed = 1 + Math.max(-SPEED_MAX, Math.min(SPEED_MAX, Math.abs(this.excess) < 2 ? 0 : this.excess / 20000));
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
