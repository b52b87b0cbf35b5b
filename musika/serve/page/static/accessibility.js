// Faults of Gradio's own components that screen readers stumble over, mended where they appear.
"use strict";

{
  const repair = () => {
    // a label is only read where an element has a role
    for (const element of document.querySelectorAll("div.empty[aria-label]:not([role])")) element.setAttribute("role", "img");
  };

  let waiting = false;
  new MutationObserver(() => {
    if (waiting) return;
    waiting = true;
    setTimeout(() => {
      waiting = false;
      repair();
    }, 100);
  }).observe(document.documentElement, {childList: true, subtree: true});
}
