// Copyright (c) 2026, The vwan.user_vpn contributors
// GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
// SPDX-License-Identifier: GPL-3.0-or-later
// Sorting, searching, and the history of a Mac's certificates. Nothing is loaded, and texts are only ever put in as text.
"use strict";
(() => {
  const table = document.getElementById("table");
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const find = document.getElementById("find");
  const shown = document.getElementById("shown");
  const tiles = [...document.querySelectorAll(".tile")];
  const more = document.getElementById("more");
  const rows = [...body.rows].map((row) => ({ row, status: row.dataset.status, fits: true, opened: null }));
  const collator = new Intl.Collator("en", { numeric: true });
  let status = "";
  let most = Number(table.dataset.most);
  let read = false;
  let history;

  const element = (name, text, more) => {
    const made = Object.assign(document.createElement(name), more);
    if (text !== undefined) made.textContent = text;
    return made;
  };

  // -- which rows are shown

  // Texts are read when they are first needed: so many rows take a while.
  const readRows = () => {
    if (read) return;
    for (const each of rows) {
      each.cells = Array.from(each.row.cells, (cell) => cell.textContent);
      each.text = each.cells.join("\n").toLowerCase();
    }
    read = true;
  };

  // The first of those that fit, in the order of the table; the others when somebody asks for them.
  const layOut = () => {
    let number = 0;
    for (const { row, fits, opened } of rows) {
      number += fits;
      row.hidden = !fits;
      row.classList.toggle("later", fits && number > most);
      if (opened) opened.hidden = !fits;
    }
    more.hidden = number <= most;
    shown.textContent = `${number} of ${rows.length}`;
  };

  const filter = () => {
    const words = find.value.toLowerCase().split(/\s+/).filter(Boolean);
    if (words.length) readRows();
    for (const each of rows) {
      each.fits = (!status || each.status === status) && words.every((word) => each.text.includes(word));
    }
    for (const tile of tiles) tile.setAttribute("aria-pressed", String(tile.dataset.status === status));
    layOut();
  };

  const show = (wanted, words) => {
    status = wanted;
    find.value = words;
    filter();
  };

  more.addEventListener("click", () => {
    most = Infinity;
    layOut();
  });
  find.addEventListener("input", filter);
  find.form.addEventListener("submit", (event) => event.preventDefault());
  find.form.addEventListener("reset", (event) => {
    event.preventDefault();
    show("", "");
    find.focus();
  });
  for (const tile of tiles) {
    tile.addEventListener("click", () => show(tile.dataset.status, ""));
  }
  for (const button of document.querySelectorAll("[data-find]")) {
    button.addEventListener("click", () => {
      show(button.dataset.status, button.dataset.find);
      const heading = document.getElementById("macs");
      heading.focus();
      heading.scrollIntoView();
    });
  }

  // -- in which order

  const by = (column, compare, sign) => (one, other) => {
    const [a, b] = [one.cells[column], other.cells[column]];
    if (a === "" || b === "") return (a === "") - (b === ""); // what has nothing there comes last, either way
    return sign * compare(a, b);
  };

  heads.forEach((head, column) => {
    head.firstElementChild.addEventListener("click", () => {
      const sign = head.getAttribute("aria-sort") === "ascending" ? -1 : 1;
      for (const other of heads) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
      readRows();
      rows.sort(by(column, head.classList.contains("number") ? (a, b) => a - b : collator.compare, sign));
      body.append(...rows.flatMap((each) => (each.opened ? [each.row, each.opened] : [each.row])));
      layOut();
    });
  });

  // -- what has happened to a Mac's certificates

  const COLUMNS = ["When", "What", "Why", "By", "Certificate", "Ends"];

  const opened = (name) => {
    history ??= new Map(Object.entries(JSON.parse(document.getElementById("history").textContent)));
    const inner = element("table");
    const caption = element("caption", `Certificates of ${name}`);
    const head = element("thead");
    const line = element("tr");
    line.append(...COLUMNS.map((title) => element("th", title, { scope: "col" })));
    head.append(line);
    const lines = element("tbody");
    for (const event of history.get(name) ?? []) {
      const each = element("tr");
      each.append(...event.map((text) => element("td", text)));
      lines.append(each);
    }
    inner.append(caption, head, lines);
    const row = element("tr", undefined, { className: "history" });
    const cell = element("td", undefined, { colSpan: heads.length });
    cell.append(inner);
    row.append(cell);
    return row;
  };

  body.addEventListener("click", (event) => {
    const button = event.target.closest("th > button");
    const each = button && rows.find((candidate) => candidate.row === button.closest("tr"));
    if (!each) return;
    if (each.opened) each.opened.remove();
    else each.row.after(opened(button.textContent));
    each.opened = each.opened ? null : each.row.nextElementSibling;
    button.setAttribute("aria-expanded", String(Boolean(each.opened)));
  });
})();
