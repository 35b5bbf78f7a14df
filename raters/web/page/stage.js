// The judging stage as a state machine:
//
//   loading -> ready -> chosen -> saving -> loading ...       (the next trial)
//                                 saving -> feedback -> loading    (practice)
//   saving  -> unsaved -> saving      the server cannot be reached; the answer is kept and resent
//   loading -> offline -> loading     the same, with nothing to lose
//   loading -> waiting -> loading     what is left is with others; goes on by itself
//   any     -> elsewhere | stopped    another tab goes on; the server said no
//
// Answers are taken in `ready` and `chosen` only, not while paused or on a window too small, and where
// a reference is shown, not before it was seen.

import { Outbox, Refused, call, countReloads, newKey, persist } from "./api.js";
import { Images } from "./images.js";
import { ReferenceTime } from "./reference.js";
import { fits } from "./screen.js";
import { Timer } from "./timer.js";
import { t } from "./words.js";

export class Stage {
  /**
   * @param session   what /api/session said
   * @param tab       this tab's name
   * @param viewport  shows the images
   * @param render    (stage) => void, called after every change
   * @param leave     called when there is nothing left to judge
   */
  constructor(session, tab, viewport, render, leave) {
    Object.assign(this, { session, tab, viewport, render, leave });
    this.outbox = new Outbox(session.who);
    this.images = new Images();
    this.timer = new Timer();
    this.reference = new ReferenceTime(session.reference_ms, () => this.refresh());
    this.state = "loading";
    this.paused = false;
    this.small = !fits(session);
    this.trial = null;
    this.previous = null; // {trial, answer}: the last judgement, while its images are here
    this.revising = false;
    this.choice = null;
    this.message = "";
    window.addEventListener("resize", () => this.resized());
    document.addEventListener("visibilitychange", () => this.refresh());
    // No timer waits for longer than 24 days.
    const { seconds_left: left } = session;
    if (left !== null && left < 2e6) {
      this.ending = setTimeout(() => this.timeOver(), 1000 * Math.max(left, 0) + 500);
    }
    window.addEventListener("beforeunload", (event) => {
      if (!this.outbox.empty) event.preventDefault();
    });
  }

  enter(state, message = "") {
    this.state = state;
    this.message = message;
    this.refresh();
  }

  /** Called when what is shown may have changed. */
  refresh() {
    const there = this.open && !this.revising && !document.hidden;
    this.reference.show(there && this.viewport.showsReference);
    this.render(this);
  }

  /** Whether the images of a trial are to be seen and judged. */
  get open() {
    return ["ready", "chosen"].includes(this.state) && !this.paused && !this.small;
  }

  get accepting() {
    return this.open && (this.revising || this.reference.seen);
  }

  /** Whether the rater has yet to look at the reference, and does not at the moment. */
  get wantsReference() {
    return this.open && !this.accepting && !this.viewport.showsReference;
  }

  get answers() {
    return this.session.protocol.answers.map(({ code }) => code);
  }

  get canRevise() {
    return this.open && (this.revising || this.previous !== null);
  }

  // --- trials ----------------------------------------------------------------------------------

  /** Sends what an earlier visit left, then asks for a trial. */
  async begin({ takeOver = false, message = "" } = {}) {
    await this.guard(async () => {
      if (!this.outbox.empty) {
        this.enter("saving", message);
        try {
          await this.outbox.deliverAll(this.tab, () => this.enter("unsaved"));
        } catch (error) {
          if (!(error instanceof Refused) || [401, 403].includes(error.status)) throw error;
          message = error.message;
        }
      }
      this.enter("loading", message);
      const body = { tab: this.tab, take_over: takeOver };
      const reply = await persist(() => call("/api/trial", body), () => this.enter("offline"));
      await this.take(reply, message);
    });
  }

  /** Goes where the server says: a trial, another tab, the end. */
  async take(next, message = "") {
    if (next.state === "done") return this.leave();
    if (next.state === "elsewhere") {
      this.viewport.clear();
      return this.enter("elsewhere");
    }
    if (next.state === "wait") {
      this.viewport.clear();
      this.enter("waiting");
      this.waiting = setTimeout(() => this.state === "waiting" && this.begin(), 1000 * next.seconds);
      return undefined;
    }
    this.enter("loading", message);
    const practised = this.trial?.training && !next.training;
    if (practised) this.previous = null;
    this.trial = next;
    const reloads = countReloads(next.trial);
    this.bitmaps = await this.images.get(next.slots, () => this.enter("offline"));
    this.images.keep(this.previous?.trial.slots, next.slots, next.following);
    if (next.following) this.images.preload(next.following);
    this.reloads = reloads;
    this.choice = null;
    if (practised) return this.enter("interlude");
    return this.present(message);
  }

  present(message = "") {
    this.showImages(this.bitmaps);
    this.timer.start(this.trial.resumed || this.reloads > 0);
    this.reference.begin();
    this.enter("ready", message);
  }

  showImages(bitmaps) {
    const { protocol: { compared, captions }, reference } = this.session;
    const beside = reference && !compared.includes("reference") ? "reference" : null;
    this.viewport.show(bitmaps, compared, captions, beside);
  }

  // --- answering -------------------------------------------------------------------------------

  choose(answer) {
    if (!this.accepting || !this.answers.includes(answer)) return;
    this.choice = answer;
    this.enter("chosen");
    if (this.session.one_key) this.confirm();
  }

  /** Enter: confirms a choice, or goes on from whatever waits for it. */
  confirm() {
    if (this.state === "feedback" || this.state === "interlude") return this.goOn();
    if (this.paused) return this.togglePause();
    if (!this.accepting || this.state !== "chosen") return undefined;
    return this.revising ? this.saveRevision() : this.saveJudgement();
  }

  async saveJudgement() {
    const { trial, choice } = this;
    const body = {
      trial: trial.trial, answer: choice, key: newKey(), tab: this.tab,
      response_ms: this.timer.milliseconds, timer_broken: this.timer.broken,
      reloads: this.reloads, layout: this.viewport.row().join(" "), ...this.reference.record(),
      client: { viewport: [window.innerWidth, window.innerHeight], dpr: window.devicePixelRatio,
        ...this.viewport.record() },
    };
    await this.send("/api/judgement", body, async (reply) => {
      this.previous = trial.training ? null : { trial, answer: reply.answer };
      const message = reply.answer === choice ? t("judging.saved")
        : t("judging.saved_before", { answer: this.label(reply.answer) });
      if (!reply.feedback) return this.take(reply.next, message);
      this.next = reply.next;
      return this.explain(reply.feedback);
    });
  }

  /** Practice: says what was right and why, of each image too, while they are still there. */
  explain({ text, captions }) {
    const labels = { ...this.session.protocol.captions };
    for (const [slot, words] of Object.entries(captions)) labels[slot] += `: ${words}`;
    this.viewport.exchange(this.bitmaps, labels);
    this.enter("feedback", text);
  }

  async saveRevision() {
    const body = { key: newKey(), answer: this.choice, tab: this.tab };
    await this.send("/api/revision", body, async (reply) => {
      this.previous.answer = reply.answer;
      await this.endRevision(t("judging.changed"));
    });
  }

  // From here on the answer is decided: it is kept first, and arrives however long that takes.
  async send(path, body, then) {
    this.outbox.put(path, body);
    this.enter("saving");
    await this.guard(async () => {
      const waiting = () => this.enter("unsaved");
      await then(await this.outbox.deliver(body.key, this.tab, waiting));
    });
  }

  async goOn() {
    if (this.state === "interlude") return this.present();
    this.enter("loading");
    return this.guard(() => this.take(this.next));
  }

  // --- the last answer again -------------------------------------------------------------------

  async revise() {
    if (!this.canRevise) return;
    if (this.revising) return void this.endRevision();
    this.revising = true;
    this.enter("loading");
    this.showImages(await this.images.get(this.previous.trial.slots, () => {}));
    this.choice = this.previous.answer;
    this.timer.broken = true;
    this.enter("chosen");
  }

  async endRevision(message = "") {
    this.revising = false;
    this.choice = null;
    this.showImages(this.bitmaps);
    this.enter("ready", message);
  }

  cancel() {
    if (this.revising && this.accepting) return void this.endRevision();
    if (this.state === "chosen" && this.accepting) {
      this.choice = null;
      this.enter("ready");
    }
  }

  // --- around it -------------------------------------------------------------------------------

  /** The time is over: what is being sent arrives first, then the server says so. */
  timeOver() {
    if (["saving", "unsaved", "offline"].includes(this.state)) {
      this.ending = setTimeout(() => this.timeOver(), 1000);
    } else if (!["elsewhere", "stopped"].includes(this.state)) {
      this.begin();
    }
  }

  /** The rater has left: nothing goes on by itself any more. */
  end() {
    clearTimeout(this.ending);
    clearTimeout(this.waiting);
  }

  togglePause() {
    this.paused = !this.paused;
    this.timer.broken = true;
    this.viewport.stopAuto();
    this.refresh();
  }

  resized() {
    const small = !fits(this.session);
    if (small === this.small) return;
    this.small = small;
    this.timer.broken = true;
    this.refresh();
  }

  label(code) {
    if (this.session.protocol.marks.length) return code;
    return this.session.protocol.answers.find((answer) => answer.code === code)?.label ?? code;
  }

  /** Runs a step; what the server refuses ends on the page, in words. */
  async guard(step) {
    try {
      await step();
    } catch (error) {
      if (!(error instanceof Refused)) throw error;
      // This trial is gone (its lease ran out, or it never was ours): say so, and take another.
      if ([404, 409].includes(error.status) && this.state !== "loading") {
        this.revising = false;
        return void this.begin({ message: error.message });
      }
      this.viewport.clear();
      if (error.kind === "closed") return void this.leave();
      this.enter("stopped", error.message);
    }
  }
}
