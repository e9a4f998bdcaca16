/* Runs before the first paint, as a plain script, so that no page flashes in the wrong colours. Names as in preferences.ts. */
(() => {
  const root = document.documentElement;
  for (const name of ["theme", "density", "keys"]) {
    let value = null;
    try {
      value = localStorage.getItem(`custodian.${name}`);
    } catch {
      return; // storage is blocked in this browser
    }
    if (value && !(name === "theme" && root.hasAttribute("data-fixed"))) root.setAttribute(`data-${name}`, value);
  }
})();
