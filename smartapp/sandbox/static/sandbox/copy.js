// Comfort only: a button beside each value to configure; without this script, people select it.
(() => {
  const copy = async (code, said) => {
    try {
      await navigator.clipboard.writeText(code.textContent.trim());
      said.textContent = "Copied.";
    } catch {
      getSelection().selectAllChildren(code);
      said.textContent = "Selected: copy it with your keyboard.";
    }
  };

  for (const code of document.querySelectorAll(".sheet dd > code")) {
    const name = code.closest("dd").previousElementSibling.textContent.trim();
    const button = document.createElement("button");
    const said = document.createElement("span");
    button.type = "button";
    button.className = "copy";
    button.textContent = "Copy";
    button.setAttribute("aria-label", `Copy ${name}`);
    said.className = "small";
    said.setAttribute("role", "status");
    button.addEventListener("click", () => copy(code, said));
    code.after(" ", button, " ", said);
  }
})();
