// Tells the framed app that another patient was opened, as athenahealth's EHR does.
(() => {
  const app = document.querySelector("iframe");
  const button = document.getElementById("change-patient");
  const change = () => {
    const message = { event: "patientContextChanged", updatedPatient: Number(app.dataset.nextPatient) };
    app.contentWindow.postMessage(message, app.dataset.origin);
    document.getElementById("changed").hidden = false;
  };

  button.addEventListener("click", change);
  if (app.dataset.changesAfter) setTimeout(change, Number(app.dataset.changesAfter) * 1000);
})();
