// Comfort only: the page works without it. Words follow the chosen fault.
(() => {
  const fault = document.getElementById("fault");
  if (!fault) return;
  const explain = () => {
    const { does, when, must } = fault.selectedOptions[0].dataset;
    document.getElementById("fault-words").hidden = !does;
    document.getElementById("fault-does").textContent = does ?? "";
    document.getElementById("fault-when").textContent = when ?? "";
    document.getElementById("fault-must").textContent = must ?? "";
  };
  fault.addEventListener("change", explain);
  explain();
})();
