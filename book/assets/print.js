// Paper is light: a page in dark mode is printed as it is in light mode. A folded proof is printed.
{
  const root = document.documentElement;
  let before;
  let folded = [];
  addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    root.dataset.theme = "light";
    folded = [...document.querySelectorAll("details:not([open]):has(> div.proof)")];
    for (const proof of folded) proof.open = true;
  });
  addEventListener("afterprint", () => {
    if (before) root.dataset.theme = before;
    for (const proof of folded) proof.open = false;
  });
}
