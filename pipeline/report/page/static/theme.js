// Theme: the system's, or the one that was chosen. Runs before the page is drawn.
(() => {
  const system = matchMedia("(prefers-color-scheme: dark)");
  const memory = {
    get() { try { return localStorage.getItem("recosr-theme"); } catch { return null; } },
    set(value) { try { localStorage.setItem("recosr-theme", value); } catch { /* not remembered */ } },
  };
  const choices = ["auto", "light", "dark"];
  let chosen = choices.includes(memory.get()) ? memory.get() : "auto";

  function apply() {
    const dark = chosen === "dark" || (chosen === "auto" && system.matches);
    document.documentElement.classList.toggle("dark", dark); // DataTables' name for it
    document.documentElement.dataset.theme = chosen;
    const button = document.getElementById("theme");
    if (button) button.textContent = `Theme: ${chosen}`;
    document.dispatchEvent(new CustomEvent("theme", { detail: { dark } }));
  }
  system.addEventListener("change", apply);
  document.addEventListener("DOMContentLoaded", () => {
    document.getElementById("theme").addEventListener("click", () => {
      chosen = choices[(choices.indexOf(chosen) + 1) % choices.length];
      memory.set(chosen);
      apply();
    });
    apply();
  });
  apply();
})();
