// A click on a heading sorts its table; a second click turns the order round. What is no number stays last.
function value(row, place, numeric) {
  const text = row.cells[place].textContent.trim().replaceAll("−", "-");
  const number = parseFloat(text.replaceAll(",", ""));
  if (numeric) return Number.isNaN(number) ? null : number;
  return text === "–" || text === "" ? null : text;
}

function compare(a, b, sign) {
  if (a === null || b === null) return (a === null) - (b === null);
  return sign * (typeof a === "number" ? a - b : a.localeCompare(b, "en", { numeric: true }));
}

function sort(heading, place) {
  const body = heading.closest("table").tBodies[0];
  const numeric = heading.classList.contains("number");
  const order = heading.ariaSort === (numeric ? "descending" : "ascending");
  const sign = order === numeric ? 1 : -1;
  for (const other of heading.parentNode.cells) other.ariaSort = null;
  heading.ariaSort = sign > 0 ? "ascending" : "descending";
  const rows = [...body.rows].map((row) => [value(row, place, numeric), row]);
  rows.sort((a, b) => compare(a[0], b[0], sign));
  body.append(...rows.map((pair) => pair[1]));
}

for (const table of document.querySelectorAll(".block table")) {
  [...table.tHead.rows[table.tHead.rows.length - 1].cells].forEach((heading, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    button.addEventListener("click", () => sort(heading, place));
    heading.append(button);
  });
}

// Paper has nothing to click on.
addEventListener("beforeprint", () => document.querySelectorAll("details").forEach((part) => (part.open = true)));
