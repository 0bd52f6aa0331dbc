// A form of the administration is sent once. The answer to a second press would take the place of
// the first one's, which may be the only one that shows recovery codes or says what was done.
const SENT_AGAIN_AFTER_MS = 10_000; // somebody who waits so long may think that nothing happened
const sentAt = new WeakMap();

document.addEventListener("submit", (event) => {
  const now = performance.now();
  if (now - (sentAt.get(event.target) ?? -Infinity) < SENT_AGAIN_AFTER_MS) {
    event.preventDefault();
    return;
  }
  if (!event.defaultPrevented) sentAt.set(event.target, now);
});

// A page that the browser kept, and that "back" shows again, begins anew.
window.addEventListener("pageshow", (event) => {
  if (event.persisted) for (const form of document.forms) sentAt.delete(form);
});
