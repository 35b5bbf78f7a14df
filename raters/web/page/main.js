// The rater's way through the study: consent, instructions, screen, practice and judging, thanks.
// Gradio shows the parts; `data-stage` on the page's root says which one is to be seen.

import { Refused, belongTo, call, persist, tabName } from "./api.js";
import { setUpChecks } from "./checks.js";
import { listen } from "./keys.js";
import { actions } from "./look.js";
import { Panel } from "./panel.js";
import { setUpQuestions } from "./questions.js";
import { slides } from "./scale.js";
import { advice, besideEachOther, fits, onThisScreen, touch } from "./screen.js";
import { Stage } from "./stage.js";
import { Viewport } from "./viewport.js";
import { prose, speak, t, tell } from "./words.js";

const page = document.documentElement;
const BACK_MS = 8000;
const PARTS = ["#door", "#stage-consent h2", "#stage-consent button", "#questions", "#instructions",
  "#stage-instructions button", "#checks", "#code", "#left-code", "#message-text"];
const BUTTONS = { consent: "consent.agree", instructions: "buttons.continue" }; // of Gradio

function show(name) {
  page.dataset.stage = name;
  window.scrollTo(0, 0);
  const heading = document.querySelector(`#stage-${name} :is(h1, h2)`);
  heading?.setAttribute("tabindex", "-1");
  heading?.focus({ preventScroll: true });
}

function refuse(message) {
  document.querySelector("#message-text").textContent = message;
  show("message");
}

let spoken = false; // whether the texts are here

/** Runs a step that needs the server; says so if the server refuses or cannot be reached. */
async function step(action) {
  try {
    return await persist(action, () => {
      page.setAttribute("data-offline", spoken ? t("status.offline") : "…");
    });
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    refuse(error.message);
    return null;
  } finally {
    page.removeAttribute("data-offline");
  }
}

/** Waits until Gradio has put all parts on the page, which it does in no order. */
function drawn() {
  const there = () => PARTS.every((part) => document.querySelector(part));
  return new Promise((done) => {
    if (there()) return void done();
    const watching = new MutationObserver(() => {
      if (!there()) return;
      watching.disconnect();
      done();
    });
    watching.observe(document.body, { childList: true, subtree: true });
  });
}

/** Called once by the judging component when Gradio has put it on the page. */
export async function start(element) {
  await drawn();
  const session = await step(() => call("/api/session"));
  if (!session) return;
  belongTo(session.who);
  speak(session);
  spoken = true;
  tell(document);
  for (const [name, key] of Object.entries(BUTTONS)) {
    document.querySelector(`#stage-${name} button`).textContent = t(key);
  }
  const { views } = session.protocol;
  page.dataset.views = views.filter((view) => view !== "hold" || session.reference).join(" ");
  page.toggleAttribute("data-one-key", session.one_key);
  const { answers, marks } = session.protocol;
  const long = answers.some(({ label }) => label.length > 12);
  page.dataset.answers = marks.length ? "scale" : long ? "long" : "short";
  const told = session.instructions[touch() ? "touch" : "keys"].flatMap(prose);
  document.querySelector("#instructions").replaceChildren(...told);

  const asks = session.questions.length > 0;
  document.addEventListener("rating:consent", async () => {
    if (await step(() => call("/api/consent", {}))) show(asks ? "questions" : "instructions");
  });
  setUpQuestions(document.querySelector("#questions"), session.questions, async (answers) => {
    if (await step(() => call("/api/answers", { answers }))) show("instructions");
  });
  document.addEventListener("rating:understood", () => {
    show("checks");
    checks.refresh();
  });
  const checks = setUpChecks(document.querySelector("#checks"), session, async (found) => {
    const checked = await step(() => call("/api/checks", found));
    if (checked) judge(element, { ...session, seconds_left: checked.seconds_left });
  });

  const stages = { consent: () => atDoor(session), questions: () => show("questions"),
    checks: () => show("instructions"),
    training: () => judge(element, session), judging: () => judge(element, session),
    done: () => thank(), closed: () => thank() };
  stages[session.stage]();
}

/** Before consent: whether the images fit here; if not, waits until they do, and says what to do. */
function atDoor(session) {
  if (fits(session)) return void show("consent");
  show("door");
  const look = () => {
    if (fits(session)) {
      window.removeEventListener("resize", look);
      return void show("consent");
    }
    document.querySelector("#door-size").textContent = advice(session);
    document.querySelector("#door-screen").hidden = onThisScreen(session);
    return undefined;
  };
  window.addEventListener("resize", look);
  look();
}

async function thank() {
  const session = await step(() => call("/api/session"));
  if (!session) return;
  if (session.done === 0 && session.ended !== "time") return void refuse(t("message.none_left"));
  showCode("", session.code);
  document.querySelector("#stopped").hidden = session.stage !== "closed";
  document.querySelector("#time-over").hidden = session.ended !== "time";
  show("thanks");
  if (session.back) goBack(session.back);
}

/** Offers the way back to the platform, and takes it after a while: time to read the code. */
function goBack(url) {
  const link = document.querySelector("#back");
  link.href = url;
  document.querySelector("#back-block").hidden = false;
  setTimeout(() => link.click(), BACK_MS);
}

function showCode(prefix, code) {
  document.querySelector(`#${prefix}code`).textContent = code ?? "";
  document.querySelector(`#${prefix}code-block`).hidden = !code;
}

// The ways to look that the study does not offer do nothing, by key or button.
function offered(look, views) {
  const withheld = ["side", "flicker", "split", "hold"].filter((name) => !views.includes(name));
  if (withheld.includes("flicker")) withheld.push("auto");
  return { ...look, ...Object.fromEntries(withheld.map((name) => [name, () => {}])) };
}

function judge(element, session) {
  const root = element.querySelector('[data-part="judge"]');
  const part = (name) => root.querySelector(`[data-part="${name}"]`);
  show("judging");
  const viewport = new Viewport(part("room"), part("slider"), () => {
    panel.renderView(viewport);
    stage.refresh();
  });
  const stage = new Stage(session, tabName(), viewport, (now) => panel.render(now), thank);
  const { answers, views } = session.protocol;
  viewport.mode = views.find((view) => view !== "hold") ?? "side";
  viewport.tapFlickers = views.includes("flicker");
  const look = offered(actions(viewport), views);
  const keyed = answers.filter(({ key }) => key);
  const choices = Object.fromEntries(keyed.map(({ key, code }) => [key, code]));
  const decide = {
    choose: (code) => stage.choose(code), confirm: () => stage.confirm(),
    revise: () => stage.revise(), cancel: () => stage.cancel(),
  };
  const panel = new Panel(root, session, {
    ...look, ...decide, answer: decide.choose, pause: () => stage.togglePause(),
    takeOver: () => stage.begin({ takeOver: true }), reload: () => window.location.reload(),
    retry: () => window.dispatchEvent(new Event("rating:retry")),
    help: () => part("help").showModal(), closeHelp: () => part("help").close(),
    withdraw: () => { part("help").close(); part("withdraw").showModal(); },
    closeWithdraw: () => part("withdraw").close(),
    reallyWithdraw: () => leave(false), deleteAll: () => leave(true),
  });
  async function leave(deleting) {
    part("withdraw").close();
    const left = await step(() => call("/api/withdraw", { delete: deleting }).catch((error) => {
      // Sent again because the first reply was lost: nobody is known by this link any more.
      if (deleting && error.status === 401) return { code: null };
      throw error;
    }));
    if (!left) return;
    stage.end();
    showCode("left-", left.code);
    document.querySelector("#left-kept").hidden = deleting;
    document.querySelector("#left-deleted").hidden = !deleting;
    show("withdrawn");
  }
  const turned = () => {
    const beside = besideEachOther(session) || !touch();
    panel.offer("side", views.includes("side") && beside);
    if (viewport.mode !== "side" || beside) return;
    viewport.mode = views.find((view) => ["flicker", "split"].includes(view)) ?? "side";
    viewport.setMode(viewport.mode);
  };
  window.addEventListener("resize", turned);
  turned();
  const active = () => page.dataset.stage === "judging" && !root.querySelector("dialog[open]");
  listen(active, { ...look, ...decide, slides, help: () => part("help").showModal() }, choices);
  stage.begin();
}
