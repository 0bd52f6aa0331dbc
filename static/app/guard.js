// Closes the page of a launch in time: when nobody uses it, when the launch has ended meanwhile,
// and when the EHR around it says that another patient was opened. Without this script the server
// still ends an unused launch; what stands on the screen stays until it is loaded again.

const guard = document.querySelector("[data-guard]").dataset;
const warning = document.getElementById("idle-warning");
const idles = guard.idleMinutes !== "";
const idleMinutes = Number(guard.idleMinutes) || 60;
// Four times before it would end, and at most once a minute.
const TELL_EVERY = Math.min(60_000, idleMinutes * 15_000);
const TRY_AGAIN_AFTER = 15_000;
const CHECK_AGAIN_AFTER = 5 * 60_000;
const warnBefore = Number(guard.warningSeconds) * 1000;

let locked = false;
let endsAt = Date.now() + Number(guard.secondsLeft) * 1000;
let usedAt = Date.now();
let toldAt = usedAt;
let askedAt = usedAt;
let isLast = !idles;
let understood = false;

// --- closing -------------------------------------------------------------------------------------

function lock(why) {
  if (locked) return;
  locked = true;
  const message = document.querySelector(`template[data-lock="${why}"]`).content.cloneNode(true);
  if (warning.open) warning.close();
  document.body.replaceChildren(message);
  document.body.className = "plain";
  document.title = "Closed · smartapp";
  document.documentElement.hidden = false;
  document.getElementById("content").focus();
}

function send(url) {
  const body = new URLSearchParams({ form_token: guard.formToken });
  return fetch(url, { method: "POST", body, cache: "no-store", keepalive: true });
}

// What was shown must not be used any more: the server says so while it still sends the page.
function obeyAlarm() {
  const alarm = document.getElementById("alarm");
  if (locked || !alarm) return;
  locked = true;
  alarm.removeAttribute("slot");
  const main = document.createElement("main");
  main.id = "content";
  main.tabIndex = -1;
  main.append(alarm);
  document.body.replaceChildren(main);
  document.body.className = "plain";
  document.title = "Closed · smartapp";
  main.focus();
}

// --- another patient -------------------------------------------------------------------------------

function isFromTheEHR(event) {
  const around = window.parent !== window && event.source === window.parent;
  const origins = guard.origins.split(" ").filter(Boolean);
  return around && origins.some((one) => new URL(one).origin === event.origin);
}

// Until the server knows: this page must not come back when it is loaded again.
async function reportChange() {
  try {
    const answer = await send(guard.patientChangedUrl);
    if (answer.ok || answer.status === 404 || answer.status === 410) return;
  } catch {
    // No connection: again below.
  }
  setTimeout(reportChange, 5_000);
}

function patientChanged() {
  // Survives a reload; in a frame there may be no storage.
  history.replaceState({ closed: true }, "");
  lock("patient");
  reportChange();
}

// What the message says of the other patient is not looked at: our tokens are the first one's.
window.addEventListener("message", (event) => {
  if (!isFromTheEHR(event) || event.data?.event !== "patientContextChanged") return;
  if (!locked) patientChanged();
});

// --- still there? ----------------------------------------------------------------------------------

// Asks the server how long the launch still lives; with `say`, after telling that it is used.
async function ask(say) {
  askedAt = Date.now();
  try {
    const answer = await (say ? send(guard.presenceUrl) : fetch(guard.presenceUrl, { cache: "no-store" }));
    if ([404, 409, 410].includes(answer.status)) lock("ended");
    if (!answer.ok) return false;
    endsAt = Date.now() + (await answer.json()).seconds_left * 1000;
  } catch {
    return false; // no connection: asked again in a while
  }
  if (say) toldAt = askedAt;
  return true;
}

function use() {
  // Once it warns, only its button counts: a bumped mouse is no answer.
  if (!warning.open) usedAt = Date.now();
}

function show(milliseconds) {
  const minutes = Math.ceil(milliseconds / 60_000);
  const text = milliseconds > 60_000 ? `${minutes} minutes` : `${Math.ceil(milliseconds / 1000)} seconds`;
  for (const place of warning.querySelectorAll("[data-left]")) place.textContent = text;
}

async function stay() {
  if (!(await ask(true))) return;
  usedAt = Date.now();
  if (endsAt - usedAt > warnBefore) return warning.close();
  if (isLast) {
    understood = true;
    return warning.close();
  }
  isLast = true; // not prolonged: this is the end of the whole session
  warning.classList.add("last");
}

async function tick() {
  if (locked) return;
  const now = Date.now();
  if (now >= endsAt) return lock("idle");
  const rested = now - askedAt >= Math.min(TRY_AGAIN_AFTER, TELL_EVERY);
  if (idles && rested && usedAt > toldAt && now - toldAt >= TELL_EVERY) await ask(true);
  // Another tab may have used it: what the server says counts, before anybody is asked.
  else if (rested && !warning.open && endsAt - now <= warnBefore) await ask(false);
  const left = endsAt - Date.now();
  if (locked) return;
  if (left > warnBefore && warning.open) warning.close();
  if (left > warnBefore || understood) return;
  show(left);
  if (!warning.open) warning.showModal();
}

for (const kind of ["pointerdown", "keydown", "wheel", "touchmove"]) {
  document.addEventListener(kind, use, { passive: true, capture: true });
}
document.getElementById("idle-stay").addEventListener("click", stay);
warning.classList.toggle("last", isLast);
warning.addEventListener("cancel", (event) => {
  event.preventDefault();
  stay();
});
setInterval(tick, 1_000);

// --- coming back -----------------------------------------------------------------------------------

function look() {
  if (locked || document.hidden) return;
  if (Date.now() >= endsAt) return lock("idle");
  if (Date.now() - askedAt >= CHECK_AGAIN_AFTER) ask(false);
}

document.addEventListener("visibilitychange", look);
window.addEventListener("focus", look);
// From the browser's memory of pages, by its Back button: the launch may be over by now.
window.addEventListener("pageshow", (event) => {
  if (!event.persisted) return;
  document.documentElement.hidden = true;
  location.reload();
});

new MutationObserver(obeyAlarm).observe(document.body, { childList: true, subtree: true });
obeyAlarm();
if (history.state?.closed) patientChanged();
