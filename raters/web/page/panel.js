// Puts the stage's state on the page: buttons, status line, curtain.

import { showState, whileHeld } from "./look.js";
import { Scale } from "./scale.js";
import { advice, touch } from "./screen.js";
import { reducedMotion } from "./viewport.js";
import { t } from "./words.js";

const STATUS = ["loading", "offline", "saving", "unsaved"]; // states that the status line tells

// What covers the images, instead of them: title, text, button and what the button does.
function curtain(stage) {
  const { state, session, message, trial } = stage;
  const over = trial?.practice === "failed" ? "practice.over_failed" : "practice.over_text";
  const covers = {
    elsewhere: [t("elsewhere.title"), t("elsewhere.text"), t("elsewhere.button"), "takeOver"],
    waiting: [t("waiting.title"), t("waiting.text"), "", ""],
    stopped: [t("stopped.title"), message, t("stopped.button"), "reload"],
    interlude: [t("practice.over"), t(over), t("practice.start"), "confirm"],
  };
  if (stage.small) return [t("door.title"), advice(session), "", ""];
  if (stage.paused) return [t("paused.title"), t("paused.text"), t("buttons.continue"), "pause"];
  return covers[state] ?? null;
}

export class Panel {
  /** @param root the component's element  @param act name -> function, what buttons do */
  constructor(root, session, act) {
    this.root = root;
    this.act = act;
    this.find("question").textContent = session.question;
    this.find("question").title = session.question;
    this.makeAnswers(session);
    this.find("confirm").hidden = session.one_key;
    this.makeHelp(session.protocol);
    const views = new Set(session.protocol.views);
    for (const name of ["side", "flicker", "split"]) this.button(name).hidden = !views.has(name);
    this.button("auto").hidden = !views.has("flicker");
    this.button("hold").hidden = !(session.reference && views.has("hold"));
    this.button("auto").disabled = reducedMotion();
    root.addEventListener("click", (event) => this.clicked(event));
    whileHeld(this.button("hold"), (on) => this.act.hold(on));
  }

  find(name) {
    return this.root.querySelector(`[data-part="${name}"]`);
  }

  button(name) {
    return this.root.querySelector(`[data-act="${name}"]`);
  }

  /** Offers a way to look by its button, or no more. */
  offer(name, on) {
    this.button(name).hidden = !on;
  }

  makeAnswers(session) {
    const group = this.find("answers");
    group.setAttribute("aria-label", session.question);
    const { answers, marks } = session.protocol;
    if (marks.length) {
      this.scale = new Scale(group, session.protocol, session.question, (code) => this.act.answer(code));
      return;
    }
    group.dataset.many = answers.length > 3;
    group.dataset.long = answers.some(({ label }) => label.length > 12);
    group.replaceChildren(...answers.map(({ code, label, key_sign: sign }) => {
      const button = document.createElement("button");
      button.type = "button";
      button.dataset.answer = code;
      button.dataset.act = "answer";
      const key = document.createElement("kbd");
      key.textContent = sign;
      const text = document.createElement("span");
      text.textContent = label;
      button.append(key, text);
      return button;
    }));
  }

  // What the answers' keys do: those with words of their own apart, the others in one line.
  makeHelp({ answers, help, marks }) {
    const plain = answers.filter((answer) => answer.key && !answer.help).map(({ key_sign: sign }) => sign);
    const keys = plain.length > 2 ? [plain[0], "…", plain.at(-1)] : plain;
    const own = answers.filter((answer) => answer.help);
    const slide = marks.length ? [[["←", "→"], t("help.slide")]] : [];
    const lines = [[keys, help], ...slide, ...own.map(({ key_sign: sign, help: text }) => [[sign], text])];
    this.find("answer-keys").replaceWith(...lines.map(([signs, text]) => {
      const line = document.createElement("div");
      const term = document.createElement("dt");
      const meaning = document.createElement("dd");
      for (const sign of signs) {
        const key = document.createElement("kbd");
        key.textContent = sign;
        term.append(...(term.childNodes.length ? [" "] : []), sign === "…" ? sign : key);
      }
      meaning.textContent = text;
      line.append(term, meaning);
      return line;
    }));
  }

  clicked(event) {
    const button = event.target.closest("button[data-act]");
    if (!button || button.disabled) return;
    this.act[button.dataset.act]?.(button.dataset.answer);
    // After the mouse, Space and Enter are the page's keys again, not this button's.
    if (event.detail > 0) button.blur();
  }

  render(stage) {
    const { root } = this;
    root.dataset.state = stage.state;
    root.dataset.small = stage.small;
    root.setAttribute("aria-busy", ["loading", "saving", "offline", "unsaved"].includes(stage.state));
    this.renderProgress(stage);
    this.renderButtons(stage);
    this.renderCurtain(stage);
    this.find("note").hidden = stage.state !== "feedback";
    say(this.find("note-text"), stage.state === "feedback" ? stage.message : "");
    const chosen = stage.choice && stage.state === "chosen" && !stage.session.one_key
      ? t(touch() ? "judging.chosen_touch" : "judging.chosen", { answer: stage.label(stage.choice) }) : "";
    const revising = stage.revising ? `${t("judging.revising")} ` : "";
    const covered = !this.find("curtain").hidden;
    const wanted = stage.wantsReference ? t("judging.reference_first") : "";
    say(this.find("status"), STATUS.includes(stage.state) ? t(`status.${stage.state}`)
      : wanted || (covered || stage.state === "feedback" ? "" : stage.message) || revising + chosen);
    this.button("hold").classList.toggle("wanted", stage.wantsReference);
    this.button("retry").hidden = !["unsaved", "offline"].includes(stage.state);
  }

  renderProgress({ trial, session, revising }) {
    if (!trial) return;
    const { number, total } = trial;
    const place = { number, total, counted_as: session.protocol.counted_as };
    const part = trial.training ? t("judging.practice_count", place) : `${number}/${total}`;
    this.find("count").textContent = revising ? t("judging.last_count") : part;
    const spoken = t(trial.training ? "judging.practice_progress" : "judging.progress", place);
    say(this.find("spoken"), revising ? t("judging.last_again") : spoken);
  }

  renderButtons(stage) {
    for (const button of this.root.querySelectorAll("[data-answer]")) {
      button.disabled = !stage.accepting;
      button.setAttribute("aria-pressed", String(button.dataset.answer === stage.choice));
    }
    this.scale?.render(stage.accepting, stage.choice);
    this.find("confirm").disabled = !(stage.accepting && stage.state === "chosen");
    this.button("revise").disabled = !stage.canRevise;
    this.button("revise").setAttribute("aria-pressed", String(stage.revising));
    this.button("pause").disabled = ["elsewhere", "stopped", "waiting"].includes(stage.state);
  }

  renderView(viewport) {
    showState(this.root, viewport);
  }

  renderCurtain(stage) {
    const cover = curtain(stage);
    const node = this.find("curtain");
    const appears = node.hidden && cover;
    node.hidden = !cover;
    this.find("room").toggleAttribute("inert", Boolean(cover));
    if (!cover) return;
    const [title, text, label, action] = cover;
    this.find("curtain-title").textContent = title;
    this.find("curtain-text").textContent = text;
    const button = this.find("curtain-button");
    button.textContent = label;
    button.dataset.act = action;
    button.hidden = !label;
    if (appears && label) button.focus();
  }
}

// Only what changes is announced.
function say(node, text) {
  if (node.textContent !== text) node.textContent = text;
}
