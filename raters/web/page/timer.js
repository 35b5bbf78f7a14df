// How long an answer took, and whether that can be believed.

export class Timer {
  constructor() {
    this.stop();
    document.addEventListener("visibilitychange", () => {
      if (document.hidden) this.broken = true;
    });
  }

  stop() {
    this.begun = null;
    this.broken = false;
  }

  start(broken) {
    this.begun = performance.now();
    this.broken = broken || document.hidden;
  }

  get milliseconds() {
    return this.begun === null ? 0 : Math.round(performance.now() - this.begun);
  }
}
