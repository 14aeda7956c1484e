"use strict";
// Parts whose text changed are replaced, the others stay as they are: nothing flickers, nothing loses its place.
const period = 10000, live = () => document.getElementById("live");

// While a value is read off a chart, or text is marked, the page holds still.
const busy = () => document.querySelector(".chart.live") || String(getSelection());

// What the server sent, without what is done to it here.
const remember = (main) => [...main.children].forEach((part) => { part.source = part.outerHTML; });
remember(document.querySelector("main"));

function take(fresh) {
  const now = document.querySelector("main"), next = fresh.querySelector("main");
  remember(next);
  const ids = (main) => [...main.children].map((part) => part.id).join();
  const focus = document.activeElement && document.activeElement.getAttribute("href");
  if (ids(now) !== ids(next)) now.replaceWith(document.adoptNode(next));
  else [...next.children].forEach((part, place) => {
    const old = now.children[place];
    if (old.source === part.source) return;
    const scrolls = [...old.querySelectorAll(".scroll")].map((box) => [box.scrollLeft, box.scrollTop]);
    old.replaceWith(document.adoptNode(part));
    part.querySelectorAll(".scroll").forEach((box, index) => { if (scrolls[index]) [box.scrollLeft, box.scrollTop] = scrolls[index]; });
  });
  if (focus && document.activeElement === document.body) document.querySelector(`main a[href="${CSS.escape(focus)}"]`)?.focus({ preventScroll: true });
  live().replaceWith(document.adoptNode(fresh.getElementById("live")));
  document.title = fresh.title;
  sieve();
}

// The filter: what does not have every word is hidden.
const filter = document.getElementById("filter");
function sieve() {
  if (!filter) return;
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  document.querySelectorAll("#objects tbody tr, #strategies .card, #troubles li").forEach((part) => {
    const text = part.textContent.toLowerCase();
    part.hidden = !words.every((word) => text.includes(word));
  });
}
if (filter) { filter.hidden = false; filter.addEventListener("input", sieve); }

async function refresh() {
  if (!document.hidden && !busy()) {
    try {
      const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(period) });
      if (!answer.ok && answer.status !== 404) throw new Error(answer.status);
      take(new DOMParser().parseFromString(await answer.text(), "text/html"));
      live().classList.remove("lost");
    } catch {
      if (!live().classList.contains("lost")) { live().classList.add("lost"); live().append(". The page does not answer; it is asked again."); }
    }
  }
  setTimeout(refresh, period);
}
setTimeout(refresh, period);

// The value of the session that is pointed at.
document.addEventListener("pointermove", (event) => {
  const plot = event.target.closest?.("svg.plot");
  document.querySelectorAll(".chart.live").forEach((chart) => {
    if (plot && chart.contains(plot)) return;
    chart.classList.remove("live");
    chart.querySelector(".readout").textContent = chart.dataset.last;
  });
  if (!plot) return;
  const chart = plot.closest(".chart"), readout = chart.querySelector(".readout"), box = plot.getBoundingClientRect();
  const values = plot.dataset.readout.split("|"), last = Math.max(values.length - 1, 1);
  const index = Math.min(Math.max(Math.round((event.clientX - box.left) / box.width * last), 0), values.length - 1);
  if (!chart.classList.contains("live")) chart.dataset.last = readout.textContent;
  chart.classList.add("live");
  readout.textContent = values[index];
  const at = 100 * index / last + "%", cross = plot.querySelector(".cross");
  cross.setAttribute("x1", at); cross.setAttribute("x2", at);
});
