// What a study asks raters about themselves, before they judge.

import { t } from "./words.js";

/** Puts the questions into `root`; `done` gets the answers by their ids. */
export function setUpQuestions(root, questions, done) {
  const button = root.querySelector("#questions-done");
  const fields = new Map(questions.map((question) => [question, field(question)]));
  const all = root.querySelector("#asked");
  all.replaceChildren(...questions.map((question) => labelled(question, fields.get(question))));

  const refresh = () => {
    button.disabled = questions.some((question) => {
      const node = fields.get(question);
      return !node.checkValidity() || (!question.optional && node.value.trim() === "");
    });
  };
  all.addEventListener("input", refresh);
  button.addEventListener("click", () => {
    button.disabled = true; // one click, one answer
    const answers = questions.map((question) => [question.id, value(question, fields.get(question))]);
    done(Object.fromEntries(answers));
  });
  refresh();
}

function labelled({ question, optional }, node) {
  const label = document.createElement("label");
  const words = document.createElement("span");
  words.textContent = optional ? `${question} ${t("about_you.optional")}` : question;
  label.append(words, node);
  return label;
}

function field({ kind, choices }) {
  if (kind === "choice") {
    const select = document.createElement("select");
    select.append(new Option(t("buttons.choose"), ""));
    select.append(...choices.map((text, index) => new Option(text, String(index))));
    return select;
  }
  const input = document.createElement("input");
  input.type = kind;
  if (kind === "number") input.step = "any";
  else input.maxLength = 500;
  return input;
}

function value({ kind }, node) {
  const text = node.value.trim();
  if (text === "") return null;
  return kind === "text" ? text : Number(text);
}
