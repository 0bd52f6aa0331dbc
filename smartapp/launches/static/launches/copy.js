// Copies the report; without this script it is selected and copied by hand.
document.addEventListener("DOMContentLoaded", () => {
  const button = document.getElementById("launch-copy");
  if (!button) return;
  button.hidden = false;
  button.addEventListener("click", async () => {
    const report = document.getElementById("launch-report");
    report.select();
    let said = "Copied.";
    try {
      await navigator.clipboard.writeText(report.value);
    } catch {
      said = "Selected: copy it with your keyboard.";
    }
    document.getElementById("launch-copied").textContent = said;
  });
});
