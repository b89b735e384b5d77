"use strict";
(() => {
  const charts = JSON.parse(document.getElementById("charts").textContent);
  const plots = [...document.querySelectorAll(".plot")];
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const PRINTED = 680; // pixels that fit between the margins of A4
  let printing = false;

  const theme = () => {
    const night = dark.matches && !printing;
    const [ink, soft, grid, hover] = night
      ? ["#e8ebf0", "#aab3c0", "#2c343e", "#2a313b"]
      : ["#1b2230", "#566072", "#e4e8ed", "#ffffff"];
    const axis = {
      gridcolor: grid, linecolor: soft, zerolinecolor: grid, tickcolor: soft,
      tickfont: { color: soft }, title: { font: { color: soft, size: 13 } },
    };
    return {
      layout: {
        font: { family: getComputedStyle(document.body).fontFamily, color: ink },
        paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
        hoverlabel: { bgcolor: hover, bordercolor: soft, font: { color: ink, size: 13 } },
        xaxis: axis, yaxis: axis, coloraxis: { colorbar: { tickcolor: soft } },
      },
    };
  };

  const draw = (place) => {
    const { data, layout } = charts[place.id];
    const room = printing ? PRINTED : place.parentElement.clientWidth;
    const width = Math.max(room, printing ? 0 : Number(place.dataset.leastWidth));
    const narrow = width < 560;
    const shown = {
      ...layout,
      width,
      template: theme(),
      font: { ...layout.font, size: narrow ? 11 : 13 },
      margin: { ...layout.margin, t: 12, r: narrow ? 10 : 16, l: 4 },
    };
    return Plotly.react(place, data, shown, { displayModeBar: false, responsive: false });
  };
  const drawAll = () => plots.forEach(draw);

  drawAll();
  document.querySelectorAll(".hint").forEach((hint) => hint.remove());
  dark.addEventListener("change", drawAll);
  let waiting;
  let last = document.documentElement.clientWidth;
  addEventListener("resize", () => {
    clearTimeout(waiting);
    waiting = setTimeout(() => {
      const now = document.documentElement.clientWidth;
      if (now !== last && !printing) { last = now; drawAll(); }
    }, 120);
  });
  addEventListener("beforeprint", () => { printing = true; drawAll(); });
  addEventListener("afterprint", () => { printing = false; drawAll(); });

  const announce = document.querySelector(".announce");
  // A spreadsheet would take text that begins like a formula for one.
  const safe = (cell) => {
    const value = cell.dataset.v ?? cell.textContent.trim();
    const text = value.replace(/[\t\r\n]+/g, " ");
    const numeric = cell.tagName === "TD" && cell.classList.contains("n");
    const guarded = numeric ? text : text.replace(/^(?=[=+\-@])/, "'");
    return guarded.includes('"') ? `"${guarded.replaceAll('"', '""')}"` : guarded;
  };
  const tsv = (table) =>
    [...table.rows].map((row) => [...row.cells].map(safe).join("\t")).join("\n") + "\n";
  const copyByHand = (text) => {
    const area = document.createElement("textarea");
    area.value = text;
    area.setAttribute("aria-hidden", "true");
    area.className = "announce";
    document.body.append(area);
    area.select();
    const done = document.execCommand("copy");
    area.remove();
    return done;
  };
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    const text = tsv(document.getElementById(button.dataset.table));
    // What asks for no permission comes first; a page in a file may wait for one for ever.
    let done = copyByHand(text);
    button.focus();
    if (!done) done = await navigator.clipboard?.writeText(text).then(() => true, () => false);
    const title = document.getElementById(`${button.dataset.table}-title`).textContent;
    button.textContent = done ? "Copied" : "Not copied";
    announce.textContent = done ? `Copied: ${title}` : `Not copied: ${title}`;
    setTimeout(() => { button.textContent = "Copy table"; }, 2500);
  });
})();
