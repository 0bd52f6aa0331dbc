// Comfort only: the page works without it. Visits follow the chosen patient, the list the search.
(() => {
  const visits = document.getElementById("encounter");
  const search = document.getElementById("search");
  const words = (text) => text.toLocaleLowerCase().split(/\s+/).filter(Boolean);

  document.addEventListener("change", ({ target }) => {
    if (target.name !== "patient" || !visits) return;
    const options = document.getElementById(target.dataset.visits).content.cloneNode(true);
    visits.replaceChildren(visits.options[0], options);
    visits.selectedIndex = 0;
  });

  search.addEventListener("input", () => {
    for (const patient of document.querySelectorAll(".patient")) {
      const text = patient.dataset.search.toLocaleLowerCase();
      patient.hidden = !words(search.value).every((word) => text.includes(word));
    }
  });
})();
