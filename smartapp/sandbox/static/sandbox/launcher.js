// Comfort only: the page works without it. Visits follow the chosen patient, the list the search.
(() => {
  const visits = document.getElementById("encounter");
  const search = document.getElementById("search");
  // As the server folds names: small letters, no accents, no hyphens.
  const plain = { "ø": "o", "đ": "d", "ł": "l", "æ": "ae", "œ": "oe", "ß": "ss" };
  const folded = (text) =>
    text.toLowerCase().replace(/[øđłæœß]/g, (letter) => plain[letter]).normalize("NFKD").replace(/\p{Mn}/gu, "");
  const words = (text) => folded(text).split(/\s+/).map((word) => word.replace(/[^\p{L}\p{N}]/gu, "")).filter(Boolean);

  document.addEventListener("change", ({ target }) => {
    if (target.name !== "patient" || !visits) return;
    const options = document.getElementById(target.dataset.visits).content.cloneNode(true);
    visits.replaceChildren(visits.options[0], options);
    visits.selectedIndex = 0;
  });

  // The address holds the whole choice, so that it can be sent to somebody.
  const main = document.querySelector("form.columns");
  main.addEventListener("change", () => {
    const chosen = [...new FormData(main)].filter(([, value]) => value !== "");
    history.replaceState(null, "", `?${new URLSearchParams(chosen)}`);
  });

  search.addEventListener("input", () => {
    for (const patient of document.querySelectorAll(".patient")) {
      patient.hidden = !words(search.value).every((word) => patient.dataset.search.includes(word));
    }
  });
})();
