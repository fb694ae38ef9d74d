const sites = [...document.querySelectorAll("section.site")];
const chooser = document.querySelector(".chooser");
const buttons = [...chooser.querySelectorAll("button")];
const show = (id) => {
  for (const site of sites) site.hidden = id !== "all" && site.id !== id;
  for (const button of buttons) button.setAttribute("aria-pressed", button.value === id);
};
const follow = () => {
  const target = sites.find((site) => "#" + site.id === location.hash);
  if (target) { show(target.id); target.scrollIntoView(); }
};
for (const button of buttons) button.addEventListener("click", () => show(button.value));
addEventListener("hashchange", follow);
chooser.hidden = sites.length < 2;
show(chooser.dataset.first);
follow();
