// Opens another patient: the banner shows them, and the framed app is told, as by athenahealth's EHR.
(() => {
  const app = document.querySelector("iframe");
  const button = document.getElementById("change-patient");
  const change = () => {
    const message = { event: "patientContextChanged", updatedPatient: Number(app.dataset.nextPatient) };
    app.contentWindow.postMessage(message, app.dataset.origin);
    document.getElementById("banner").hidden = true;
    document.getElementById("next-banner").hidden = false;
    document.getElementById("changed").hidden = false;
  };

  button.addEventListener("click", change);
  if (app.dataset.changesAfter) setTimeout(change, Number(app.dataset.changesAfter) * 1000);
})();
