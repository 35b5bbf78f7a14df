// The rater's way through the study: consent, instructions, screen, practice and judging, thanks.
// Gradio shows the parts; `data-stage` on the page's root says which one is to be seen.

import { Refused, belongTo, call, persist, tabName } from "./api.js";
import { setUpChecks } from "./checks.js";
import { listen } from "./keys.js";
import { actions } from "./look.js";
import { Panel } from "./panel.js";
import { Stage } from "./stage.js";
import { Viewport } from "./viewport.js";

const page = document.documentElement;
const BACK_MS = 8000;
const NONE_LEFT = "This study has all the people it needs, so there was nothing left for you to " +
  "judge. Thank you for wanting to take part!";

function show(name) {
  page.dataset.stage = name;
  window.scrollTo(0, 0);
  const heading = document.querySelector(`#stage-${name} :is(h1, h2)`);
  heading?.setAttribute("tabindex", "-1");
  heading?.focus({ preventScroll: true });
}

function tell(message) {
  document.querySelector("#message-text").textContent = message;
  show("message");
}

/** Runs a step that needs the server; says so if the server refuses or cannot be reached. */
async function step(action) {
  try {
    return await persist(action, () => page.setAttribute("data-offline", ""));
  } catch (error) {
    if (!(error instanceof Refused)) throw error;
    tell(error.message);
    return null;
  } finally {
    page.removeAttribute("data-offline");
  }
}

/** A paragraph of `text`; what ** encloses is bold. */
function paragraph(text) {
  const node = document.createElement("p");
  text.split("**").forEach((part, index) => {
    if (index % 2 === 0) return void node.append(part);
    const strong = document.createElement("strong");
    strong.textContent = part;
    node.append(strong);
  });
  return node;
}

/** Called once by the judging component when Gradio has put it on the page. */
export async function start(element) {
  const session = await step(() => call("/api/session"));
  if (!session) return;
  belongTo(session.who);
  const { views } = session.protocol;
  page.dataset.views = views.filter((view) => view !== "hold" || session.reference).join(" ");
  page.toggleAttribute("data-one-key", session.one_key);
  document.querySelector("#instructions").replaceChildren(...session.instructions.map(paragraph));

  document.addEventListener("rating:consent", async () => {
    if (await step(() => call("/api/consent", {}))) show("instructions");
  });
  document.addEventListener("rating:understood", () => {
    show("checks");
    checks.refresh();
  });
  const checks = setUpChecks(document.querySelector("#checks"), session, async (found) => {
    if (await step(() => call("/api/checks", found))) judge(element, session);
  });

  const stages = { consent: () => show("consent"), checks: () => show("instructions"),
    training: () => judge(element, session), judging: () => judge(element, session),
    done: () => thank(), closed: () => thank(), withdrawn: () => show("withdrawn") };
  stages[session.stage]();
}

async function thank() {
  const session = await step(() => call("/api/session"));
  if (!session) return;
  if (session.done === 0) return void tell(NONE_LEFT);
  showCode("", session.code);
  document.querySelector("#stopped").hidden = session.stage !== "closed";
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
  const viewport = new Viewport(part("room"), part("slider"), () => panel.renderView(viewport));
  const stage = new Stage(session, tabName(), viewport, (now) => panel.render(now), thank);
  const { answers, views } = session.protocol;
  viewport.mode = views.find((view) => view !== "hold") ?? "side";
  const look = offered(actions(viewport), views);
  const choices = Object.fromEntries(answers.map(({ key, code }) => [key, code]));
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
    reallyWithdraw: async () => {
      part("withdraw").close();
      const left = await step(() => call("/api/withdraw", {}));
      if (!left) return;
      showCode("left-", left.code);
      show("withdrawn");
    },
  });
  const active = () => page.dataset.stage === "judging" && !root.querySelector("dialog[open]");
  listen(active, { ...look, ...decide, help: () => part("help").showModal() }, choices);
  stage.begin();
}
