// Shows what the search finds while people type. Without it, Search does the same.
"use strict";

const PAUSE_MILLISECONDS = 150;
const field = document.querySelector('form[role="search"] input[name="q"]');
let timer;
let asked;

async function look() {
  const query = field.value.trim();
  asked?.abort();
  asked = new AbortController();
  try {
    const answer = await fetch(`/?${new URLSearchParams({ q: query })}`, { signal: asked.signal });
    if (!answer.ok) return;
    const found = new DOMParser().parseFromString(await answer.text(), "text/html");
    document.getElementById("results").replaceWith(found.getElementById("results"));
    // The same element: screen readers announce what changes in it.
    document.getElementById("found").textContent = found.getElementById("found").textContent.trim();
  } catch (error) {
    if (error.name !== "AbortError") throw error;
  }
}

field?.addEventListener("input", () => {
  clearTimeout(timer);
  timer = setTimeout(look, PAUSE_MILLISECONDS);
});
