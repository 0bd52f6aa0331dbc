// Comfort only: the list of requests renews itself while the page is in view; what is open stays open.
(() => {
  const EVERY_MILLISECONDS = 3000;

  const renew = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html").getElementById("records");
    const shown = document.getElementById("records");
    if (!fresh || fresh.contains(document.activeElement) || shown.contains(document.activeElement)) return;
    for (const open of shown.querySelectorAll("details[open]")) {
      fresh.querySelector(`#${open.id}`)?.setAttribute("open", "");
    }
    shown.replaceWith(fresh);
  };

  setInterval(() => {
    // A page that came out of a form is left alone: asking again would be another request.
    if (document.visibilityState === "visible" && !document.querySelector(".done")) renew().catch(() => {});
  }, EVERY_MILLISECONDS);
})();
