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

function mark() {
  const isNew = Date.now() - loadedAt < OLD_AFTER_MILLISECONDS;
  for (const old of document.querySelectorAll("[data-old]")) old.hidden = isNew;
}

document.addEventListener("visibilitychange", mark);
setInterval(mark, 60_000);

// An error's page is loaded again by its header; the number beside it is only for the reader.
function countDown(place) {
  const endsAt = Date.now() + Number(place.dataset.seconds) * 1000;
  setInterval(() => {
    const left = Math.max(1, Math.ceil((endsAt - Date.now()) / 1000));
    if (left <= 90) place.textContent = left === 1 ? "1 second" : `${left} seconds`;
  }, 1_000);
}

document.querySelectorAll("[data-seconds]").forEach(countDown);

// What the page says of whose record it is, and what it makes of several parts.
const OF_THE_WHOLE = ["patient", "who", "unread", "allergy-line", "mark-news", "news"];
// Of these, what only says that something is wrong, and goes when it is right.
const COMES_AND_GOES = ["who", "unread"];

function renew(page, name) {
  const [old, fresh] = [document, page].map((one) => [...one.querySelectorAll(`main > [slot="${name}"]`)]);
  if (!fresh.length && !COMES_AND_GOES.includes(name)) return;
  const hasFocus = old.some((one) => one.contains(document.activeElement));
  const place = old[0] ?? document.querySelector("main > [slot]");
  place.before(...fresh.map((one) => document.adoptNode(one)));
  for (const one of old) one.remove();
  for (const one of fresh) one.querySelectorAll("[data-seconds]").forEach(countDown);
  if (!hasFocus || !fresh.length) return;
  fresh[0].tabIndex = -1;
  fresh[0].focus();
}

// Parts that the EHR did not give, when the time is over that it asked for. What was read stays.
async function readAgain(failed) {
  const answer = await fetch(failed[0].dataset.readAgain, { cache: "no-store" });
  if (!answer.ok) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  if (page.getElementById("alarm")) return location.reload();
  const slots = failed.map((one) => one.closest("section")?.slot).filter(Boolean);
  const names = slots.flatMap((slot) => [slot, `mark-${slot}`]);
  for (const name of [...names, ...OF_THE_WHOLE]) renew(page, name);
  plan();
}

function plan() {
  const failed = [...document.querySelectorAll("main [data-read-again]")];
  if (!failed.length) return;
  const seconds = failed.map((one) => Number(one.querySelector("[data-seconds]").dataset.seconds));
  setTimeout(() => readAgain(failed), Math.max(...seconds) * 1000);
}

plan();

// Pieces of a record come in the order in which they are read; what copies, searches or reads the
// page's text goes by the order of its elements. From the end on, because the longest pieces come
// last: what is not moved is not laid out again.
const chart = document.querySelector("main.chart");
if (chart?.shadowRoot) {
  const places = [...chart.shadowRoot.querySelectorAll("slot")].map((slot) => slot.name);
  const inOrder = [...chart.children].sort((a, b) => places.indexOf(a.slot) - places.indexOf(b.slot));
  let next = null;
  for (const piece of inOrder.reverse()) {
    if (piece.nextElementSibling !== next) chart.insertBefore(piece, next);
    next = piece;
  }
}

// Only where the operator allows names in titles.
const named = document.querySelector("[data-title]");
if (named) document.title = `${named.dataset.title} · ${document.title}`;

const print = document.querySelector("[data-print]");
if (print) {
  print.hidden = false;
  print.addEventListener("click", () => window.print());
}

// A note is printed to its end; afterwards the page is as it was.
let opened = [];
addEventListener("beforeprint", () => {
  opened = [...document.querySelectorAll(".long:not([open])")];
  for (const long of opened) long.open = true;
});
addEventListener("afterprint", () => {
  for (const long of opened) long.open = false;
});

document.querySelector("form[data-send-at-once]")?.submit();
