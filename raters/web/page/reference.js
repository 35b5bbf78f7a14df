// How often and how long the reference of a trial was to be seen.

const MARGIN_MS = 20; // browsers may round the time of a timer down

export class ReferenceTime {
  /**
   * @param {number} needed      milliseconds in all after which it counts as seen; 0: not needed
   * @param {() => void} enough  called when they are over
   */
  constructor(needed, enough) {
    Object.assign(this, { needed, enough });
    this.begin();
  }

  /** A trial begins. */
  begin() {
    clearTimeout(this.timer);
    this.times = 0;
    this.before = 0;
    this.since = null;
  }

  /** Says whether it is to be seen from now on. */
  show(on) {
    if (on === (this.since !== null)) return;
    const { milliseconds } = this;
    if (on) {
      this.since = performance.now();
      this.times += 1;
      if (!this.seen) {
        this.timer = setTimeout(this.enough, this.needed - milliseconds + MARGIN_MS);
      }
    } else {
      clearTimeout(this.timer);
      this.before = milliseconds;
      this.since = null;
    }
  }

  get milliseconds() {
    return this.before + (this.since === null ? 0 : performance.now() - this.since);
  }

  get seen() {
    return this.milliseconds >= this.needed;
  }

  record() {
    return { reference_shown: this.times, reference_ms: Math.floor(this.milliseconds) };
  }
}
