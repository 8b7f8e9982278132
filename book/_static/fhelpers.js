// Fold or unfold all code of a page. Cells are <details class="hide …"> (MyST-NB).
function fhToggleCode(button) {
  const cells = [...document.querySelectorAll("details.above-input")];
  const open = cells.some((cell) => !cell.open);
  cells.forEach((cell) => { cell.open = open; });
  button.setAttribute("aria-pressed", open);
}

// A link to something folded opens it.
const fhReveal = () => {
  const target = document.getElementById(decodeURIComponent(location.hash.slice(1)));
  const folded = target?.closest("details:not([open])");
  if (!folded) return;
  folded.open = true;
  target.scrollIntoView();
};
addEventListener("hashchange", fhReveal);
document.addEventListener("DOMContentLoaded", fhReveal);

// What scrolls sideways in its own box can be scrolled by keyboard too: as a named region, and only
// while it scrolls.
document.addEventListener("DOMContentLoaded", () => {
  const boxes = document.querySelectorAll(".fh-table, div.math");
  const look = (box) => {
    const scrolls = box.scrollWidth > box.clientWidth;
    const name = box.querySelector("[aria-label]")?.getAttribute("aria-label") ?? "formula";
    const wanted = { tabindex: "0", role: "region", "aria-label": name };
    Object.entries(wanted).forEach(([attribute, value]) => {
      if (scrolls) box.setAttribute(attribute, value);
      else box.removeAttribute(attribute);
    });
  };
  const observer = new ResizeObserver((entries) => entries.forEach((entry) => look(entry.target)));
  boxes.forEach((box) => observer.observe(box));
});

// On paper every page is light: in the dark mode text would be pale grey on white.
{
  const root = document.documentElement;
  let theme = null;
  addEventListener("beforeprint", () => {
    theme = root.dataset.theme;
    root.dataset.theme = "light";
  });
  addEventListener("afterprint", () => { root.dataset.theme = theme; });
}
