// A button beside each address of the registration sheet; without this script, people select it.
document.addEventListener("DOMContentLoaded", () => {
  for (const code of document.querySelectorAll(".registration-sheet dd > code")) {
    const label = code.parentElement.previousElementSibling.textContent.trim();
    const button = document.createElement("button");
    button.type = "button";
    button.className = "button";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy ${label}`);
    const said = document.createElement("span");
    said.setAttribute("role", "status");
    button.addEventListener("click", async () => {
      try {
        await navigator.clipboard.writeText(code.textContent.trim());
        said.textContent = "Copied.";
      } catch {
        getSelection().selectAllChildren(code);
        said.textContent = "Selected: copy it with your keyboard.";
      }
    });
    code.parentElement.append(button, said);
  }
});
