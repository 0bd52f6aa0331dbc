// A form of the administration is sent once. The answer to a second press would take the place of
// the first one's, which may be the only one that shows recovery codes or says what was done.
// Another button, or another choice, is no second press: after an export as CSV comes one as JSON.
const SENT_AGAIN_AFTER_MS = 10_000; // somebody who waits so long may think that nothing happened
const sent = new WeakMap();

function whatIsSent({ target, submitter }) {
  return JSON.stringify([...new FormData(target), [submitter?.name, submitter?.value]]);
}

document.addEventListener("submit", (event) => {
  const now = performance.now();
  const before = sent.get(event.target);
  const what = whatIsSent(event);
  if (before && before.what === what && now - before.at < SENT_AGAIN_AFTER_MS) {
    event.preventDefault();
    return;
  }
  if (!event.defaultPrevented) sent.set(event.target, { what, at: now });
});

// A page that the browser kept, and that "back" shows again, begins anew.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of document.forms) sent.delete(form);
});
