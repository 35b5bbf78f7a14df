// What is said to raters: the study's texts, by their keys. No other script holds a sentence.

let texts = {};
let known = {};

/** Takes the texts of a session; from here on the page is in its language. */
export function speak(session) {
  texts = session.texts;
  known = { rater_number: session.number };
  document.documentElement.lang = session.language;
  document.title = t("study.title");
}

/** What stands under `key`, with `values` in place of the names in braces. */
export function t(key, values = {}) {
  if (!Object.hasOwn(texts, key)) throw new Error(`text: ${key}`);
  const all = { ...known, ...values };
  return texts[key].replace(/\{([a-z_]+)\}/g, (name, inner) => all[inner] ?? name);
}

/** The paragraphs and lists of a text: ** encloses what is bold, "- " begins an item of a list. */
export function prose(text) {
  return text.split(/\n\s*\n/).filter((part) => part.trim()).flatMap((part) => {
    const lines = part.trim().split("\n");
    if (!lines.some((line) => line.startsWith("- "))) return [bold("p", lines.join(" "))];
    const list = document.createElement("ul");
    const items = lines.filter((line) => line.startsWith("- "));
    list.append(...items.map((line) => bold("li", line.slice(2))));
    return [...lines.filter((line) => !line.startsWith("- ")).map((line) => bold("p", line)), list];
  });
}

function bold(name, text) {
  const node = document.createElement(name);
  text.split("**").forEach((part, index) => {
    if (index % 2 === 0) return void node.append(part);
    const strong = document.createElement("strong");
    strong.textContent = part;
    node.append(strong);
  });
  return node;
}

/** Writes on all elements in `root` what their `data-text`, `-prose`, `-label` and `-title` name. */
export function tell(root) {
  const each = (name, write) => {
    for (const node of root.querySelectorAll(`[data-${name}]`)) write(node, t(node.dataset[name]));
  };
  each("text", (node, text) => { node.textContent = text; });
  each("prose", (node, text) => { node.replaceChildren(...prose(text)); });
  each("label", (node, text) => node.setAttribute("aria-label", text));
  each("title", (node, text) => node.setAttribute("title", text));
}
