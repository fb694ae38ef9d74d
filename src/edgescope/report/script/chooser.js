// Which sites are shown.

const sections = /** @type {HTMLElement[]} */ ([...document.querySelectorAll("section.site")]);
const chooser = /** @type {HTMLElement | null} */ (document.querySelector(".chooser"));
const buttons = /** @type {HTMLButtonElement[]} */ (chooser ? [...chooser.querySelectorAll("button")] : []);
const showSite = (/** @type {string | undefined} */ id) => {
  for (const each of sections) each.hidden = id !== "all" && each.id !== id;
  for (const button of buttons) button.setAttribute("aria-pressed", String(button.value === id));
  drawShown();
};
const goThere = () => {
  const target = sections.find((each) => "#" + each.id === location.hash);
  if (target) { showSite(target.id); target.scrollIntoView(); }
};
for (const button of buttons) button.addEventListener("click", () => showSite(button.value));
addEventListener("hashchange", goThere);
if (chooser) {
  chooser.hidden = sections.length < 2;
  showSite(chooser.dataset.first);
}
follow();
goThere();
