// The figures, fresh every few seconds; the rest of the page stays as it is.

const EVERY_MS = 5000;

async function refresh() {
  if (document.hidden) return;
  const response = await fetch("./", { cache: "no-store" });
  if (!response.ok) return;
  const fresh = new DOMParser().parseFromString(await response.text(), "text/html");
  const [now, next] = [document, fresh].map((page) => page.querySelector("#live"));
  // Closed or unblinded elsewhere: the buttons below change too.
  if (now.dataset.state !== next.dataset.state) window.location.reload();
  now.replaceWith(next);
}

setInterval(() => refresh().catch(() => {}), EVERY_MS);
