// Shows times in the reader's own time zone, and says when a page has grown old.
// Every page works without it.
"use strict";

const OLD_AFTER_MILLISECONDS = 30 * 60 * 1000;
const format = new Intl.DateTimeFormat("en-GB", {
  day: "numeric",
  month: "short",
  year: "numeric",
  hour: "2-digit",
  minute: "2-digit",
  timeZoneName: "short",
});

for (const time of document.querySelectorAll("time[data-instant]")) {
  time.title = time.textContent;
  time.textContent = format.format(new Date(time.dateTime));
}

// Measured from the load by one clock: the server's and the reader's may differ by hours.
const loadedAt = Date.now();
const old = document.querySelector("[data-old]");

function mark() {
  old.hidden = Date.now() - loadedAt < OLD_AFTER_MILLISECONDS;
}

if (old) {
  document.addEventListener("visibilitychange", mark);
  setInterval(mark, 60_000);
}

// Pieces of a record come in the order in which they are read; what copies, searches or reads the
// page's text goes by the order of its elements.
const chart = document.querySelector("main.chart");
if (chart?.shadowRoot) {
  const places = [...chart.shadowRoot.querySelectorAll("slot")].map((slot) => slot.name);
  const inOrder = [...chart.children].sort((a, b) => places.indexOf(a.slot) - places.indexOf(b.slot));
  if (inOrder.some((piece, place) => piece !== chart.children[place]))
    chart.append(...inOrder);
}

// Only where the operator allows names in titles.
const named = document.querySelector("[data-title]");
if (named) document.title = `${named.dataset.title} · ${document.title}`;

const print = document.querySelector("[data-print]");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}

document.querySelector("form[data-send-at-once]")?.submit();
